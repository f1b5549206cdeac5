"""Every text that `config` and `fragment` write is started on a real nats-server."""

import shutil
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from nats_wire import connect
from signed_chain import SignedAccount, SignedOperator

from natscreds.claims import AccountClaims
from natscreds.errors import InvalidClaimsError, ServerError
from natscreds.server import TLS, Cluster, Configuration, config, fragment
from natscreds.testing import NatsServer

FREE = "127.0.0.1:-1"


@contextmanager
def running(configuration: str) -> Iterator[NatsServer]:
    """A server with exactly this configuration; relative paths lie in its own directory."""
    server = NatsServer(SignedOperator())
    server.configuration = configuration
    with server:
        yield server


def admits(server: NatsServer, account: SignedAccount) -> bool:
    with connect(server.url, account.user()) as client:
        return client.ok()


def test_a_full_resolver_reads_like_this() -> None:
    operator = SignedOperator()
    text = config(
        operator,
        resolver="full",
        directory="jwt",
        limit=5,
        interval=timedelta(minutes=2),
        timeout=timedelta(seconds=1.9),
    )
    assert text.partition("system_account")[2].partition("\n")[2] == (
        "resolver: {\n"
        "  type: full\n"
        '  dir: "jwt"\n'
        "  allow_delete: false\n"
        "  limit: 5\n"
        '  interval: "120s"\n'
        '  timeout: "1900ms"\n'
        "}\n"
        "resolver_preload: {\n"
        f'  "{operator.system.key.public}": "{operator.system.jwt}"\n'
        "}\n"
    )


def test_a_server_with_a_full_resolver_keeps_accounts_in_its_directory(tmp_path: Path) -> None:
    operator = SignedOperator()
    known, pushed, unknown = operator.account(), operator.account(), operator.account()
    text = config(operator, [known], resolver="full", directory=tmp_path / "jwt", listen=FREE)
    with running(text) as server:
        assert admits(server, known)
        assert not admits(server, unknown)
        with connect(server.url, operator.system.user()) as client:
            client.subscribe("answers")
            client.publish("$SYS.REQ.CLAIMS.UPDATE", pushed.jwt.encode(), reply="answers")
            [(_, _, answer)] = client.wait_messages(1)
        assert b"jwt updated" in answer
        assert admits(server, pushed)
    kept = {entry.name: entry.read_text() for entry in (tmp_path / "jwt").iterdir()}
    assert kept == {f"{account.key.public}.jwt": account.jwt for account in (operator.system, known, pushed)}
