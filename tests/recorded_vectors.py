"""The recorded answers of the reference, read strictly: an empty file or an unknown key fails the run."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from both_sides import Reading, Said
from claim_strategies import KINDS, Case
from claim_tokens import Written
from reference_words import CODES, ITSELF
from token_forge import payload_of

FILE = Path(__file__).parent / "vectors" / "recorded.json"


class RecordedCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Claims given to the reference, and what it said; `record_reference.py` tells the members."""

    kind: str
    payload: dict[str, Any]
    seed: str
    iat: int
    given: dict[str, int]
    token: str = ""
    claims: str = ""
    problems: dict[str, int] = {}
    replaced: bool = False

    @property
    def case(self) -> Case:
        return Case(self.kind, self.payload, self.seed, self.iat, self.replaced)

    @property
    def said(self) -> Said:
        claims = self.claims or (self.token and payload_of(self.token).decode())
        return Said(self.token, claims, Counter(self.problems), Counter(self.given))


class RecordedReading(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A token given to the reference, and the claims it read; without, it refused."""

    kind: str
    token: str
    claims: str = ""

    @property
    def written(self) -> Written:
        return Written(self.kind, json.loads(payload_of(self.token)), self.token)

    @property
    def reading(self) -> Reading:
        return Reading(self.claims, "" if self.claims else "refused")


class Recorded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    note: str
    versions: dict[str, str]
    cases: list[RecordedCase]
    readings: list[RecordedReading]


def read_recorded(data: bytes) -> Recorded:
    """Return what is recorded, or fail; each rule of the reference is broken by one case at least."""
    recorded = msgspec.json.decode(data, type=Recorded)
    assert {row.kind for row in recorded.cases} == {row.kind for row in recorded.readings} == set(KINDS)
    told = {name.split()[1] for row in recorded.cases for name in row.problems}
    assert told | told_before_signing(recorded) == CODES | {ITSELF}
    for rows in ([row.token for row in recorded.cases], [row.claims for row in recorded.readings]):
        assert any(rows)
        assert not all(rows)
    return recorded


def told_before_signing(recorded: Recorded) -> set[str]:
    return {name.split()[1] for row in recorded.cases for name in row.given}
