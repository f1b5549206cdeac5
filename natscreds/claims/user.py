"""User claims: who connects, and what it may do."""

from typing import ClassVar

import msgspec
from msgspec import field

from natscreds.claims._claims import Claims
from natscreds.claims._model import Int64
from natscreds.claims.permissions import UserPermissionLimits, empty_lists, without_empty_lists
from natscreds.errors import Problem
from natscreds.nkeys import KeyType

__all__ = ["UserBody", "UserClaims"]


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

    def check(self) -> list[Problem]:
        """Return what is wrong or doubtful, in the order of the members; empty is good."""
        return empty_lists(self.nats, "$.nats")

    def prepared(self) -> "UserClaims":
        """Return the claims in the form that is signed."""
        body = without_empty_lists(self.nats)
        if body.version != 2 or body.type != "user":
            body = msgspec.structs.replace(body, type="user", version=2)
        return self if body is self.nats else msgspec.structs.replace(self, nats=body)
