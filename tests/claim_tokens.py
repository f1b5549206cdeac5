"""Tokens as others may write them: version 1 of every kind, and version 2 with values of another type or form."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from claim_choices import FAR, SEEDS, SIGNED, Choices, integer, key_of, network, tags, text
from claim_strategies import (
    BATCH,
    BYTES,
    KINDS,
    SUBJECTS,
    V1_HEADER,
    A,
    Body,
    N,
    O,
    U,
    body_of,
    datum,
    seal_v1,
    standard,
)
from hypothesis import strategies as st
from token_forge import HEADER, seal

from natscreds.nkeys import KeyPair

V1_KINDS = ("operator", "account", "user", "activation", "generic", "cluster", "server")
SIGNERS = {"operator": O, "account": O, "authorization_request": N}
ODD: list[Any] = [
    None, 0, "", "x", [], {}, True, -1, 1.5, 1_000.0, 2**63, 2**64, -(2**63) - 1, [None], ["x"], [[]], [{}], "stream",
    "headers", "user_scope",
]  # fmt: skip
HEADERS = [HEADER, V1_HEADER, b'{"typ":"jwt","alg":"ed25519-nkey"}', b'{"alg":"ED25519-NKEY","typ":"Jwt"}',
           b'{"typ":"JWT","alg":"ed25519","kid":"x"}']  # fmt: skip
BAD_HEADERS = [
    b'{"typ":"JWT"}',
    b'{"typ":"JWS","alg":"ed25519"}',
    b'{"typ":"JWT","alg":"none"}',
    b"[]",
    b'{"typ":"JWT","alg":"ed25519x"}',
]


class Written(NamedTuple):
    """A token to read, as `kind`: "generic" asks for free data, whatever is in it."""

    kind: str
    payload: Body
    token: str


def identity(c: Choices) -> list[Body]:
    return c.several(lambda c: {"id": text(c), "proof": text(c)})


def v1_body(kind: str, c: Choices, sub: str) -> Body:
    """A body by the tables of version 1, with what version 2 has more: that is not to be read."""
    if kind not in SUBJECTS:
        return {"cluster": text(c), "accts": [text(c)]} | c.members(2, a=datum)
    body = body_of(kind, c, sub)
    if kind == "account" and "signing_keys" in body and not c.one_in(8):
        body["signing_keys"] = [key if isinstance(key, str) else key["key"] for key in body["signing_keys"]]
    if kind == "activation":
        body["type"] = body.pop("kind", "stream")
        return body | c.members(2, max=integer, payload=integer, src=network, times=lambda _: [{"start": "08:00:00"}])
    if kind == "user" and "src" in body:
        body["src"] = " ,".join(network(c) for _ in range(c.under(4)))
    return body | c.members(3, identity=identity, max=integer)


def changed(c: Choices, value: Any) -> Any:  # noqa: ANN401  # JSON
    """Return *value* with one thing in it put odd."""
    if isinstance(value, dict) and value and c.under(6):
        name = c.one(sorted(value))
        return {**value, name: changed(c, value[name])}
    if isinstance(value, list) and value and c.under(6):
        at = c.under(len(value))
        return [*value[:at], changed(c, value[at]), *value[at + 1 :]]
    return c.one(ODD)


def written(data: bytes) -> Written:
    """Return the token that *data* decides on."""
    c = Choices(data)
    version = 1 if c.under(3) < 2 else 2
    kind = c.one(V1_KINDS if version == 1 else KINDS)
    signer = KeyPair.parse(c.one(SEEDS[c.one([A, O, U, N])] if c.one_in(12) else SEEDS[SIGNERS.get(kind, A)]))
    claims = standard(kind, c) | {"iat": c.one([SIGNED, FAR, 0, -1])}
    if version == 1:
        claims["nats"] = v1_body(kind, c, claims["sub"])
        claims |= {"type": "free" if kind == "generic" else kind} | c.members(2, tags=tags)
        if kind in SUBJECTS:
            claims |= c.members(3, issuer_account=key_of(A, 3))
    else:
        number = 2 if c.under(6) else c.one([1, 0, 3, -1, None, 2**63 - 1])
        claims["nats"] = body_of(kind, c, claims["sub"]) | {"type": kind, "version": number}
        version = number if number in (0, 1, 2) else 2
    if c.one_in(3):
        name = c.one(sorted(claims))
        claims[name] = changed(c, claims[name])
    claims["iss"] = signer.public
    header = (
        c.one(BAD_HEADERS)
        if c.one_in(30)
        else c.one(HEADERS if version == 2 or kind in SUBJECTS else [V1_HEADER, HEADERS[4]])
    )
    payload = json.dumps(claims)
    if c.one_in(10):
        version = 3 - version
    token = seal_v1(payload, signer, header) if version < 2 else seal(payload, signer, header)
    return Written(read_as(claims), claims, token)


def read_as(claims: Body) -> str:
    """Return the kind that claims say they are, where readers know it."""
    nats = claims["nats"]
    kind = claims.get("type") or (nats.get("type") if isinstance(nats, dict) else "")
    return kind if isinstance(kind, str) and kind in KINDS else "generic"


def written_batches() -> st.SearchStrategy[list[Written]]:
    one = st.binary(min_size=BYTES, max_size=BYTES).map(written)
    return st.lists(one, min_size=BATCH, max_size=BATCH)
