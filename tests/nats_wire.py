"""A NATS client of a raw socket, for tests that ask a real server what it allows.

Every command is followed by a PING, and errors come before its PONG: nothing sleeps. Without TCP_NODELAY a few dozen
answers a second would be all. The credentials are anything with `.jwt` and `.seed` (None for a bearer token).
"""

import base64
import json
import socket
import ssl
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from natscreds.nkeys import KeyPair

__all__ = ["CredsLike", "Wire", "connect", "connect_nkey", "connect_tls"]

Message = tuple[str, str | None, bytes]
"""Subject, reply subject and payload, as delivered."""


class CredsLike(Protocol):
    @property
    def jwt(self) -> str: ...
    @property
    def seed(self) -> str | None: ...


def connect(url: str, creds: CredsLike, *, deadline: float = 5.0, **options: object) -> "Wire":
    """Connect as *creds*; a refusal is no exception but `.error`. *options* are members of CONNECT (`name="x"`)."""
    return Wire(url, creds.jwt, creds.seed, deadline=deadline, tls=None, **options)


def connect_tls(url: str, creds: CredsLike, context: ssl.SSLContext) -> "Wire":
    """Connect as *creds* to a server that speaks TLS."""
    return Wire(url, creds.jwt, creds.seed, deadline=5.0, tls=context)


def connect_nkey(url: str, key: KeyPair, *, deadline: float = 5.0) -> "Wire":
    """Connect as the user of a static configuration whose nkey is *key*."""
    return Wire(url, "", key.seed, deadline=deadline, tls=None, nkey=key.public)


class Wire:
    """One connection. `with` closes it.

    Attributes:
        errors: Every `-ERR` text so far; `"connection closed"` if the server closed without one.
        info: The server's last INFO; after connecting it has `remote_account` and the effective `max_payload`.
        received: Subscription id, subject and payload of every message so far, as far as has been read.
    """

    def __init__(
        self,
        url: str,
        jwt: str,
        seed: str | None,
        *,
        deadline: float,
        tls: ssl.SSLContext | None,
        **options: object,
    ) -> None:
        address = urlsplit(url)
        self.errors: list[str] = []
        self.info: dict[str, Any] = {}
        self.received: list[tuple[int, str, bytes]] = []
        self._messages: list[Message] = []
        self._sids = 0
        self._closed = False
        self._buffer = b""
        self._deadline = deadline
        self._socket = socket.create_connection((address.hostname, address.port), timeout=deadline)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._read_until("INFO")
            if tls is not None:
                self._socket = tls.wrap_socket(self._socket, server_hostname=address.hostname)
            hello = {"verbose": False, "pedantic": False, "lang": "wire", "version": "0", "protocol": 1, "jwt": jwt}
            if seed is not None:
                signature = KeyPair.parse(seed).sign(self.info["nonce"].encode())
                hello["sig"] = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
            self._command(f"CONNECT {json.dumps(hello | options)}\r\n".encode())
            self._command(b"")  # the second INFO follows the first PONG
        except BaseException:
            self._socket.close()
            raise

    @property
    def error(self) -> str:
        """The last error: why a connection was refused or closed, or `""`."""
        return self.errors[-1] if self.errors else ""

    def ok(self) -> bool:
        """Whether the server took us in and has not closed since, as far as has been read."""
        return not self._closed

    def publish(self, subject: str, payload: bytes = b"", reply: str | None = None) -> str | None:
        """Publish; return the server's error text, or None."""
        to = f" {reply}" if reply else ""
        return self._command(f"PUB {subject}{to} {len(payload)}\r\n".encode() + payload + b"\r\n")

    def subscribe(self, subject: str, queue: str | None = None) -> str | None:
        """Subscribe; return the server's error text, or None."""
        self._sids += 1
        group = f" {queue}" if queue else ""
        return self._command(f"SUB {subject}{group} {self._sids}\r\n".encode())

    def batch(self, commands: list[bytes]) -> list[list[str]]:
        """Send many *commands*, each with a PING behind it; return what the server complains of, command by command."""
        if self._closed:
            return [[self.error] for _ in commands]
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(b"".join(command + b"\r\nPING\r\n" for command in commands))
        complaints: list[list[str]] = []
        for _ in commands:
            told = len(self.errors)
            self._read_until("PONG")
            complaints.append(self.errors[told:])
        return complaints

    def messages(self) -> list[Message]:
        """All that was delivered so far. Whatever the server had queued before is here."""
        self._command(b"")
        return list(self._messages)

    def wait_messages(self, count: int, deadline: float = 5.0) -> list[Message]:
        """All that was delivered once there are *count*, or at the deadline: for what another account answers."""
        until = time.monotonic() + deadline
        while len(self.messages()) < count and not self._closed and time.monotonic() < until:
            time.sleep(0.002)
        return list(self._messages)

    def wait_closed(self, deadline: float = 5.0) -> bool:
        """Wait until the server closes; `.error` says why. False if it has not closed by the deadline."""
        self._socket.settimeout(deadline)
        try:
            while not self._closed:
                self._read_one()
        except TimeoutError:
            return False
        finally:
            self._socket.settimeout(self._deadline)
        return True

    def close(self) -> None:
        """Close the connection."""
        self._closed = True
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _command(self, data: bytes) -> str | None:
        """Send *data* and a PING; return the first error that came before the PONG, or None."""
        if self._closed:
            return self.error
        told = len(self.errors)
        with suppress(BrokenPipeError, ConnectionResetError):  # what the server said before it closed may still be read
            self._socket.sendall(data + b"PING\r\n")
        self._read_until("PONG")
        return self.errors[told] if told < len(self.errors) else None

    def _read_until(self, verb: str) -> None:
        while not self._closed and self._read_one() != verb:
            pass

    def _read_one(self) -> str:
        """Read one thing the server says, and return its verb."""
        line = self._take(b"\r\n")
        if line is None:
            return ""
        verb, _, rest = line.decode().partition(" ")
        if verb == "INFO":
            self.info |= json.loads(rest)
        elif verb == "-ERR":
            self.errors.append(rest.strip("' "))
        elif verb == "MSG":
            subject, sid, *reply, size = rest.split(" ")
            payload = self._take(int(size))
            self._take(2)
            if payload is not None:
                self._messages.append((subject, reply[0] if reply else None, payload))
                self.received.append((int(sid), subject, payload))
        elif verb == "PING":
            self._socket.sendall(b"PONG\r\n")
        return verb

    def _take(self, until: bytes | int) -> bytes | None:
        """Return the bytes before *until*, or that many; None when the server has closed."""
        while True:
            end = self._buffer.find(until) if isinstance(until, bytes) else until
            if 0 <= end <= len(self._buffer):
                taken = self._buffer[:end]
                self._buffer = self._buffer[end + (len(until) if isinstance(until, bytes) else 0) :]
                return taken
            try:
                data = self._socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                self._closed = True
                if not self.errors:
                    self.errors.append("connection closed")
                return None
            self._buffer += data
