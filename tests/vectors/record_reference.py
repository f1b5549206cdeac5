"""Write recorded.json: what the reference says of some hundred claims and tokens, for where it cannot be asked.

Run as `python tests/vectors/record_reference.py`; it takes `go` and the module proxy. The claims are those of
tests/claim_strategies.py and the tokens those of tests/claim_tokens.py, decided by bytes from a generator that starts
from a label, so each run chooses the same ones, until these modules change. Of each kind those come first that break a
rule no earlier one has broken.

A case holds `kind`, `payload` (claims to sign), `seed` (who signs), `iat`, `token` (what the reference signs; left out
where it refuses), `claims` (what it writes after reading the token; left out where that is the token's own text),
`problems` (its verdict on these: severity and code, in this library's words, with how often), `given` (its verdict on
the payload as it stands) and `replaced` (ours are made with `replace`). A reading holds `kind`, `token` (signed as it
stands) and the `claims` that the reference reads from it; left out where it refuses.
"""

import json
import random
import sys
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent))

from both_sides import Reading, Said, ask, ask_readings
from claim_strategies import BYTES, KINDS, Case, case
from claim_tokens import Written, written
from go_reference import GoReference
from recorded_vectors import Recorded, RecordedCase, RecordedReading, read_recorded
from token_forge import payload_of

CASES = {"account": 180, "user": 90, "operator": 70, "activation": 50, "authorization_request": 40,
         "authorization_response": 40, "generic": 40}  # fmt: skip
READINGS = 20  # of each kind
LONGEST = 1_600


def record_case(case: Case, said: Said) -> RecordedCase:
    own = said.token and payload_of(said.token).decode() == said.claims
    return RecordedCase(
        case.kind, case.payload, case.seed, case.iat, dict(sorted(said.given.items())), said.token,
        "" if own else said.claims, dict(sorted(said.problems.items())), case.replaced,
    )  # fmt: skip


def cases(reference: GoReference, kind: str) -> list[RecordedCase]:
    source = random.Random(f"recorded {kind}")  # noqa: S311  # the same ones each time
    drawn = [row[:2] for row in ask(reference, [case(kind, source.randbytes(BYTES)) for _ in range(4_000)])]
    short = [row for row in drawn if len(json.dumps(row[0].payload)) < LONGEST]
    chosen: list[tuple[Case, Said]] = []
    told: set[str] = set()
    for row in [*short, *drawn]:
        rules = set(row[1].problems) | {f"given {name}" for name in row[1].given}
        if not rules <= told:
            told |= rules
            chosen.append(row)
    assert len(chosen) < CASES[kind], len(chosen)
    chosen += [row for row in short if row not in chosen][: CASES[kind] - len(chosen)]
    return [record_case(*row) for row in chosen]


def readings(reference: GoReference) -> list[RecordedReading]:
    source = random.Random("recorded readings")  # noqa: S311
    rows: list[RecordedReading] = []
    for one, reading in ask_readings(reference, [written(source.randbytes(BYTES)) for _ in range(3_000)]):
        plain = isinstance(one.payload.get("nats"), dict) and len(one.token) < LONGEST
        alike = [row for row in rows if (row.kind, bool(row.claims)) == (one.kind, bool(reading.claims))]
        if plain and len(alike) < READINGS // 2:
            rows.append(record_reading(one, reading))
    return sorted(rows, key=lambda row: KINDS.index(row.kind))


def record_reading(written: Written, reading: Reading) -> RecordedReading:
    return RecordedReading(written.kind, written.token, reading.claims)


def dump() -> bytes:
    with GoReference() as reference:
        rows = [row for kind in KINDS for row in cases(reference, kind)]
        note = "answers of the reference; see record_reference.py. All keys are throw-aways."
        recorded = Recorded(note, reference.versions, rows, readings(reference))
    parts: dict[str, Any] = msgspec.to_builtins(recorded)
    lines = {
        name: ",\n".join(json.dumps(row, separators=(",", ":")) for row in parts[name])
        for name in ("cases", "readings")
    }
    head = json.dumps({"note": note, "versions": recorded.versions})[:-1]
    return (f'{head},\n"cases":[\n{lines["cases"]}\n],\n"readings":[\n{lines["readings"]}\n]}}\n').encode()


if __name__ == "__main__":
    data = dump()
    read_recorded(data)
    Path(__file__).with_name("recorded.json").write_bytes(data)
