"""Assertions that say why they fail: the rule that decided, and the entry that came nearest."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_profiles import PROFILE
from test_testing_fixture import run

from natscreds import testing
from natscreds.access import Access
from natscreds.errors import IndeterminateError
from natscreds.testing import (
    TrustChain,
    assert_can_connect,
    assert_can_publish,
    assert_can_receive,
    assert_can_subscribe,
    assert_cannot_connect,
    assert_cannot_publish,
    assert_cannot_receive,
    assert_cannot_subscribe,
)

CHAIN = TrustChain.throwaway()
ORDERS = CHAIN.accounts["orders"]
assert PROFILE

Check = Callable[[Access], None]


def rules_of(**keywords: Any) -> Access:  # noqa: ANN401  # those of create_user
    user = ORDERS.create_user("svc-9", **keywords)
    return Access(operator=CHAIN.operator, account=ORDERS, user=user)


RULES = rules_of(
    publish=["orders.new", "orders.*.done", "bills.>"],
    deny_publish=["bills.secret", "bills.secret.>"],
    subscribe=["orders.>", "jobs workers"],
    deny_subscribe=["orders.admin.>"],
    expires_in=timedelta(hours=1),
    sources=["10.0.0.0/8"],
)
FREE = rules_of()
ANSWERS = rules_of(subscribe=["requests"], allow_responses=1)
HOLDS: list[Check] = [
    lambda rules: assert_can_publish(rules, "orders.new"),
    lambda rules: assert_can_publish(rules, "orders.7.done", reply="_INBOX.x"),
    lambda rules: assert_cannot_publish(rules, "bills.secret", because="denied"),
    lambda rules: assert_cannot_publish(rules, "orders.old"),
    lambda rules: assert_cannot_publish(rules, "orders.new", reply="_R_.x", because="reserved-reply"),
    lambda rules: assert_can_subscribe(rules, "orders.*"),
    lambda rules: assert_can_subscribe(rules, "jobs", queue="workers"),
    lambda rules: assert_cannot_subscribe(rules, "jobs"),
    lambda rules: assert_cannot_subscribe(rules, "orders.admin.x", because="denied"),
    lambda rules: assert_can_connect(rules, address="10.1.2.3"),
    lambda rules: assert_cannot_connect(rules, address="11.1.2.3"),
    lambda rules: assert_cannot_connect(rules, address="10.1.2.3", now=1 << 33, because="user-expired"),
]


@pytest.mark.parametrize("check", HOLDS, ids=range(len(HOLDS)))
def test_what_holds_is_silent(check: Check) -> None:
    check(RULES)


def failure(check: Check, rules: Access) -> list[str]:
    with pytest.raises(AssertionError) as caught:
        check(rules)
    assert caught.value.__context__ is None
    return [line.strip() for line in str(caught.value).splitlines()]


def test_a_refusal_shows_the_nearest_entry() -> None:
    assert failure(lambda rules: assert_can_publish(rules, "orders.neu"), RULES) == [
        f"expected: {RULES.user} can publish to 'orders.neu'",
        "but a server refuses it: no entry of the allow-list matches [not-allowed]",
        "nearest entry of the publish allow list: orders.new",
    ]


def test_a_refusal_by_an_entry_shows_that_and_what_would_have_allowed_it() -> None:
    told = failure(lambda rules: assert_can_publish(rules, "bills.secret"), RULES)
    assert told[1].startswith("but a server refuses it:")
    assert told[1].endswith("[denied]")
    assert told[2:] == ["decided by: bills.secret", "nearest entry of the publish allow list: bills.>"]


def test_a_grant_shows_the_entry_that_gives_it_and_the_nearest_that_might_have_denied_it() -> None:
    told = failure(lambda rules: assert_cannot_publish(rules, "bills.secrets"), RULES)
    assert told[0] == f"expected: {RULES.user} cannot publish to 'bills.secrets'"
    assert told[1].startswith("but a server allows it:")
    assert told[2:] == ["decided by: bills.>", "nearest entry of the publish deny list: bills.secret"]


def test_a_refusal_for_another_reason_is_not_the_one_expected() -> None:
    told = failure(lambda rules: assert_cannot_publish(rules, "orders.old", because="denied"), RULES)
    assert told[0].endswith("cannot publish to 'orders.old', because of denied")
    assert told[1:] == ["but a server refuses it: no entry of the allow-list matches [not-allowed]"]


@pytest.mark.parametrize(
    ("check", "nearest"),
    [
        (lambda rules: assert_can_subscribe(rules, "job"), "subscribe allow list: jobs workers"),
        (lambda rules: assert_can_subscribe(rules, "jobs", queue="worker"), "subscribe allow list: jobs workers"),
        (lambda rules: assert_cannot_subscribe(rules, "orders.admins"), "subscribe deny list: orders.admin.>"),
    ],
    ids=["alone", "queue", "denied"],
)
def test_subscribing_is_told_likewise(check: Check, nearest: str) -> None:
    assert failure(check, RULES)[-1] == f"nearest entry of the {nearest}"


@pytest.mark.parametrize(
    ("subject", "entry"),
    [
        ("orders.neu", "orders.new"),
        ("orders.7.gone", "orders.*.done"),
        ("bill.1.2", "bills.>"),
        ("order", "orders.new"),
    ],
)
def test_the_nearest_entry_differs_in_the_fewest_tokens_then_in_the_fewest_letters(subject: str, entry: str) -> None:
    assert failure(lambda rules: assert_can_publish(rules, subject), RULES)[-1].endswith(f": {entry}")


def test_lists_that_are_not_there_are_told() -> None:
    deny_only = rules_of(deny_publish=["a"])
    assert failure(lambda rules: assert_cannot_publish(rules, "b"), FREE)[-1] == (
        "nearest entry: none, the user is not restricted"
    )
    assert failure(lambda rules: assert_can_publish(rules, "a"), deny_only)[-1] == "decided by: a"
    assert failure(lambda rules: assert_cannot_subscribe(rules, "b"), deny_only)[-1] == (
        "nearest entry: none, there is no subscribe deny list"
    )


@pytest.mark.parametrize("check", [assert_can_publish, assert_cannot_publish], ids=["can", "cannot"])
def test_where_nobody_can_tell_both_ways_fail_and_say_so(check: Callable[[Access, str], None]) -> None:
    told = failure(lambda rules: check(rules, "reply.1"), ANSWERS)
    assert told[1].startswith("but nobody can tell from the tokens: ")
    assert told[1].endswith("[response-grant]")
    with pytest.raises(IndeterminateError):
        bool(ANSWERS.publish("reply.1"))


@pytest.mark.parametrize("check", [assert_can_connect, assert_cannot_connect], ids=["can", "cannot"])
def test_where_the_address_decides_and_is_not_said_nobody_can_tell(check: Callable[[Access], None]) -> None:
    assert failure(lambda rules: check(rules), RULES)[1].startswith("but nobody can tell from the tokens: ")


def test_connecting_is_told_with_its_reason() -> None:
    told = failure(lambda rules: assert_can_connect(rules, address="11.0.0.1"), RULES)
    assert told[0] == f"expected: {RULES.user} can connect"
    assert told[1] == "but a server refuses it: {0.sentence} [{0.code}]".format(
        RULES.connect(address="11.0.0.1").reason
    )
    assert failure(assert_cannot_connect, FREE)[1].startswith("but a server allows it: ")
    told = failure(lambda rules: assert_cannot_connect(rules, address="11.0.0.1", because="user-expired"), RULES)
    assert told[0].endswith("cannot connect, because of user-expired")


def test_every_keyword_of_connect_is_passed_on() -> None:
    asked: dict[str, Any] = {
        "now": 1_795_000_000,
        "connection_type": "MQTT",
        "address": "10.0.0.1",
        "signs": False,
        "proxied": True,
        "connections": 3,
        "pinned_accounts": [ORDERS.public],
        "server_zone": "Europe/Berlin",
    }
    seen: list[dict[str, object]] = []

    class Noting(Access):
        def connect(self, **keywords: object) -> object:  # type: ignore[override]
            seen.append(keywords)
            return super().connect(**keywords)  # type: ignore[arg-type]

    user = ORDERS.create_user("x", bearer=True, expires_in=timedelta(hours=1))
    rules = Noting(operator=CHAIN.operator, account=ORDERS, user=user)
    checks: tuple[Callable[..., None], ...] = (assert_can_connect, assert_cannot_connect)
    for check in checks:
        with suppress(AssertionError):
            check(rules, **asked)
    assert seen == [asked, asked]


def test_a_user_whom_no_server_takes_is_told_so_by_every_assertion() -> None:
    stranger = TrustChain.throwaway(2).users["orders"]["svc-1"]
    rules = Access(operator=CHAIN.operator, account=ORDERS, user=stranger)
    expected = rules.connect().reason.code
    for check in (
        assert_can_connect,
        lambda rules: assert_can_publish(rules, "a"),
        lambda rules: assert_can_subscribe(rules, "a"),
    ):
        told = failure(check, rules)
        assert len(told) == 2
        assert told[1].endswith(f"[{expected}]")


def test_what_a_connection_receives_is_asserted_of_its_session() -> None:
    session = RULES.session()
    with pytest.raises(AssertionError, match="nearest subscription: none"):
        assert_can_receive(session, "orders.x")
    assert_cannot_receive(session, "orders.x", because="no-subscription")
    session.subscribe("orders.>")
    session.subscribe("jobs", queue="workers")
    assert_can_receive(session, "orders.x")
    assert_cannot_receive(session, "orders.admin.x")
    assert_can_receive(session, "jobs", alone=True)
    with pytest.raises(AssertionError, match="nobody can tell"):
        assert_can_receive(session, "jobs")
    with pytest.raises(AssertionError, match="nobody can tell"):
        assert_cannot_receive(session, "jobs")
    with pytest.raises(AssertionError, match=r"(?s)cannot receive 'orders.x'.*allows it.*decided by: orders.>"):
        assert_cannot_receive(session, "orders.x")
    with pytest.raises(AssertionError, match="nearest subscription: jobs"):
        assert_can_receive(session, "job")


@pytest.mark.parametrize("name", [name for name in testing.__all__ if name.startswith("assert_")])
def test_something_else_than_rules_is_a_type_error(name: str) -> None:
    given: list[object] = [] if name.endswith("_connect") else ["a"]
    with pytest.raises(TypeError, match=r"rules is|a session is"):
        getattr(testing, name)(ORDERS, *given)


@given(
    publish=st.lists(st.sampled_from(["a", "a.*", "b.>", "a.b.c", "*.c"]), max_size=3),
    deny=st.lists(st.sampled_from(["a", "a.b", "b.*"]), max_size=2),
    subject=st.sampled_from(["a", "a.b", "b.c", "a.b.c", "c", "x.c"]),
)
def test_of_an_assertion_and_its_opposite_one_fails(publish: list[str], deny: list[str], subject: str) -> None:
    rules = rules_of(publish=publish, deny_publish=deny)
    failed: list[str] = []
    for check in (assert_can_publish, assert_cannot_publish):
        try:
            check(rules, subject)
        except AssertionError as error:
            failed.append(str(error))
    assert len(failed) == 1
    assert rules.publish(subject).verdict is ("cannot publish" in failed[0])


def test_pytest_points_at_the_test_and_shows_the_whole_reason(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "from natscreds.access import Access\n"
        "from natscreds.testing import TrustChain, assert_can_publish\n"
        "chain = TrustChain.throwaway()\n"
        "orders = chain.accounts['orders']\n"
        "def test_it():\n"
        "    user = orders.create_user('x', publish=['orders.new'])\n"
        "    assert_can_publish(Access(operator=chain.operator, account=orders, user=user), 'orders.neu')\n"
    )
    shown = run(tmp_path).stdout
    assert "1 failed" in shown
    assert "test_it.py:7: AssertionError" in shown
    assert "_assertions.py" not in shown
    assert "nearest entry of the publish allow list: orders.new" in shown
