"""What many accounts have in common."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

import msgspec

from natscreds.chain._grants import flag, name_of, tags_of
from natscreds.chain.moments import Moment, lifetime
from natscreds.claims import AccountBody, AccountClaims, AccountLimits, seconds
from natscreds.errors import InvalidClaimsError

__all__ = ["UNLIMITED", "AccountTemplate"]

UNLIMITED = AccountLimits(subs=-1, data=-1, payload=-1, imports=-1, exports=-1, wildcards=True, conn=-1, leaf=-1)
"""Everything without limit but JetStream, which is off: what a new account has."""

_JETSTREAM = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}


class AccountTemplate:
    """What many accounts have in common. Applied to one name it gives what `Operator.create_account` gives.

    Args:
        jetstream: Switch JetStream on, without limits.
        limits: Members of `AccountLimits` to change (`{"conn": 500}`), or all of them.
        signing_keys: How many plain signing keys each account gets.
        description: For people, up to 8,192 bytes.
        tags: Words for people, and for `{{account-tag(…)}}`; lower case.
        expires_in: Counted from the second of issuing. Accounts usually do not expire.
        expires_at: The last second of validity, instead.
        keep_identity: Hold on to the identities' keys. They can never be changed, and are not needed again; thousands
            of them in one place are worse than none.

    Raises:
        TypeError: A bare text where several are meant, or a value of another type.
        InvalidClaimsError: A keyword that means nothing.
    """

    __slots__ = ("_body", "expires_at", "expires_in", "keep_identity", "signing_keys")

    def __init__(
        self,
        *,
        jetstream: bool = False,
        limits: Mapping[str, object] | AccountLimits | None = None,
        signing_keys: int = 1,
        description: str = "",
        tags: Iterable[str] | Mapping[str, str] | None = None,
        expires_in: timedelta | None = None,
        expires_at: Moment | None = None,
        keep_identity: bool = False,
    ) -> None:
        if not isinstance(signing_keys, int) or isinstance(signing_keys, bool):
            raise TypeError(f"signing_keys is how many, an int, got {type(signing_keys).__name__}")
        if signing_keys < 0:
            raise InvalidClaimsError.one("$.nats.signing_keys", "no-signing-key", "signing_keys is 0 or more")
        self.signing_keys = signing_keys
        self.keep_identity = flag(keep_identity, "keep_identity")
        lifetime(expires_in)
        if expires_in is not None and expires_at is not None:
            raise InvalidClaimsError.one("$.exp", "expires-twice", "either expires_in or expires_at, not both")
        self.expires_in = expires_in
        self.expires_at = None if expires_at is None else seconds(expires_at, "expires_at")
        allowed = msgspec.structs.replace(UNLIMITED, **_JETSTREAM) if flag(jetstream, "jetstream") else UNLIMITED
        claims = AccountClaims(nats=AccountBody(limits=allowed, description=description, tags=tags_of(tags)))
        self._body = (claims if limits is None else claims.replace(limits=limits)).nats

    def fill(self, name: str, public: str, signing_keys: tuple[str, ...], *, exp: int) -> AccountClaims:
        """Return what one account's token is to say.

        Args:
            name: For people, and for `{{account-name()}}`.
            public: Its identity.
            signing_keys: Its plain signing keys.
            exp: The last second of validity; 0 is never.
        """
        body = msgspec.structs.replace(self._body, signing_keys=signing_keys)
        return AccountClaims(name=name_of(name), sub=public, exp=exp, nats=body)
