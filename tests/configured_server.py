"""Real servers with a configuration that a test has written, and what is asked of them."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from nats_wire import connect
from signed_chain import SignedAccount, SignedOperator

from natscreds import testing
from natscreds.server import Configuration
from natscreds.testing import NatsServer

__all__ = ["FREE", "admits", "ask", "codes", "route_address", "server_of", "soon", "takes"]

FREE = "127.0.0.1:-1"


def server_of(configuration: str) -> NatsServer:
    """A server with exactly this configuration; relative paths lie in its own directory."""
    server = NatsServer(SignedOperator())
    server.configuration = configuration
    return server


def admits(server: NatsServer, account: SignedAccount) -> bool:
    with connect(server.url, account.user()) as client:
        return client.ok()


def soon(true: Callable[[], bool], *, seconds: float = 10.0) -> bool:
    """Whether it becomes true before the deadline."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def ask(server: NatsServer, operator: SignedOperator, subject: str, payload: bytes = b"", *, answers: int = 1) -> bytes:
    """What a user of the system account is answered by so many servers."""
    with connect(server.url, operator.system.user()) as client:
        client.subscribe("answers")
        client.publish(subject, payload, reply="answers")
        return b"\n".join(answer for _, _, answer in client.wait_messages(answers))


def route_address(server: NatsServer) -> str:
    """Where the server listens for others of its cluster."""
    found = re.search(r"Listening for route connections on (\S+)", server.log)
    assert found is not None
    return found[1]


def codes(text: Configuration) -> list[str]:
    return [problem.code for problem in text.problems]


def takes(text: str, directory: Path) -> bool:
    """Whether a real nats-server, working in *directory*, takes *text* as a configuration."""
    (directory / "server.conf").write_text(text, encoding="utf-8", newline="\n")
    command = [testing._binary(), "-t", "-c", "server.conf"]
    return not subprocess.run(command, capture_output=True, cwd=directory).returncode
