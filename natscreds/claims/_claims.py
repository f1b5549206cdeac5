"""The members that every claim has, and how claims are edited."""

import json
from typing import TYPE_CHECKING, Any, ClassVar, Self

import msgspec

from natscreds.claims._edit import changed
from natscreds.claims._json import encode
from natscreds.claims._model import Int64, Model
from natscreds.errors import Problem
from natscreds.nkeys import KeyType

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Claims", "Standard", "standard"]


class Standard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The standard members alone, as the token id is made of them."""

    aud: str = ""
    exp: int = 0
    iat: int = 0
    iss: str = ""
    name: str = ""
    nbf: int = 0
    sub: str = ""


class Claims(Model, frozen=True, kw_only=True, omit_defaults=True):
    """What a token says. A value: editing gives another one, and only signing makes it count.

    Attributes:
        aud: For whom; servers look at it in auth callout only.
        exp: The last second of validity since 1970; 0 is never.
        jti: An id, set by signing. It covers the standard members only, so it is no identity of the content.
        iat: The second of signing.
        iss: Who signed, a public nkey.
        name: For people, and for `{{name()}}` in role templates.
        nbf: The first second of validity; 0 is at once.
        sub: Whom it is about, a public nkey.
    """

    kind: ClassVar[str] = ""
    issuers: ClassVar[tuple[KeyType, ...]] = ()
    subjects: ClassVar[tuple[KeyType, ...]] = ()
    # A top-level `type` makes a token version 1 for servers.
    reserved: ClassVar[frozenset[str]] = frozenset({"type"})

    aud: str = ""
    exp: Int64 = 0
    jti: str = ""
    iat: Int64 = 0
    iss: str = ""
    name: str = ""
    nbf: Int64 = 0
    sub: str = ""

    def replace(self, **changes: Any) -> Self:  # noqa: ANN401  # one keyword for each member
        """Return the claims with members replaced.

        Args:
            changes: Standard members (`name=`, `exp=`, …) and members of `nats` by their own name
                (`limits={"conn": 500}`, `tags=["a"]`); a user's `sub=` is the token's subject, and its permissions are
                `nats={"sub": …}`. A mapping for an object changes that object's members and leaves
                the others; lists, and maps such as `revocations`, are replaced whole.

        Raises:
            TypeError: A name these claims do not have, or a bare `str` where several are meant.
            InvalidClaimsError: A value of another type.
        """
        own = {name: value for name, value in changes.items() if name in self.__struct_fields__}
        body = {name: value for name, value in changes.items() if name not in self.__struct_fields__}
        if body:
            if "nats" in own:
                raise TypeError("either nats= or its members, not both")
            own["nats"] = changed(self.body, body, "$.nats")
        return changed(self, own)

    @property
    def body(self) -> Model:
        """What is special to this kind: the member `nats`."""
        raise NotImplementedError  # each kind has its own

    def check(self, now: "int | datetime | None" = None) -> list[Problem]:
        """Return what is wrong or doubtful, by the reference's rules and by what servers punish; empty is good.

        Args:
            now: The moment asked about; `None` asks about no time at all.
        """
        raise NotImplementedError  # each kind has its own

    def pretty(self) -> str:
        """Return the claims as JSON for people: members in the order of a token, indented by two, ASCII only.

        They are told as they stand; `claims.prepared().pretty()` has what signing fills in and puts in order.

        Raises:
            InvalidClaimsError: A value that has no JSON form.
        """
        return json.dumps(json.loads(encode(self)), indent=2)

    def as_version_2(self) -> Self:
        """Return claims read from a version 1 token as those of version 2, knowing that not all of it was kept."""
        return self.replace(version=2)

    def prepared(self) -> Self:
        """Return the claims in the form that is signed: kind and version filled in, lists in the reference's order."""
        raise NotImplementedError  # each kind says how


def standard(claims: Claims) -> Standard:
    """Return the standard members of *claims*, without the id."""
    return Standard(
        aud=claims.aud,
        exp=claims.exp,
        iat=claims.iat,
        iss=claims.iss,
        name=claims.name,
        nbf=claims.nbf,
        sub=claims.sub,
    )
