"""The user with which a program speaks to servers' resolvers: in the system account, for minutes, for little."""

from datetime import timedelta

from natscreds.chain import Account, Operator, User
from natscreds.chain.moments import Moment
from natscreds.errors import InvalidClaimsError
from natscreds.nkeys import KeyPair

__all__ = ["system_user"]

_ALLOWED = (
    "$SYS.REQ.CLAIMS.UPDATE",
    "$SYS.REQ.CLAIMS.LIST",
    "$SYS.REQ.CLAIMS.PACK",
    "$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP",
    "$SYS.REQ.SERVER.PING.IDZ",
)
_DELETE = "$SYS.REQ.CLAIMS.DELETE"


def system_user(
    operator: Operator | str,
    *,
    expires_in: timedelta = timedelta(minutes=2),
    delete: bool = False,
    system_account: Account | str | None = None,
    name: str = "natscreds",
    key: KeyPair | None = None,
    issued_at: Moment | None = None,
) -> User:
    """Make a user of the system account that may do what `ResolverClient` does, and nothing else.

    It may publish on `$SYS.REQ.CLAIMS.UPDATE`, `.LIST` and `.PACK`, on `$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP` and on
    `$SYS.REQ.SERVER.PING.IDZ`, and it hears its own answers only: connect with `**user.creds.nats_py()`, which sets the
    inbox. Whoever holds it can still change every account, so it lives for minutes. Servers end its connection then.

    Args:
        operator: The operator whose servers these are, or its token's text.
        expires_in: Counted from the second of issuing, at least one second.
        delete: Whether it may publish on `$SYS.REQ.CLAIMS.DELETE` too.
        system_account: The system account with a key that signs users; None is the operator's own.
        name: What servers call it in their reports.
        key: The user's key pair, instead of a new one.
        issued_at: At most 60 seconds ahead of the clock; None is the clock.

    Raises:
        TypeError: A value of another type.
        TokenError: A text is not a token, or one of another kind.
        InvalidClaimsError: No system account, another one than the operator's token names, or no sound expiry.
        UntrustedIssuerError: The operator does not stand behind the system account.
        MissingKeyError: No key of the system account that may sign users is held here.
    """
    if not isinstance(operator, Operator):
        operator = Operator.load(operator)
    if not isinstance(delete, bool):
        raise TypeError(f"delete is True or False, got {type(delete).__name__}")
    if not isinstance(expires_in, timedelta):
        raise TypeError(f"expires_in is a timedelta, got {type(expires_in).__name__}: such a user always expires")
    given = operator.system_account if system_account is None else system_account
    path, named = "$.nats.system_account", operator.claims.nats.system_account
    if given is None:
        raise InvalidClaimsError.one(path, "no-system-account", "give system_account=, the operator does not have it")
    if not isinstance(given, Account | str):
        raise TypeError(f"system_account is the chain object or its token text, got {type(given).__name__}")
    # Read again: only an account that was loaded with its operator knows whether that one is strict.
    text, keys = (given, ()) if isinstance(given, str) else (given.jwt, given.signers)
    account = Account.load(text, keys, operator=operator)
    if named not in ("", account.public):
        told = f"the operator's token names {named}, got {account.public}"
        raise InvalidClaimsError.one(path, "other-system-account", told)
    return account.create_user(
        name,
        publish=[*_ALLOWED, *([_DELETE] if delete else [])],
        private_inbox=True,
        expires_in=expires_in,
        key=key,
        issued_at=issued_at,
    )
