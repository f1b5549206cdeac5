"""Several servers on one machine, found by each other without a port chosen beforehand."""

import json
import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from nats_wire import Wire, connect

from natscreds import Operator
from natscreds.errors import MissingKeyError, ServerError
from natscreds.testing import NatsCluster, NatsServer

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="reloads are asked for by a signal")

OPERATOR = Operator.create("acme")
ORDERS = OPERATOR.create_account("orders", jetstream=True)
USER = ORDERS.create_user("svc-1")


@pytest.fixture
def cluster() -> Iterator[NatsCluster]:
    with NatsCluster(OPERATOR, [ORDERS], size=2) as running:
        yield running


def arrives(publisher: Wire, subscriber: Wire, subject: str) -> bool:
    """Publish until it arrives: a server learns of a new subscription on another one a moment later."""
    subscriber.subscribe(subject)
    until = time.monotonic() + 5
    while not subscriber.messages() and time.monotonic() < until:
        publisher.publish(subject)
    return bool(subscriber.messages())


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("size", [2, 4])
def test_each_server_knows_all_others(size: int) -> None:
    with NatsCluster(OPERATOR, [ORDERS], size=size) as cluster:
        ports = {urlsplit(url).port for url in cluster.urls}
        assert len(ports) == len(cluster.servers) == size
        assert cluster.url == cluster.urls[0] == cluster.servers[0].url
        for number, server in enumerate(cluster.servers, 1):
            with connect(server.url, USER) as client:
                assert {int(url.rpartition(":")[2]) for url in client.info["connect_urls"]} == ports
                assert client.info["server_name"] == f"n{number}"


def test_a_message_goes_from_one_server_to_another(cluster: NatsCluster) -> None:
    first, second = cluster.servers
    with connect(first.url, USER) as one, connect(second.url, USER) as other:
        assert arrives(one, other, "there")
        assert arrives(other, one, "back")


def test_the_routes_ask_for_a_password(cluster: NatsCluster) -> None:
    """Whoever joins a cluster is trusted with everything, and a port of the loopback interface is open to all users."""
    [port] = {int(line.rpartition(":")[2]) for line in cluster.servers[0].log.splitlines() if "for route" in line}
    with socket.create_connection(("127.0.0.1", port), timeout=5) as route, route.makefile("rb") as lines:
        assert lines.readline().startswith(b"INFO ")
        route.sendall(b'CONNECT {"user":"route","pass":"guessed","cluster":"natscreds","name":"n9"}\r\n')
        assert any(b"Authorization Violation" in line for line in lines)
    assert cluster._password in cluster.servers[1].configuration
    assert cluster._password not in cluster.servers[1].log


@pytest.mark.parametrize("resolver", ["memory", "full"])
def test_an_update_reaches_every_server(resolver: str) -> None:
    with NatsCluster(OPERATOR, [ORDERS], resolver=resolver) as cluster:
        cluster.update(OPERATOR.revoke(ORDERS, USER))
        late = OPERATOR.create_account("late")
        cluster.update(late)
        for server in cluster.servers:
            with connect(server.url, USER) as client:
                assert not client.ok()
            with connect(server.url, late.create_user("x")) as client:
                assert client.ok()


def test_a_reload_reaches_every_server(cluster: NatsCluster) -> None:
    cluster.reload(extra="max_payload: 100000\n")
    for server in cluster.servers:
        with connect(server.url, USER) as client:
            assert client.info["max_payload"] == 100_000


def test_a_server_that_was_stopped_finds_the_others_again(cluster: NatsCluster) -> None:
    for server, other in (cluster.servers, cluster.servers[::-1]):
        server.stop()
        assert cluster.urls == [other.url] == [cluster.url]
        cluster.update(OPERATOR.reissue(ORDERS))  # whoever is there is told
        server.start()
        assert len(cluster.urls) == 2
        with connect(server.url, USER) as one, connect(other.url, USER) as two:
            assert arrives(one, two, "a")
            assert arrives(two, one, "b")


def test_a_stream_lives_on_three_servers_and_outlives_one() -> None:
    with NatsCluster(OPERATOR, [ORDERS], jetstream=True) as cluster:
        for number, server in enumerate(cluster.servers):
            with connect(server.url, USER) as client:
                client.subscribe("answer")
                wanted = {"name": f"s{number}", "subjects": [f"s{number}"], "num_replicas": 3}
                client.publish(f"$JS.API.STREAM.CREATE.s{number}", json.dumps(wanted).encode(), "answer")
                [(_, _, answer)] = client.wait_messages(1)
                assert b'"did_create":true' in answer
        cluster.servers[1].stop()
        cluster.servers[1].start()
        with connect(cluster.servers[1].url, USER) as client:
            client.subscribe("answer")
            client.publish("$JS.API.STREAM.NAMES", b"", "answer")
            [(_, _, answer)] = client.wait_messages(1)
            assert json.loads(answer)["streams"] == ["s0", "s1", "s2"]


def test_the_block_ends_every_process_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with NatsCluster(OPERATOR, [ORDERS]) as cluster:
        pids = [server.pid for server in cluster.servers]
        assert all(map(alive, pids))
        assert repr(cluster) == f"<NatsCluster {' '.join(cluster.urls)}>"
    assert not any(map(alive, pids))
    assert not list(tmp_path.iterdir())
    assert repr(cluster) == "<NatsCluster stopped>"
    cluster.stop()
    with cluster:
        assert len(cluster.urls) == 3


def test_a_server_that_does_not_start_takes_the_others_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    started: list[int] = []
    before = NatsServer.start

    def second_fails(self: NatsServer) -> NatsServer:
        if len(started) == 1:
            self.configuration += "max_payload: few\n"
        before(self)
        started.append(self.pid)
        return self

    monkeypatch.setattr(NatsServer, "start", second_fails)
    cluster = NatsCluster(OPERATOR, [ORDERS])
    with pytest.raises(ServerError, match="exited with 1"):
        cluster.start()
    assert len(started) == 1
    assert not alive(*started)
    assert not list(tmp_path.iterdir())


def test_servers_that_do_not_find_each_other_in_time_are_stopped() -> None:
    alone = 'cluster {name: "natscreds", listen: "127.0.0.1:-1"}\n'
    cluster = NatsCluster(OPERATOR, [ORDERS], extra=alone, timeout=timedelta(seconds=1))
    with pytest.raises(ServerError, match="find each other within 1 s"):
        cluster.start()
    assert cluster.urls == []


def test_a_cluster_that_runs_is_not_started_again(cluster: NatsCluster) -> None:
    with pytest.raises(ServerError, match="runs already"):
        cluster.start()
    assert len(cluster.urls) == 2


def test_a_cluster_that_does_not_run_has_no_address() -> None:
    cluster = NatsCluster(OPERATOR, [ORDERS])
    assert cluster.urls == []
    for call in (lambda: cluster.url, cluster.reload, lambda: cluster.update(ORDERS)):
        with pytest.raises(ServerError, match="no server of the cluster runs"):
            call()


@pytest.mark.parametrize(("size", "error"), [(1, ValueError), (0, ValueError), (True, TypeError), ("3", TypeError)])
def test_a_cluster_has_two_servers_at_least(size: int, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"size is|at least two"):
        NatsCluster(OPERATOR, [ORDERS], size=size)


def test_jetstream_needs_a_key_of_the_system_account() -> None:
    assert OPERATOR.system_account is not None
    with pytest.raises(MissingKeyError):
        NatsCluster(OPERATOR.jwt, [ORDERS, OPERATOR.system_account.jwt], jetstream=True)
    with pytest.raises(MissingKeyError):
        NatsCluster(Operator.load(OPERATOR.jwt, system_account=OPERATOR.system_account.jwt), jetstream=True)
    assert NatsCluster(OPERATOR.jwt, [ORDERS, OPERATOR.system_account.jwt])
