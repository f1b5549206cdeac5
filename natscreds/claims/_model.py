"""The base of every JSON object in a claim: frozen, absent when default, and keeping members it does not know."""

from typing import Annotated, ClassVar

import msgspec

__all__ = ["HIDDEN", "Int64", "Model", "Uint8", "Uint64", "Unknown"]

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
# On the wire up to 2**64; msgspec bounds end at int64, and nothing that is counted here comes near.
Uint64 = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Uint8 = Annotated[int, msgspec.Meta(ge=0, le=255)]

HIDDEN = "natscreds:unknown"
"""The wire name of the field that carries unknown members; it is never written and never read."""


class Unknown:
    """Members of one JSON object that this version does not know, with the exact text of their values.

    They survive parsing, editing and signing again. No JSON can decode into this class.
    """

    __slots__ = ("members",)

    def __init__(self, members: dict[str, msgspec.Raw]) -> None:
        self.members = members

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown) and self._texts() == other._texts()

    __hash__ = None  # type: ignore[assignment]  # as unhashable as the claims that hold it

    def __repr__(self) -> str:
        return f"Unknown({sorted(self.members)})"

    def _texts(self) -> dict[str, bytes]:
        return {name: bytes(raw) for name, raw in self.members.items()}


class Model(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True):
    """One JSON object of a claim. Attribute names are wire names; defaults are the wire's zeros.

    Frozen, but not hashable where it holds maps. Constructing validates nothing: what is signed is read back first.

    Attributes:
        unknown: Members this version does not know, kept as they came.
    """

    # Members that may not be null, because servers refuse the whole token then.
    null_refused: ClassVar[frozenset[str]] = frozenset()
    # Names that mean something on a server although they are no attribute here.
    reserved: ClassVar[frozenset[str]] = frozenset()

    # Holds data of any shape, so that its depth is bounded by a rule and not by the model.
    free_form: ClassVar[bool] = False

    unknown: Unknown | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name=HIDDEN)

    @classmethod
    def tolerate(cls, name: str, raw: bytes) -> bytes:
        """Return the text of member *name* as this model writes it, where servers accept another form too."""
        return raw
