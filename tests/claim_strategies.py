"""Claims of every kind as JSON objects, valid and not, and the Hypothesis strategies that draw them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from claim_choices import (
    FAR,
    OLD,
    PUBLIC,
    SEEDS,
    SIGNED,
    TAGS,
    TEXTS,
    Choices,
    entry,
    integer,
    key_of,
    long_text,
    moment,
    network,
    server_version,
    subject,
    tags,
    text,
    time_of_day,
    truth,
    url,
    wide,
    zone,
)
from hypothesis import strategies as st
from token_forge import chunk, seal

from natscreds.nkeys import KeyPair, KeyType

Body = dict[str, Any]
# As the keys begin.
A, O, U, N, CURVE = KeyType.ACCOUNT, KeyType.OPERATOR, KeyType.USER, KeyType.SERVER, KeyType.CURVE  # noqa: E741

V1_HEADER = b'{"typ":"jwt","alg":"ed25519"}'


class Case(NamedTuple):
    """Claims to sign. `replaced`: ours are not read from the JSON but made with `replace`."""

    kind: str
    payload: Body
    seed: str
    iat: int
    replaced: bool = False


def permission(c: Choices) -> Body:
    return c.members(2, allow=lambda c: c.several(entry), deny=lambda c: c.several(entry))


def permissions(c: Choices) -> Body:
    def response(c: Choices) -> Body | None:
        return c.one([{"max": 1, "ttl": 5_000_000_000}, {}, None, {"max": -1}, {"ttl": 2**53}, {"max": 0, "ttl": 0}])

    return c.members(3, pub=permission, sub=permission, resp=response)


def user_limits(number: Callable[[Choices], int]) -> Callable[[Choices], Body]:
    def time_range(c: Choices) -> Body:
        return c.members(2, start=lambda _: "08:00:00", end=time_of_day) or {"start": time_of_day(c), "end": "17:00:00"}

    def networks(c: Choices) -> object:
        listed = c.several(network)
        return c.one([listed, listed, listed, None, ", ".join(listed).upper(), ""])

    def connection_types(c: Choices) -> list[str]:
        known = ["STANDARD", "WEBSOCKET", "mqtt", "IN_PROCESS", "carrier pigeon"]
        return c.several(lambda c: c.one(known))

    def make(c: Choices) -> Body:
        return permissions(c) | c.members(
            3, src=networks, times=lambda c: c.several(time_range), times_location=zone, subs=number, data=number,
            payload=number, bearer_token=truth, proxy_required=truth, allowed_connection_types=connection_types,
        )  # fmt: skip

    return make


def user(c: Choices) -> Body:
    return user_limits(wide)(c) | c.members(3, issuer_account=key_of(A), tags=tags)


def operator(c: Choices) -> Body:
    return c.members(
        2, signing_keys=lambda c: c.several(key_of(O)), operator_service_urls=lambda c: c.several(url),
        account_server_url=lambda c: "https://h/jwt/v1" if c.under(2) else url(c), system_account=key_of(A),
        assert_server_version=server_version, strict_signing_key_usage=truth, tags=tags,
    )  # fmt: skip


def activation(c: Choices) -> Body:
    kind = {} if c.one_in(8) else {"kind": c.one(["stream", "service"])}
    return {"subject": subject(c), **kind, **c.members(3, issuer_account=key_of(A), tags=tags)}


def activation_token(c: Choices, account: str, import_: Body) -> str:
    """An activation token for an import: one that fits, or one that is wrong in a way or two."""
    plain = c.under(3) == 0
    issuer = KeyPair.parse(c.one(SEEDS[A] if plain else SEEDS[c.one([A, A, O, U])]))
    body: Body = {"subject": import_["subject"], "kind": import_.get("type", "stream")} if plain else activation(c)
    version, header = 2, b'{"typ":"JWT","alg":"ed25519-nkey"}'
    claims: Body = {"iat": OLD, "iss": issuer.public, "sub": account if plain else key_of(A, 3)(c)}
    claims |= c.members(4, exp=moment, nbf=moment, name=text)
    if plain or not c.one_in(5):
        claims["nats"] = {**body, "type": c.one(["activation"] * 7 + ["user"]), "version": c.one([2] * 9 + [3, 1, 0])}
        version = claims["nats"]["version"]
    else:
        version, header = 1, V1_HEADER
        body["type"] = body.pop("kind", "stream")
        claims |= {"type": "activation", "nats": body} | c.members(2, issuer_account=key_of(A))
    payload = json.dumps(claims)
    if version == 1 and not c.one_in(6):
        return seal_v1(payload, issuer, header)
    token = seal(payload, issuer, header)
    return c.one([token] * 9 + [token[:-4] + "AAAA", token + ".x", token[: token.rindex(".")]])


def seal_v1(payload: str, signer: KeyPair, header: bytes = V1_HEADER) -> str:
    """Return a version 1 token of *payload*: the signature covers it alone."""
    signed = chunk(payload.encode())
    return f"{chunk(header)}.{signed}.{chunk(signer.sign(signed.encode()))}"


def latency(c: Choices) -> Body | None:
    def sampling(c: Choices) -> object:
        return c.one([101, -1, 2**31]) if c.one_in(12) else c.one(["headers", 1, 100, 50, "Headers", 0])

    measured = c.members(2, sampling=sampling, results=subject)
    return c.one([measured, measured, measured, None])


def revocations(c: Choices) -> dict[str, int]:
    return {c.one([*PUBLIC[U], "*", "", "x"]): c.one([SIGNED, OLD, FAR, 0, -1]) for _ in range(c.under(4))}


def export(c: Choices) -> Body:
    kind = {} if c.one_in(12) else {"type": c.one(["service", "stream"])}
    return {"subject": subject(c), **kind} | c.members(
        4, name=text, token_req=truth, revocations=revocations,
        response_type=lambda c: c.one(["Singleton", "", "Stream", "Chunked", "singleton", "x"]),
        response_threshold=lambda c: c.one([5_000_000, 0, -1, 2**63 - 1]), service_latency=latency,
        account_token_position=lambda c: c.one([1, 2, 0, 3, 9, 2**63 - 1]), advertise=truth, allow_trace=truth,
        description=long_text, info_url=url,
    )  # fmt: skip


def renaming(source: str) -> Callable[[Choices], str]:
    def make(c: Choices) -> str:
        tokens = source.replace("*", "$1" if c.under(2) else "*", 1).replace("*", c.one(["*", "$2", "$9"]))
        return subject(c) if c.one_in(3) else c.one(["", "a.", "b."]) + tokens

    return make


def import_of(account: str) -> Callable[[Choices], Body]:
    def to(c: Choices) -> str:
        return subject(c) if c.one_in(2) else ""

    def make(c: Choices) -> Body:
        kind = {} if c.one_in(12) else {"type": c.one(["service", "stream"])}
        made: Body = {"subject": subject(c), **kind}
        local = renaming(made["subject"])
        made |= c.members(3, name=text, to=to, local_subject=local, share=truth, allow_trace=truth)
        if not c.one_in(10):
            made["account"] = c.one([*[PUBLIC[A][0]] * 4, PUBLIC[A][1], "x"])
        if c.one_in(3):
            odd = c.one_in(6)
            made["token"] = c.one(["x", "a.b.c", "", "https://h/t"]) if odd else activation_token(c, account, made)
        return made

    return make


def jetstream(c: Choices) -> Body:
    numbers = ("mem_storage", "disk_storage", "streams", "consumer", "max_ack_pending", "mem_max_stream_bytes",
               "disk_max_stream_bytes")  # fmt: skip
    return c.members(4, **dict.fromkeys(numbers, wide), max_bytes_required=truth)


def limits(c: Choices) -> Body:
    """Limits: in half of the cases a new account's, with some of it changed."""
    made: Body = {}
    if not c.under(2):
        made = {
            **dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1),
            "wildcards": True,
        }
    made |= c.members(6, imports=lambda c: c.one([0, 1, 2, 3, -1, -2]), exports=lambda c: c.one([0, 1, 2, 3, -1, -2]))
    made |= c.members(
        8, subs=integer, data=wide, payload=wide, wildcards=truth, disallow_bearer=truth, conn=integer, leaf=integer
    )
    if c.one_in(3):
        made |= jetstream(c)
    if c.one_in(4):
        made["tiered_limits"] = {c.one(["R1", "R3", "", "ä"]): jetstream(c) for _ in range(c.under(3))}
    return made


def signing_key(c: Choices) -> object:
    if c.under(2):
        return key_of(A)(c)
    # Large numbers of a template are rounded in the reference: see tests/reference_differences.py.
    scope: Body = {"kind": "user_scope", "key": key_of(A)(c)}
    return scope | c.members(2, role=text, template=user_limits(integer), description=text)


def mapping(c: Choices) -> list[Body]:
    def destination(c: Choices) -> Body:
        weight = c.members(2, weight=lambda c: c.one([50, 0, 100, 60, 1, 101, 255]))
        return {"subject": subject(c)} | weight | c.members(2, cluster=lambda c: c.one(["east", "west", ""]))

    return c.several(destination)


def authorization(c: Choices) -> Body:
    def allowed(c: Choices) -> str:
        return "*" if c.one_in(4) else key_of(A)(c)

    return c.members(
        2, auth_users=lambda c: c.several(key_of(U)), allowed_accounts=lambda c: c.several(allowed), xkey=key_of(CURVE)
    )


def trace(c: Choices) -> Body | None:
    made = c.members(2, dest=subject, sampling=lambda c: c.one([50, 0, 1, 100, 101, -1]))
    return None if c.one_in(16) else made


def account(c: Choices, sub: str) -> Body:
    made = {"limits": limits(c)} if c.under(6) else {}
    made |= c.members(2, imports=lambda c: c.several(import_of(sub), 4), exports=lambda c: c.several(export))
    return made | c.members(
        4, signing_keys=lambda c: c.several(signing_key), revocations=revocations, default_permissions=permissions,
        mappings=lambda c: {subject(c): mapping(c) for _ in range(c.under(3))}, authorization=authorization,
        cluster_traffic=lambda c: c.one(["owner", "system", "", "Owner", "x"]), trace=trace, description=long_text,
        info_url=url, tags=tags,
    )  # fmt: skip


def authorization_request(c: Choices) -> Body:
    words = ("name", "host", "version", "cluster")
    server = c.members(2, **dict.fromkeys(words, text), id=key_of(N), xkey=key_of(CURVE), tags=tags)
    client = c.members(
        3, **dict.fromkeys(("host", "user", "name", "name_tag", "kind", "type", "mqtt_id", "nonce"), text), tags=tags,
        id=lambda c: c.one([7, 0, 2**63, 2**64 - 1, 2**53 + 1]),
    )  # fmt: skip
    shown = ("jwt", "nkey", "sig", "auth_token", "user", "pass_", "name", "lang", "version")
    options = c.members(3, **dict.fromkeys(shown, text), protocol=wide)

    def texts(c: Choices) -> list[str]:
        return c.several(text)

    tls = c.members(2, version=text, cipher=text, certs=texts, verified_chains=lambda c: c.several(texts))
    made = c.members(2, user_nkey=key_of(U, 3), request_nonce=text, tags=tags)
    made |= c.members(
        2, server_id=lambda _: server, client_info=lambda _: client, connect_opts=lambda _: options,
        client_tls=lambda c: None if c.one_in(6) else tls,
    )  # fmt: skip
    return made


def authorization_response(c: Choices) -> Body:
    return c.members(2, jwt=text, error=text, issuer_account=key_of(A, 3), tags=tags)


FLOATS = [1.5, 0.0, 1e20, 1e21, 1.5e300, 1e-6, 1e-7, 123456789.125, -2.5e-9, 5e-324, 0.1, 100.0, 1e23, 2.0**70]


def datum(c: Choices, depth: int = 0) -> Any:  # noqa: ANN401  # JSON
    match c.under(8 if depth < 3 else 5):
        case 0 | 1:
            return c.one(TEXTS)
        case 2:
            return c.one([1, 0, -1, 2**31, -(2**53), 2**53])
        case 3:
            return c.one(FLOATS)
        case 4:
            return c.one([True, False, None])
        case 5:
            return c.several(lambda c: datum(c, depth + 1))
        case _:
            return {c.one([*TEXTS, *TAGS]): datum(c, depth + 1) for _ in range(c.under(4))}


def free(c: Choices) -> Body:
    kinds = ["free", "generic", "", "user", "account", "cluster", 7, None]
    return {c.one([*TEXTS, *TAGS]): datum(c) for _ in range(c.under(5))} | c.members(
        3, type=lambda c: c.one(kinds), version=datum, tags=datum, nats=lambda c: {"type": c.one(kinds)}
    )


BODIES: dict[str, Callable[[Choices], Body]] = {
    "operator": operator,
    "user": user,
    "activation": activation,
    "authorization_request": authorization_request,
    "authorization_response": authorization_response,
    "generic": free,
}
KINDS = ("operator", "account", *list(BODIES)[1:])
SIGNERS = {"operator": [O], "account": [O, A], "user": [A], "activation": [A, O], "authorization_request": [N],
           "authorization_response": [A], "generic": [U, A, O, N]}  # fmt: skip
SUBJECTS = {"operator": O, "account": A, "user": U, "activation": A, "authorization_response": U}


def body_of(kind: str, c: Choices, sub: str) -> Body:
    return account(c, sub) if kind == "account" else BODIES[kind](c)


def standard(kind: str, c: Choices) -> Body:
    """The members beside `nats`; what signing sets stands there in vain."""
    made: Body = {"sub": key_of(SUBJECTS.get(kind, A), 24)(c)}
    made |= c.members(3, name=text, exp=moment, nbf=moment)
    made |= {"aud": key_of(N, 4)(c)} if kind == "authorization_response" else c.members(6, aud=text)
    return made | c.members(12, iat=moment, jti=text, iss=text)


def case(kind: str, data: bytes) -> Case:
    """Return the case of a kind that *data* decides on."""
    c = Choices(data)
    replaced = c.one_in(3)
    signer = c.one([O, A, U, N]) if c.one_in(40) else c.one(SIGNERS[kind])
    seed, iat = c.one(SEEDS[signer]), c.one([SIGNED, OLD, 1, 9_999_999_999])
    claims = standard(kind, c)
    claims["nats"] = body_of(kind, c, claims["sub"])
    if c.one_in(8) and kind != "generic":
        claims["nats"] |= c.one([{"type": kind}, {"version": 2}, {"type": "x", "version": 1}])
    return Case(kind, claims, seed, iat, replaced and sayable(claims))


def sayable(value: object) -> bool:
    """Tell whether `replace` can say it: it has no words for `null`, nor for the other spellings of a member."""
    if isinstance(value, dict):
        spelled = isinstance(value.get("src"), str) or value.get("sampling") == "Headers" or "pass" in value
        return not spelled and all(map(sayable, value.values()))
    return value is not None and (not isinstance(value, list) or all(map(sayable, value)))


BYTES, BATCH = 300, 20


def batches(kind: str) -> st.SearchStrategy[list[Case]]:
    """Draw `BATCH` cases of a kind at once: asking the reference costs least so."""
    one = st.binary(min_size=BYTES, max_size=BYTES).map(lambda data: case(kind, data))
    return st.lists(one, min_size=BATCH, max_size=BATCH)
