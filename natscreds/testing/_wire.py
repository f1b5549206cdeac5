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

_ASKS = ("$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.SERVER.PING.JSZ")


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

        Raises:
            MissingKeyError: No key of the system account is held here.
            ServerError: The server does not let the user in.
        """
        pair = KeyPair.generate(KeyType.USER)
        user = system.create_user(
            "natscreds-testing", publish=_ASKS, private_inbox=True, expires_in=timedelta(minutes=2), key=pair
        )
        self._inbox = f"_INBOX.{user.public}.answer"
        self._until = time.monotonic() + timeout
        self._timeout = timeout
        try:
            self._socket = socket.create_connection((HOST, port), timeout=timeout)
        except OSError as error:
            raise ServerError(f"nats-server takes connections at port {port}, it did not: {error}") from error
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._lines = self._socket.makefile("rb")
            info = _info(self._lines.readline())
            if "nonce" not in info:
                raise ServerError(f"nats-server greets with a nonce, it said {info}")
            self.server_id: str = info["server_id"]
            signature = urlsafe_b64encode(pair.sign(info["nonce"].encode())).rstrip(b"=").decode()
            hello = {"verbose": False, "pedantic": False, "protocol": 1, "jwt": user.jwt, "sig": signature}
            self._send(f"CONNECT {json.dumps(hello)}\r\nSUB {self._inbox} 1\r\nPING\r\n".encode())
            while self._read()[0] != "PONG":
                pass
        except BaseException:
            self._socket.close()
            raise

    def ask(self, subject: str, payload: bytes, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Publish, and return the first answer that is *wanted*.

        Raises:
            ServerError: None came in time; the message says *what* was waited for.
        """
        self._send(f"PUB {subject} {self._inbox} {len(payload)}\r\n".encode() + payload + b"\r\n")
        while True:
            verb, answer = self._read(what)
            if verb == "MSG":
                said = cast("dict[str, Any]", json.loads(answer))
                if wanted(said):
                    return said

    def gather(self, subject: str, count: int, what: str) -> list[dict[str, Any]]:
        """Publish, and return the answers of *count* servers.

        Raises:
            ServerError: Fewer came in time.
        """
        found: dict[str, dict[str, Any]] = {}

        def note(said: dict[str, Any]) -> bool:
            found[said["server"]["id"]] = said
            return len(found) == count

        self.ask(subject, b"", note, what)
        return list(found.values())

    def _send(self, data: bytes) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # what the server said before it closed is still to read
            self._socket.sendall(data)

    def _read(self, what: str = "the server's greeting") -> tuple[str, bytes]:
        """Return the verb of the next thing the server says, and the payload if it is a message."""
        left = self._until - time.monotonic()
        line = b""
        if left > 0:
            self._socket.settimeout(left)
            try:
                line = self._lines.readline()
            except OSError:  # no answer in time, or the server is gone
                line = b""
        if not line:
            raise ServerError(f"nats-server answers within {self._timeout:g} s, {what} did not come")
        verb, _, rest = line.decode().strip().partition(" ")
        if verb == "-ERR":
            raise ServerError(f"nats-server takes orders from its system account, it said {rest}")
        if verb == "PING":
            self._send(b"PONG\r\n")
        payload = b""
        if verb == "MSG":
            payload = self._lines.read(int(rest.rsplit(" ", 1)[1]))
            self._lines.read(2)
        return verb, payload

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._socket.close()
