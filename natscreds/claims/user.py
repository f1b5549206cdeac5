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

_ENDS_IN_STAR = "nats-server 2.15 also admits a subscription ending in > here"
_SHARED_INBOX = "every user of the account can read every reply: use a private inbox"


def _warning(path: str, code: str, message: str) -> Problem:
    return Problem(path=path, severity="warning", code=code, message=message)


_NO_EXPIRY = _warning("$.exp", "no-expiry", "the token is valid for ever")
_UNRESTRICTED = _warning(
    "$.nats", "user-unrestricted", "without permissions the account's defaults hold, and without those all is allowed"
)
_DENY_ONLY = _warning(
    "$.nats", "deny-only", "deny lists are no wall: a wildcard publish, a mapping or a consumer goes round them"
)
_BEARER_FOR_EVER = Problem(
    path="$.nats.bearer_token",
    severity="error",
    code="bearer-without-expiry",
    message="a bearer token admits whoever has seen it: it needs an expiry",
)


def _openness(claims: "UserClaims") -> list[Problem]:
    """Return a warning for a user who may do what nobody said."""
    body = claims.nats
    if body.resp is not None or body.pub.allow or body.sub.allow or claims.looks_scoped:
        return []
    if not (body.pub.deny or body.sub.deny):
        return [_UNRESTRICTED]
    closed = ">" in (body.pub.deny or ()) and ">" in (body.sub.deny or ())
    return [] if closed else [_DENY_ONLY]


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

    @property
    def looks_scoped(self) -> bool:
        """All limits are the wire's zeros, as a role's users have them; only the account tells for sure."""
        body = self.nats
        return not (body.subs or body.data or body.payload) and bool(body.issuer_account)

    def check(self) -> list[Problem]:
        """Return what is wrong or doubtful, in the order of the members; empty is good."""
        body = self.nats
        problems: list[Problem] = []
        if not self.exp:
            problems.append(_NO_EXPIRY)
        problems += empty_lists(body, "$.nats")
        problems += _openness(self)
        for at, entry in enumerate(body.sub.allow or ()):
            subject = entry.split(" ")[0]
            if subject == "*" or subject.endswith(".*"):
                problems.append(_warning(f"$.nats.sub.allow[{at}]", "allow-ends-in-star", _ENDS_IN_STAR))
            if subject == "_INBOX.>":
                problems.append(_warning(f"$.nats.sub.allow[{at}]", "shared-inbox", _SHARED_INBOX))
        if body.bearer_token and not self.exp:
            problems.append(_BEARER_FOR_EVER)
        return problems

    def prepared(self) -> "UserClaims":
        """Return the claims in the form that is signed."""
        body = without_empty_lists(self.nats)
        if body.version != 2 or body.type != "user":
            body = msgspec.structs.replace(body, type="user", version=2)
        return self if body is self.nats else msgspec.structs.replace(self, nats=body)
