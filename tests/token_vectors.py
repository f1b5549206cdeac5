"""The token vectors, read strictly: an empty file, an unknown key or an unknown section fails the run."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
import pytest
from nkey_vectors import ReferenceFile, ReferenceKey

from natscreds import errors

FOLDER = Path(__file__).parent / "vectors"
CLOCK = 1_700_000_000
"""The second at which reference.json was signed."""


class Vector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One token and what becomes of it; make_tokens.py tells the members."""

    name: str
    reads: str
    token: str
    parse: str
    verify: str
    rule: str | None = None
    written: str | None = None


class VectorFile(msgspec.Struct, forbid_unknown_fields=True):
    note: str
    vectors: list[Vector]


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token that the reference signed, with claims it had in memory."""

    name: str
    claim_type: str
    signer: str
    token: str
    payload_json: str
    reencoded_json: str
    jti: str
    issues_after_decode: list[msgspec.Raw]


class More(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token of random claims that the reference signed; not stable: it signs them otherwise after decoding."""

    kind: str
    seed: str
    token: str
    errors: int
    warnings: int
    time_checks: int
    blocking: bool
    stable: bool
    issues: list[str] | None


class Named(Protocol):
    @property
    def name(self) -> str: ...


NamedT = TypeVar("NamedT", bound=Named)


def read_vectors(data: bytes) -> list[Vector]:
    """Return the vectors in a file's bytes, or fail."""
    rows = msgspec.json.decode(data, type=VectorFile).vectors
    for row in rows:
        assert row.reads in {"operator", "account", "user"}, row.name
        for outcome in (row.parse, row.verify):
            assert outcome == "ok" or outcome in errors.__all__, row.name
        assert (row.rule is None) == (row.verify == "ok"), row.name
    outcomes = {(row.parse, row.verify) for row in rows}
    assert outcomes == {("ok", "ok"), ("TokenError", "TokenError"), ("ok", "TokenError"), ("ok", "BadSignatureError"),
                        ("ok", "WrongKeyTypeError")}  # fmt: skip
    assert len({row.name for row in rows}) == len(rows), "a name is used twice"
    return rows


def read_reference(data: bytes) -> tuple[list[Reference], list[ReferenceKey]]:
    """Return the reference's tokens and keys from a file's bytes, or fail."""
    file = msgspec.json.decode(data, type=ReferenceFile)
    rows = msgspec.json.decode(file.jwt_v2, type=list[Reference])
    assert {row.claim_type for row in rows} >= {"operator", "account", "user"}
    return rows, file.nkeys


def read_more(data: bytes) -> list[More]:
    """Return the reference's random tokens from a file's bytes, or fail."""
    rows = msgspec.json.decode(data, type=list[More])
    assert {row.kind for row in rows} >= {"operator", "account", "user"}
    assert {row.stable for row in rows} == {True, False}
    return rows


ROWS = read_vectors((FOLDER / "tokens.json").read_bytes())
REFERENCE, KEYS = read_reference((FOLDER / "reference.json").read_bytes())
MORE = read_more((FOLDER / "reference-more.json").read_bytes())
SEEDS = {key.public_key: key.seed for key in KEYS}


def each(rows: Iterable[NamedT]) -> pytest.MarkDecorator:
    listed = list(rows)
    assert listed
    return pytest.mark.parametrize("row", listed, ids=[ascii(row.name)[1:-1].replace(" ", "-") for row in listed])
