"""A running server is told something new: settings by a reload, accounts by an update. Nothing sleeps."""

import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from nats_wire import connect

from natscreds import Account, Operator, User, tokens
from natscreds.errors import MissingKeyError, ServerError, TokenError, UntrustedIssuerError
from natscreds.testing import NatsServer

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="reloads are asked for by a signal")

OPERATOR = Operator.create("acme", strict=True)
ORDERS = OPERATOR.create_account("orders")
USER = ORDERS.create_user("svc-1", publish=["orders.>"], subscribe=["orders.>"])
assert OPERATOR.system_account is not None
SYSTEM: Account = OPERATOR.system_account


@pytest.fixture(params=["memory", "full"])
def server(request: pytest.FixtureRequest) -> Iterator[NatsServer]:
    with NatsServer(OPERATOR, [ORDERS], resolver=request.param, debug=True) as running:
        yield running


def admitted(server: NatsServer, user: User) -> bool:
    with connect(server.url, user) as client:
        return client.ok()


# --- updates


def test_an_account_updated_is_in_force_when_the_call_returns(server: NatsServer) -> None:
    account = ORDERS
    for name in ("a", "b", "c"):
        user = account.create_user(name)
        assert admitted(server, user)
        account = OPERATOR.revoke(account, user)
        server.update(account)
        assert not admitted(server, user)


def test_whoever_is_no_longer_welcome_is_thrown_out(server: NatsServer) -> None:
    with connect(server.url, USER) as client:
        server.update(OPERATOR.revoke(ORDERS, USER))
        assert client.wait_closed()
        assert client.error == "User Authentication Revoked"


def test_a_connection_that_may_stay_stays(server: NatsServer) -> None:
    with connect(server.url, USER) as client:
        client.subscribe("orders.new")
        server.update(OPERATOR.reissue(ORDERS, ORDERS.claims.replace(limits={"payload": 1_000})))
        client.publish("orders.new", b"still here")
        assert client.messages() == [("orders.new", None, b"still here")]


def test_an_account_the_server_has_never_heard_of_is_taken(server: NatsServer) -> None:
    late = OPERATOR.create_account("late")
    user = late.create_user("x")
    assert not admitted(server, user)
    server.update(late)
    assert admitted(server, user)


def test_a_token_is_as_good_as_the_chain_object(server: NatsServer) -> None:
    server.update(OPERATOR.revoke(ORDERS, USER).jwt)
    assert not admitted(server, USER)


def test_an_older_token_takes_the_place_of_a_newer_one(server: NatsServer) -> None:
    server.update(OPERATOR.revoke(ORDERS, USER))
    server.update(ORDERS)
    assert admitted(server, USER)


def test_the_system_account_is_updated_like_any_other(server: NatsServer) -> None:
    newer = OPERATOR.reissue(SYSTEM, SYSTEM.claims.replace(description="newer"))
    server.update(newer)
    with connect(server.url, newer.create_user("watcher")) as client:
        assert client.info["remote_account"] == SYSTEM.public
    server.update(OPERATOR.revoke(ORDERS, USER))
    assert not admitted(server, USER)


def test_what_was_updated_is_there_after_a_restart(server: NatsServer) -> None:
    late = OPERATOR.create_account("late")
    server.update(late)
    server.update(OPERATOR.revoke(ORDERS, USER))
    server.stop()
    server.start()
    assert admitted(server, late.create_user("x"))
    assert not admitted(server, USER)


def test_an_account_of_another_operator_is_refused_and_changes_nothing(server: NatsServer) -> None:
    before = server.configuration
    with pytest.raises(UntrustedIssuerError):
        server.update(Operator.create("stranger").create_account("orders"))
    with pytest.raises(TokenError):
        server.update(USER.jwt)
    with pytest.raises(TypeError, match="an account is"):
        server.update(1)  # type: ignore[arg-type]
    assert server.configuration == before
    assert admitted(server, USER)


def test_what_the_full_resolver_refuses_is_told_in_its_own_words() -> None:
    server = NatsServer(OPERATOR, [ORDERS], resolver="full")
    with server:
        before = server.configuration
        claims = ORDERS.claims.replace(description="x" * 9_000)  # a mistake that is found by both sides
        jwt = tokens.sign(claims, OPERATOR.signing_keys[0], issued_at=ORDERS.claims.iat + 1, check=False)
        with pytest.raises(ServerError, match="refuses the account: jwt validation failed"):
            server.update(jwt)
        assert server.configuration == before
        assert admitted(server, USER)


def test_the_full_resolver_needs_a_key_of_the_system_account() -> None:
    texts = NatsServer(OPERATOR.jwt, [ORDERS.jwt], system_account=SYSTEM.jwt, resolver="full")
    with texts, pytest.raises(MissingKeyError, match="system account's keys"):
        texts.update(ORDERS)
    keyless = NatsServer(OPERATOR.jwt, [ORDERS, Account.load(SYSTEM.jwt)], resolver="full")
    with keyless, pytest.raises(MissingKeyError):
        keyless.update(ORDERS)
    given = NatsServer(OPERATOR.jwt, [ORDERS, SYSTEM], resolver="full")
    with given:
        given.update(OPERATOR.revoke(ORDERS, USER))
        assert not admitted(given, USER)


def test_the_memory_resolver_needs_no_key() -> None:
    with NatsServer(OPERATOR.jwt, [ORDERS.jwt], system_account=SYSTEM.jwt) as server:
        server.update(OPERATOR.revoke(ORDERS, USER).jwt)
        assert not admitted(server, USER)


def test_a_system_account_that_the_operator_does_not_name_is_updated_too() -> None:
    operator = Operator.create("acme", system_account=False)
    system, orders = operator.create_account("SYS"), operator.create_account("orders")
    for resolver in ("memory", "full"):
        with NatsServer(operator, [orders], system_account=system, resolver=resolver) as server:
            newer = operator.reissue(system)
            server.update(newer)
            assert newer.jwt in server.configuration
            server.update(operator.reissue(orders))
            assert admitted(server, orders.create_user("x"))


# --- reloads


def test_a_reload_is_in_force_when_the_call_returns(server: NatsServer) -> None:
    for most in (100_000, 200_000, 300_000):
        server.reload(extra=f"max_payload: {most}\n")
        with connect(server.url, USER) as client:
            assert client.info["max_payload"] == most


def test_a_reload_without_other_settings_keeps_those_there_are(server: NatsServer) -> None:
    server.reload(extra="max_payload: 100000\n")
    server.update(OPERATOR.revoke(ORDERS, USER))
    before = server.configuration
    server.reload()
    assert server.configuration == before
    assert before.endswith("max_payload: 100000\n")
    with connect(server.url, ORDERS.create_user("y")) as client:
        assert client.info["max_payload"] == 100_000
    assert not admitted(server, USER)


def test_a_reload_keeps_connections_and_the_port(server: NatsServer) -> None:
    url, pid = server.url, server.pid
    with connect(url, USER) as client:
        server.reload(extra="max_payload: 100000\n")
        client.publish("orders.new")
        assert client.ok()
    assert (server.url, server.pid) == (url, pid)


@pytest.mark.parametrize(
    ("extra", "told"),
    [("max_payload: few\n", "is string, not int64"), ('server_name: "x"\n', "not supported for ServerName")],
)
def test_settings_that_the_server_refuses_are_told_and_not_kept(server: NatsServer, extra: str, told: str) -> None:
    before = server.configuration
    with pytest.raises(ServerError, match=f"refuses the configuration: .*{told}"):
        server.reload(extra=extra)
    assert server.configuration == before
    server.reload()
    server.update(OPERATOR.revoke(ORDERS, USER))
    assert not admitted(server, USER)


def test_what_the_server_says_of_settings_holds_no_secret(server: NatsServer) -> None:
    with pytest.raises(ServerError) as caught:
        server.reload(extra=f'cluster {{listen: "{USER.seed}"}}\n')
    assert USER.seed not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_server_that_does_not_run_is_told_nothing() -> None:
    server = NatsServer(OPERATOR, [ORDERS])
    with pytest.raises(ServerError, match="does not run"):
        server.reload()
    with pytest.raises(ServerError, match="does not run"):
        server.update(ORDERS)


def test_a_server_that_hangs_is_not_waited_for_for_ever() -> None:
    server = NatsServer(OPERATOR, [ORDERS], timeout=timedelta(seconds=10))
    with server:
        server._timeout = 0.2
        os.kill(server.pid, signal.SIGSTOP)
        before = time.monotonic()
        with pytest.raises(ServerError, match=r"reloads within 0\.2 s, it did not"):
            server.reload()
        with pytest.raises(ServerError, match=r"reloads within 0\.2 s, it did not"):
            server.update(ORDERS)
        assert time.monotonic() - before < 5
        os.kill(server.pid, signal.SIGCONT)


def test_a_full_resolver_that_hangs_is_not_waited_for_for_ever() -> None:
    with NatsServer(OPERATOR, [ORDERS], resolver="full") as server:
        server._timeout = 0.2
        os.kill(server.pid, signal.SIGSTOP)
        with pytest.raises(ServerError, match=r"answers within 0\.2 s, the greeting did not come"):
            server.update(ORDERS)
        os.kill(server.pid, signal.SIGCONT)


@pytest.mark.parametrize("resolver", ["memory", "full"])
def test_a_server_that_died_says_so(resolver: str) -> None:
    with NatsServer(OPERATOR, [ORDERS], resolver=resolver) as server:
        os.kill(server.pid, signal.SIGKILL)
        os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(ServerError, match=r"exited with -9|takes connections at port"):
            server.update(ORDERS)


@pytest.mark.parametrize("resolver", ["url", "cache", "", "MEMORY"])
def test_a_tests_server_has_one_of_two_resolvers(resolver: str) -> None:
    with pytest.raises(ValueError, match=r'"memory" or "full"'):
        NatsServer(OPERATOR, [ORDERS], resolver=resolver)


def test_the_full_resolver_is_told_over_the_wire_as_in_production(server: NatsServer) -> None:
    late = OPERATOR.create_account("late")
    listener = SYSTEM.create_user("listener", publish=[], subscribe=["$SYS.REQ.CLAIMS.UPDATE"])
    with connect(server.url, listener) as client:
        client.subscribe("$SYS.REQ.CLAIMS.UPDATE")
        server.update(late)
        told = [payload for _, _, payload in client.messages()]
    assert told == ([] if "resolver: MEMORY" in server.configuration else [late.jwt.encode()])
