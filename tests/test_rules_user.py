"""Every rule of users: claims that break it have that one problem, and their neighbours none."""

# ruff: noqa: ANN401  # members of claims are of any type

import json
from typing import Any

from rule_cases import NOW, UNLIMITED, Asked, Rule, account, each, key, unsound, user

from natscreds.claims import AccountClaims, UserClaims, decode
from natscreds.nkeys import KeyType

ALL_BUT = "a.>.b"
ROLE_KEY = key(KeyType.ACCOUNT, 2)
SIGNING_KEY = key(KeyType.ACCOUNT, 3)


def one(member: str, value: Any) -> Asked:
    members: dict[str, Any] = {member: value}
    return user(**members)


def pub(*entries: str, deny: tuple[str, ...] | None = None) -> Asked:
    return user(pub={"allow": entries, "deny": deny})


def sub(*entries: str, deny: tuple[str, ...] | None = None) -> Asked:
    return user(sub={"allow": entries, "deny": deny})


def times(**moments: str) -> Asked:
    return user(times=[moments])


def host(**members: Any) -> AccountClaims:
    """An account with a plain signing key and a role."""
    template: dict[str, Any] = {"pub": {"allow": ["a"]}, "sub": {"allow": ["a"]}, **members.pop("template", {})}
    keys: list[Any] = [SIGNING_KEY, {"key": ROLE_KEY, "role": "device", "template": template}]
    claims = account(signing_keys=keys, **members).claims
    assert isinstance(claims, AccountClaims)
    return claims


def member(account: AccountClaims, *, iss: str = SIGNING_KEY, exp: int = NOW + 1_000, **nats: Any) -> Asked:
    """Ask about a user of *account* in it, signed by one of its plain signing keys."""
    return user(account=account, claims={"iss": iss, "exp": exp}, issuer_account=key(KeyType.ACCOUNT), **nats)


def scoped(
    account: AccountClaims, *, exp: int = NOW + 1_000, name: str = "svc", iss: str = ROLE_KEY, **nats: Any
) -> Asked:
    """Ask about a user of the role of *account* in it."""
    made = UserClaims(name=name, sub=key(KeyType.USER), exp=exp, iss=iss)
    return Asked(made.replace(nats={"issuer_account": key(KeyType.ACCOUNT), **nats}), None, account)


def zero(**nats: Any) -> Asked:
    """Ask about a user without limits, as of a role, but of an account that is not at hand."""
    return scoped(host(), **nats)._replace(account=None)


DEFAULTS = {"pub": {"allow": ["a"]}}
TAGGED = {"pub": {"deny": ["{{tag(team)}}.secret"]}}
LONG = [f"orders.{number:04}.>" for number in range(100)]

RULES = [
    Rule("expired", "time", "$.exp", user(claims={"exp": NOW - 1}, now=NOW), user(claims={"exp": NOW}, now=NOW)),
    Rule("not-yet-valid", "time", "$.nbf", user(claims={"nbf": NOW + 1}, now=NOW), user(claims={"nbf": NOW}, now=NOW)),
    Rule("expires-negative", "error", "$.exp", user(claims={"exp": -1}), user(claims={"exp": 1})),
    Rule("no-expiry", "warning", "$.exp", user(claims={"exp": 0}), user()),
    *(
        Rule(
            "empty-list",
            "error",
            f"$.nats.{way}.{which}",
            one(way, {which: ()}),
            one(way, {which: None}),
            f"{way}.{which}",
        )
        for way in ("pub", "sub")
        for which in ("allow", "deny")
    ),
    *(
        Rule("empty-list", "error", f"$.nats.{name}", one(name, ()), one(name, None), name)
        for name in ("src", "times", "allowed_connection_types")
    ),
    # --- the reference's rules of entries
    Rule("subject-empty", "error", "$.nats.pub.allow[1]", pub("a", ""), pub("a", "b")),
    Rule("subject-dot-at-end", "error", "$.nats.sub.deny[0]", sub("a", deny=("b.",)), sub("a", deny=("b",))),
    Rule("subject-dot-at-end", "error", "$.nats.pub.allow[0]", pub(".a"), pub("a"), "in front"),
    Rule("subject-empty-token", "error", "$.nats.pub.deny[0]", pub("a", deny=("a..b",)), pub("a", deny=("a.b",))),
    Rule("subject-empty-token", "error", "$.nats.sub.allow[0]", sub("a q..r"), sub("a q.r"), "of a queue"),
    Rule("entry-queue", "error", "$.nats.pub.allow[0]", pub("a q"), sub("a q")),
    Rule(
        "entry-queue",
        "error",
        "$.nats.pub.deny[0]",
        pub("a", deny=("a q",)),
        sub("a", deny=("a q",)),
        "a blank in a deny list",
    ),
    Rule("entry-spaces", "error", "$.nats.sub.allow[0]", sub("a  q"), sub("a q")),
    Rule(
        "entry-spaces",
        "error",
        "$.nats.sub.deny[0]",
        sub("a", deny=("a b c",)),
        sub("a", deny=("a b",)),
        "in a deny list",
    ),
    # --- what servers drop
    Rule(
        "entry-dropped",
        "error",
        "$.nats.pub.deny[0]",
        pub("a", deny=(ALL_BUT,)),
        pub("a", deny=("a.b.>",)),
        "pub.deny, > not last",
    ),
    Rule(
        "entry-dropped",
        "error",
        "$.nats.sub.deny[0]",
        sub("a", deny=(ALL_BUT,)),
        sub("a", deny=("a.b.>",)),
        "sub.deny, > not last",
    ),
    Rule(
        "entry-dropped",
        "error",
        "$.nats.pub.deny[0]",
        pub("a", deny=("a\tb",)),
        pub("a", deny=("a-b",)),
        "pub.deny, a tab",
    ),
    Rule(
        "entry-dropped",
        "error",
        "$.nats.sub.deny[0]",
        sub("a", deny=("a\u00a0q",)),
        sub("a", deny=("a q",)),
        "sub.deny, another blank",
    ),
    Rule("entry-dropped", "warning", "$.nats.pub.allow[0]", pub(ALL_BUT), pub("a.b.>"), "pub.allow"),
    Rule("entry-dropped", "warning", "$.nats.sub.allow[0]", sub(ALL_BUT), sub("a.b.>"), "sub.allow"),
    Rule("entry-dropped", "warning", "$.nats.sub.allow[0]", sub("a >.q"), sub("a q.>"), "sub.allow, a queue"),
    # --- what servers read more widely
    Rule("allow-ends-in-star", "warning", "$.nats.sub.allow[0]", sub("a.*"), sub("a.*.b")),
    Rule("allow-ends-in-star", "warning", "$.nats.sub.allow[0]", sub("*"), sub("a*"), "alone"),
    Rule("allow-ends-in-star", "warning", "$.nats.sub.allow[0]", sub("a.* q"), sub("a q.*"), "before a queue"),
    Rule("allow-ends-in-star", "warning", "$.nats.sub.allow[0]", sub("a.*"), pub("a.*"), "publishing is none"),
    Rule(
        "allow-ends-in-star", "warning", "$.nats.sub.allow[0]", sub("a.*"), sub("a", deny=("a.*",)), "denying is none"
    ),
    Rule("shared-inbox", "warning", "$.nats.sub.allow[0]", sub("_INBOX.>"), sub(f"_INBOX.{key(KeyType.USER)}.>")),
    Rule("shared-inbox", "warning", "$.nats.sub.allow[0]", sub("_INBOX.>"), pub("_INBOX.>"), "publishing is none"),
    Rule("template-calls-unscoped", "warning", "$.nats.pub.allow[0]", pub("a.{{name()}}"), pub("a.{{}}")),
    Rule(
        "template-calls-unscoped",
        "error",
        "$.nats.sub.deny[0]",
        sub("a", deny=("a.{{name()}}",)),
        sub("a", deny=("a.{name()}",)),
        "in a deny list",
    ),
    # --- where and when
    Rule(
        "not-a-network",
        "error",
        "$.nats.src[1]",
        user(src=["10.0.0.0/8", "10.0.0.1"]),
        user(src=["10.0.0.0/8", "::1/128"]),
    ),
    Rule(
        "time-missing",
        "error",
        "$.nats.times[0].start",
        times(end="10:00:00"),
        times(start="09:00:00", end="10:00:00"),
        "start",
    ),
    Rule(
        "time-missing",
        "error",
        "$.nats.times[0].end",
        times(start="09:00:00"),
        times(start="9:00:00", end="10:00:00"),
        "end",
    ),
    Rule(
        "not-a-time-of-day",
        "error",
        "$.nats.times[0].start",
        times(start="24:00:00", end="10:00:00"),
        times(start="23:00:00", end="10:00:00"),
        "start",
    ),
    Rule(
        "not-a-time-of-day",
        "error",
        "$.nats.times[0].end",
        times(start="09:00:00", end="10:00"),
        times(start="09:00:00", end="10:00:00.5"),
        "end",
    ),
    Rule(
        "times-empty",
        "warning",
        "$.nats.times[0]",
        times(start="09:00:00", end="09:00:00"),
        times(start="09:00:00", end="09:00:01"),
    ),
    Rule(
        "unknown-time-zone",
        "error",
        "$.nats.times_location",
        user(times_location="Mars/Olympus"),
        user(times_location="Europe/Berlin"),
    ),
    Rule(
        "unknown-connection-types",
        "error",
        "$.nats.allowed_connection_types",
        user(allowed_connection_types=["STD", "X"]),
        user(allowed_connection_types=["standard"]),
    ),
    Rule(
        "unknown-connection-type",
        "warning",
        "$.nats.allowed_connection_types",
        user(allowed_connection_types=["MQTT", "X"]),
        user(allowed_connection_types=["MQTT", "MQTT_WS"]),
    ),
    # --- limits and what is granted
    Rule(
        "issuer-account",
        "error",
        "$.nats.issuer_account",
        user(issuer_account=key(KeyType.USER)),
        user(issuer_account=key(KeyType.ACCOUNT)),
    ),
    Rule(
        "key-unsound",
        "error",
        "$.nats.issuer_account",
        user(issuer_account=unsound(KeyType.ACCOUNT)),
        user(issuer_account=key(KeyType.ACCOUNT)),
    ),
    Rule("subs-zero", "error", "$.nats.subs", user(subs=0), user(subs=1)),
    Rule(
        "subs-zero",
        "error",
        "$.nats.subs",
        member(host(), subs=0, data=0, payload=-1),
        member(host()),
        "in its account",
    ),
    Rule(
        "subs-zero",
        "error",
        "$.nats.subs",
        zero(pub={"allow": ["a"]}),
        zero(),
        "or a role's with permissions",
        also=("payload-zero",),
    ),
    Rule(
        "subs-zero",
        "error",
        "$.nats.subs",
        scoped(host(), iss=SIGNING_KEY),
        scoped(host()),
        "as of a role, but of none",
        also=("payload-zero", "user-unrestricted"),
    ),
    Rule("limit-negative", "error", "$.nats.subs", user(subs=-2), user(subs=-1), "subs"),
    Rule("limit-negative", "error", "$.nats.payload", user(payload=-2), user(payload=-1), "payload"),
    Rule("payload-zero", "warning", "$.nats.payload", user(payload=0), user(payload=1)),
    Rule(
        "deny-only",
        "warning",
        "$.nats",
        user(pub={"allow": None, "deny": ["x"]}, sub={"allow": None}),
        user(pub={"allow": None, "deny": [">"]}, sub={"allow": None, "deny": [">"]}),
    ),
    Rule(
        "deny-only",
        "warning",
        "$.nats",
        user(pub={"allow": None, "deny": [">"]}, sub={"allow": None}),
        user(pub={"deny": ["x"]}, sub={"allow": None}),
        "one direction closed",
    ),
    Rule(
        "deny-only",
        "warning",
        "$.nats",
        user(pub={"allow": None}, sub={"allow": None, "deny": ["x"]}),
        user(pub={"allow": None}, sub={"allow": ["x"], "deny": ["x"]}),
        "of subscribing",
    ),
    Rule(
        "user-unrestricted",
        "warning",
        "$.nats",
        user(pub={"allow": None}, sub={"allow": None}),
        user(pub={"allow": None}, sub={"allow": None}, resp={"max": 1, "ttl": 0}),
    ),
    Rule(
        "user-unrestricted",
        "warning",
        "$.nats",
        member(host(), pub={"allow": None}, sub={"allow": None}),
        member(host(default_permissions=DEFAULTS), pub={"allow": None}, sub={"allow": None}),
        "in its account",
    ),
    Rule(
        "bearer-without-expiry",
        "error",
        "$.nats.bearer_token",
        user(bearer_token=True, claims={"exp": 0}),
        user(bearer_token=True),
        also=("no-expiry",),
    ),
    Rule(
        "bearer-without-expiry",
        "error",
        "$.nats.bearer_token",
        scoped(host(template={"bearer_token": True}), exp=0),
        scoped(host(template={"bearer_token": True})),
        "by its role",
        also=("no-expiry",),
    ),
    Rule("connect-line", "warning", "$", pub(*LONG, *LONG), pub(*LONG)),
    # --- in the account
    Rule(
        "role-and-permissions",
        "error",
        "$.nats.pub",
        scoped(host(), pub={"allow": ["a"]}),
        scoped(host()),
        "permissions",
    ),
    Rule("role-and-permissions", "error", "$.nats.subs", scoped(host(), subs=-1), scoped(host(), subs=0), "limits"),
    Rule(
        "role-and-permissions",
        "error",
        "$.nats.bearer_token",
        scoped(host(), bearer_token=True),
        scoped(host(), tags=["a:b"]),
        "flags",
    ),
    Rule(
        "role-does-not-resolve",
        "error",
        "$.nats",
        scoped(host(template=TAGGED)),
        scoped(host(template=TAGGED), tags=["team:blue"]),
    ),
    Rule(
        "role-tag-missing",
        "warning",
        "$.nats.tags",
        scoped(host(template={"pub": {"allow": ["{{tag(team)}}"]}})),
        scoped(host(template={"pub": {"allow": ["{{tag(team)}}"]}}), tags=["team:blue"]),
    ),
    Rule(
        "role-tag-missing",
        "warning",
        "$.name",
        scoped(host(template={"pub": {"allow": ["{{name()}}"]}}), name="a b"),
        scoped(host(template={"pub": {"allow": ["{{name()}}"]}})),
        "no subject",
    ),
    Rule(
        "issuer-unknown", "error", "$.iss", member(host(), iss=key(KeyType.ACCOUNT, 9)), member(host(), iss=SIGNING_KEY)
    ),
    Rule(
        "issuer-unknown",
        "error",
        "$.iss",
        member(host(sub=key(KeyType.ACCOUNT, 9))),
        member(host()),
        "of another account",
    ),
    Rule(
        "bearer-disallowed",
        "error",
        "$.nats.bearer_token",
        member(host(limits={**UNLIMITED, "disallow_bearer": True}), bearer_token=True),
        member(host(), bearer_token=True),
    ),
    Rule(
        "bearer-disallowed",
        "error",
        "$.nats.bearer_token",
        scoped(host(limits={**UNLIMITED, "disallow_bearer": True}, template={"bearer_token": True})),
        scoped(host(template={"bearer_token": True})),
        "by its role",
    ),
]


@each(RULES)
def test_a_user_that_breaks_one_rule_has_that_problem(rule: Rule) -> None:
    assert rule.told() == rule.expected


@each(RULES)
def test_the_neighbour_of_a_user_that_breaks_a_rule_has_no_problem(rule: Rule) -> None:
    assert rule.sound.check() == []


def test_a_range_without_moments_is_not_called_empty_too() -> None:
    found = user(times=[{}]).check()
    assert [problem.code for problem in found] == ["time-missing", "time-missing"]


def test_a_user_that_nobody_has_signed_yet_has_no_unknown_issuer() -> None:
    assert member(host(), iss="").check() == []


def test_an_account_that_disallows_bearer_tokens_takes_others() -> None:
    assert member(host(limits={**UNLIMITED, "disallow_bearer": True})).check() == []


def test_a_user_of_a_role_may_have_members_that_nobody_knows() -> None:
    said = {"nats": {"issuer_account": key(KeyType.ACCOUNT), "later": 1}, "iss": ROLE_KEY, "exp": NOW}
    assert decode(json.dumps(said).encode(), UserClaims).check(account=host()) == []


def test_a_user_that_may_only_not_publish_is_told() -> None:
    closed = user(pub={"allow": None}, sub={"allow": None, "deny": [">"]})
    assert [problem.code for problem in closed.check()] == ["deny-only"]
