"""Every rule of exports and imports: one problem each, and none beside."""

# ruff: noqa: ANN401  # members of claims are of any type

from typing import Any

from rule_cases import NOW, Asked, Rule, account, each, key, keypair

from natscreds import tokens
from natscreds.claims import ActivationClaims, OperatorClaims
from natscreds.nkeys import KeyType

EXPORTER = key(KeyType.ACCOUNT, 4)
EXPORT = "$.nats.exports[0]"
IMPORT = "$.nats.imports[0]"
TOKEN = f"{IMPORT}.token"


def stream(subject: str = "a", **members: Any) -> dict[str, Any]:
    return {"subject": subject, "type": "stream", **members}


def service(subject: str = "a", **members: Any) -> dict[str, Any]:
    return {"subject": subject, "type": "service", **members}


def exports(*held: dict[str, Any]) -> Asked:
    return account(exports=held)


def imports(*held: dict[str, Any], now: int | None = None) -> Asked:
    return account(imports=[{"account": EXPORTER, **import_} for import_ in held], now=now)


def latency(**members: Any) -> Asked:
    return exports(service(service_latency={"results": "r", **members}))


def position(subject: str, at: int, **members: Any) -> Asked:
    return exports(stream(subject, account_token_position=at, **members))


def activation(subject: str = "a", *, kind: str | None = "stream", **members: Any) -> str:
    """Sign an activation of the exporter for the importing account, good for a stream, whether it is sound or not."""
    body = {"subject": subject, "kind": kind, **members.pop("nats", {})}
    claims = ActivationClaims(sub=members.pop("sub", key(KeyType.ACCOUNT))).replace(**members).replace(nats=body)
    return tokens.sign(claims, keypair(KeyType.ACCOUNT, members.get("by", 4)), issued_at=NOW - 10, check=False)


def activated(text: str, *, now: int | None = None, **members: Any) -> Asked:
    return imports(stream(token=text, **members), now=now)


def tampered() -> str:
    """Return an activation whose signature is another's."""
    return ".".join([*activation().split(".")[:2], activation("b").split(".")[2]])


def of_operator() -> str:
    claims = OperatorClaims(sub=key(KeyType.OPERATOR))
    return tokens.sign(claims, keypair(KeyType.OPERATOR), issued_at=NOW)


def by_signing_key(**nats: Any) -> str:
    claims = ActivationClaims(sub=key(KeyType.ACCOUNT)).replace(nats={"subject": "a", "kind": "stream", **nats})
    return tokens.sign(claims, keypair(KeyType.ACCOUNT, 5), issued_at=NOW, check=False)


EXPORTS = [
    Rule("export-type", "error", f"{EXPORT}.type", exports({"subject": "a"}), exports(stream())),
    Rule(
        "response-type",
        "error",
        f"{EXPORT}.response_type",
        exports(service(response_type="singleton")),
        exports(service(response_type="Chunked")),
    ),
    Rule(
        "response-of-stream",
        "error",
        f"{EXPORT}.response_type",
        exports(stream(response_type="Stream")),
        exports(service(response_type="Stream")),
    ),
    Rule(
        "trace-of-stream",
        "error",
        f"{EXPORT}.allow_trace",
        exports(stream(allow_trace=True)),
        exports(service(allow_trace=True)),
    ),
    Rule(
        "latency-of-stream",
        "error",
        f"{EXPORT}.service_latency",
        exports(stream(service_latency={"results": "r"})),
        latency(),
    ),
    Rule(
        "latency-sampling", "error", f"{EXPORT}.service_latency.sampling", latency(sampling=101), latency(sampling=100)
    ),
    Rule(
        "latency-sampling",
        "error",
        f"{EXPORT}.service_latency.sampling",
        latency(sampling=-1),
        latency(sampling="headers"),
        "negative",
    ),
    Rule("subject-empty", "error", f"{EXPORT}.service_latency.results", latency(results=""), latency(), "results"),
    Rule(
        "latency-wildcards", "error", f"{EXPORT}.service_latency.results", latency(results="r.>"), latency(results="r")
    ),
    Rule(
        "threshold-negative",
        "error",
        f"{EXPORT}.response_threshold",
        exports(service(response_threshold=-1)),
        exports(service(response_threshold=1)),
    ),
    Rule(
        "threshold-of-stream",
        "error",
        f"{EXPORT}.response_threshold",
        exports(stream(response_threshold=1)),
        exports(stream(response_threshold=0)),
    ),
    Rule("subject-empty", "error", f"{EXPORT}.subject", exports(stream("")), exports(stream())),
    Rule("subject-space", "error", f"{EXPORT}.subject", exports(stream("a b")), exports(stream("a.b"))),
    Rule("subject-dot-at-end", "error", f"{EXPORT}.subject", exports(stream("a.")), exports(stream("a"))),
    Rule("subject-empty-token", "error", f"{EXPORT}.subject", exports(stream("a..b")), exports(stream("a.b"))),
    Rule(
        "position-without-wildcard", "error", f"{EXPORT}.account_token_position", position("a.b", 2), position("a.*", 2)
    ),
    Rule("position-too-far", "error", f"{EXPORT}.account_token_position", position("a.*", 3), position("a.*.*", 3)),
    Rule("position-no-star", "error", f"{EXPORT}.account_token_position", position("a.*", 1), position("*.a", 1)),
    Rule(
        "position-no-star",
        "error",
        f"{EXPORT}.account_token_position",
        position("a.>", 2),
        position("a.*.>", 2),
        "but the tail",
    ),
    Rule(
        "token-ignored",
        "warning",
        f"{EXPORT}.account_token_position",
        position("a.*", 2, token_req=True),
        exports(stream("a.*", token_req=True)),
    ),
    Rule(
        "info-too-long",
        "error",
        f"{EXPORT}.description",
        exports(stream(description="x" * 8_193)),
        exports(stream(description="x" * 8_192)),
    ),
    Rule(
        "info-url",
        "error",
        f"{EXPORT}.info_url",
        exports(stream(info_url="http:///x")),
        exports(stream(info_url="http://x")),
    ),
    Rule(
        "export-contains",
        "error",
        "$.nats.exports[1].subject",
        exports(stream("a.b"), stream("a.*")),
        exports(stream("a.b"), service("a.*")),
    ),
    Rule(
        "export-contains",
        "error",
        f"{EXPORT}.subject",
        exports(service(), service()),
        exports(service(), stream()),
        "the same twice",
    ),
    Rule(
        "export-contains",
        "error",
        f"{EXPORT}.subject",
        exports(stream(">"), stream("a"), stream("b")),
        exports(stream("a.*"), stream("*.b")),
        "many",
    ),
]

IMPORTS = [
    Rule("import-type", "error", f"{IMPORT}.type", imports({"subject": "a"}), imports(stream())),
    Rule(
        "trace-of-service",
        "error",
        f"{IMPORT}.allow_trace",
        imports(service(allow_trace=True)),
        imports(stream(allow_trace=True)),
    ),
    Rule("import-account", "error", f"{IMPORT}.account", imports(stream(account="")), imports(stream())),
    Rule("import-to", "warning", f"{IMPORT}.to", imports(stream(to="b")), imports(stream(local_subject="b"))),
    Rule("subject-empty", "error", f"{IMPORT}.subject", imports(stream("")), imports(stream()), "of an import"),
    Rule(
        "subject-empty-token",
        "error",
        f"{IMPORT}.subject",
        imports(service("a..b")),
        imports(service("a.b")),
        "of an import",
    ),
    Rule(
        "subject-dot-at-end",
        "error",
        f"{IMPORT}.local_subject",
        imports(stream(local_subject=".b")),
        imports(stream(local_subject="b")),
        "local",
    ),
    Rule(
        "renaming-tail",
        "error",
        f"{IMPORT}.local_subject",
        imports(stream("a.>", local_subject="b")),
        imports(stream("a.>", local_subject="b.>")),
    ),
    Rule(
        "renaming-count",
        "error",
        f"{IMPORT}.local_subject",
        imports(stream("a.*.*", local_subject="$1")),
        imports(stream("a.*.*", local_subject="$2.$1")),
    ),
    Rule(
        "renaming-reference",
        "error",
        f"{IMPORT}.local_subject",
        imports(stream("*", local_subject="*.$2")),
        imports(stream("*", local_subject="$1.$x")),
    ),
    Rule(
        "import-renamed-twice",
        "error",
        f"{IMPORT}.local_subject",
        imports(stream(to="b", local_subject="b")),
        imports(stream(local_subject="b")),
        also=("import-to",),
    ),
    Rule("share-of-stream", "error", f"{IMPORT}.share", imports(stream(share=True)), imports(service(share=True))),
    Rule(
        "import-repeated",
        "error",
        "$.nats.imports[1]",
        imports(service("a"), service("b", local_subject="a")),
        imports(service("a"), service("a", local_subject="b")),
    ),
    Rule(
        "import-repeated",
        "error",
        "$.nats.imports[1]",
        imports(service(), service()),
        imports(service(), service(account=key(KeyType.ACCOUNT, 6))),
        "of one account only",
    ),
    Rule(
        "import-repeated",
        "error",
        "$.nats.imports[1]",
        imports(service(), service()),
        imports(stream(), stream()),
        "services only",
    ),
    Rule(
        "import-overlap",
        "error",
        "$.nats.imports[1]",
        imports(service("a.b"), service("a.*")),
        imports(service("a.b"), service("b.*")),
    ),
    Rule(
        "import-overlap",
        "error",
        "$.nats.imports[1]",
        imports(service("*.x", local_subject="l.$1"), service("l.x")),
        imports(service("*.x", local_subject="l.$1"), service("m.x")),
        "of a local name",
    ),
]

ACTIVATIONS = [
    Rule("activation-unreadable", "error", TOKEN, activated("eyJ"), activated(""), "no token"),
    Rule(
        "activation-unreadable",
        "error",
        TOKEN,
        activated(tampered()),
        activated(activation()),
        "a signature that does not hold",
    ),
    Rule("activation-unreadable", "error", TOKEN, activated(of_operator()), activated(activation()), "of another kind"),
    Rule(
        "activation-issuer",
        "error",
        TOKEN,
        activated(by_signing_key()),
        activated(by_signing_key(issuer_account=EXPORTER)),
    ),
    Rule("activation-subject", "error", TOKEN, activated(activation(sub=EXPORTER)), activated(activation())),
    Rule("activation-type", "error", TOKEN, activated(activation(kind="service")), activated(activation())),
    Rule("activation-covers", "error", TOKEN, activated(activation("b.>")), activated(activation(">"))),
    Rule(
        "activation-covers",
        "error",
        TOKEN,
        activated(activation("b"), subject="a"),
        activated(activation("b"), subject="b"),
        "another subject",
    ),
    Rule(
        "activation-kind",
        "error",
        f"{TOKEN}.nats.kind",
        activated(activation(kind=None)),
        activated(activation()),
        "of an import",
        also=("activation-type",),
    ),
    Rule(
        "subject-empty",
        "error",
        f"{TOKEN}.nats.subject",
        activated(activation("")),
        activated(activation()),
        "of an activation",
        also=("activation-covers",),
    ),
    Rule(
        "issuer-account",
        "error",
        f"{TOKEN}.nats.issuer_account",
        activated(activation(nats={"issuer_account": "x"})),
        activated(activation(nats={"issuer_account": EXPORTER})),
        "of an activation",
    ),
    Rule(
        "activation-expired",
        "time",
        TOKEN,
        activated(activation(exp=NOW), now=NOW),
        activated(activation(exp=NOW + 1), now=NOW),
    ),
    Rule(
        "activation-expired",
        "time",
        TOKEN,
        activated(activation(exp=NOW), now=NOW),
        activated(activation(exp=NOW)),
        "not without a moment",
    ),
    Rule(
        "activation-not-yet-valid",
        "time",
        TOKEN,
        activated(activation(nbf=NOW + 1), now=NOW),
        activated(activation(nbf=NOW), now=NOW),
    ),
]

RULES = [*EXPORTS, *IMPORTS, *ACTIVATIONS]


@each(RULES)
def test_what_breaks_one_rule_has_that_problem(rule: Rule) -> None:
    assert rule.told() == rule.expected


@each(RULES)
def test_the_neighbour_of_what_breaks_a_rule_has_no_problem(rule: Rule) -> None:
    assert rule.sound.check() == []


def test_a_space_in_a_local_subject_is_told_twice_as_the_reference_does() -> None:
    found = imports(stream(local_subject="b c")).check()
    assert [(problem.code, problem.path) for problem in found] == [("subject-space", f"{IMPORT}.local_subject")] * 2


def test_an_overlapping_import_is_told_for_each_that_it_meets() -> None:
    found = imports(service("a"), service("b"), service("*")).check()
    assert [(problem.code, problem.path) for problem in found] == [("import-overlap", "$.nats.imports[2]")] * 2
    assert ["'a'" in found[0].message, "'b'" in found[1].message] == [True, True]
