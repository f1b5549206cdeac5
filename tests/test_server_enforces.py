"""What is enforced: a real nats-server decides what users of each keyword may do."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from nats_wire import Wire, connect
from server_says import ASK, Listener

import natscreds
from natscreds import Account, Operator, UserTemplate
from natscreds.testing import NatsServer

Keywords = dict[str, Any]
EVERYWHERE = ["PUB a", "PUB a.b", "PUB _INBOX.x", "SUB a", "SUB >", "SUB *", "SUB a workers", "SUB _INBOX.x"]


class Place(NamedTuple):
    """A server and what it knows."""

    server: NatsServer
    operator: Operator
    orders: Account
    defaults: Account

    def connect(self, *, account: Account | None = None, name: str = "u", **keywords: Any) -> Wire:  # noqa: ANN401  # those of create_user
        """Connect as a new user of these keywords, who must be admitted."""
        user = (account or self.orders).create_user(name, **keywords)
        wire = connect(self.server.url, user.creds)
        assert wire.ok(), wire.error
        return wire


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    operator = Operator.create("acme")
    orders = operator.create_account("orders", tags=["region:eu"])
    orders = operator.add_role(orders, "named", publish=["devices.{{name()}}.>", ASK], subscribe=["told.{{name()}}"])
    orders = operator.add_role(
        orders,
        "filled",
        publish=["k.{{subject()}}", "n.x-{{name()}}-y", "t.{{tag(team)}}.{{tag(site)}}", "absent.{{tag(no)}}", ASK],
        subscribe=["a.{{account-name()}}.{{account-subject()}}.{{account-tag(region)}}.>", "plain"],
        deny_publish=["t.{{tag(team)}}.secret"],
        deny_subscribe=["a.orders.*.eu.{{name()}}"],
        private_inbox=True,
    )
    orders = operator.add_role(orders, "nothing", publish=[], subscribe=[])
    orders = operator.add_role(orders, "absent", publish=["{{tag(no)}}"], subscribe=["{{tag(no)}}"])
    orders = operator.add_role(orders, "open")
    orders = operator.add_role(
        orders, "limited", publish=["a"], subscribe=["a", "b"], max_payload=4, max_subscriptions=1
    )
    orders = operator.add_role(orders, "jobs", subscribe=["jobs workers"], allow_responses=2)
    defaults = operator.create_account("defaults")
    defaults = operator.reissue(
        defaults,
        defaults.claims.replace(default_permissions={"pub": {"allow": ["d"]}, "sub": {"allow": ["d", "heard.>"]}}),
    )
    defaults = operator.add_role(defaults, "open")
    defaults = operator.add_role(defaults, "e", publish=["e"])
    with NatsServer(operator, [orders, defaults]) as server:
        yield Place(server, operator, orders, defaults)


def refusal(wire: Wire, command: str) -> str | None:
    """Do `PUB subject` or `SUB subject [queue]`; return the server's error, which may be about permission only."""
    verb, subject, *queue = command.split(" ")
    error = wire.publish(subject) if verb == "PUB" else wire.subscribe(subject, *queue)
    if error is not None:
        named = f'Publish to "{subject}"' if verb == "PUB" else f'Subscription to "{subject}"'
        assert error.startswith(f"Permissions Violation for {named}")
        assert wire.ok()
    return error


class Rights(NamedTuple):
    """Keywords, and what they let do; `{me}` is the user's public key."""

    what: str
    keywords: Keywords
    may: list[str]
    may_not: list[str]
    account: str = "orders"


RIGHTS = [
    Rights("nothing said", {}, EVERYWHERE, []),
    Rights("lists of rules that are empty", {"deny_publish": [], "deny_subscribe": [], "tags": []}, EVERYWHERE, []),
    Rights("everything", {"publish": [">"], "subscribe": [">"]}, EVERYWHERE, []),
    Rights("nothing to publish", {"publish": []}, [], EVERYWHERE),
    Rights("nothing to subscribe to", {"subscribe": []}, [], EVERYWHERE),
    Rights("nothing either way", {"publish": [], "subscribe": []}, [], EVERYWHERE),
    Rights("nothing to publish, all to hear", {"publish": [], "subscribe": [">"]}, ["SUB >", "SUB a"], ["PUB a"]),
    Rights("all to publish, nothing to hear", {"publish": [">"], "subscribe": []}, ["PUB a"], ["SUB a", "SUB >"]),
    Rights(
        "publish",
        {"publish": ["orders.*", "log.>"]},
        ["PUB orders.new", "PUB log.a", "PUB log.a.b"],
        ["PUB orders", "PUB orders.new.eu", "PUB log", "PUB ORDERS.new", "SUB orders.new", "SUB log.>", "SUB >"],
    ),
    Rights(
        "subscribe",
        {"subscribe": ["orders.>", "log"]},
        ["SUB orders.new", "SUB orders.*", "SUB orders.>", "SUB log", "SUB log workers"],
        ["SUB orders", "SUB >", "SUB *", "SUB *.>", "SUB log.a", "PUB orders.new", "PUB log"],
    ),
    Rights(
        "a private inbox alone",
        {"private_inbox": True},
        ["SUB _INBOX.{me}.>", "SUB _INBOX.{me}.1"],
        ["SUB _INBOX.>", "SUB _INBOX.*", "SUB _INBOX.{me}", "PUB a", "PUB _INBOX.{me}.1", "SUB a"],
    ),
    Rights(
        "a private inbox besides",
        {"publish": ["ask.>"], "subscribe": ["told"], "private_inbox": True},
        ["PUB ask.time", "SUB told", "SUB _INBOX.{me}.>"],
        ["SUB _INBOX.>", "SUB _INBOX.*.>", "PUB _INBOX.{me}.1", "SUB >"],
    ),
    Rights("answers alone", {"subscribe": ["ask"], "allow_responses": 1}, ["SUB ask"], ["PUB ask", "PUB _INBOX.x"]),
    Rights(
        "deny beats allow",
        {"publish": ["a.>"], "deny_publish": ["a.admin.>"], "subscribe": [">"], "deny_subscribe": ["a.secret"]},
        ["PUB a.b", "PUB a.admin", "SUB a.b", "SUB a.*"],
        ["PUB a.admin.b", "PUB b", "SUB a.secret", "SUB a.secret workers"],
    ),
    Rights(
        "deny alone",
        {"deny_publish": ["a.>"]},
        ["PUB b", "SUB a.b", "SUB >"],
        ["PUB a.b", "PUB a.b.c"],
    ),
    Rights("deny one way, say the other", {"deny_publish": ["a"], "subscribe": ["b"]}, ["SUB b"], ["PUB a", "PUB c"]),
    Rights(
        "a queue group",
        {"subscribe": ["jobs workers"]},
        ["SUB jobs workers"],
        ["SUB jobs", "SUB jobs others", "SUB job workers"],
    ),
    Rights(
        "queue groups by pattern",
        {"subscribe": ["jobs v1.*"]},
        ["SUB jobs v1.a", "SUB jobs v1.b"],
        ["SUB jobs v1", "SUB jobs v2.a", "SUB jobs"],
    ),
    Rights(
        "a queue group denied",
        {"subscribe": ["jobs"], "deny_subscribe": ["jobs slow"]},
        ["SUB jobs", "SUB jobs fast"],
        ["SUB jobs slow"],
    ),
    Rights("a role with nothing", {"role": "nothing"}, [], EVERYWHERE),
    Rights("a role whose tags are missing", {"role": "absent"}, [], EVERYWHERE),
    Rights("a role that says nothing", {"role": "open"}, EVERYWHERE, []),
    Rights(
        "a role with the name in it",
        {"role": "named", "name": "d-17"},
        ["PUB devices.d-17.a", "SUB told.d-17"],
        [
            "PUB devices.d-18.a",
            "PUB devices.d-17",
            "PUB devices.*.a",
            "SUB told.*",
            "SUB told.d-18",
            "SUB _INBOX.{me}.1",
        ],
    ),
    Rights(
        "a role with tags in it",
        {"role": "filled", "tags": {"team": "blue", "site": "north"}},
        ["PUB t.blue.north", "PUB k.{me}", "PUB n.x-u-y", "SUB plain", "SUB _INBOX.{me}.>", "SUB a.orders.{of}.eu.x"],
        [
            "PUB t.blue.secret",
            "PUB t.red.north",
            "PUB absent.x",
            "PUB k.x",
            "SUB a.orders.{of}.eu.u",
            "SUB a.x.{of}.eu.x",
        ],
    ),
    Rights("the account's defaults", {}, ["PUB d", "SUB d"], ["PUB x", "SUB x", "SUB >"], "defaults"),
    Rights(
        "defaults by a role that says nothing", {"role": "open"}, ["PUB d", "SUB d"], ["PUB x", "SUB x"], "defaults"
    ),
    Rights("said, so no defaults", {"publish": ["x"]}, ["PUB x"], ["PUB d", "SUB d", "SUB x"], "defaults"),
    Rights("heard, so no defaults", {"subscribe": ["x"]}, ["SUB x"], ["PUB d", "SUB d", "PUB x"], "defaults"),
    Rights("nothing, so no defaults", {"publish": []}, [], [*EVERYWHERE, "PUB d", "SUB d"], "defaults"),
    Rights("an inbox, so no defaults", {"private_inbox": True}, ["SUB _INBOX.{me}.>"], ["PUB d", "SUB d"], "defaults"),
    Rights("denied, so no defaults", {"deny_publish": ["d"]}, ["PUB x", "SUB d", "SUB x"], ["PUB d"], "defaults"),
    Rights("a role says, so no defaults", {"role": "e"}, ["PUB e"], ["PUB d", "SUB d", "PUB x"], "defaults"),
    Rights("a role with a queue group", {"role": "jobs"}, ["SUB jobs workers"], ["SUB jobs", "PUB jobs"]),
]


@pytest.mark.parametrize("rights", RIGHTS, ids=[rights.what.replace(" ", "-") for rights in RIGHTS])
def test_a_user_may_do_what_its_keywords_say_and_no_more(place: Place, rights: Rights) -> None:
    account: Account = getattr(place, rights.account)
    user = account.create_user(**{"name": "u", **rights.keywords})
    words = {"{me}": user.public, "{of}": place.orders.public}

    def filled(command: str) -> str:
        for word, value in words.items():
            command = command.replace(word, value)
        return command

    with connect(place.server.url, user.creds) as wire:
        assert wire.ok(), wire.error
        assert [command for command in rights.may if refusal(wire, filled(command))] == []
        assert [command for command in rights.may_not if not refusal(wire, filled(command))] == []


def test_templates_of_many_users_fill_in_what_servers_then_enforce(place: Place) -> None:
    template = UserTemplate(publish=["devices.{name}.>"], subscribe=["keys.{public}"])
    for user in natscreds.issue_users(place.orders, ["d-1", "d-2"], template):
        with connect(place.server.url, user.creds) as wire:
            assert refusal(wire, f"PUB devices.{user.name}.a") is None
            assert refusal(wire, f"SUB keys.{user.public}") is None
            assert refusal(wire, "PUB devices.d-3.a")
            assert refusal(wire, "SUB keys.*")


# What is delivered


def test_a_wildcard_subscription_does_not_hear_what_is_denied(place: Place) -> None:
    with (
        place.connect(subscribe=["orders.>"], deny_subscribe=["orders.secret"]) as hearing,
        place.connect(publish=["orders.>"]) as telling,
    ):
        assert hearing.subscribe("orders.*") is None
        for subject in ("orders.secret", "orders.open"):
            assert telling.publish(subject) is None
        assert [subject for subject, _, _ in hearing.messages()] == ["orders.open"]


def test_another_users_inbox_is_out_of_reach_and_its_answers_arrive_at_home(place: Place) -> None:
    victim = place.orders.create_user("victim", publish=["ask"], private_inbox=True)
    inbox = f"_INBOX.{victim.public}.1"
    with (
        connect(place.server.url, victim.creds) as asking,
        place.connect(publish=["ask"], private_inbox=True) as spying,
        place.connect(role="filled", tags=["team:a"]) as spying_too,
        place.connect(subscribe=["ask"], allow_responses=1) as answering,
    ):
        for spy in (spying, spying_too):
            for subject in (inbox, f"_INBOX.{victim.public}.>", "_INBOX.*.1", "_INBOX.>", ">"):
                assert refusal(spy, f"SUB {subject}")
        assert answering.subscribe("ask") is None
        assert asking.subscribe(inbox) is None
        assert asking.publish("ask", reply=inbox) is None
        assert answering.wait_messages(1) == [("ask", inbox, b"")]
        assert answering.publish(inbox, b"noon") is None
        assert asking.messages() == [(inbox, None, b"noon")]
        assert spying.messages() == spying_too.messages() == []


# Answers


def answers(place: Place, count: int, **keywords: Any) -> list[bool]:  # noqa: ANN401  # those of create_user
    """Ask a user of *keywords* once, and return which of its *count* answers were let through."""
    with (
        place.connect(subscribe=["ask"], deny_publish=["back.>"], **keywords) as answering,
        place.connect(publish=["ask"], subscribe=["back.>"]) as asking,
    ):
        assert answering.subscribe("ask") is None
        assert asking.subscribe("back.>") is None
        assert refusal(answering, "PUB back.1")
        assert asking.publish("ask", reply="back.1") is None
        assert answering.messages() == [("ask", "back.1", b"")]
        passed = [refusal(answering, "PUB back.1") is None for _ in range(count)]
        assert len(asking.messages()) == sum(passed)
        assert refusal(answering, "PUB back.2")
        return passed


@pytest.mark.parametrize(
    ("keywords", "passed"),
    [
        ({"allow_responses": None}, [False]),
        ({"allow_responses": 0}, [False]),
        ({"allow_responses": 1}, [True, False, False]),
        ({"allow_responses": 2}, [True, True, False]),
        ({"allow_responses": -1}, [True] * 9),
        ({"allow_responses": 3, "response_ttl": timedelta(hours=1)}, [True, True, True, False]),
        ({"allow_responses": -1, "response_ttl": -1}, [True] * 9),
        ({"allow_responses": -1, "response_ttl": timedelta(microseconds=1)}, [False]),
    ],
    ids=["none", "0", "1", "2", "unlimited", "within an hour", "for ever", "too late"],
)
def test_answers_are_counted_and_timed(place: Place, keywords: Keywords, passed: list[bool]) -> None:
    assert answers(place, len(passed), **keywords) == passed


@pytest.mark.parametrize(
    ("keywords", "told"),
    [
        ({}, {"max": 1, "ttl": 120_000_000_000}),
        ({"response_ttl": timedelta(0)}, {"max": 1, "ttl": 120_000_000_000}),
        ({"response_ttl": timedelta(seconds=5)}, {"max": 1, "ttl": 5_000_000_000}),
        ({"response_ttl": -1}, {"max": 1, "ttl": -1}),
    ],
    ids=["not given", "zero", "five seconds", "for ever"],
)
def test_the_server_takes_the_time_for_answers_as_it_is_meant(
    place: Place, keywords: Keywords, told: dict[str, int]
) -> None:
    listener = Listener(place.server.url, place.orders.create_user("l", subscribe=["heard.>"]).creds)
    with place.connect(publish=[ASK], subscribe=["ask"], allow_responses=1, **keywords) as wire:
        data = listener.info(wire)
    listener.close()
    assert data is not None
    assert data["permissions"]["responses"] == told


# Limits


@pytest.mark.parametrize(
    ("keywords", "most"),
    [({"max_payload": 4}, 4), ({"max_payload": 0}, 0), ({"role": "limited"}, 4)],
    ids=["4", "0", "a role's"],
)
def test_a_message_is_as_long_as_the_limit_and_no_longer(place: Place, keywords: Keywords, most: int) -> None:
    with place.connect(**keywords) as wire:
        assert wire.info["max_payload"] == most
        assert wire.publish("a", b"x" * most) is None
        assert wire.publish("a", b"x" * (most + 1)) == "Maximum Payload Violation"
        assert not wire.ok()


@pytest.mark.parametrize("keywords", [{}, {"max_payload": None}, {"max_payload": -1}, {"role": "open"}], ids=str)
def test_without_a_limit_a_message_is_as_long_as_the_server_takes(place: Place, keywords: Keywords) -> None:
    with place.connect(**keywords) as wire:
        assert wire.info["max_payload"] == 1 << 20
        assert wire.publish("a", bytes(1 << 20)) is None


@pytest.mark.parametrize("keywords", [{"max_subscriptions": 1}, {"role": "limited"}], ids=["1", "a role's"])
def test_one_subscription_too_many_is_refused_and_the_connection_stays(place: Place, keywords: Keywords) -> None:
    with place.connect(**keywords) as wire:
        assert wire.subscribe("a") is None
        assert wire.subscribe("b") == "maximum subscriptions exceeded"
        assert wire.publish("a", b"x") is None
        assert wire.messages() == [("a", None, b"x")]


@pytest.mark.parametrize("keywords", [{}, {"max_subscriptions": -1}, {"role": "open"}], ids=str)
def test_without_a_limit_subscriptions_are_not_counted(place: Place, keywords: Keywords) -> None:
    with place.connect(**keywords) as wire:
        assert [wire.subscribe(f"a.{at}") for at in range(100)] == [None] * 100


def test_no_server_counts_data(place: Place) -> None:
    with place.connect(publish=["a"], max_data=1) as wire:
        assert [wire.publish("a", b"more than one") for _ in range(3)] == [None] * 3
