"""One case, asked of the reference and of this library, and told in the same words."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from claim_choices import PUBLIC
from claim_strategies import SUBJECTS, Case
from claim_tokens import Written
from go_reference import GoReference
from reference_words import ITSELF, codes
from token_forge import payload_of

from natscreds import tokens
from natscreds.claims import (
    BEYOND_REFERENCE,
    AccountClaims,
    ActivationClaims,
    AuthorizationRequestClaims,
    AuthorizationResponseClaims,
    Claims,
    GenericClaims,
    OperatorClaims,
    UserClaims,
    decode,
    encode,
)
from natscreds.errors import NatsCredsError, Problem
from natscreds.nkeys import KeyPair

MODELS: dict[str, type[Claims]] = {
    model.kind: model
    for model in (OperatorClaims, AccountClaims, UserClaims, ActivationClaims, AuthorizationRequestClaims,
                  AuthorizationResponseClaims, GenericClaims)
}  # fmt: skip
FLAT = ("mem_storage", "disk_storage", "streams", "consumer", "max_ack_pending", "mem_max_stream_bytes",
        "disk_max_stream_bytes", "max_bytes_required")  # fmt: skip
BESIDE = ("type", "tags", "issuer_account")
CRASH_WITHOUT_DATA = "assignment to entry in nil map"
LONGEST_STABLE = 12
"""Elements up to which Go's sort keeps the order of equals."""


class Said(NamedTuple):
    """What a side says of a case.

    Attributes:
        token: What it signs; empty where it refuses.
        claims: The claims of that token, read and written again.
        problems: Of those claims: severity and code, with how often.
        given: Of the claims as they were given, before anything was signed.
    """

    token: str
    claims: str
    problems: Counter[str]
    given: Counter[str]


def ask(reference: GoReference, cases: Iterable[Case]) -> Iterator[tuple[Case, Said, int]]:
    """Ask the reference about cases; with each, what it says and the second at which it said so."""
    listed = list(cases)
    questions: list[dict[str, Any]] = []
    for case in listed:
        about = {"kind": case.kind, "payload": case.payload}
        questions += [{"op": "case", "seed": case.seed, "iat": case.iat, **about}, {"op": "validate", **about}]
    answers = reference.call(questions)
    for case, signed, given in zip(listed, answers[::2], answers[1::2], strict=True):
        yield case, told(case, signed, given), given["now"]


def told(case: Case, signed: dict[str, Any], given: dict[str, Any]) -> Said:
    """Return what the reference's two answers say, in our words."""
    assert "issues" in given, (case, given)
    before = codes(given["issues"], case.kind)
    if "token" not in signed:
        assert signed["at"] == "encode", (case, signed)
        return Said("", "", Counter(), before)
    after = codes(signed["issues"], case.kind)
    counted = {"error": signed["errors"], "warning": signed["warnings"], "time": signed["time_checks"]}
    assert {severity: count(after, severity) for severity in counted} == counted
    assert signed["blocking"] == bool(signed["errors"])
    return Said(signed["token"], signed["claims"], after, before)


def count(problems: Counter[str], severity: str) -> int:
    return sum(number for name, number in problems.items() if name.startswith(severity))


def ours(case: Case, now: int) -> Said:
    """Return what this library says, asked at the second *now*."""
    model = MODELS[case.kind]
    text = json.dumps(case.payload).encode()
    claims = model().replace(**case.payload) if case.replaced else decode(text, model)
    given = known(claims.check(now))
    try:
        token = tokens.sign(claims, KeyPair.parse(case.seed), issued_at=case.iat, check=False)
    except NatsCredsError:
        return Said("", "", Counter(), given)
    read = tokens.verify(token, model).claims
    return Said(
        token, encode(read.prepared() if model is GenericClaims else read).decode(), known(read.check(now)), given
    )


def known(problems: Iterable[Problem]) -> Counter[str]:
    """Return the problems that the reference knows too."""
    # An import's activation has a rule that reads as one of the import's own there.
    named = {"activation-kind": "import-type"}
    return Counter(
        f"{problem.severity} {named.get(problem.code, problem.code)}"
        for problem in problems
        if problem.code not in BEYOND_REFERENCE
    )


def expected(case: Case, said: Said) -> Said:
    """Return what we should say of a case, after what the reference says: see `DIFFERENCES` in test_differential.py."""
    said = said._replace(problems=told_once(said.problems), given=told_once(said.given))
    if said.token and has_flat_and_tiered(case):
        return said._replace(problems=said.problems + Counter(["error limits-flat-and-tiered"]))
    return said


def told_once(problems: Counter[str]) -> Counter[str]:
    once = {"error too-many-imports": 1, f"error {ITSELF}": 0}
    return Counter({name: min(number, once.get(name, number)) for name, number in problems.items()}) + Counter()


def disagreement(case: Case, reference: Said, ours: Said) -> str:
    """Return where two sides disagree beyond what is listed; nothing where they agree."""
    wanted = expected(case, reference)
    if has_flat_and_tiered(case):
        ours = ours._replace(claims=ours.claims and as_written_there(ours.claims, case.kind))
    if has_ties(case):
        wanted, ours = untied(wanted), untied(ours)
    for name, want, got in zip(Said._fields, wanted, ours, strict=True):
        if want == got:
            continue
        if isinstance(want, Counter) and isinstance(got, Counter):
            told = f"{name}: the reference alone {dict(want - got)}, we alone {dict(got - want)}"
        else:
            texts = [str(text) for text in (want, got)]
            if name == "token":
                texts = [payload_of(text).decode() if text[:1] == "e" else text for text in texts]
            told = "\n  ".join([name, f"reference {texts[0]!a}", f"ours      {texts[1]!a}"])
        return f"{told}\n  {json.dumps(case)}"
    return ""


def has_flat_and_tiered(case: Case) -> bool:
    limits = (case.payload["nats"].get("limits") or {}) if case.kind == "account" else {}
    return bool(limits.get("tiered_limits")) and any(limits.get(name) for name in FLAT)


def has_ties(case: Case) -> bool:
    lists = (case.payload["nats"].get(name) or [] for name in ("imports", "exports") if case.kind == "account")
    return any(
        len(listed) > LONGEST_STABLE and len({one.get("subject", "") for one in listed}) < len(listed)
        for listed in lists
    )


def untied(said: Said) -> Said:
    """Return the same with equals among exports and imports in an order of their own, and so without a signature."""

    def sorted_(text: str) -> str:
        claims = json.loads(text)
        for name in ("imports", "exports"):
            listed = claims["nats"].get(name, [])
            assert [one.get("subject", "") for one in listed] == sorted(one.get("subject", "") for one in listed)
            listed.sort(key=json.dumps)
        return json.dumps(claims)

    return said._replace(
        token=said.token and sorted_(payload_of(said.token).decode()), claims=said.claims and sorted_(said.claims)
    )


class Reading(NamedTuple):
    """What a side makes of a token: the claims as it writes them again, or why it does not read them."""

    claims: str
    why: str = ""


def ask_readings(reference: GoReference, tokens_: Iterable[Written]) -> Iterator[tuple[Written, Reading]]:
    """Ask the reference what tokens say."""
    listed = list(tokens_)
    answers = reference.call({"op": "decode", "token": one.token, "kind": one.kind} for one in listed)
    for written, answer in zip(listed, answers, strict=True):
        if answer.get("at") == "claims":  # read, but no longer to be written: an odd sampling
            continue
        yield written, Reading(answer.get("claims", ""), str(answer.get("error") or answer.get("panic") or ""))


def our_reading(written: Written) -> Reading:
    try:
        token = (
            tokens.verify(written.token, GenericClaims) if written.kind == "generic" else tokens.verify(written.token)
        )
        return Reading(encode(token.claims).decode())
    except NatsCredsError as error:
        return Reading("", str(error))


def other_reading(written: Written, reference: Reading, ours: Reading) -> str:
    """Return where two readings disagree beyond what is listed; nothing where they agree."""
    if ours.claims and reference.claims:
        if written.kind == "generic":
            there, here = (json.loads(text, parse_int=float) for text in (reference.claims, ours.claims))
            agree = there == {name: here[name] for name in here if name not in BESIDE}
        else:
            agree = reference.claims == as_written_there(ours.claims, written.kind)
    elif reference.claims:
        agree = stricter_here(written)
    else:
        agree = not ours.claims or reference.why == CRASH_WITHOUT_DATA
    return (
        "" if agree else f"{written.kind}\n  reference {reference}\n  ours      {ours}\n  {json.dumps(written.payload)}"
    )


def as_written_there(text: str, kind: str) -> str:
    """Return claims as we write them after reading, without what we keep: empty lists, and keys in their order."""
    for name in ("allow", "deny", "src", "times", "allowed_connection_types"):
        text = re.sub(rf'(?<=\{{)"{name}":\[\],?|,"{name}":\[\]', "", text)
    if kind != "account":
        return text
    text = re.sub(r',"(subs|data|payload)":0(?=[,}])', "", text.replace('"sampling":0,', '"sampling":"headers",'))
    claims = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    nats = msgspec.json.decode(claims["nats"], type=dict[str, msgspec.Raw])
    listed = msgspec.json.decode(nats.get("signing_keys", b"[]"), type=list[msgspec.Raw])
    keys = {key if isinstance(key := msgspec.json.decode(raw), str) else key["key"]: raw for raw in listed}
    limits = msgspec.json.decode(nats["limits"], type=dict[str, msgspec.Raw])
    if "tiered_limits" in limits:
        nats["limits"] = msgspec.Raw(msgspec.json.encode({name: limits[name] for name in limits if name not in FLAT}))
    nats |= {"signing_keys": msgspec.Raw(msgspec.json.encode([keys[key] for key in sorted(keys)]))} if keys else {}
    return msgspec.json.encode(claims | {"nats": nats}).decode()


def stricter_here(written: Written) -> bool:
    """Tell whether a token breaks one of the rules that only we have about reading."""
    payload, kind = written.payload, written.kind
    nats = payload.get("nats") or {}
    return any(
        (
            kind in SUBJECTS and payload.get("sub") not in PUBLIC[SUBJECTS[kind]],
            holds_null(nats),
            holds_null(payload.get("tags")),
            kind == "account" and any(map(odd_signing_key, nats.get("signing_keys") or ())),
            kind == "account" and any(map(far_position, nats.get("exports") or ())),
        )
    )


def far_position(export: Any) -> bool:  # noqa: ANN401  # JSON
    return isinstance(export, dict) and isinstance(at := export.get("account_token_position"), int) and at >= 2**63


def holds_null(value: object, name: str = "") -> bool:
    """Tell whether a list, or a map by names of the user's choice, has an element that is null."""
    if isinstance(value, dict):
        free = name in ("revocations", "mappings", "tiered_limits")
        return any((free and item is None) or holds_null(item, key) for key, item in value.items())
    return isinstance(value, list) and any(item is None or holds_null(item) for item in value)


def odd_signing_key(key: object) -> bool:
    """Tell whether the reference drops an element of `signing_keys`, or reads a role's numbers as floating point."""
    return holds_float(key) if isinstance(key, dict) else not isinstance(key, str)


def holds_float(value: object) -> bool:
    if isinstance(value, dict | list):
        return any(map(holds_float, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) or (isinstance(value, int) and abs(value) > 2**53)
