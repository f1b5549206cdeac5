"""Where this library and the reference differ, each difference shown by claims that tell the two apart.

These are the only ones that the comparisons of tests/both_sides.py allow for; what they cannot come upon is left out by
the strategies. docs/explanation/strictness.md says them to users. Rules that only we have (`BEYOND_REFERENCE`) and
spellings of a token that only we refuse (tests/vectors/tokens.json) are told there.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal, NamedTuple

from both_sides import MODELS, known, our_reading
from claim_choices import PUBLIC, SEEDS, SIGNED
from claim_strategies import SIGNERS, SUBJECTS, A, U, seal_v1
from claim_tokens import Written
from go_reference import GoReference
from reference_words import codes
from token_forge import payload_of, seal

from natscreds import tokens
from natscreds.claims import decode
from natscreds.errors import NatsCredsError
from natscreds.nkeys import KeyPair

REFUSED, CRASHED = "refused", "crashed"
SMALL = "AAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAARSZ"
ONE, TWO, _ = PUBLIC[A]
EXPORTER = KeyPair.parse(SEEDS[A][1])

Way = Literal["signed", "read", "read after signing", "read as version 1", "judged", "judged after signing"]


class Difference(NamedTuple):
    """One difference: `there` and `here` are patterns of what the sides make of the same claims."""

    name: str
    told: str
    way: Way
    kind: str
    claims: dict[str, Any]
    there: str
    here: str


def activation(flaw: str) -> dict[str, Any]:
    """Return an account that imports with an activation token in which something is spelled in a way of its own."""
    claims = {"iat": SIGNED, "iss": EXPORTER.public, "sub": ONE}
    text = json.dumps({**claims, "nats": {"subject": "a", "kind": "stream", "type": "activation", "version": 2}})
    token = seal(text.replace('"iat"', '"iat": 1, "iat"') if flaw == "twice" else text, EXPORTER)
    import_ = {
        "subject": "a",
        "type": "stream",
        "account": EXPORTER.public,
        "token": token + "\n" * (flaw == "line end"),
    }
    return {"nats": {"limits": {"imports": -1}, "imports": [import_]}}


def imports(count: int, allowed: int, **members: str) -> dict[str, Any]:
    listed = [{"subject": "a", "account": TWO, **members}] * count
    return {"nats": {"limits": {"imports": allowed, "conn": 1}, "imports": listed}}


def scope(**template: object) -> dict[str, Any]:
    return {"nats": {"signing_keys": [{"kind": "user_scope", "key": ONE, "template": template}]}}


def latency(sampling: object) -> dict[str, Any]:
    measured = {"sampling": sampling, "results": "m"}
    return {"nats": {"exports": [{"subject": "a", "type": "service", "service_latency": measured}]}}


TIERED = {"nats": {"limits": {"mem_storage": 1, "tiered_limits": {"R1": {"mem_storage": 1}}}}}
TIES = {"nats": {"exports": [{"name": f"{at:02}", "subject": "ab"[at % 2]} for at in range(30)]}}
IN_ORDER = "".join(f'{{"name":"{at:02}","subject":"a"}},' for at in range(0, 30, 2))

DIFFERENCES = [
    Difference(
        "too many imports",
        "told twice there, once here",
        "judged",
        "account",
        imports(1, 0, type="stream"),
        "2 error too-many-imports",
        "^(?!.*[2-9]).*1 error too-many-imports",
    ),
    Difference(
        "a service imported twice",
        "told as an overlap with itself and as a repetition there, as a repetition here",
        "judged",
        "account",
        imports(2, -1, type="service"),
        "import-overlaps-itself",
        "^1 error import-repeated$",
    ),
    Difference(
        "limits that are both flat and tiered: the verdict",
        "an error in memory only there, as reading drops the flat ones; an error wherever they stand here",
        "judged after signing",
        "account",
        TIERED,
        "^$",
        "1 error limits-flat-and-tiered",
    ),
    Difference(
        "limits that are both flat and tiered: reading",
        "the flat ones are dropped there, kept here",
        "read",
        "account",
        TIERED,
        r'"limits":\{"tiered',
        '"mem_storage":1,"tiered',
    ),
    Difference(
        "equal subjects among more than twelve exports or imports",
        "any order there, the order given here",
        "signed",
        "account",
        TIES,
        f"^(?!.*{re.escape(IN_ORDER)})",
        re.escape(IN_ORDER),
    ),
    Difference(
        "a key in another spelling",
        "good there, an error here",
        "judged",
        "account",
        {"nats": {"signing_keys": [TWO + "A"]}},
        "^$",
        "1 error signing-key",
    ),
    Difference(
        "a subject in another spelling",
        "signed there, refused here",
        "signed",
        "account",
        {"sub": ONE + "A"},
        f'"sub":"{ONE}A"',
        REFUSED,
    ),
    Difference(
        "a point of small order",
        "a key there, none here",
        "judged",
        "account",
        {"nats": {"signing_keys": [SMALL]}},
        "^$",
        "1 error signing-key",
    ),
    Difference(
        "an activation token with a line end behind it",
        "read there, refused here",
        "judged",
        "account",
        activation("line end"),
        "^$",
        "1 error activation-unreadable",
    ),
    Difference(
        "an activation token that says a member twice",
        "read there, refused here",
        "judged",
        "account",
        activation("twice"),
        "^$",
        "1 error activation-unreadable",
    ),
    Difference(
        "null in a list of texts",
        "an empty text there, refused here",
        "read",
        "user",
        {"nats": {"tags": [None]}},
        r'"tags":\[""\]',
        REFUSED,
    ),
    Difference(
        "null in a list of objects",
        "a hole there, refused here",
        "read",
        "account",
        {"nats": {"exports": [None]}},
        r'"exports":\[null\]',
        REFUSED,
    ),
    Difference(
        "null in a map",
        "zero there, refused here",
        "read",
        "account",
        {"nats": {"revocations": {"x": None}}},
        r'"x":0',
        REFUSED,
    ),
    Difference(
        "neither text nor object among the signing keys",
        "left out there, refused here",
        "read",
        "account",
        {"nats": {"signing_keys": [7, TWO]}},
        rf'"signing_keys":\["{TWO}"\]',
        REFUSED,
    ),
    Difference(
        "large numbers in a role's template",
        "rounded to floating point there, as they stand here",
        "signed",
        "account",
        scope(subs=2**53 + 1),
        '"subs":9007199254740992',
        '"subs":9007199254740993',
    ),
    Difference(
        "numbers with a fraction of zero in a role's template",
        "read there, refused here as everywhere",
        "read",
        "account",
        scope(subs=5.0),
        '"subs":5,',
        REFUSED,
    ),
    Difference(
        "an account_token_position of 2**63 or more",
        "read there, refused here",
        "read",
        "account",
        {"nats": {"exports": [{"subject": "a", "account_token_position": 2**63}]}},
        '"account_token_position":92',
        REFUSED,
    ),
    Difference(
        "half of a surrogate pair",
        "replaced by U+FFFD there, refused here",
        "read",
        "user",
        {"name": "\ud800"},
        '"name":"\ufffd"',
        REFUSED,
    ),
    Difference(
        "a subject that is no key of the kind",
        "read there, refused here",
        "read",
        "user",
        {"sub": "me"},
        '"sub":"me"',
        REFUSED,
    ),
    Difference(
        "members nobody knows",
        "dropped there, kept here",
        "read",
        "user",
        {"nats": {"new": 1}},
        '"payload":-1,"type"',
        '"new":1',
    ),
    Difference(
        "empty lists, once read",
        "dropped there, kept until signing here",
        "read",
        "user",
        {"nats": {"pub": {"allow": []}}},
        r'"pub":\{\}',
        r'"pub":\{"allow":\[\]\}',
    ),
    Difference(
        "the order of signing keys, once read",
        "sorted there, as they came until signing here",
        "read",
        "account",
        {"nats": {"signing_keys": [max(ONE, TWO), min(ONE, TWO)]}},
        f'"{min(ONE, TWO)}","{max(ONE, TWO)}"',
        f'"{max(ONE, TWO)}","{min(ONE, TWO)}"',
    ),
    Difference(
        "a role's limit of 0, once read",
        "dropped there, kept until signing here",
        "read",
        "account",
        scope(subs=0),
        r'"sub":\{\},"data"',
        '"subs":0',
    ),
    Difference(
        "a sampling of 0, once read",
        "called headers there, 0 until signing here",
        "read",
        "account",
        latency(0),
        '"sampling":"headers"',
        '"sampling":0',
    ),
    Difference(
        "a sampling above 100",
        "read, but nothing can be written there; read and an error here",
        "read",
        "account",
        latency(101),
        REFUSED,
        '"sampling":101',
    ),
    Difference(
        "whole numbers in generic data",
        "rounded to floating point there, as they stand here",
        "signed",
        "generic",
        {"nats": {"n": 2**53 + 1}},
        '"n":9007199254740992',
        '"n":9007199254740993',
    ),
    Difference(
        "minus zero in generic data, once read",
        "minus zero there, zero here",
        "read after signing",
        "generic",
        {"nats": {"n": -0.0}},
        '"n":-0',
        '"n":0',
    ),
    Difference(
        "generic claims without data",
        "stay without there, get a version here",
        "signed",
        "generic",
        {"nats": None},
        r'"sub":"\w+"\}$',
        r'"nats":\{"version":2\}',
    ),
    Difference(
        "generic claims of version 1 without data",
        "a crash there, no data here",
        "read as version 1",
        "generic",
        {"nats": None, "type": "free"},
        CRASHED,
        r'"nats":\{"type":"free"\}',
    ),
    Difference(
        "what stands beside the data of generic claims",
        "dropped there, kept here",
        "read",
        "generic",
        {"nats": {"a": 1}, "new": 1},
        r'"a":1\}\}$',
        r'"a":1\},"new":1\}$',
    ),
]


def complete(row: Difference) -> tuple[dict[str, Any], KeyPair]:
    """Return the row's claims with what they leave out, and who signs them."""
    signer = KeyPair.parse(SEEDS[SIGNERS[row.kind][0]][0])
    claims = {"iat": SIGNED, "sub": PUBLIC[SUBJECTS.get(row.kind, U)][0], "iss": signer.public, **row.claims}
    limits = {"subs": -1, "data": -1, "payload": -1} if row.kind == "user" else {}
    if row.kind != "generic":
        claims["nats"] = limits | claims.get("nats", {}) | {"type": row.kind, "version": 2}
    return claims, signer


def token_of(row: Difference) -> str:
    claims, signer = complete(row)
    if row.way == "read after signing":
        return tokens.sign(decode(json.dumps(claims).encode(), MODELS[row.kind]), signer, issued_at=SIGNED)
    return (seal_v1 if row.way == "read as version 1" else seal)(json.dumps(claims), signer)


def outcome_there(reference: GoReference, row: Difference) -> str:
    claims, signer = complete(row)
    about = {"kind": row.kind, "payload": claims, "seed": signer.seed, "iat": SIGNED}
    questions: dict[str, dict[str, object]] = {
        "signed": {"op": "sign", **about},
        "judged": {"op": "validate", **about},
        "judged after signing": {"op": "case", **about},
    }
    question = questions.get(row.way) or {"op": "decode", "token": token_of(row), "kind": row.kind}
    (answer,) = reference.call([question])
    if "error" in answer or "panic" in answer:
        return REFUSED if "error" in answer else CRASHED
    if row.way.startswith("judged"):
        return listed(codes(answer["issues"], row.kind))
    return payload_of(answer["token"]).decode() if row.way == "signed" else str(answer["claims"])


def outcome_here(row: Difference) -> str:
    claims, signer = complete(row)
    if row.way.startswith("read"):
        return our_reading(Written(row.kind, claims, token_of(row))).claims or REFUSED
    model = MODELS[row.kind]
    try:
        ours = decode(json.dumps(claims).encode(), model)
        if row.way == "judged":
            return listed(known(ours.check()))
        token = tokens.sign(ours, signer, issued_at=SIGNED, check=False)
    except NatsCredsError:
        return REFUSED
    return (
        payload_of(token).decode() if row.way == "signed" else listed(known(tokens.verify(token, model).claims.check()))
    )


def listed(found: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(found.items()))
