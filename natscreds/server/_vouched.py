"""Whom an operator stands behind: what goes to a server is looked at here first.

Servers store and start with accounts that nobody they trust has signed, and then refuse the accounts' users.
"""

import re
from collections.abc import Iterable
from typing import Protocol

from natscreds import nkeys, tokens
from natscreds.claims import AccountClaims, OperatorClaims
from natscreds.errors import InvalidClaimsError, TokenError, UntrustedIssuerError
from natscreds.nkeys import KeyType, PublicKey
from natscreds.tokens import Token

__all__ = [
    "AccountLike",
    "OperatorLike",
    "account_of",
    "accounts_of",
    "check_vouched",
    "operator_of",
    "system_account_of",
    "token_text",
]

_TOKEN = re.compile(r"eyJ[A-Za-z0-9_.-]+")


class AccountLike(Protocol):
    """What `config` needs of an account: `natscreds.Account` has it."""

    @property
    def jwt(self) -> str:
        """The account's signed text."""
        ...


class OperatorLike(Protocol):
    """What `config` needs of an operator: `natscreds.Operator` has it."""

    @property
    def jwt(self) -> str:
        """The operator's signed text."""
        ...

    @property
    def system_account(self) -> AccountLike | None:
        """The system account, if its token is at hand."""
        ...


def operator_of(operator: OperatorLike | str) -> Token[OperatorClaims]:
    """Return the operator's token, its signature verified.

    Raises:
        TypeError: Neither a chain object nor a text.
        TokenError: Not an operator's token.
        BadSignatureError: The signature does not hold.
    """
    return tokens.verify(_text(operator, "an operator"), OperatorClaims)


def account_of(root: Token[OperatorClaims], account: AccountLike | str) -> Token[AccountClaims]:
    """Return the token of one account that the operator stands behind.

    Raises:
        TypeError: Neither a chain object nor a text.
        TokenError: Not an account's token.
        BadSignatureError: The signature does not hold.
        UntrustedIssuerError: Signed by none of the operator's keys, or by its identity although it is strict.
    """
    token = tokens.verify(_text(account, "an account"), AccountClaims)
    nkeys.parse_public(token.claims.sub, KeyType.ACCOUNT)
    check_vouched(root, token.claims)
    return token


def check_vouched(root: Token[OperatorClaims], account: AccountClaims) -> None:
    """Return nothing if servers with this operator accept who signed *account*.

    Raises:
        UntrustedIssuerError: They do not.
    """
    if account.iss not in root.claims.trusted_keys:
        strict = root.claims.nats.strict_signing_key_usage
        rule = "one of its signing keys" if strict else "its identity or one of its signing keys"
        raise UntrustedIssuerError(
            f"operator {root.claims.sub} signs accounts with {rule}, account {account.sub} is signed by {account.iss}"
        )


def accounts_of(root: Token[OperatorClaims], accounts: Iterable[AccountLike | str]) -> dict[PublicKey, str]:
    """Return the texts of *accounts* by key.

    Raises:
        TypeError: One text instead of several.
        InvalidClaimsError: Two accounts with one key.
        NatsCredsError: As `account_of`.
    """
    if isinstance(accounts, str | bytes | bytearray):
        raise TypeError("accounts are several: put the one in a list")
    known: dict[PublicKey, str] = {}
    for account in accounts:
        token = account_of(root, account)
        key = PublicKey(token.claims.sub)
        if key in known:
            raise InvalidClaimsError.one("$.sub", "same-account", f"an account stands once, {key} came twice")
        known[key] = token_text(token.text)
    return known


def system_account_of(
    root: Token[OperatorClaims],
    known: dict[PublicKey, str],
    operator: OperatorLike | str,
    given: AccountLike | str | None,
    *,
    by_name: bool = False,
) -> PublicKey:
    """Return the system account's key, and see to it that *known* has its text.

    With *by_name* the name in the operator's token is enough.

    Raises:
        InvalidClaimsError: There is none, another one than the operator's token names, or one with two tokens.
        NatsCredsError: As `account_of`.
    """
    path, named = "$.nats.system_account", root.claims.nats.system_account
    if given is None:
        for key in known:
            if key == named:
                return key
        given = None if isinstance(operator, str) else operator.system_account
    if given is None:
        if named and by_name:
            return nkeys.parse_public(named, KeyType.ACCOUNT)
        found = f"its token names {named}, which is not among them" if named else "its token names none"
        raise InvalidClaimsError.one(
            path, "no-system-account", f"operator or accounts supply the system account; {found}"
        )
    token = account_of(root, given)
    key, text = PublicKey(token.claims.sub), token_text(token.text)
    if named not in ("", key):
        raise InvalidClaimsError.one(path, "other-system-account", f"the operator's token names {named}, got {key}")
    if known.setdefault(key, text) != text:
        raise InvalidClaimsError.one("$.sub", "same-account", f"an account stands once, {key} came with two tokens")
    return key


def token_text(text: str) -> str:
    """Return *text* if it can only be a token: nats-server takes an operator without this start for a file's name."""
    if not _TOKEN.fullmatch(text):
        raise TokenError("a token in a configuration begins with eyJ and has letters, digits, '-', '_' and '.' only")
    return text


def _text(value: AccountLike | OperatorLike | str, what: str) -> str:
    """Return the token text of a chain object or of a text."""
    text: object = value if isinstance(value, str) else getattr(value, "jwt", None)
    if not isinstance(text, str):
        raise TypeError(f"{what} is the chain object or its token text, got {type(value).__name__}")
    return text
