"""Every rule of accounts, but those of imports, exports and mappings: one problem each, and none beside."""

# ruff: noqa: ANN401  # members of claims are of any type

from typing import Any

import pytest
from rule_cases import NOW, UNLIMITED, Asked, Rule, account, each, key, unsound

from natscreds.nkeys import KeyType, format_public

ROLE_KEY = key(KeyType.ACCOUNT, 2)
OTHER_KEY = key(KeyType.ACCOUNT, 3)
USER = key(KeyType.USER)
CURVE = format_public(KeyType.CURVE, bytes(range(32)))

TIERS = {"R1": {"disk_storage": 1}}


def limits(**changes: Any) -> Asked:
    return account(limits=UNLIMITED | changes)


def role(name: str = "device", public: str = ROLE_KEY, **template: Any) -> dict[str, Any]:
    return {"key": public, "role": name, "template": template}


def template(**members: Any) -> Asked:
    return account(signing_keys=[role(**members)])


def callout(**members: Any) -> Asked:
    return account(authorization=members)


def exports(*subjects: str) -> list[dict[str, str]]:
    return [{"subject": subject, "type": "stream"} for subject in subjects]


def imports(*subjects: str) -> list[dict[str, str]]:
    return [{"subject": subject, "type": "stream", "account": OTHER_KEY} for subject in subjects]


def revoked(count: int) -> Asked:
    return account(revocations={f"{number:056}": NOW for number in range(count)})


LIMITS = "$.nats.limits"
DEFAULTS = "$.nats.default_permissions"
CALLOUT = "$.nats.authorization"
TRACE = "$.nats.trace"
TEMPLATE = "$.nats.signing_keys[0].template"
SELF: dict[str, Any] = {"iss": key(KeyType.ACCOUNT)}
OPERATOR: dict[str, Any] = {"iss": key(KeyType.OPERATOR)}

RULES = [
    Rule("expired", "time", "$.exp", account(exp=NOW - 1, now=NOW), account(exp=NOW + 1, now=NOW)),
    Rule("not-yet-valid", "time", "$.nbf", account(nbf=NOW + 1, now=NOW), account(nbf=NOW, now=NOW)),
    Rule("expires-negative", "error", "$.exp", account(exp=-1), account(exp=0)),
    Rule("self-signed-limits", "warning", LIMITS, account(**SELF), account(**OPERATOR)),
    Rule(
        "self-signed-limits",
        "warning",
        LIMITS,
        account(**SELF),
        account(**SELF, limits=dict.fromkeys(UNLIMITED, 0) | {"wildcards": False}),
        "but no limits",
    ),
    # --- limits
    Rule(
        "too-many-imports",
        "error",
        "$.nats.imports",
        account(limits=UNLIMITED | {"imports": 1}, imports=imports("a", "b")),
        account(limits=UNLIMITED | {"imports": 1}, imports=imports("a")),
    ),
    Rule("too-many-imports", "error", "$.nats.imports", limits(imports=-2), limits(imports=-1), "less than no limit"),
    Rule(
        "too-many-exports",
        "error",
        "$.nats.exports",
        account(limits=UNLIMITED | {"exports": 1}, exports=exports("a", "b")),
        account(limits=UNLIMITED | {"exports": 1}, exports=exports("a")),
    ),
    Rule(
        "export-wildcards",
        "error",
        "$.nats.exports[1].subject",
        account(limits=UNLIMITED | {"exports": 2, "wildcards": False}, exports=exports("a", "b.*")),
        account(limits=UNLIMITED | {"exports": 2, "wildcards": False}, exports=exports("a", "b")),
    ),
    Rule(
        "export-wildcards",
        "error",
        "$.nats.exports[0].subject",
        account(limits=UNLIMITED | {"exports": 1, "wildcards": False}, exports=exports("b.>")),
        account(limits=UNLIMITED | {"wildcards": False}, exports=exports("b.>")),
        "with a limit of exports only",
    ),
    Rule(
        "limits-flat-and-tiered", "error", LIMITS, limits(tiered_limits=TIERS, streams=1), limits(tiered_limits=TIERS)
    ),
    Rule(
        "tier-without-name",
        "error",
        f"{LIMITS}.tiered_limits",
        limits(tiered_limits={"": {"streams": 1}}),
        limits(tiered_limits=TIERS),
    ),
    Rule("account-subs-zero", "warning", f"{LIMITS}.subs", limits(subs=0), limits(subs=1)),
    # --- default permissions: as users'
    Rule(
        "empty-list",
        "error",
        f"{DEFAULTS}.pub.allow",
        account(default_permissions={"pub": {"allow": ()}}),
        account(default_permissions={"pub": {"deny": [">"]}}),
    ),
    Rule(
        "subject-dot-at-end",
        "error",
        f"{DEFAULTS}.pub.deny[0]",
        account(default_permissions={"pub": {"deny": ["a."]}}),
        account(default_permissions={"pub": {"deny": ["a"]}}),
    ),
    Rule(
        "entry-dropped",
        "error",
        f"{DEFAULTS}.sub.deny[0]",
        account(default_permissions={"sub": {"deny": ["a.>.b"]}}),
        account(default_permissions={"sub": {"deny": ["a.>"]}}),
        "default permissions",
    ),
    # --- callout
    Rule(
        "callout-without-users",
        "error",
        f"{CALLOUT}.allowed_accounts",
        callout(allowed_accounts=["*"]),
        callout(allowed_accounts=["*"], auth_users=[USER]),
    ),
    Rule(
        "callout-user",
        "error",
        f"{CALLOUT}.auth_users[1]",
        callout(auth_users=[USER, OTHER_KEY]),
        callout(auth_users=[USER]),
    ),
    Rule(
        "key-unsound",
        "error",
        f"{CALLOUT}.auth_users[0]",
        callout(auth_users=[unsound(KeyType.USER)]),
        callout(auth_users=[USER]),
        "callout user",
    ),
    Rule(
        "callout-account",
        "error",
        f"{CALLOUT}.allowed_accounts[0]",
        callout(auth_users=[USER], allowed_accounts=[USER]),
        callout(auth_users=[USER], allowed_accounts=[OTHER_KEY]),
    ),
    Rule(
        "callout-any-and-more",
        "error",
        f"{CALLOUT}.allowed_accounts[0]",
        callout(auth_users=[USER], allowed_accounts=["*", OTHER_KEY]),
        callout(auth_users=[USER], allowed_accounts=["*"]),
    ),
    Rule(
        "callout-xkey",
        "error",
        f"{CALLOUT}.xkey",
        callout(auth_users=[USER], xkey=OTHER_KEY),
        callout(auth_users=[USER], xkey=CURVE),
    ),
    # --- tracing
    Rule(
        "subject-empty",
        "error",
        f"{TRACE}.dest",
        account(trace={"sampling": 1}),
        account(trace={"dest": "a", "sampling": 1}),
    ),
    Rule("subject-space", "error", f"{TRACE}.dest", account(trace={"dest": "a b"}), account(trace={"dest": "a-b"})),
    Rule("trace-wildcards", "error", f"{TRACE}.dest", account(trace={"dest": "a.*"}), account(trace={"dest": "a.b"})),
    Rule(
        "trace-sampling",
        "error",
        f"{TRACE}.sampling",
        account(trace={"dest": "a", "sampling": 101}),
        account(trace={"dest": "a", "sampling": 100}),
    ),
    Rule(
        "trace-sampling",
        "error",
        f"{TRACE}.sampling",
        account(trace={"dest": "a", "sampling": -1}),
        account(trace={"dest": "a", "sampling": 0}),
        "negative",
    ),
    # --- signing keys and roles
    Rule(
        "signing-key",
        "error",
        "$.nats.signing_keys[1]",
        account(signing_keys=[ROLE_KEY, USER]),
        account(signing_keys=[ROLE_KEY, OTHER_KEY]),
    ),
    Rule(
        "signing-key",
        "error",
        "$.nats.signing_keys[0]",
        account(signing_keys=[role(public="")]),
        account(signing_keys=[role()]),
        "of a role",
    ),
    Rule(
        "key-unsound",
        "error",
        "$.nats.signing_keys[0]",
        account(signing_keys=[unsound(KeyType.ACCOUNT)]),
        account(signing_keys=[OTHER_KEY]),
        "signing key",
    ),
    Rule(
        "key-unsound",
        "error",
        "$.nats.signing_keys[0]",
        account(signing_keys=[role(public=unsound(KeyType.ACCOUNT))]),
        account(signing_keys=[role()]),
        "signing key of a role",
    ),
    Rule(
        "signing-key-repeated",
        "warning",
        "$.nats.signing_keys[1]",
        account(signing_keys=[ROLE_KEY, role()]),
        account(signing_keys=[OTHER_KEY, role()]),
    ),
    Rule(
        "role-name-repeated",
        "warning",
        "$.nats.signing_keys[1].role",
        account(signing_keys=[role(), role(public=OTHER_KEY)]),
        account(signing_keys=[role(), role("other", public=OTHER_KEY)]),
    ),
    Rule("limit-zero", "error", f"{TEMPLATE}.subs", template(subs=0), template(subs=1), "subs"),
    Rule("limit-zero", "error", f"{TEMPLATE}.data", template(data=0), template(data=1), "data"),
    Rule("limit-zero", "error", f"{TEMPLATE}.payload", template(payload=0), template(payload=-1), "payload"),
    Rule("empty-list", "error", f"{TEMPLATE}.src", template(src=()), template(src=None), "in a role"),
    Rule(
        "empty-list",
        "error",
        f"{TEMPLATE}.sub.allow",
        template(sub={"allow": ()}),
        template(sub={"deny": [">"]}),
        "of subjects in a role",
    ),
    Rule(
        "template-format",
        "error",
        f"{TEMPLATE}.src[0]",
        template(src=["10.0.0.1"]),
        template(src=["10.0.0.1/32"]),
        "network",
    ),
    Rule(
        "template-format",
        "error",
        f"{TEMPLATE}.times[0].end",
        template(times=[{"start": "9:00:00", "end": "late"}]),
        template(times=[{"start": "9:00:00", "end": "10:00:00"}]),
        "time of day",
    ),
    Rule(
        "template-format",
        "error",
        f"{TEMPLATE}.times_location",
        template(times_location="Mars"),
        template(times_location="UTC"),
        "time zone",
    ),
    Rule(
        "template-format",
        "error",
        f"{TEMPLATE}.allowed_connection_types",
        template(allowed_connection_types=["X"]),
        template(allowed_connection_types=["MQTT"]),
        "connection types",
    ),
    Rule(
        "template-entry",
        "error",
        f"{TEMPLATE}.pub.allow[0]",
        template(pub={"allow": ["{{nobody()}}"]}),
        template(pub={"allow": ["{{ Name() }}"]}),
        "in an allow list",
    ),
    Rule(
        "template-entry",
        "error",
        f"{TEMPLATE}.sub.deny[1]",
        template(sub={"deny": ["a", "{{tag(x}}"]}),
        template(sub={"deny": ["a", "{{tag(x)}}"]}),
        "in a deny list",
    ),
    Rule(
        "template-queue",
        "error",
        f"{TEMPLATE}.sub.deny[0]",
        template(sub={"deny": ["a q", "{{name()}}"]}),
        template(sub={"deny": ["a", "{{name()}}"]}),
    ),
    Rule(
        "template-queue",
        "warning",
        f"{TEMPLATE}.sub.allow[0]",
        template(sub={"allow": ["a q", "{{name()}}"]}),
        template(sub={"allow": ["a q", "{name()}"]}),
        "in an allow list",
    ),
    Rule(
        "role-tag-missing",
        "error",
        f"{TEMPLATE}.pub.deny[0]",
        template(pub={"deny": ["{{account-tag(region)}}"]}),
        account(tags=["region:eu"], signing_keys=[role(pub={"deny": ["{{account-tag(region)}}"]})]),
        "of the account, in a deny list",
    ),
    Rule(
        "role-tag-missing",
        "warning",
        f"{TEMPLATE}.pub.allow[0]",
        template(pub={"allow": ["{{account-tag(region)}}"]}),
        account(tags=["region:eu"], signing_keys=[role(pub={"allow": ["{{account-tag(region)}}"]})]),
        "of the account",
    ),
    Rule(
        "entry-dropped",
        "error",
        f"{TEMPLATE}.pub.deny[0]",
        template(pub={"deny": ["a q"]}),
        template(sub={"deny": ["a q"]}),
        "pub.deny of a role",
    ),
    Rule(
        "entry-dropped",
        "error",
        f"{TEMPLATE}.sub.deny[0]",
        template(sub={"deny": ["a.>.{{name()}}"]}),
        template(sub={"deny": ["a.{{name()}}.>"]}),
        "sub.deny of a role",
    ),
    Rule(
        "entry-dropped",
        "warning",
        f"{TEMPLATE}.sub.allow[0]",
        template(sub={"allow": ["a..b"]}),
        template(sub={"allow": ["a.b"]}),
        "sub.allow of a role",
    ),
    Rule(
        "allow-ends-in-star",
        "warning",
        f"{TEMPLATE}.sub.allow[0]",
        template(sub={"allow": ["{{name()}}.*"]}),
        template(pub={"allow": ["{{name()}}.*"]}),
        "in a role",
    ),
    Rule(
        "shared-inbox",
        "warning",
        f"{TEMPLATE}.sub.allow[0]",
        template(sub={"allow": ["_INBOX.>"]}),
        template(sub={"allow": ["_INBOX.{{subject()}}.>"]}),
        "in a role",
    ),
    # --- for people, and for servers
    Rule(
        "info-too-long",
        "error",
        "$.nats.description",
        account(description="é" * 4_097),
        account(description="é" * 4_096),
        "description",
    ),
    Rule(
        "info-too-long",
        "error",
        "$.nats.info_url",
        account(info_url="http://h/".ljust(8_193, "x")),
        account(info_url="http://h/".ljust(8_192, "x")),
        "URL",
    ),
    Rule("info-url", "error", "$.nats.info_url", account(info_url="h/about"), account(info_url="http://h/about")),
    Rule(
        "cluster-traffic",
        "error",
        "$.nats.cluster_traffic",
        account(cluster_traffic="Owner"),
        account(cluster_traffic="owner"),
    ),
    Rule("token-too-large", "error", "$", revoked(11_500), revoked(11_000)),
]


@each(RULES)
def test_an_account_that_breaks_one_rule_has_that_problem(rule: Rule) -> None:
    assert rule.told() == rule.expected


@each(RULES)
def test_the_neighbour_of_an_account_that_breaks_a_rule_has_no_problem(rule: Rule) -> None:
    assert rule.sound.check() == []


SOUND = {
    "storage without tiers": limits(disk_storage=1, streams=1),
    "wildcards that the limits allow": account(limits=UNLIMITED | {"exports": 1}, exports=exports("b.*")),
    "a role that publishes to inboxes": template(pub={"allow": ["_INBOX.>"]}),
    "a role that is kept from inboxes": template(sub={"deny": ["_INBOX.>"]}),
    "a role with a queue": template(sub={"allow": ["a q"]}),
}


@pytest.mark.parametrize("what", SOUND)
def test_an_account_may_have(what: str) -> None:
    assert SOUND[what].check() == []


def test_a_queue_of_a_role_that_is_no_subject_is_dropped() -> None:
    assert [problem.code for problem in template(sub={"deny": ["a >.q"]}).check()] == ["entry-dropped"]
