"""Generic claims: any other data, signed by any key."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

import msgspec

from natscreds.claims._claims import Claims
from natscreds.claims._formats import go_number
from natscreds.claims._model import Model
from natscreds.claims._rules import Found
from natscreds.claims._time import seconds
from natscreds.errors import InvalidClaimsError, Problem
from natscreds.nkeys import KeyType

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["GenericClaims"]


class GenericClaims(Claims, frozen=True, kw_only=True, omit_defaults=True):
    """What a token of no fixed kind says: free data under `nats`.

    Signing writes `version: 2` into the data. Numbers are kept as they are: the reference would turn them all into
    floating point.

    Attributes:
        nats: Text, numbers, booleans, lists and maps.
    """

    kind: ClassVar[str] = "generic"
    issuers: ClassVar[tuple[KeyType, ...]] = ()
    free_form: ClassVar[bool] = True
    reserved: ClassVar[frozenset[str]] = frozenset()

    nats: Mapping[str, Any] = {}

    @property
    def data_kind(self) -> str:
        """The kind that the data claims to be, `""` if it says nothing."""
        said = self.nats.get("type")
        return said if isinstance(said, str) else ""

    @property
    def body(self) -> Model:
        """Generic data has no fixed members; see `nats`."""
        raise TypeError("generic claims have no fixed members: replace nats= as a whole")

    def check(self, now: "int | datetime | None" = None) -> list[Problem]:
        """Return what is wrong or doubtful, by the reference's rules and by what servers punish; empty is good.

        Args:
            now: The moment asked about; `None` asks about no time at all.
        """
        found = Found()
        found.time(self.exp, self.nbf, None if now is None else seconds(now, "now"))
        return found

    def prepared(self) -> "GenericClaims":
        """Return the claims in the form that is signed."""
        data = cast("dict[str, object]", _written({**self.nats, "version": 2}))
        return msgspec.structs.replace(self, nats=data)


def _written(value: object) -> object:
    """Return *value* with floating point numbers as the text that the reference writes."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidClaimsError.one("$.nats", "not-json", "JSON has no infinity and no not-a-number")
        return msgspec.Raw(go_number(value).encode("ascii"))
    if isinstance(value, Mapping):
        return {name: _written(item) for name, item in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_written(item) for item in cast("list[object]", value)]
    return value
