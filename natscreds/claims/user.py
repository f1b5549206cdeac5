"""User claims: who connects, and what it may do."""

from typing import TYPE_CHECKING, ClassVar, Protocol, cast

import msgspec
from msgspec import field

from natscreds.claims._claims import Claims
from natscreds.claims._model import Int64
from natscreds.claims._rules_user import check_user, said_in
from natscreds.claims._time import seconds
from natscreds.claims.permissions import UserPermissionLimits, without_empty_lists
from natscreds.claims.templates import Facts
from natscreds.errors import Problem
from natscreds.nkeys import KeyType

if TYPE_CHECKING:
    from datetime import datetime

    from natscreds.claims.account import AccountClaims

__all__ = ["UserBody", "UserClaims"]


class HasAccountClaims(Protocol):
    """An account with its keys, as `natscreds.Account` is."""

    claims: "AccountClaims"


class UserBody(UserPermissionLimits, frozen=True, kw_only=True, omit_defaults=True):
    """A user's `nats` member: see `UserPermissionLimits`, and here.

    Attributes:
        issuer_account: The account, where one of its signing keys signed; empty where its identity did.
        tags: `key:value` or plain words, for people and for `{{tag(…)}}` in role templates.
        type: `user`; set by signing.
        version: 2; set by signing.
    """

    issuer_account: str = ""
    tags: tuple[str, ...] = ()
    type: str = ""
    version: Int64 = 0


class UserClaims(Claims, frozen=True, kw_only=True, omit_defaults=True):
    """What a user token says. Signed by an account: its identity, a signing key or a role.

    Attributes:
        nats: The user's permissions and limits.
    """

    kind: ClassVar[str] = "user"
    issuers: ClassVar[tuple[KeyType, ...]] = (KeyType.ACCOUNT,)
    subjects: ClassVar[tuple[KeyType, ...]] = (KeyType.USER,)

    nats: UserBody = field(default_factory=UserBody)

    @property
    def body(self) -> UserBody:
        """The member `nats`."""
        return self.nats

    @property
    def account(self) -> str:
        """The account this user belongs to: `issuer_account`, or else the issuer."""
        return self.nats.issuer_account or self.iss

    def facts(self, account: "AccountClaims") -> Facts:
        """Return what a role's template is filled in from for this user of *account*."""
        return Facts(
            name=self.name,
            user=self.sub,
            tags=self.nats.tags,
            account_name=account.name,
            account=self.nats.issuer_account,
            account_tags=account.nats.tags,
        )

    @property
    def looks_scoped(self) -> bool:
        """Nothing is said of permissions and limits, as of a role's users; only the account tells for sure."""
        body = self.nats
        return bool(body.issuer_account) and not body.subs and not said_in(body)

    def check(
        self, now: "int | datetime | None" = None, *, account: "AccountClaims | HasAccountClaims | None" = None
    ) -> list[Problem]:
        """Return what is wrong or doubtful, by the reference's rules and by what servers punish; empty is good.

        Args:
            now: The moment asked about; `None` asks about no time at all.
            account: The account's claims, or a chain object that has them: then roles and tags are looked at as well.
        """
        held: object = account
        claims = cast("AccountClaims | None", getattr(held, "claims", held))
        return check_user(self, claims, None if now is None else seconds(now, "now"))

    def prepared(self) -> "UserClaims":
        """Return the claims in the form that is signed."""
        body = without_empty_lists(self.nats)
        if body.version != 2 or body.type != "user":
            body = msgspec.structs.replace(body, type="user", version=2)
        return self if body is self.nats else msgspec.structs.replace(self, nats=body)
