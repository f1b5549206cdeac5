"""Who is admitted: users as the library makes them, at a real nats-server's door, with clients of two kinds."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats_wire import CredsLike, connect
from server_says import Presented, reason

from natscreds import Account, Creds, KeyPair, KeyType, Operator, tokens, verify_chain
from natscreds.chain import User
from natscreds.errors import UntrustedIssuerError
from natscreds.testing import NatsServer

REFUSED = "Authorization Violation"
LONG = 1_000
"""Seconds: far enough from now for any clock."""


def said(operator: Operator, account: Account, creds: CredsLike) -> str:
    """Return what a server of its own says to *creds*: nothing, or the refusal."""
    with NatsServer(operator, [account]) as server, connect(server.url, creds) as wire:
        return wire.error


@pytest.fixture(scope="module")
def operator() -> Operator:
    return Operator.create("acme")


@pytest.fixture(scope="module")
def orders(operator: Operator) -> Account:
    account = operator.create_account("orders")
    account = operator.add_role(account, "far", publish=["a"], sources=["10.0.0.0/8"])
    return operator.add_role(
        account, "device", publish=["ask.>"], subscribe=["told.{{name()}}"], private_inbox=True, allow_responses=1
    )


@pytest.fixture(scope="module")
def server(operator: Operator, orders: Account) -> Iterator[NatsServer]:
    with NatsServer(operator, [orders], debug=True) as started:
        yield started


# The text of creds


def test_creds_read_back_from_their_text_admit(server: NatsServer, orders: Account) -> None:
    text = orders.create_user("svc-1", publish=["orders.>"]).creds.text
    with connect(server.url, Creds.parse(text)) as wire:
        assert wire.ok(), wire.error
        assert wire.publish("orders.new") is None


def test_creds_read_back_from_a_file_admit(server: NatsServer, orders: Account, tmp_path: Path) -> None:
    path = tmp_path / "svc-1.creds"
    orders.create_user("svc-1", publish=["orders.>"]).creds.write(path)
    with connect(server.url, Creds.read(path)) as wire:
        assert wire.ok(), wire.error


def test_creds_read_back_from_one_line_admit(server: NatsServer, orders: Account) -> None:
    line = orders.create_user("svc-1", publish=["orders.>"]).creds.base64
    with connect(server.url, Creds.parse_base64(line)) as wire:
        assert wire.ok(), wire.error


def test_a_user_whose_key_is_elsewhere_is_admitted_by_it(server: NatsServer, orders: Account) -> None:
    theirs = KeyPair.generate(KeyType.USER)
    user = orders.create_user("device", key=theirs.public, publish=["a"])
    with connect(server.url, Presented(user.jwt, theirs.seed)) as wire:
        assert wire.ok(), wire.error


def test_an_account_of_signing_keys_alone_makes_users_that_are_admitted(
    server: NatsServer, operator: Operator, orders: Account
) -> None:
    seeds = [key.seed for key in orders.signing_keys if isinstance(key, KeyPair)]
    service = Account.load(orders.jwt, seeds, operator=operator.jwt)
    user = service.create_user("svc-2", publish=["orders.>"], subscribe=[])
    assert user.claims.nats.issuer_account == orders.public
    with connect(server.url, user.creds) as wire:
        assert wire.ok(), wire.error
        assert wire.info["remote_account"] == orders.public


def test_a_bearer_token_admits_without_a_signature(server: NatsServer, orders: Account) -> None:
    user = orders.create_user("svc-1", publish=["a"], bearer=True, expires_in=timedelta(hours=1))
    with connect(server.url, Presented(user.jwt, None)) as wire:
        assert wire.ok(), wire.error


def test_without_bearer_a_token_alone_does_not_admit(server: NatsServer, orders: Account) -> None:
    user = orders.create_user("svc-1", publish=["a"])
    with connect(server.url, Presented(user.jwt, None)) as wire:
        assert wire.error == REFUSED
        assert "Signature missing" in reason(server, wire)


def test_a_user_issued_again_is_admitted(server: NatsServer, orders: Account) -> None:
    first = orders.create_user("d-17", role="device", expires_in=timedelta(hours=1))
    again = orders.reissue(first, expires_in=timedelta(hours=2))
    with connect(server.url, again.creds) as wire:
        assert wire.ok(), wire.error


def test_an_account_that_was_adopted_admits(operator: Operator) -> None:
    theirs = Operator.create("theirs").create_account("orders")
    adopted = operator.adopt(theirs.jwt, keys=theirs.signers)
    assert said(operator, adopted, adopted.create_user("u", publish=["a"]).creds) == ""


# Revocation


States = tuple[list[Account], dict[str, User]]


def revoked_twice(operator: Operator, once: str, then: str) -> States:
    """Revoke a user, issue it again in two ways, revoke it again; return the account's states and the users."""
    account = operator.create_account("orders")
    first = account.create_user("u", publish=["a"])
    named: dict[str, User | str] = {"token": first, "key": first.public, "everybody": "*"}
    out = operator.revoke(account, named[once])
    again = out.reissue(first, reinstate=True)
    fresh = out.create_user("u", publish=["a"], key=first.key)
    out_again = operator.revoke(out, again if then == "token" else named[then])
    return [account, out, out_again], {"first": first, "again": again, "fresh": fresh}


def within_a_second(make: Callable[[], States]) -> States:
    """Return what *make* makes, all of it within one second of the clock."""
    for _ in range(20):
        began = int(time.time())
        made = make()
        if int(time.time()) == began:
            return made
    raise AssertionError("a second has time for a few signatures")


@pytest.mark.parametrize("then", ["token", "key", "everybody"])
@pytest.mark.parametrize("once", ["token", "key", "everybody"])
def test_revoked_issued_again_and_revoked_within_a_second_is_revoked(operator: Operator, once: str, then: str) -> None:
    states, users = within_a_second(lambda: revoked_twice(operator, once, then))
    assert users["first"].claims.iat == states[0].claims.iat < users["again"].claims.iat
    for state, inside in zip(states, ({"first", "again", "fresh"}, {"again", "fresh"}, set[str]()), strict=True):
        with NatsServer(operator, [state]) as server:
            assert {name for name, user in users.items() if admitted(server, user)} == inside


def admitted(server: NatsServer, user: User) -> bool:
    with connect(server.url, user.creds) as wire:
        assert wire.error in ("", REFUSED)
        return wire.ok()


def test_a_user_issued_ahead_of_the_clock_is_revoked_by_its_token(operator: Operator) -> None:
    account = operator.create_account("orders")
    user = account.create_user("u", publish=["a"], issued_at=int(time.time()) + 30)
    revoked = operator.revoke(account, user)
    for state, inside in ((account, True), (revoked, False)):
        with NatsServer(operator, [state]) as server:
            assert admitted(server, user) is inside


def test_revoking_one_user_leaves_the_others_in(operator: Operator) -> None:
    account = operator.create_account("orders")
    one, other = (account.create_user(name, publish=["a"]) for name in ("one", "other"))
    account = operator.revoke(account, one)
    with NatsServer(operator, [account]) as server:
        assert not admitted(server, one)
        assert admitted(server, other)


def test_revoking_everybody_admits_who_is_issued_afterwards(operator: Operator) -> None:
    account = operator.create_account("orders")
    before = account.create_user("before", publish=["a"])
    account = operator.revoke(account, "*")
    after = account.create_user("after", publish=["a"])
    with NatsServer(operator, [account]) as server:
        assert not admitted(server, before)
        assert admitted(server, after)


def test_a_role_that_is_taken_away_takes_its_users_with_it(operator: Operator) -> None:
    account = operator.add_role(operator.create_account("orders"), "device", publish=["a"])
    device, other = account.create_user("d-17", role="device"), account.create_user("u", publish=["a"])
    left = operator.reissue(account, account.claims.without_signing_key(account.roles["device"].public))
    with NatsServer(operator, [left]) as server:
        assert not admitted(server, device)
        assert admitted(server, other)


# Operators


def test_strictness_switched_on_later_admits_whom_signing_keys_signed() -> None:
    operator = Operator.create("acme")
    account = operator.create_account("orders")
    by_key = account.create_user("u", publish=["a"])
    by_identity = account.create_user("u", publish=["a"], signer=account.key)
    with NatsServer(operator, [account]) as server:
        assert admitted(server, by_key)
        assert admitted(server, by_identity)
    strict = operator.replace(operator.claims.replace(strict_signing_key_usage=True))
    with NatsServer(strict, [account]) as server:
        assert admitted(server, by_key)
        assert not admitted(server, by_identity)


def test_a_spare_signing_key_vouches_without_the_operator_changing() -> None:
    operator = Operator.create("acme", signing_keys=2, strict=True)
    account = operator.create_account("orders", signer=operator.signing_keys[1])
    assert said(operator, account, account.create_user("u", publish=["a"]).creds) == ""


def test_servers_and_verify_chain_do_not_mind_when_an_operator_expired() -> None:
    now = int(time.time())
    operator = Operator.create("acme", issued_at=now - 2 * LONG)
    operator = operator.replace(operator.claims.replace(exp=now - LONG), issued_at=now - LONG - 1)
    account = operator.create_account("orders")
    user = account.create_user("u", publish=["a"])
    assert said(operator, account, user.creds) == ""
    chain = verify_chain(operator=operator, account=account, user=user)
    assert [problem.code for problem in chain.problems] == ["expired"]


def test_an_operator_that_somebody_else_signed_is_refused_here_only() -> None:
    operator = Operator.create("acme")
    account = operator.create_account("orders")
    user = account.create_user("u", publish=["a"])
    forged = tokens.sign(operator.claims, KeyPair.generate(KeyType.OPERATOR), issued_at=int(time.time()))
    with (
        NatsServer(forged, [account], system_account=operator.system_account) as server,
        connect(server.url, user.creds) as wire,
    ):
        assert wire.ok()
    with pytest.raises(UntrustedIssuerError):
        verify_chain(operator=forged, account=account, user=user)


# From where, when, and how


def hours(start: int, end: int) -> tuple[str, str]:
    """Return a part of the day in UTC, told in whole hours from now."""
    now = datetime.now(UTC)
    first, last = (f"{now + timedelta(hours=hour):%H:%M:%S}" for hour in (start, end))
    return first, last


WHEN = {"around now": (-6, 6), "later": (6, 12), "earlier": (-12, -6)}
OUTSIDE = "Outside connect times"


@pytest.mark.parametrize(
    ("windows", "zone", "says"),
    [
        (["around now"], "UTC", ""),
        (["later", "around now"], "UTC", ""),
        ([], None, ""),
        (["later"], "UTC", OUTSIDE),
        (["later", "earlier"], "UTC", OUTSIDE),
        (["around now"], "Asia/Tokyo", OUTSIDE),
        (["earlier"], "Asia/Tokyo", OUTSIDE),
        (["later"], "Asia/Tokyo", ""),  # nine hours ahead
    ],
)
def test_users_connect_at_their_times_of_day(
    server: NatsServer, orders: Account, windows: list[str], zone: str | None, says: str
) -> None:
    times = [hours(*WHEN[window]) for window in windows]
    knock(server, orders, {"times": times, "times_location": zone}, says)


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"sources": ["127.0.0.0/8"]}, ""),
        ({"sources": ["10.0.0.0/8", "127.0.0.1/32"]}, ""),
        ({"sources": ["::ffff:127.0.0.0/104"]}, ""),
        ({"sources": []}, ""),
        ({"sources": ["10.0.0.0/8"]}, "Bad src Ip"),
        ({"sources": ["127.0.0.2/32"]}, "Bad src Ip"),
        ({"sources": ["::1/128"]}, "Bad src Ip"),
        ({"role": "far"}, "Bad src Ip"),
        ({"connection_types": ["STANDARD"]}, ""),
        ({"connection_types": ["WEBSOCKET", "STANDARD"]}, ""),
        ({"connection_types": []}, ""),
        ({"connection_types": ["WEBSOCKET"]}, "Connection type not allowed"),
        ({"connection_types": ["IN_PROCESS", "MQTT", "MQTT_WS", "LEAFNODE", "LEAFNODE_WS"]}, "not allowed"),
        ({"proxy_required": True}, "proxy connection required"),
        ({"proxy_required": False}, ""),
    ],
    ids=str,
)
def test_users_come_from_where_and_how_they_may(
    server: NatsServer, orders: Account, keywords: dict[str, Any], says: str
) -> None:
    knock(server, orders, keywords, says)


def knock(server: NatsServer, orders: Account, keywords: dict[str, Any], says: str) -> None:
    """Connect as a user of *keywords*; the server admits it, or refuses it and logs *says*."""
    user = orders.create_user("u", **keywords)
    with connect(server.url, user.creds) as wire:
        if not says:
            assert wire.ok(), reason(server, wire)
        else:
            assert wire.error == REFUSED
            assert says in reason(server, wire)


# nats-py


@contextlib.asynccontextmanager
async def nats_py(url: str, creds: Creds, *, private_inbox: bool | None = None) -> AsyncIterator[Client]:
    """Connect with nats-py; a refused client is closed as well, or its sockets are complained about later."""
    client = Client()

    async def quiet(_: Exception) -> None:
        """Say nothing; the error is raised as well."""

    try:
        await client.connect(url, error_cb=quiet, allow_reconnect=False, **creds.nats_py(private_inbox=private_inbox))
        yield client
    finally:
        await client.close()


def test_nats_py_is_admitted(server: NatsServer, orders: Account) -> None:
    async def run() -> None:
        async with nats_py(server.url, orders.create_user("u", publish=["a"], subscribe=["a"]).creds) as client:
            subscription = await client.subscribe("a")
            await client.publish("a", b"1")
            assert (await subscription.next_msg(timeout=5)).data == b"1"

    asyncio.run(run())


def test_nats_py_is_refused_with_another_users_seed(server: NatsServer, orders: Account) -> None:
    other = KeyPair.generate(KeyType.USER)
    wrong = Creds.issued(orders.create_user("u", publish=["a"]).jwt, other.public, other.seed, None)

    async def run() -> None:
        with pytest.raises(NatsError, match="Authorization Violation"):
            async with nats_py(server.url, wrong):
                raise AssertionError("nobody is admitted with another's seed")

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["keywords", "role", "role read from a file"])
def test_nats_py_asks_and_is_answered_on_a_private_inbox(server: NatsServer, orders: Account, kind: str) -> None:
    if kind == "keywords":
        asker = orders.create_user("asker", publish=["ask.>"], private_inbox=True).creds
    else:
        asker = orders.create_user("asker", role="device").creds
    private = None
    if kind == "role read from a file":  # whose token does not say it
        asker, private = Creds.parse(asker.text), True
    service = orders.create_user("service", subscribe=["ask.time"], allow_responses=1).creds

    async def run() -> None:
        async with (
            nats_py(server.url, service) as answering,
            nats_py(server.url, asker, private_inbox=private) as asking,
        ):
            subscription = await answering.subscribe("ask.time")
            for _ in range(2):  # nats-py 2.16 writes the first PING ahead of what it has not sent yet
                await answering.flush(timeout=5)
            question = asyncio.create_task(asking.request("ask.time", timeout=5))
            message = await subscription.next_msg(timeout=5)
            assert message.reply.startswith(f"_INBOX.{asker.public}.")
            await message.respond(b"noon")
            assert (await question).data == b"noon"

    asyncio.run(run())
