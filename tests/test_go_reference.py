"""The reference program answers as the recorded reference did, so that differential tests may trust it."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from go_reference import GoReference

pytestmark = pytest.mark.skipif(not GoReference.available(), reason="no go command here to build the reference with")

VECTORS = Path(__file__).parent / "vectors"
KNOWN = json.loads((VECTORS / "reference.json").read_text(encoding="utf-8"))
MORE = json.loads((VECTORS / "reference-more.json").read_text(encoding="utf-8"))
TIME_ISSUES = {"claim is expired", "claim is not yet valid"}
SEEDS = {key["public_key"]: key["seed"] for key in KNOWN["nkeys"]}
OPERATOR_SEED = KNOWN["nkeys"][0]["seed"]

v2 = pytest.mark.parametrize("vector", KNOWN["jwt_v2"], ids=[vector["name"] for vector in KNOWN["jwt_v2"]])
v1 = pytest.mark.parametrize("vector", KNOWN["jwt_v1"], ids=[vector["name"] for vector in KNOWN["jwt_v1"]])


@pytest.fixture(scope="module")
def reference() -> Iterator[GoReference]:
    with GoReference() as running:
        yield running


def payload_text(token: str) -> str:
    chunk = token.split(".")[1]
    return base64.urlsafe_b64decode(chunk + "=" * (-len(chunk) % 4)).decode()


def with_template_zeros(text: str) -> dict[str, Any]:
    """Read claims and spell out the zero limits of scope templates, which the reference reads as -1 when absent."""
    claims = cast("dict[str, Any]", json.loads(text))
    for key in claims["nats"].get("signing_keys", []):
        if isinstance(key, dict):
            key["template"] = {"subs": 0, "data": 0, "payload": 0} | key["template"]
    return claims


def time_checks(claims: dict[str, Any], now: int) -> int:
    """How many time checks fire at *now*: recorded counts would grow old."""
    expires, not_before = int(claims.get("exp", 0)), int(claims.get("nbf", 0))
    return (0 < expires < now) + (not_before > now)


def test_the_pinned_versions_answer(reference: GoReference) -> None:
    assert reference.versions == {"jwt": "v2.8.2", "nkeys": "v0.4.16"}


@v2
def test_a_known_token_decodes_to_the_known_claims(reference: GoReference, vector: dict[str, Any]) -> None:
    kind = vector["claim_type"]
    decoded, checked = reference.call(
        {"op": op, "token": vector["token"], "kind": kind} for op in ("decode", "validate")
    )
    assert (decoded["kind"], decoded["version"], decoded["claims"]) == (kind, 2, vector["reencoded_json"])
    expected = [(issue["blocking"], issue["time_check"]) for issue in vector["issues_after_decode"]]
    assert [(issue["blocking"], issue["time"]) for issue in checked["issues"]] == expected


@v2
def test_a_known_token_is_signed_again_byte_for_byte(reference: GoReference, vector: dict[str, Any]) -> None:
    (signed,) = reference.call([
        {
            "op": "sign", "kind": vector["claim_type"], "seed": SEEDS[vector["signer"]],
            "payload": json.loads(vector["payload_json"]), "iat": 1_700_000_000,
        }
    ])  # fmt: skip
    assert signed == {"token": vector["token"], "iat": 1_700_000_000}


@v1
def test_a_version_1_token_is_migrated_or_refused_as_known(reference: GoReference, vector: dict[str, Any]) -> None:
    decoded, loose = reference.call(
        {"op": "decode", "token": vector["token"], "kind": kind} for kind in ("", "generic")
    )
    assert loose["claims"] == vector["generic_json"]
    if vector.get("decode_rejected"):
        assert decoded["at"] == "decode"
        assert "not supported" in decoded["error"]
    else:
        assert decoded["claims"] == vector["migrated_json"]


def test_every_recorded_token_is_signed_again_byte_for_byte(reference: GoReference) -> None:
    payloads = [with_template_zeros(payload_text(vector["token"])) for vector in MORE]
    signed = reference.call(
        {"op": "sign", "kind": vector["kind"], "seed": vector["seed"], "payload": payload, "iat": payload["iat"]}
        for vector, payload in zip(MORE, payloads, strict=True)
    )
    assert [answer.get("token") for answer in signed] == [vector["token"] for vector in MORE]
    assert len(signed) == 180


def test_every_recorded_token_decodes_as_recorded(reference: GoReference) -> None:
    decoded = reference.call({"op": "decode", "token": vector["token"]} for vector in MORE)
    assert [answer["kind"] for answer in decoded] == [vector["kind"] for vector in MORE]
    same = [answer["claims"] == payload_text(vector["token"]) for answer, vector in zip(decoded, MORE, strict=True)]
    assert same == [vector["stable"] for vector in MORE]


def test_every_recorded_token_has_the_recorded_issues(reference: GoReference) -> None:
    checked = reference.call({"op": "validate", "token": vector["token"]} for vector in MORE)
    for answer, vector in zip(checked, MORE, strict=True):
        counts = {name: vector[name] for name in ("errors", "warnings", "blocking")}
        counts["time_checks"] = time_checks(json.loads(payload_text(vector["token"])), answer["now"])
        assert {name: answer[name] for name in counts} == counts
        # The order of some issues is that of a Go map.
        lasting = Counter(issue["description"] for issue in answer["issues"] if not issue["time"])
        assert lasting == Counter(text for text in vector["issues"] or () if text not in TIME_ISSUES)


@v2
def test_a_case_is_an_encoding_its_decoding_and_its_validation(reference: GoReference, vector: dict[str, Any]) -> None:
    question = {"kind": vector["claim_type"], "seed": SEEDS[vector["signer"]], "payload": vector["payload_json"]}
    (case,) = reference.call([{"op": "case", **question}])
    signed, decoded, checked = reference.call(
        [
            {"op": "sign", "iat": case["iat"], **question},
            {"op": "decode", "kind": vector["claim_type"], "token": case["token"]},
            {"op": "validate", "kind": vector["claim_type"], "token": case["token"]},
        ]
    )
    assert case == signed | decoded | checked | {"now": case["now"]}
    assert 1_700_000_000 < case["iat"] <= case["now"]


def test_issues_of_claims_in_memory_are_told_before_signing(reference: GoReference) -> None:
    limits = {"imports": -1, "exports": -1, "disk_storage": 1, "tiered_limits": {"R1": {"disk_storage": 1}}}
    claims = {"sub": "A", "nats": {"limits": limits}}
    (checked,) = reference.call([{"op": "validate", "kind": "account", "payload": claims}])
    assert (checked["errors"], checked["blocking"]) == (1, True)  # tiers beside flat limits, which no decoding keeps


@pytest.mark.parametrize(
    ("question", "at"),
    [
        ({"op": "guess"}, "request"),
        ({"op": "sign", "kind": "user", "seed": 1}, "request"),
        ({"op": "encode", "kind": "cluster", "payload": {}}, "payload"),
        ({"op": "encode", "kind": "user", "payload": '{"sub":"U"'}, "payload"),
        ({"op": "encode", "kind": "user", "payload": {"nats": {"subs": 1.5}}}, "payload"),
        ({"op": "encode", "kind": "user", "payload": {}, "seed": "SU"}, "seed"),
        ({"op": "encode", "kind": "user", "payload": {"sub": "U"}, "seed": OPERATOR_SEED}, "encode"),
        ({"op": "sign", "kind": "generic", "payload": {"sub": "U"}, "seed": OPERATOR_SEED}, "encode"),
        ({"op": "decode", "token": "a.b"}, "decode"),
        ({"op": "decode", "token": "x" * 1_048_577}, "decode"),
    ],
    ids=["op", "type", "kind", "json", "float", "seed", "subject", "no iat", "chunks", "size"],
)  # fmt: skip
def test_what_the_reference_refuses_is_answered_with_the_step(
    reference: GoReference, question: dict[str, Any], at: str
) -> None:
    (answer,) = reference.call([question])
    assert answer.keys() == {"error", "at"}
    assert answer["at"] == at


def test_a_panic_of_the_reference_is_an_answer_like_others(reference: GoReference) -> None:
    bad = {"nats": {"exports": [None], "limits": {"exports": 1}}}
    panic, proof = reference.call([{"op": "validate", "kind": "account", "payload": bad}, {"op": "selftest"}])
    assert panic.keys() == {"panic", "at"}
    assert panic["at"] == "validate"
    assert len(proof["kinds"]) == 7


def test_a_batch_far_larger_than_a_pipe_holds_comes_back_in_order(reference: GoReference) -> None:
    answers = reference.call(
        {"op": "validate", "kind": "generic", "payload": {"exp": 1 + number % 2, "name": "n" * 1_000, "nbf": number}}
        for number in range(2_000)
    )
    assert [answer["time_checks"] for answer in answers] == [1] * 2_000


def test_a_program_that_died_is_an_error_and_leaves_nothing_open() -> None:
    with GoReference() as short_lived:
        short_lived._process.kill()
        with pytest.raises(RuntimeError, match=r"ended after 0 of 1000 answers"):
            short_lived.call({"op": "selftest", "seed": "x" * 1_000} for _ in range(1_000))
