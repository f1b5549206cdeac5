"""Whoever is in the system account can answer in a server's place. That never crashes, and never counts as done."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import property_profiles  # noqa: F401  # how long properties search
import pytest
from hypothesis import given
from hypothesis import strategies as st
from resolver_cluster import connection
from resolver_place import WAIT, Place, a_place, codes, root

from natscreds import KeyPair, KeyType
from natscreds.server import ResolverClient
from natscreds.server._replies import MAX_LIST, MAX_REPLY, read_claimed, read_list, read_pong
from natscreds.server._reports import Server

ResultT = TypeVar("ResultT")
ID = KeyPair.generate(KeyType.SERVER).public
SOURCE = {"id": ID, "name": "n1"}
CLAIMED = json.dumps({"server": SOURCE, "data": {"account": "A", "code": 200, "message": "jwt updated"}}).encode()

GHOST = json.dumps({"name": "ghost", "host": "x", "id": KeyPair.generate(KeyType.SERVER).public}).encode()

ODD = {
    "nothing": b"",
    "text": b"hello",
    "null": b"null",
    "list": b"[]",
    "not-utf-8": b"\xff\xfe",
    "deep": b'{"server":' + b"[" * 100_000,
    "deep-and-sound": b'{"x":' + b'{"x":' * 5_000 + b"1" + b"}" * 5_000 + b',"server":{"id":"N"},"data":{"code":200}}',
    "no-server": b'{"data":{"code":200,"message":"jwt updated"}}',
    "no-id": b'{"server":{"name":"n1"},"data":{"code":200,"message":"jwt updated"}}',
    "code-a-text": b'{"server":{"id":"N"},"data":{"code":"200","message":"jwt updated"}}',
    "code-a-float": b'{"server":{"id":"N"},"data":{"code":200.5}}',
    "data-a-list": b'{"server":{"id":"N"},"data":[200]}',
    "names-not-text": b'{"server":{"id":"N"},"data":[1,2]}',
    "error-a-text": b'{"server":{"id":"N"},"error":"no"}',
    "lone-surrogate": b'{"server":{"id":"\\ud800"},"data":{"code":200}}',
    "huge-number": b'{"server":{"id":"N"},"data":{"code":' + b"9" * 5_000 + b"}}",
    "too-long": CLAIMED + b" " * MAX_REPLY,
    "bars": b"|||",
    "junk-and-token": b"../../etc/passwd|a.b.c",
}


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with a_place() as found:
        yield found


def beside_an_impostor(
    place: Place,
    answers: list[bytes],
    verb: Callable[[ResolverClient], Coroutine[Any, Any, ResultT]],
    *,
    ghost: bool = False,
) -> ResultT:
    """Run *verb* while somebody in the system account gives *answers* to every request.

    With a *ghost*, a ping finds a server that is none, so that the client waits long enough to hear everything.
    """

    async def run() -> ResultT:
        async with (
            connection(place.node.url, root(place.operator)) as bad,
            connection(place.node.url, place.user) as one,
        ):

            async def lie(message: Any) -> None:  # noqa: ANN401  # a message of nats-py
                if ghost and message.subject.endswith(".IDZ"):
                    await bad.publish(message.reply, GHOST)
                for answer in answers:
                    await bad.publish(message.reply, answer)

            for subject in ("$SYS.REQ.CLAIMS.*", "$SYS.REQ.ACCOUNT.*.CLAIMS.*", "$SYS.REQ.SERVER.PING.IDZ"):
                await bad.subscribe(subject, cb=lie)
            await bad.flush()  # may go out ahead of the subscriptions; the second cannot
            await bad.flush()
            servers = 2 if ghost else None  # waited for, however slow the ghost is
            return await verb(ResolverClient(one, place.operator, servers=servers, timeout=WAIT / 6))

    return asyncio.run(run())


@pytest.mark.parametrize("odd", [name for name in ODD if name not in ("nothing", "bars", "junk-and-token")])
def test_what_cannot_be_read_is_nothing(odd: str) -> None:
    for read in (read_claimed, read_list, read_pong):
        found: object = read(ODD[odd])
        assert found is None or odd in ("no-server",)


def test_what_can_be_read_is_told_on_one_line_and_in_bearable_length() -> None:
    claimed = read_claimed(CLAIMED)
    assert claimed is not None
    assert (claimed.server, claimed.code, claimed.text) == (Server(ID, "n1"), 200, "jwt updated")
    said = {
        "server": {"id": "N" * 1_000, "name": "a\nb\x1b[31m\u2028"},
        "error": {"code": 500, "description": "x" * 9_999},
    }
    claimed = read_claimed(json.dumps(said).encode())
    assert claimed is not None
    assert len(claimed.server.id) == 100
    assert claimed.server.name == "a\ufffdb\ufffd[31m\ufffd"
    assert (claimed.code, len(claimed.text)) == (500, 500)
    listed = read_list(json.dumps({"server": SOURCE, "data": ["A", "B"]}).encode())
    assert listed == (Server(ID, "n1"), ["A", "B"])
    assert read_list(json.dumps({"server": SOURCE, "error": {"code": 500, "description": "no"}}).encode()) is None
    assert read_list(b'{"server":{"id":"N"},"data":[' + b" " * MAX_LIST + b"]}") is None


def test_an_answer_without_a_code_is_no_agreement() -> None:
    claimed = read_claimed(b'{"server":{"id":"N"},"data":{}}')
    assert claimed is not None
    assert claimed.code == 500
    claimed = read_claimed(b'{"server":{"id":"N"},"data":{"code":200},"error":{}}')
    assert claimed is not None
    assert claimed.code == 500


@given(st.one_of(st.binary(), st.sampled_from(list(ODD.values())), st.binary().map(lambda tail: CLAIMED[:-7] + tail)))
def test_whatever_comes_is_read_or_not_and_never_raises(data: bytes) -> None:
    for read in (read_claimed, read_list, read_pong):
        read(data)


@pytest.mark.parametrize("verb", ["push", "sync", "list", "lookup", "pull", "disable", "delete"])
def test_garbled_answers_beside_a_servers_own_do_no_harm(place: Place, verb: str) -> None:
    orders = place.operator.create_account("orders")
    kept = place.operator.create_account("kept")
    assert place.client.push([orders, kept]).ok
    answers = [answer for name, answer in ODD.items() if name != "nothing"]

    async def run(client: ResolverClient) -> Any:  # noqa: ANN401
        arguments = {"list": [], "pull": [], "lookup": [orders]}.get(verb, [[orders]])
        return await getattr(client, verb)(*arguments)

    report = beside_an_impostor(place, answers, run)
    if verb == "list":
        assert {orders.public, kept.public} <= set(report.accounts)
    if verb == "pull":
        assert orders.public not in report.rejected
    if verb in ("push", "sync", "disable"):
        assert set(codes(report).values()) <= {"read-back", "absent", "foreign", "no-answer"}


def test_answers_that_could_not_be_read_are_counted(place: Place) -> None:
    orders = place.operator.create_account("orders")

    async def run(client: ResolverClient) -> Any:  # noqa: ANN401
        return await client.push([orders], guard=False)

    report = beside_an_impostor(place, [ODD["text"], ODD["deep"]], run, ghost=True)
    assert report.garbled
    assert codes(report) == {orders.public: "no-answer"}


def test_an_answer_of_a_server_that_no_ping_found_is_told_and_not_counted(place: Place) -> None:
    orders = place.operator.create_account("orders")

    async def run(client: ResolverClient) -> Any:  # noqa: ANN401
        return await client.push([orders], guard=False)

    report = beside_an_impostor(place, [CLAIMED], run, ghost=True)
    assert report.unknown == (ID,)
    [outcome] = report.outcomes.values()
    assert {answer.server.name: answer.code for answer in outcome.answers} == {"n1": 200, "ghost": 0}
    assert ID not in [server.id for server in report.servers]


def test_a_server_that_only_answers_pings_is_named(place: Place) -> None:
    orders = place.operator.create_account("orders")

    async def run(client: ResolverClient) -> Any:  # noqa: ANN401
        return await client.push([orders])

    report = beside_an_impostor(place, [], run, ghost=True)
    assert codes(report) == {orders.public: "no-answer"}
    assert [str(server) for server in report.silent] == ["ghost"]


class Overtaken:
    """A connection on which, before the first lookup goes out, another program sends its own token of the account."""

    def __init__(self, client: Any, other: str) -> None:  # noqa: ANN401  # nats-py's
        self._client = client
        self._other = other

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._client, name)

    async def publish(self, subject: str, payload: bytes = b"", reply: str = "") -> None:
        if subject.endswith(".LOOKUP") and self._other:
            other, self._other = self._other, ""
            await self._client.request("$SYS.REQ.CLAIMS.UPDATE", other.encode(), timeout=5)
        await self._client.publish(subject, payload, reply=reply)


def test_what_is_not_read_back_as_it_was_sent_is_not_done(place: Place) -> None:
    """Another writer came between; all servers had answered 200."""
    orders = place.operator.create_account("orders")
    other = place.operator.reissue(orders)

    async def run() -> Any:  # noqa: ANN401
        async with connection(place.node.url, place.user) as one:
            client = ResolverClient(Overtaken(one, other.jwt), place.operator, servers=1)
            return await client.push([orders], guard=False)

    report = asyncio.run(run())
    assert codes(report) == {orders.public: "read-back"}
    assert [answer.code for answer in report.outcomes[orders.public].answers] == [200]
    assert place.client.lookup(orders).jwt == other.jwt
