from collections.abc import Callable
from typing import Any

import property_profiles  # noqa: F401  # how long properties search
import pytest
from access_arena import UNLIMITED, forge, sign
from hypothesis import given
from hypothesis import strategies as st

import natscreds
from natscreds import Operator, subjects
from natscreds.access import Access, Decision, Reason, matrix
from natscreds.access._entries import Entries
from natscreds.claims import Permission, Permissions, ResponsePermission
from natscreds.errors import IndeterminateError

OPERATOR = Operator.create("acme")
ORDERS = OPERATOR.create_account("orders")
USER = ORDERS.create_user(
    "svc-1", publish=["orders.>", "log"], deny_publish=["orders.admin.>"], subscribe=["orders.*", "jobs workers"]
)
RULES = Access(operator=OPERATOR, account=ORDERS, user=USER)


def rules(said: dict[str, Any], **account: Any) -> Access:  # noqa: ANN401  # members of the token
    home = forge(OPERATOR, "orders", account)
    user = sign(home, home.signers[0], UNLIMITED | said)
    return Access(operator=OPERATOR, account=home.jwt, user=user.jwt)


# decisions


def test_a_decision_says_why_and_which_entry_decided() -> None:
    told = {
        "orders.new": (True, "allowed", "orders.>"),
        "orders.admin.stop": (False, "denied", "orders.admin.>"),
        "invoices": (False, "not-allowed", None),
    }
    for subject, expected in told.items():
        decision = RULES.publish(subject)
        assert (decision.verdict, decision.reason.code, decision.reason.entry) == expected
        assert bool(decision) is expected[0]
    assert RULES.subscribe("jobs", queue="workers").reason.entry == "jobs workers"
    assert repr(RULES.publish("log")) == "<Decision yes: the publish entry 'log' allows it [allowed]>"
    assert repr(RULES.publish("x")) == "<Decision no: no entry of the allow-list matches [not-allowed]>"


def test_an_indeterminate_decision_is_neither_yes_nor_no() -> None:
    decision = rules({"resp": {"max": 1}}).publish("r")
    assert decision.indeterminate
    assert decision.verdict is None
    assert repr(decision).startswith("<Decision indeterminate: ")
    with pytest.raises(IndeterminateError, match="response-grant"):
        bool(decision)
    with pytest.raises(IndeterminateError):
        assert decision
    with pytest.raises(IndeterminateError):
        assert not decision


def test_decisions_compare_by_what_they_say() -> None:
    one, same = (Decision(True, Reason(code="a", sentence="b")) for _ in range(2))
    other = Decision(False, Reason(code="a", sentence="b"))
    assert one == same
    assert one != other
    assert one != "yes"
    assert len({one, same, other}) == 2


# what is asked


def test_tokens_and_chain_objects_are_the_same_to_it() -> None:
    texts = Access(operator=OPERATOR.jwt, account=ORDERS.jwt, user=USER.jwt, accounts=[ORDERS.jwt])
    for subject in ("orders.new", "orders.admin.x", "x"):
        assert texts.publish(subject) == RULES.publish(subject)
        assert texts.subscribe(subject) == RULES.subscribe(subject)
    assert natscreds.access.Access is Access


def test_only_the_profile_of_known_servers_is_followed() -> None:
    assert Access(operator=OPERATOR, account=ORDERS, user=USER, profile="2.15").profile == "2.15"
    with pytest.raises(ValueError, match=r"2\.15"):
        Access(operator=OPERATOR, account=ORDERS, user=USER, profile="2.14")


@pytest.mark.parametrize("word", ["", "a b", "a\tb", "a\r\nPUB b 0", "\ud800"], ids=ascii)
def test_what_no_client_can_send_is_not_asked_about(word: str) -> None:
    session = RULES.session()
    asks: list[Callable[[str], object]] = [
        RULES.publish,
        RULES.subscribe,
        session.publish,
        session.subscribe,
        session.receives,
        session.deliver,
    ]
    asks += [lambda word: RULES.publish("log", word), lambda word: RULES.subscribe("log", word)]
    asks += [lambda word: session.publish("log", word), lambda word: session.deliver("log", word)]
    asks += [lambda word: session.subscribe("log", word), lambda word: matrix({"svc": RULES}, [word])]
    for ask in asks:
        with pytest.raises(ValueError, match=r"one word|surrogate"):
            ask(word)


def test_words_are_texts() -> None:
    for ask in (RULES.publish, RULES.subscribe, RULES.session().receives):
        with pytest.raises(TypeError, match="str"):
            ask(b"orders.new")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="account"):
        Access(operator=OPERATOR, account=OPERATOR, user=USER)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="user"):
        Access(operator=OPERATOR, account=ORDERS, user=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("subject", ["é", "日本", "a\x00b", "a\x0bb", "\u3000"], ids=ascii)
def test_any_other_text_is_a_subject(subject: str) -> None:
    access = rules({"pub": {"allow": ["*"]}})
    assert access.publish(subject).verdict is True


def test_a_connection_comes_some_way_from_some_address() -> None:
    with pytest.raises(ValueError, match="STANDARD"):
        RULES.connect(connection_type="PIGEON")  # type: ignore[arg-type]
    for address in ("localhost", "10.0.0.7:4222", "10.0.0.0/8", "fe80::1%eth0"):
        with pytest.raises(ValueError, match="address"):
            RULES.connect(address=address)
    assert RULES.connect()  # at this moment


# permissions


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, None),
        ({"pub": {"allow": []}, "sub": {"deny": []}}, None),
        ({"pub": {"allow": ["a", "b.>.c", "d e"[:1]]}}, Permissions(pub=Permission(allow=("a", "d")))),
        ({"pub": {"allow": [], "deny": ["a\tb", ">.x"]}}, Permissions(pub=Permission(allow=(), deny=("a",)))),
        ({"sub": {"allow": ["a\tq"], "deny": ["x.>.y"]}}, Permissions(sub=Permission(allow=("a q",)))),
        ({"sub": {"allow": [">.x"]}}, Permissions(sub=Permission(allow=()))),
        (
            {"resp": {"max": 0, "ttl": 0}, "pub": {"deny": ["a"]}},
            Permissions(pub=Permission(allow=(), deny=("a",)), resp=ResponsePermission(max=1, ttl=120_000_000_000)),
        ),
        (
            {"resp": {"max": -1, "ttl": 7}},
            Permissions(pub=Permission(allow=()), resp=ResponsePermission(max=-1, ttl=7)),
        ),
    ],
    ids=str,
)
def test_permissions_are_what_a_server_installs(said: dict[str, Any], expected: Permissions | None) -> None:
    assert rules(said).permissions == expected


def test_defaults_are_installed_where_nothing_is_said() -> None:
    defaults = {"pub": {"allow": ["d"]}, "resp": {"max": 2}}
    expected = Permissions(pub=Permission(allow=("d",)), resp=ResponsePermission(max=2, ttl=120_000_000_000))
    assert rules({}, default_permissions=defaults).permissions == expected
    own = rules({"sub": {"deny": ["x"]}}, default_permissions=defaults).permissions
    assert own == Permissions(sub=Permission(deny=("x",)))


@pytest.mark.parametrize(
    ("user", "account", "expected"), [(-1, -1, -1), (5, -1, 5), (-1, 7, 7), (5, 7, 5), (9, 7, 7)], ids=str
)
def test_the_smaller_limit_of_subscriptions_counts(user: int, account: int, expected: int) -> None:
    limits = {"limits": UNLIMITED | {"conn": -1, "subs": account}}
    assert rules({"subs": user}, **limits).max_subscriptions == expected


# sessions


def test_another_member_of_a_queue_group_may_get_the_message() -> None:
    session = RULES.session()
    assert session.subscribe("jobs", "workers")
    assert session.receives("jobs").reason.code == "queue-group"
    assert session.receives("jobs", alone=True)
    assert session.subscribe("orders.*")
    assert session.receives("orders.new")
    assert not session.receives("orders.new.eu")


def test_a_message_that_two_ways_may_reach_is_received_if_one_is_sure() -> None:
    session = rules({}).session()
    assert session.subscribe("a", "q")
    assert session.subscribe("a")
    assert session.receives("a")
    assert session.deliver("a") == tuple(session.subscriptions)


def test_a_group_gets_a_message_once() -> None:
    session = rules({}).session()
    for subject in ("a.b", "a.*", "a.>"):
        assert session.subscribe(subject, "q")
    assert len(session.deliver("a.b")) == 1


def test_what_is_let_go_of_is_held() -> None:
    session = RULES.session()
    assert session.subscribe("orders.*")
    with pytest.raises(ValueError, match="held"):
        session.unsubscribe("orders.new")
    session.unsubscribe("orders.*")
    assert session.subscriptions == []
    assert not session.receives("orders.new")


def test_leave_to_answer_has_its_time() -> None:
    session = rules({"resp": {"max": 5, "ttl": 2_000_000_000}}).session()
    assert session.subscribe("ask")
    session.deliver("ask", "r", at=100)
    assert session.publish("r", at=101)
    assert session.publish("r", at=102)
    assert session.publish("r", at=102.1).reason.code == "response-late"
    assert session.publish("r", at=102.1).reason.code == "not-allowed"


def test_an_answer_that_is_mapped_by_chance_is_not_foretold() -> None:
    mapped = {"r": [{"subject": "s", "weight": 50}]}
    session = rules({"resp": {"max": 1}}, mappings=mapped).session()
    assert session.subscribe("ask")
    session.deliver("ask", "s")
    assert session.publish("r").indeterminate
    assert session.publish("s")  # it still may


# the relation

WORDS = st.sampled_from(["a", "b", "*", "*", "a*", "*a", ">"])
ENTRIES = st.lists(WORDS, min_size=1, max_size=4).map(".".join).filter(subjects.is_valid)
LOOKED_UP = st.lists(WORDS, min_size=1, max_size=4).map(".".join)


@given(st.lists(ENTRIES, max_size=8), LOOKED_UP)
def test_compiled_entries_match_as_single_ones_do(entries: list[str], subject: str) -> None:
    compiled: Entries[str] = Entries()
    for entry in entries:
        assert compiled.add(entry, entry) == entry
    expected = {entry for entry in entries if subjects.matches(entry, subject)}
    found = compiled.every(subject.split("."))
    assert set(found) == expected
    assert len(found) == len(expected)
    first = compiled.first(subject.split("."))
    assert first in expected if expected else first is None


# the table


def test_a_table_shows_who_may_do_what() -> None:
    table = matrix(
        {"svc-1": RULES, "answering": rules({"resp": {"max": 1}, "sub": {"allow": ["orders.new"]}})},
        ["orders.new", "log", "jobs"],
    )
    assert str(table) == "\n".join(
        [
            "subject     svc-1    answering",
            "----------  -------  ---------",
            "orders.new  pub sub  pub? sub",
            "log         pub      pub?",
            "jobs        -        pub?",
        ]
    )
    assert table["svc-1", "log"].publish
    assert not table["svc-1", "log"].subscribe
    assert repr(table) == "<Matrix of 2 users and 3 subjects>"
    assert (table.labels, table.subjects) == (("svc-1", "answering"), ("orders.new", "log", "jobs"))


def test_a_table_of_nothing_is_a_head() -> None:
    assert str(matrix({}, [])) == "subject\n-------"


def test_a_table_in_a_notebook_holds_no_markup_of_others() -> None:
    access = rules({"pub": {"allow": ["<b>'\"&.>"]}})
    page = matrix({"<script>": access, "a\nb": access}, ["<b>'\"&.x", "<i>"])._repr_html_()
    assert page.count("<table>") == 1
    assert "<script" not in page
    assert "<b>" not in page
    assert "<i>" not in page
    assert "&lt;script&gt;" in page
    assert "a\\nb" in page
    assert "title=" in page
    assert "not-allowed" in page


def test_a_label_that_breaks_the_line_is_shown_escaped() -> None:
    assert str(matrix({"a\nb": RULES}, ["log"])).splitlines()[0] == "subject  a\\nb"
