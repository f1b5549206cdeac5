"""Where servers listen, what protects the wire, and what is doubtful about it; parts of files, and JetStream."""

import os
import signal
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from configured_server import FREE, admits, codes, server_of, soon
from nats_wire import connect, connect_tls
from signed_chain import SignedAccount, SignedOperator
from throwaway_certificates import Authority

from natscreds.errors import InvalidClaimsError, ServerError
from natscreds.server import TLS, Cluster, config, fragment
from natscreds.testing import NatsServer

# --- TLS and warnings ------------------------------------------------------------------------------------------------


def test_clients_speak_tls_with_the_certificate_given(tmp_path: Path) -> None:
    operator = SignedOperator()
    account = operator.account()
    authority = Authority(tmp_path)
    cert, key = authority.certify("server")
    context = ssl.create_default_context(cafile=str(authority.ca))
    with server_of(config(operator, [account], listen=FREE, tls=TLS(cert=cert, key=key))) as server:
        with connect_tls(server.url, account.user(), context) as client:
            assert client.ok()
            assert client.info["tls_required"]
        with connect(server.url, account.user()) as client:
            assert not client.ok()


def test_with_verify_clients_show_a_certificate(tmp_path: Path) -> None:
    operator = SignedOperator()
    account = operator.account()
    authority = Authority(tmp_path)
    cert, key = authority.certify("server")
    context = ssl.create_default_context(cafile=str(authority.ca))
    tls = TLS(cert=cert, key=key, ca=authority.ca, verify=True)
    with server_of(config(operator, [account], listen=FREE, tls=tls)) as server:
        with connect_or_none(server, account, context) as taken:
            assert not taken
        context.load_cert_chain(*authority.certify("client"))
        with connect_or_none(server, account, context) as taken:
            assert taken


@contextmanager
def connect_or_none(server: NatsServer, account: SignedAccount, context: ssl.SSLContext) -> Iterator[bool]:
    """Whether a connection is taken; TLS 1.3 tells of a certificate that was not shown at some later read."""
    try:
        with connect_tls(server.url, account.user(), context) as client:
            yield client.ok()
    except (ssl.SSLError, ConnectionResetError):
        yield False


@pytest.mark.parametrize("listen", ["127.0.0.1:4222", "127.8.0.1:-1", "localhost:1", "LOCALHOST:1", "[::1]:4222"])
def test_what_only_the_machine_itself_reaches_needs_no_tls(listen: str) -> None:
    assert config(SignedOperator(), listen=listen).problems == ()


@pytest.mark.parametrize("listen", ["0.0.0.0:4222", "[::]:4222", "10.0.0.7:-1", "nats-1.example.com:4222", "127.1:1"])
def test_others_reach_it_without_tls_is_a_warning(listen: str) -> None:
    text = config(SignedOperator(), listen=listen)
    assert codes(text) == ["listen-without-tls"]
    assert all(problem.severity == "warning" and listen in problem.message for problem in text.problems)
    assert codes(config(SignedOperator(), listen=listen, tls=TLS(cert="c", key="k"))) == []


def test_routes_that_anybody_reaches_are_a_warning() -> None:
    open_routes = Cluster(name="town", listen="0.0.0.0:6222")
    one_sided = Cluster(name="town", listen="0.0.0.0:6222", tls=TLS(cert="c", key="k"))
    closed = Cluster(name="town", listen="0.0.0.0:6222", tls=TLS(cert="c", key="k", ca="ca", verify=True))
    for cluster, expected in (open_routes, ["cluster-without-tls"]), (one_sided, ["cluster-without-tls"]), (closed, []):
        assert codes(config(SignedOperator(), cluster=cluster)) == expected


def test_accounts_over_http_from_elsewhere_are_a_warning() -> None:
    for url, expected in (
        ("http://accounts.example.com/", ["resolver-without-tls"]),
        ("http://10.0.0.7:8080/", ["resolver-without-tls"]),
        ("https://accounts.example.com/", []),
        ("http://127.0.0.1:8080/", []),
        ("http://[::1]/", []),
        ("http://localhost/x", []),
    ):
        assert codes(config(SignedOperator(), resolver=url)) == expected
        assert codes(fragment(SignedOperator(), resolver=url)) == expected


def test_a_configuration_is_a_text() -> None:
    text = config(SignedOperator(), listen="0.0.0.0:4222")
    assert isinstance(text, str)
    assert "resolver: MEMORY" in text
    assert type(text + "") is str
    assert eval(repr(text)) == text  # noqa: S307  # of our own


# --- fragments, JetStream --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [{}, {"resolver": "full", "directory": "jwt"}, {"resolver": "cache", "directory": "jwt"}], ids=str
)
def test_a_file_written_by_hand_includes_a_fragment(words: dict[str, Any], tmp_path: Path) -> None:
    operator = SignedOperator()
    account = operator.account()
    (tmp_path / "accounts.conf").write_text(fragment(operator, [account], **words))
    there = os.path.relpath(tmp_path, Path(tempfile.gettempdir(), "the server's own"))  # included from beside it
    by_hand = f'listen: "{FREE}"\nmax_payload: 5555\ninclude "{there}/accounts.conf"\nserver_name: hand\n'
    with server_of(by_hand) as server, connect(server.url, account.user()) as client:
        assert client.ok()
        assert (client.info["server_name"], client.info["max_payload"]) == ("hand", 5555)


def test_a_fragment_is_the_end_of_a_whole_configuration() -> None:
    operator = SignedOperator()
    words: dict[str, Any] = {"resolver": "full", "directory": "jwt", "allow_delete": True}
    accounts = [operator.account(), operator.account()]
    assert config(operator, accounts, **words).endswith("\n" + fragment(operator, accounts, **words))


@pytest.mark.parametrize("words", [{}, {"resolver": "full", "directory": "jwt"}], ids=str)
def test_jetstream_stores_beside_any_resolver(words: dict[str, Any], tmp_path: Path) -> None:
    operator = SignedOperator()
    account = operator.account()
    text = config(operator, [account], listen=FREE, jetstream=tmp_path / "js", **words)
    with server_of(text) as server, connect(server.url, account.user()) as client:
        client.subscribe("answers")
        client.publish("$JS.API.INFO", reply="answers")
        [(_, _, answer)] = client.wait_messages(1)
        assert b'"streams":0' in answer
    assert (tmp_path / "js" / "jetstream").is_dir()


def test_a_system_account_that_may_use_jetstream_is_refused_where_it_is_on() -> None:
    operator = SignedOperator()
    system = SignedAccount(operator.signing_key, key=operator.system.key)
    with pytest.raises(InvalidClaimsError, match="system-account-jetstream"):
        config(operator, [system], jetstream="js")
    text = config(operator, [system], listen=FREE)
    with server_of(text) as server:
        assert admits(server, system)
    with pytest.raises(ServerError):
        server_of(text + 'jetstream: {store_dir: "js"}\n').start()


def test_accounts_in_memory_change_when_the_file_is_read_again(tmp_path: Path) -> None:
    operator = SignedOperator()
    first, second = operator.account(), operator.account()
    included = tmp_path / "accounts.conf"
    included.write_text(fragment(operator, [first]))
    there = os.path.relpath(tmp_path, Path(tempfile.gettempdir(), "the server's own"))
    with server_of(f'listen: "{FREE}"\ninclude "{there}/accounts.conf"\n') as server:
        assert admits(server, first)
        assert not admits(server, second)
        included.write_text(fragment(operator, [second]))
        os.kill(server.pid, signal.SIGHUP)
        assert soon(lambda: admits(server, second))
        assert not admits(server, first)
