"""Messages of a stream come by an inbox and keep their subject: what a deny entry does to them."""

import json

import pytest
from nats_wire import Wire, connect

from natscreds import Operator
from natscreds.access import Access
from natscreds.testing import NatsServer


def ask(wire: Wire, subject: str, **said: object) -> None:
    """Ask JetStream for something, and wait until it is done."""
    before = len(wire.messages())
    assert wire.publish(f"$JS.API.{subject}", json.dumps(said).encode(), reply="answers.1") is None
    answer = json.loads(wire.wait_messages(before + 1)[before][2])
    assert "error" not in answer, answer


@pytest.mark.parametrize("also", ["", "orders.*", "orders.open", "other.*"])
def test_a_stream_brings_what_is_denied_unless_a_wildcard_meets_it(also: str) -> None:
    operator = Operator.create("acme")
    orders = operator.create_account("orders", jetstream=True)
    user = orders.create_user("u", publish=[">"], subscribe=[">"], deny_subscribe=["orders.secret"])
    session = Access(operator=operator, account=orders, user=user).session()
    with (
        NatsServer(operator, [orders], jetstream=True) as server,
        connect(server.url, orders.create_user("admin").creds) as admin,
        connect(server.url, user.creds) as wire,
    ):
        assert admin.subscribe("answers.*") is None
        ask(admin, "STREAM.CREATE.S", name="S", subjects=["orders.*"], storage="memory")
        for subject in ("orders.secret", "orders.open"):
            before = len(admin.messages())
            assert admin.publish(subject, reply="answers.2") is None
            admin.wait_messages(before + 1)
        ask(
            admin,
            "CONSUMER.DURABLE.CREATE.S.C",
            stream_name="S",
            config={"durable_name": "C", "ack_policy": "none"},
        )
        for subject in filter(None, ("_INBOX.u.*", also)):
            assert (wire.subscribe(subject) is None) is bool(session.subscribe(subject)) is True
        assert wire.publish("$JS.API.CONSUMER.MSG.NEXT.S.C", b'{"batch": 2}', reply="_INBOX.u.1") is None
        expected = [
            subject for subject in ("orders.secret", "orders.open") if session.receives(subject, via="_INBOX.u.1")
        ]
        assert "orders.open" in expected  # it comes last, so what has not come by then does not come
        assert [subject for subject, _, _ in wire.wait_messages(len(expected))] == expected
        assert session.filtered is ("orders.secret" not in expected) is (also == "orders.*")
