"""Every rule of operators, activations, auth callout and generic claims: one problem each, and none beside."""

# ruff: noqa: ANN401  # members of claims are of any type

from typing import Any

import pytest
from rule_cases import NOW, Asked, Rule, each, key, unsound

from natscreds.claims import (
    ActivationClaims,
    AuthorizationRequestClaims,
    AuthorizationResponseClaims,
    GenericClaims,
    OperatorClaims,
)
from natscreds.errors import InvalidClaimsError
from natscreds.nkeys import KeyType

ACCOUNT = key(KeyType.ACCOUNT)
USER = key(KeyType.USER)
SERVER = key(KeyType.SERVER)


def operator(*, now: int | None = None, **members: Any) -> Asked:
    return Asked(OperatorClaims(sub=key(KeyType.OPERATOR)).replace(**members), now)


def activation(*, now: int | None = None, **members: Any) -> Asked:
    made = ActivationClaims(sub=ACCOUNT).replace(nats={"subject": "a", "kind": "stream"})
    return Asked(made.replace(**members), now)


def request(user_nkey: str = USER, *, now: int | None = None, **members: Any) -> Asked:
    return Asked(AuthorizationRequestClaims(sub=ACCOUNT).replace(user_nkey=user_nkey).replace(**members), now)


def response(
    *, now: int | None = None, sub: str = USER, aud: str = SERVER, exp: int = 0, nbf: int = 0, **body: str
) -> Asked:
    made = AuthorizationResponseClaims(sub=sub, aud=aud, exp=exp, nbf=nbf)
    return Asked(made.replace(**({"error": "no"} | body)), now)


def generic(*, now: int | None = None, **members: Any) -> Asked:
    return Asked(GenericClaims(sub="x", nats={"a": 1}, **members), now)


URLS = "$.nats.operator_service_urls[1]"

OPERATORS = [
    Rule(
        "account-server-url",
        "error",
        "$.nats.account_server_url",
        operator(account_server_url="h/jwt"),
        operator(account_server_url="http://u:p@h/jwt"),
        "no scheme",
    ),
    Rule(
        "account-server-url",
        "error",
        "$.nats.account_server_url",
        operator(account_server_url="http://%zz"),
        operator(account_server_url="nats:"),
        "no URL",
    ),
    Rule(
        "service-url",
        "error",
        URLS,
        operator(operator_service_urls=["nats://h", "http://h"]),
        operator(operator_service_urls=["nats://h", "WSS://h:1"]),
        "another scheme",
    ),
    Rule(
        "service-url",
        "error",
        URLS,
        operator(operator_service_urls=["nats://h", "nats://h/"]),
        operator(operator_service_urls=["nats://h", "nats://h?x"]),
        "a path",
    ),
    Rule(
        "service-url",
        "error",
        URLS,
        operator(operator_service_urls=["nats://h", "nats://@h"]),
        operator(operator_service_urls=["nats://h", ""]),
        "a user",
    ),
    Rule(
        "service-url",
        "error",
        URLS,
        operator(operator_service_urls=["nats://h", "nats://h:x"]),
        operator(operator_service_urls=["nats://h", "nats://h:1"]),
        "no URL",
    ),
    Rule(
        "signing-key",
        "error",
        "$.nats.signing_keys[0]",
        operator(signing_keys=[ACCOUNT]),
        operator(signing_keys=[key(KeyType.OPERATOR, 2)]),
    ),
    Rule(
        "key-unsound",
        "error",
        "$.nats.signing_keys[0]",
        operator(signing_keys=[unsound(KeyType.OPERATOR)]),
        operator(signing_keys=[key(KeyType.OPERATOR, 2)]),
        "signing key",
    ),
    Rule(
        "system-account",
        "error",
        "$.nats.system_account",
        operator(system_account=USER),
        operator(system_account=ACCOUNT),
    ),
    Rule(
        "key-unsound",
        "error",
        "$.nats.system_account",
        operator(system_account=unsound(KeyType.ACCOUNT)),
        operator(system_account=ACCOUNT),
        "system account",
    ),
    Rule(
        "server-version",
        "error",
        "$.nats.assert_server_version",
        operator(assert_server_version="2.15"),
        operator(assert_server_version="2.15.1"),
    ),
    Rule(
        "server-version",
        "error",
        "$.nats.assert_server_version",
        operator(assert_server_version="2.-1.0"),
        operator(assert_server_version="+2.01.0"),
        "negative",
    ),
]

ACTIVATIONS = [
    Rule("activation-kind", "error", "$.nats.kind", activation(kind=None), activation(kind="service")),
    Rule("subject-empty", "error", "$.nats.subject", activation(subject=""), activation(subject=">")),
    Rule("subject-dot-at-end", "error", "$.nats.subject", activation(subject="a."), activation(subject="a.*")),
    Rule(
        "issuer-account",
        "error",
        "$.nats.issuer_account",
        activation(issuer_account=USER),
        activation(issuer_account=ACCOUNT),
    ),
    Rule(
        "key-unsound",
        "error",
        "$.nats.issuer_account",
        activation(issuer_account=unsound(KeyType.ACCOUNT)),
        activation(issuer_account=ACCOUNT),
        "issuer account",
    ),
]

CALLOUT = [
    Rule("user-missing", "error", "$.nats.user_nkey", request(""), request()),
    Rule("user-key", "error", "$.nats.user_nkey", request(ACCOUNT), request(), "asked about"),
    Rule("user-key", "error", "$.sub", response(sub=ACCOUNT), response(), "answered about"),
    Rule("key-unsound", "error", "$.sub", response(sub=unsound(KeyType.USER)), response(), "answered about"),
    Rule("server-key", "error", "$.aud", response(aud=""), response()),
    Rule("answer-missing", "error", "$.nats", response(error=""), response()),
    Rule("answer-twice", "error", "$.nats", response(jwt="eyJ"), response(jwt="eyJ", error="")),
    Rule(
        "issuer-account",
        "error",
        "$.nats.issuer_account",
        response(issuer_account="x"),
        response(issuer_account=ACCOUNT),
        "of an answer",
    ),
]

TIMES = [
    rule
    for name, make in (
        ("operator", operator),
        ("activation", activation),
        ("request", request),
        ("response", response),
        ("generic", generic),
    )
    for rule in (
        Rule("expired", "time", "$.exp", make(exp=NOW - 1, now=NOW), make(exp=NOW, now=NOW), name),
        Rule("not-yet-valid", "time", "$.nbf", make(nbf=NOW + 1, now=NOW), make(nbf=NOW, now=NOW), name),
        Rule("expires-negative", "error", "$.exp", make(exp=-1), make(exp=0), name),
    )
]

RULES = [*OPERATORS, *ACTIVATIONS, *CALLOUT, *TIMES]


@each(RULES)
def test_claims_that_break_one_rule_have_that_problem(rule: Rule) -> None:
    assert rule.told() == rule.expected


@each(RULES)
def test_the_neighbour_of_claims_that_break_a_rule_has_no_problem(rule: Rule) -> None:
    assert rule.sound.check() == []


@pytest.mark.parametrize("missing", ["iss", "sub", "subject"])
def test_an_activation_s_id_takes_what_it_is_made_of(missing: str) -> None:
    made = ActivationClaims(sub=ACCOUNT, iss=ACCOUNT).replace(nats={"subject": "a"})
    assert len(made.hash_id()) == 56
    with pytest.raises(InvalidClaimsError) as caught:
        made.replace(**{missing: ""}).hash_id()
    assert [(problem.path, problem.code) for problem in caught.value.problems] == [("$", "hash-id")]
