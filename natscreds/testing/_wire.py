"""The kit's own connection to a server: a plain socket that asks and waits for answers.

It speaks as much of the client protocol as a few questions in the system account take. Nothing here waits for a fixed
time: every wait is for an answer, up to a deadline.
"""

import json
import socket
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, cast

from natscreds.chain import Account
from natscreds.errors import ServerError
from natscreds.nkeys import KeyPair, KeyType

__all__ = ["HOST", "SystemWire", "read_info"]

HOST = "127.0.0.1"

_AGAIN = 0.25
_ANSWER, _BROADCAST = "answer", "broadcast"
_ASKS = ("$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.JSZ")
_STATISTICS = "$SYS.SERVER.*.STATSZ"


def read_info(port: int) -> dict[str, Any]:
    """Return what a server says of itself to whoever connects; nothing if it does not answer."""
    try:
        with socket.create_connection((HOST, port), timeout=1) as connection, connection.makefile("rb") as lines:
            return _info(lines.readline())
    except OSError:
        return {}


def _info(line: bytes) -> dict[str, Any]:
    verb, _, text = line.partition(b" ")
    return cast("dict[str, Any]", json.loads(text)) if verb == b"INFO" and line.endswith(b"\n") else {}


class SystemWire:
    """A connection as a user of the system account, who is made for it and lives for two minutes.

    Attributes:
        server_id: The server's public nkey.
    """

    def __init__(self, system: Account, port: int, *, timeout: float) -> None:
        """Connect.

        Args:
            system: The system account, with a key that may sign.
            port: The server's.
            timeout: Seconds that everything asked here may take together.

        Raises:
            MissingKeyError: No key of the system account is held here.
            ServerError: The server does not let the user in.
        """
        pair = KeyPair.generate(KeyType.USER)
        user = system.create_user(
            "natscreds-testing",
            publish=_ASKS,
            subscribe=[_STATISTICS],
            private_inbox=True,
            expires_in=timedelta(minutes=2),
            key=pair,
        )
        self._inbox = f"_INBOX.{user.public}.answer"
        self._until = time.monotonic() + timeout
        self._timeout = timeout
        self._buffer = b""
        try:
            self._socket = socket.create_connection((HOST, port), timeout=timeout)
        except OSError as error:
            raise ServerError(f"nats-server takes connections at port {port}, it did not: {error}") from error
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = self._take(b"\n", self._until)
            if line is None:
                raise ServerError(f"nats-server answers within {timeout:g} s, the greeting did not come")
            info = _info(line)
            if "nonce" not in info:
                raise ServerError(f"nats-server greets with a nonce, it said {line!r}")
            self.server_id: str = info["server_id"]
            signature = urlsafe_b64encode(pair.sign(info["nonce"].encode())).rstrip(b"=").decode()
            hello = {"verbose": False, "pedantic": False, "protocol": 1, "jwt": user.jwt, "sig": signature}
            self._send(
                f"CONNECT {json.dumps(hello)}\r\nSUB {self._inbox} 1\r\nSUB {_STATISTICS} 2\r\nPING\r\n".encode()
            )
            while self._read("the greeting")[0] != "PONG":
                pass
        except BaseException:
            self._socket.close()
            raise

    def ask(self, subject: str, payload: bytes, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Publish, and return the first answer that is *wanted*.

        Raises:
            ServerError: None came in time; the message says *what* was waited for.
        """
        self._publish(subject, self._inbox, payload)
        while True:
            verb, answer = self._read(what)
            if verb == _ANSWER and wanted(said := _decoded(answer)):
                return said

    def gather(self, subject: str, count: int, what: str) -> list[dict[str, Any]]:
        """Publish, and return the answers of *count* servers.

        Raises:
            ServerError: Fewer came in time.
        """
        return self._collect(subject, self._inbox, _ANSWER, count, what)

    def hear_all(self, count: int, what: str) -> None:
        """Return when *count* servers have told all others of themselves, and this server has heard it.

        Raises:
            ServerError: Fewer did in time.
        """
        # A ping without a reply subject is answered to everybody.
        self._collect("$SYS.REQ.SERVER.PING", "", _BROADCAST, count, what)

    def _collect(self, subject: str, reply: str, kind: str, count: int, what: str) -> list[dict[str, Any]]:
        """Publish, again and again if need be, and return what *count* servers say to it.

        What a server says that has just come, and does not know yet who listens where, may be lost.
        """
        found: dict[str, dict[str, Any]] = {}
        again = 0.0
        while len(found) < count:
            if (now := time.monotonic()) >= again:
                self._publish(subject, reply, b"")
                again = now + _AGAIN
            verb, answer = self._read(what, patience=again)
            if verb == kind:
                said = _decoded(answer)
                found[said["server"]["id"]] = said
        return list(found.values())

    def _publish(self, subject: str, reply: str, payload: bytes) -> None:
        self._send(f"PUB {subject} {reply} {len(payload)}\r\n".encode() + payload + b"\r\n")

    def _send(self, data: bytes) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # what the server said before it closed is still to read
            self._socket.sendall(data)

    def _read(self, what: str, *, patience: float | None = None) -> tuple[str, bytes]:
        """Return the verb of the next thing the server says, or the kind of message with its payload.

        With *patience*, a moment, there is no verb if nothing came until then.
        """
        line = self._take(b"\n", self._until if patience is None else min(patience, self._until))
        if line is None:
            if patience is not None and time.monotonic() < self._until:
                return "", b""
            raise ServerError(f"nats-server answers within {self._timeout:g} s, {what} did not come")
        verb, _, rest = line.decode().strip().partition(" ")
        if verb == "-ERR":
            raise ServerError(f"nats-server takes orders from its system account, it said {rest}")
        if verb == "PING":
            self._send(b"PONG\r\n")
        if verb != "MSG":
            return verb, b""
        subject, *_, size = rest.split()
        payload = self._take(int(size) + 2, self._until) or b""
        return _ANSWER if subject == self._inbox else _BROADCAST, payload[: int(size)]

    def _take(self, until: bytes | int, deadline: float) -> bytes | None:
        """Return the bytes up to and with *until*, or that many; `None` if they did not come before the deadline."""
        while True:
            size = until if isinstance(until, int) else self._buffer.find(until) + 1
            if 0 < size <= len(self._buffer):
                taken, self._buffer = self._buffer[:size], self._buffer[size:]
                return taken
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                return None
            except ConnectionResetError:
                data = b""
            if not data:
                raise ServerError("nats-server answers, it closed the connection")
            self._buffer += data

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


def _decoded(answer: bytes) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(answer))
