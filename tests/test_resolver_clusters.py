"""Several servers: all have to confirm, who does not is named, and a later sync heals what was missed."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from nats.aio.client import Client
from resolver_cluster import Cluster, Node, connection, eventually
from resolver_place import a_place, codes

from natscreds import Account, Operator, server
from natscreds.errors import ServerError
from natscreds.server import ResolverClient

ResultT = TypeVar("ResultT")
WAIT = timedelta(seconds=1.5)


def talk(cluster: Cluster, verb: Callable[[Client, ResolverClient], Coroutine[Any, Any, ResultT]]) -> ResultT:
    """Run *verb* with a connection to the first server and a client of it, once all servers know each other."""

    async def run() -> ResultT:
        user = server.system_user(cluster.operator, expires_in=timedelta(hours=1), delete=True)
        async with connection(cluster.url, user, dont_randomize=True) as one:
            await cluster.formed(one, len(cluster.nodes))
            return await verb(one, ResolverClient(one, cluster.operator, timeout=WAIT))

    return asyncio.run(run())


def holds(node: Node, account: Account) -> bool:
    """Whether the server's directory has this very token."""
    path = node.jwt_directory / f"{account.public}.jwt"
    return path.exists() and path.read_text() == account.jwt


def lacking(nodes: list[Node], accounts: list[Account]) -> list[Account]:
    """The accounts that some server does not have."""
    return [account for account in accounts if not all(holds(node, account) for node in nodes)]


def names(servers: tuple[server.Server, ...]) -> list[str]:
    return [one.name for one in servers]


def test_a_server_stopped_during_a_push_is_named_and_a_sync_heals_it() -> None:
    operator = Operator.create("acme")
    accounts = [operator.create_account(f"a{number}") for number in range(1_000)]
    with Cluster(operator) as cluster:

        async def push_and_heal(one: Client, client: ResolverClient) -> None:
            def stop_one(done: int, total: int) -> None:
                if done == 600:
                    cluster.nodes[2].stop(kill=True)

            report = await client.push(accounts, on_progress=stop_one)
            assert not report.ok
            assert names(report.silent) == ["n3"]
            assert len(report.done) >= 100  # read back in batches
            assert len(report.failed) > 0
            assert len(report.done) + len(report.failed) == len(accounts)
            with pytest.raises(ServerError, match="no answer from n3"):
                report.raise_for_failures()
            by_key = {account.public: account for account in accounts}
            assert lacking(cluster.nodes, [by_key[key] for key in report.done]) == []
            assert [
                account for account in accounts if not all(holds(node, account) for node in cluster.nodes[:2])
            ] == []
            missed = [account for account in accounts if not holds(cluster.nodes[2], account)]
            assert missed

            cluster.nodes[2].start()
            await cluster.formed(one, 3)
            told: list[int] = []
            healed = await client.sync(accounts, on_progress=lambda done, total: told.append(total))
            assert healed.ok
            assert names(healed.servers) == ["n1", "n2", "n3"]
            assert set(healed.done) == {account.public for account in missed}
            assert set(told) == {len(missed)}
            assert len(healed.unchanged) == len(accounts) - len(missed)
            assert lacking(cluster.nodes, accounts) == []
            assert (await client.sync(accounts)).unchanged == tuple(by_key)
            listing = await client.list()
            assert [len(keys) for keys in listing.by_server.values()] == [1_001] * 3
            assert (await client.pull()).tokens.keys() >= by_key.keys()

        talk(cluster, push_and_heal)


def test_the_connections_own_server_may_go_during_a_push() -> None:
    """What was on its way is asked again over the next server."""
    operator = Operator.create("acme")
    accounts = [operator.create_account(f"a{number}") for number in range(600)]
    with Cluster(operator) as cluster:

        async def push(one: Client, client: ResolverClient) -> None:
            def stop_one(done: int, total: int) -> None:
                if done == 100:
                    cluster.nodes[0].stop(kill=True)

            report = await client.push(accounts, on_progress=stop_one)
            assert names(report.silent) == ["n1"]
            assert len(report.done) < len(accounts)
            assert [
                account for account in accounts if not all(holds(node, account) for node in cluster.nodes[1:])
            ] == []

        talk(cluster, push)


def test_a_server_that_was_down_keeps_the_old_account_until_a_sync() -> None:
    operator = Operator.create("acme")
    orders = operator.create_account("orders")
    user = orders.create_user("u", publish=["a"])
    with Cluster(operator) as cluster:

        async def revoke(one: Client, client: ResolverClient) -> None:
            assert (await client.push([orders])).ok
            cluster.nodes[1].stop()
            revoked = operator.revoke(orders, user)
            missing = ResolverClient(one, operator, timeout=WAIT, servers=3)
            report = await missing.push([revoked])
            assert report.done == (orders.public,)  # by those that were there
            assert not report.ok
            assert report.absent == 1
            with pytest.raises(ServerError, match="1 servers fewer"):
                report.raise_for_failures()
            cluster.nodes[1].start()
            await cluster.formed(one, 3)
            looked = await client.lookup(orders)
            assert not looked.agreed
            assert (looked.jwt, looked.found, looked.answers) == (revoked.jwt, (revoked.jwt, orders.jwt), 3)
            # The older of two copies does not hide the newer one:
            assert codes(await client.push([orders])) == {orders.public: "rollback"}
            report = await client.sync([revoked])
            assert report.done == (orders.public,)
            assert sorted(report.outcomes[orders.public].held) == [orders.claims.iat, *[revoked.claims.iat] * 2]
            assert (await client.lookup(orders)).agreed
            assert all(holds(node, revoked) for node in cluster.nodes)

        talk(cluster, revoke)


def test_a_delete_is_confirmed_by_every_server() -> None:
    operator = Operator.create("acme")
    orders = operator.create_account("orders")
    with Cluster(operator, allow_delete=True) as cluster:

        async def delete(one: Client, client: ResolverClient) -> None:
            assert (await client.push([orders])).ok
            report = await client.delete([orders])
            assert report.done == (orders.public,)
            assert sorted(answer.server.name for answer in report.outcomes[orders.public].answers) == ["n1", "n2", "n3"]
            looked = await client.lookup(orders)
            assert (looked.answers, looked.empty) == (3, 3)

        talk(cluster, delete)


def test_a_cache_that_skips_is_no_holder_and_no_hindrance() -> None:
    operator = Operator.create("acme")
    accounts = [operator.create_account(f"a{number}") for number in range(3)]
    with Cluster(operator, ["full", "cache"]) as cluster:

        async def push(one: Client, client: ResolverClient) -> None:
            report = await client.push(accounts)
            assert report.ok
            texts = {answer.server.name: answer.text for answer in report.outcomes[accounts[0].public].answers}
            assert texts == {"n1": "jwt updated", "n2": "jwt update cache skipped"}
            start = time.monotonic()
            assert (await client.sync(accounts)).unchanged == tuple(account.public for account in accounts)
            assert time.monotonic() - start < WAIT.total_seconds()  # nobody waits for the cache once it is known
            # A client that has yet to learn it sends one account to find out, and no more:
            fresh = ResolverClient(one, operator, timeout=timedelta(seconds=1))
            report = await fresh.sync(accounts)
            assert report.ok
            assert len(report.unchanged) == 2

        talk(cluster, push)


def test_a_cache_alone_holds_nothing() -> None:
    with a_place(resolver="cache") as place:
        orders = place.operator.create_account("orders")
        report = place.client.push([orders])
        assert codes(report) == {orders.public: "not-stored"}
        assert report.outcomes[orders.public].answers[0].text == "jwt update cache skipped"


def test_a_server_with_its_accounts_in_memory_does_not_confirm() -> None:
    operator = Operator.create("acme")
    orders = operator.create_account("orders")
    with Cluster(operator, ["full", "memory"]) as cluster:

        async def push(one: Client, client: ResolverClient) -> None:
            quick = ResolverClient(one, operator, timeout=timedelta(milliseconds=500))
            report = await quick.push([orders])
            assert codes(report) == {orders.public: "no-answer"}
            assert names(report.silent) == ["n2"]
            assert names((await quick.list()).silent) == ["n2"]

        talk(cluster, push)


@pytest.mark.parametrize("verb", ["push", "sync", "list", "pull", "disable", "delete"])
def test_nobody_listening_is_an_error_and_no_end_of_anything(verb: str) -> None:
    """The server sends an empty message with a status: the end of a pack looks the same without it."""
    with a_place(resolver="memory") as place:
        orders = place.operator.create_account("orders")
        if verb == "disable":
            assert codes(place.client.disable([orders.public])) == {orders.public: "no-answer"}
            return
        call = getattr(place.client, verb)
        with pytest.raises(ServerError, match=r"no server of the 1 found listens on \$SYS\.REQ\.CLAIMS\."):
            call(*([] if verb in ("list", "pull") else [[orders]]))


def test_servers_find_each_other_again() -> None:
    """The cluster of these tests is one: what one is told reaches the other by itself, given the time."""
    operator = Operator.create("acme")
    orders = operator.create_account("orders")
    with Cluster(operator, ["full", "full"], interval=timedelta(seconds=1)) as cluster:

        async def push(one: Client, client: ResolverClient) -> None:
            cluster.nodes[1].stop()
            assert (await client.push([orders])).ok
            cluster.nodes[1].start()

        talk(cluster, push)
        assert eventually(lambda: holds(cluster.nodes[1], orders))
