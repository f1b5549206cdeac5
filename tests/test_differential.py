"""This library beside the reference, nats-io/jwt v2: the same tokens, the same readings, the same verdicts.

Hypothesis draws claims of every kind, sound and not, and tokens as others write them; both sides are asked, and may
differ only as `DIFFERENCES` says. Where there is no `go` to build the reference with, what it once said is compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from both_sides import ask, ask_readings, disagreement, other_reading, our_reading, ours
from claim_choices import NOW, PUBLIC, SEEDS, SIGNED
from claim_strategies import BATCH, KINDS, SUBJECTS, Case, batches, seal_v1
from claim_tokens import Written, written_batches
from go_reference import GoReference
from hypothesis import HealthCheck, given, settings
from property_profiles import PROFILE
from recorded_vectors import FILE, RecordedCase, RecordedReading, read_recorded
from reference_differences import DIFFERENCES, Difference, outcome_here, outcome_there

from natscreds.nkeys import KeyPair, KeyType

CASES = {"account": 8_000, "user": 4_000, "operator": 2_400, "activation": 2_000, "authorization_request": 1_600,
         "authorization_response": 1_200, "generic": 1_600}  # fmt: skip
"""Cases in the quick profile."""
READINGS = 4_000
SHARE = {"smoke": 0.02, "quick": 1.0, "deep": 20.0}[PROFILE]

RECORDED = read_recorded(FILE.read_bytes())
needs_go = pytest.mark.skipif(not GoReference.available(), reason="no go command here to build the reference with")


@pytest.fixture(scope="module")
def reference() -> Iterator[GoReference]:
    with GoReference() as running:
        yield running


def often(cases: int) -> settings:
    """Return how often to ask: the bytes of a batch are large, and drawn in no time."""
    checks = [HealthCheck.too_slow, HealthCheck.large_base_example]
    return settings(max_examples=examples(cases), suppress_health_check=checks)


def examples(cases: int) -> int:
    return max(1, round(cases * SHARE / BATCH))


def test_the_quick_profile_asks_about_twenty_thousand_cases() -> None:
    assert sum(CASES.values()) >= 20_000
    assert set(CASES) == set(KINDS)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"note":"","versions":{},"cases":[],"readings":[]}'])
def test_a_file_with_nothing_recorded_fails_the_run(data: bytes) -> None:
    with pytest.raises((AssertionError, msgspec.DecodeError)):
        read_recorded(data)


@needs_go
@pytest.mark.parametrize("kind", KINDS)
def test_claims_are_signed_read_and_judged_as_by_the_reference(reference: GoReference, kind: str) -> None:
    asked = 0

    @often(CASES[kind])
    @given(batches(kind))
    def agree(batch: list[Case]) -> None:
        nonlocal asked
        for case, said, now in ask(reference, batch):
            fault = disagreement(case, said, ours(case, now))
            assert not fault, fault
        asked += len(batch)

    agree()
    assert asked >= examples(CASES[kind]) * BATCH


@needs_go
def test_tokens_of_both_versions_are_read_as_by_the_reference(reference: GoReference) -> None:
    asked = 0

    @often(READINGS)
    @given(written_batches())
    def agree(batch: list[Written]) -> None:
        nonlocal asked
        for written, reading in ask_readings(reference, batch):
            fault = other_reading(written, reading, our_reading(written))
            assert not fault, fault
        asked += len(batch)

    agree()
    assert asked >= examples(READINGS) * BATCH


@pytest.mark.parametrize("row", RECORDED.cases, ids=[f"{row.kind}-{at}" for at, row in enumerate(RECORDED.cases)])
def test_recorded_claims_are_signed_read_and_judged_as_by_the_reference(row: RecordedCase) -> None:
    fault = disagreement(row.case, row.said, ours(row.case, NOW))
    assert not fault, fault


@pytest.mark.parametrize("row", RECORDED.readings, ids=[f"{row.kind}-{at}" for at, row in enumerate(RECORDED.readings)])
def test_recorded_tokens_are_read_as_by_the_reference(row: RecordedReading) -> None:
    fault = other_reading(row.written, row.reading, our_reading(row.written))
    assert not fault, fault


@needs_go
def test_the_reference_still_says_what_is_recorded(reference: GoReference) -> None:
    again = [said for _, said, _ in ask(reference, [row.case for row in RECORDED.cases])]
    assert again == [row.said for row in RECORDED.cases]
    read = [reading.claims for _, reading in ask_readings(reference, [row.written for row in RECORDED.readings])]
    assert read == [row.claims for row in RECORDED.readings]


@needs_go
@pytest.mark.parametrize("row", DIFFERENCES, ids=[row.name.replace(" ", "-") for row in DIFFERENCES])
def test_a_listed_difference_is_one(reference: GoReference, row: Difference) -> None:
    assert re.search(row.there, outcome_there(reference, row))
    assert re.search(row.here, outcome_here(row))


BAD_SERVER = Case("operator", {"sub": PUBLIC[KeyType.OPERATOR][0], "nats": {"account_server_url": "h/jwt"}},
                  SEEDS[KeyType.OPERATOR][0], SIGNED)  # fmt: skip
TWICE = Case("account", {"sub": PUBLIC[KeyType.ACCOUNT][0], "nats": {"signing_keys": ["x", "x"]}},
             SEEDS[KeyType.OPERATOR][0], SIGNED)  # fmt: skip


def test_an_operator_whose_account_server_is_no_url_is_not_signed_unchecked_either() -> None:
    said = ours(BAD_SERVER, NOW)
    assert (said.token, dict(said.given)) == ("", {"error account-server-url": 1})


def test_a_signing_key_that_stands_twice_has_its_fault_told_once() -> None:
    said = ours(TWICE, NOW)
    assert said.given == said.problems
    assert said.given["error signing-key"] == 1


@needs_go
@pytest.mark.parametrize("case", [BAD_SERVER, TWICE], ids=["account server", "signing key"])
def test_the_reference_does_so_too(reference: GoReference, case: Case) -> None:
    ((_, said, now),) = ask(reference, [case])
    assert not disagreement(case, said, ours(case, now))


ODD_MEMBERS = [
    ("operator", {"issuer_account": 1}, {}),
    ("account", {"issuer_account": []}, {}),
    ("account", {"tags": "a"}, {}),
    ("user", {}, {"max": "1"}),
    ("user", {}, {"max": 2**63}),
    ("user", {}, {"tags": [1]}),
    ("activation", {}, {"max": {}}),
    ("activation", {}, {"payload": 1.5}),
    ("activation", {}, {"src": []}),
    ("activation", {}, {"times": [{"start": 8}]}),
    ("activation", {}, {"type": None}),
    ("free", {"type": 7}, {}),
    ("free", {"tags": "a"}, {}),
    ("free", {"tags": [1]}, {}),
    ("free", {"version": "2"}, {}),
]
odd_members = pytest.mark.parametrize(
    ("kind", "top", "nats"), ODD_MEMBERS, ids=[f"{kind} {top or nats}" for kind, top, nats in ODD_MEMBERS]
)


def version_1(kind: str, top: dict[str, Any], nats: dict[str, Any]) -> Written:
    """Return a sound version 1 token of a kind, with members of another type than is meant."""
    signer = KeyPair.parse(SEEDS[KeyType.OPERATOR if kind in ("operator", "account") else KeyType.ACCOUNT][0])
    body = {"subject": "a", "type": "stream"} if kind == "activation" else {}
    claims = {"iat": SIGNED, "iss": signer.public, "sub": PUBLIC[SUBJECTS.get(kind, KeyType.USER)][0], "type": kind}
    claims |= {**top, "nats": body | nats}
    return Written(kind if kind in SUBJECTS else "generic", claims, seal_v1(json.dumps(claims), signer))


@pytest.mark.parametrize("kind", ["operator", "account", "user", "activation", "free"])
def test_a_version_1_token_with_nothing_odd_is_read(kind: str) -> None:
    assert our_reading(version_1(kind, {}, {})).claims


@odd_members
def test_a_version_1_token_is_refused_where_a_member_has_another_type_even_if_it_is_dropped(
    kind: str, top: dict[str, Any], nats: dict[str, Any]
) -> None:
    reading = our_reading(version_1(kind, top, nats))
    assert not reading.claims
    assert " at $." in reading.why


@needs_go
@odd_members
def test_the_reference_refuses_it_too(
    reference: GoReference, kind: str, top: dict[str, Any], nats: dict[str, Any]
) -> None:
    ((_, reading),) = ask_readings(reference, [version_1(kind, top, nats)])
    assert not reading.claims
