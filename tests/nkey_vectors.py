"""The nkey vectors, read strictly: an empty file, an unknown key or an unknown section fails the run."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from natscreds import errors
from natscreds.nkeys import KeyType

FOLDER = Path(__file__).parent / "vectors"


class Vector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One text and what becomes of it; make_nkeys.py tells the members."""

    name: str
    reads: str
    text: str
    expect: str
    allowed: tuple[str, ...] = ()
    raw: str | None = None
    type: str | None = None
    public: str | None = None
    signature: str | None = None

    @property
    def types(self) -> list[KeyType]:
        """The types that may stand there."""
        return [KeyType[name] for name in self.allowed]


class VectorFile(msgspec.Struct, forbid_unknown_fields=True):
    note: str
    vectors: list[Vector]


class ReferenceKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    label: str
    kind: str
    prefix_byte: int
    raw_seed_hex: str
    seed: str
    public_key: str
    private_key: str
    signature_of_hello_hex: str | None = None

    @property
    def type(self) -> KeyType:
        return KeyType(self.prefix_byte)


class ReferenceFile(msgspec.Struct, forbid_unknown_fields=True):
    """Sections that other tests read stay raw here."""

    note: str
    crc16: msgspec.Raw
    nkeys: list[ReferenceKey]
    xkeys: msgspec.Raw
    jwt_v1: msgspec.Raw
    jwt_v2: msgspec.Raw
    creds: msgspec.Raw
    activation_hash_id: msgspec.Raw


def read_vectors(data: bytes) -> list[Vector]:
    """Return the vectors in a file's bytes, or fail."""
    rows = msgspec.json.decode(data, type=VectorFile).vectors
    for row in rows:
        assert row.reads in {"public", "seed"}, row.name
    for reads in ("public", "seed"):
        assert {row.expect for row in rows if row.reads == reads} == {"ok", "NkeyError", "WrongKeyTypeError"}
    assert len({row.name for row in rows}) == len(rows), "a name is used twice"
    return rows


def read_reference(data: bytes) -> list[ReferenceKey]:
    """Return the reference's keys from a file's bytes, or fail."""
    rows = msgspec.json.decode(data, type=ReferenceFile).nkeys
    assert {row.type for row in rows} == set(KeyType), "a key of every type"
    return rows


ROWS = read_vectors((FOLDER / "nkeys.json").read_bytes())
REFERENCE = read_reference((FOLDER / "reference.json").read_bytes())
SIGNING = [row for row in REFERENCE if row.type is not KeyType.CURVE]
CURVES = [row for row in REFERENCE if row.type is KeyType.CURVE]
SMALL = [row for row in ROWS if row.name.startswith("point: order")]
"""The points of small order, in all their encodings."""


def each(rows: list[Vector]) -> pytest.MarkDecorator:
    assert rows
    return pytest.mark.parametrize("row", rows, ids=[row.name.replace(" ", "-") for row in rows])


def each_reference(rows: list[ReferenceKey]) -> pytest.MarkDecorator:
    assert rows
    return pytest.mark.parametrize("row", rows, ids=[row.label for row in rows])


def outcome(read: Callable[..., object], *given: object) -> str:
    """Return "ok" or the exact name of our error; any other error fails the test."""
    try:
        read(*given)
    except errors.NatsCredsError as error:
        return type(error).__name__
    return "ok"
