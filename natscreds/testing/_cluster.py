"""Several nats-servers that know each other, all on the loopback interface."""

import secrets
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from natscreds.chain import Account
from natscreds.errors import ServerError
from natscreds.server import AccountLike, OperatorLike
from natscreds.server._text import block, quoted
from natscreds.testing._server import NatsServer
from natscreds.testing._wire import HOST, SystemWire, read_info

__all__ = ["NatsCluster"]

_POLL = 0.01
_JETSTREAM = "$SYS.REQ.SERVER.PING.JSZ"


class NatsCluster:
    """Servers with routes between each other, running inside the `with` block or between `start` and `stop`.

    No port is chosen beforehand, so none can be taken meanwhile: each server asks the system for its ports and writes
    them down, and the next is told where those before it are. One server is stopped and started again by its own verbs;
    it comes back at another port, and the others are told.

    Attributes:
        servers: The servers, named `n1`, `n2` and so on.
    """

    def __init__(
        self,
        operator: OperatorLike | str,
        accounts: Iterable[AccountLike | str] = (),
        *,
        size: int = 3,
        resolver: str = "memory",
        system_account: AccountLike | str | None = None,
        jetstream: bool = False,
        debug: bool = False,
        extra: str = "",
        timeout: timedelta = timedelta(seconds=20),
    ) -> None:
        """Prepare *size* servers that trust *operator*; nothing runs yet.

        Args:
            operator: The operator, or its token's text.
            accounts: The accounts the servers know, or their tokens' texts.
            size: How many servers, two at least.
            resolver: As for `NatsServer`; with `"full"` the servers tell each other of accounts.
            system_account: As for `NatsServer`.
            jetstream: Whether JetStream is on. Needs the system account as the chain's object, with a key: it is asked
                when JetStream is ready.
            debug: As for `NatsServer`.
            extra: More settings, the same for every server.
            timeout: How long the servers may take until they have found each other, and each of them as for
                `NatsServer`.

        Raises:
            NatsCredsError: As `NatsServer`.
            MissingKeyError: JetStream, and no key of the system account.
            TypeError: As `NatsServer`.
            ValueError: As `NatsServer`; or a cluster of one.
        """
        if not isinstance(size, int) or isinstance(size, bool):
            raise TypeError(f"size is how many servers, an int, got {type(size).__name__}")
        if size < 2:
            raise ValueError(f"a cluster has at least two servers, got {size}")
        if not isinstance(accounts, str | bytes | bytearray):
            accounts = list(accounts)
        self._jetstream = jetstream
        self._timeout = timeout.total_seconds()
        self._password = secrets.token_hex(16)
        self._nobody: socket.socket | None = None
        self._servers = tuple(
            _Member(
                operator,
                accounts,
                resolver=resolver,
                system_account=system_account,
                jetstream=jetstream,
                debug=debug,
                extra=extra,
                timeout=timeout,
            ).in_cluster(f"n{number}", self._network, self._wait_until_joined)
            for number in range(1, size + 1)
        )
        if jetstream:
            self._servers[0].system_keys.mint()
        self.servers: tuple[NatsServer, ...] = self._servers

    @property
    def urls(self) -> list[str]:
        """Where clients connect: the addresses of the servers that run."""
        return [server.url for server in self._servers if server.running]

    @property
    def url(self) -> str:
        """The address of the first server that runs.

        Raises:
            ServerError: None does.
        """
        if not self.urls:
            raise ServerError("no server of the cluster runs: enter the with block, or call start()")
        return self.urls[0]

    def start(self) -> Self:
        """Start the servers; return when each knows all others, and JetStream has a leader that knows them too.

        Raises:
            MissingDependencyError: As `NatsServer.start`.
            ServerError: As `NatsServer.start`; or they did not find each other in time.
        """
        if self.urls:
            raise ServerError("a cluster is started once, this one runs already")
        try:
            for server in self._servers:
                server.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, *, grace: timedelta = timedelta(seconds=5)) -> None:
        """Stop all servers and remove what they wrote. Nothing happens if none runs.

        Args:
            grace: How long each may take to end by itself before it is killed.
        """
        nobody, self._nobody = self._nobody, None
        with ExitStack() as stack:  # one that cannot be stopped does not keep the others
            if nobody is not None:
                stack.callback(nobody.close)
            for server in self._servers:
                stack.callback(server.stop, grace=grace)

    def reload(self, *, extra: str | None = None) -> None:
        """Let every server that runs read its configuration again, one after another.

        Args:
            extra: As for `NatsServer.reload`.

        Raises:
            ServerError: As `NatsServer.reload`.
        """
        for server in self._running():
            server.reload(extra=extra)

    def update(self, account: AccountLike | str) -> None:
        """Give every server that runs an account's new token, or a new account; return when all have confirmed it.

        One that does not run is not told, as in production.

        Args:
            account: The account, or its token's text.

        Raises:
            NatsCredsError: As `NatsServer.update`.
        """
        for server in self._running():
            server.update(account)

    def _running(self) -> list["_Member"]:
        found = [server for server in self._servers if server.running]
        if not found:
            raise ServerError("no server of the cluster runs: enter the with block, or call start()")
        return found

    def _network(self, name: str) -> str:
        """Return the settings with which the server of that *name* finds the others."""
        known = [server.route_port for server in self._servers if server.running]
        if not known and self._jetstream:
            known = [self._nobodys_port()]
        routes = ", ".join(quoted(f"nats://route:{self._password}@{HOST}:{port}") for port in known)
        lines = block("authorization", ['user: "route"', f"password: {quoted(self._password)}"])
        lines = ['name: "natscreds"', f'listen: "{HOST}:-1"', *lines, f"routes: [{routes}]"]
        return "\n".join([f"server_name: {quoted(name)}", *block("cluster", lines)]) + "\n"

    def _nobodys_port(self) -> int:
        """Return a port at which nobody listens or can: a server with JetStream does not start without any route."""
        if self._nobody is None:
            self._nobody = socket.socket()
            self._nobody.bind((HOST, 0))
        port: int = self._nobody.getsockname()[1]
        return port

    def _wait_until_joined(self) -> None:
        """Return when the servers that run know each other, and JetStream knows all of them if all run."""
        deadline = time.monotonic() + self._timeout
        ports = {server.port for server in self._running()}
        while not all(ports <= _known_ports(port) for port in ports):
            if time.monotonic() >= deadline:
                raise ServerError(f"servers find each other within {self._timeout:g} s, they did not")
            time.sleep(_POLL)
        if self._jetstream and len(ports) == len(self._servers):
            self._wait_for_leader(deadline)

    def _wait_for_leader(self, deadline: float) -> None:
        """Return when JetStream has a leader whom all follow, and who has heard what each of them has to offer.

        Before that it finds no place for what is stored on several servers.
        """
        heard: _Member | None = None
        while True:
            with self._wire(self._servers[0], deadline) as wire:
                leader = self._leader(wire.gather(_JETSTREAM, len(self._servers), "what JetStream says of itself"))
            if leader is not None and leader is heard:
                return
            heard = leader
            if leader is not None:
                with self._wire(leader, deadline) as wire:
                    wire.hear_all(len(self._servers), "the statistics of each server")
            elif time.monotonic() < deadline:
                time.sleep(_POLL)
            else:
                raise ServerError(f"JetStream has a leader whom all follow within {self._timeout:g} s, it has not")

    def _leader(self, answers: Sequence[dict[str, Any]]) -> "_Member | None":
        """Return the one leader that JetStream has by these answers, who misses nobody."""
        known = {answer["server"]["name"]: answer.get("data", {}).get("meta_cluster", {}) for answer in answers}
        leaders = {meta.get("leader") for meta in known.values()}
        found = [server for server in self._servers if leaders == {server.name}]
        replicas: list[dict[str, Any]] = known[found[0].name].get("replicas", []) if found else []
        there = [replica for replica in replicas if replica["current"] and not replica.get("offline")]
        return found[0] if found and len(there) == len(answers) - 1 else None

    def _wire(self, server: "_Member", deadline: float) -> SystemWire:
        return SystemWire(server.system_keys, server.port, timeout=max(0.01, deadline - time.monotonic()))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<NatsCluster {' '.join(self.urls) or 'stopped'}>"


class _Member(NatsServer):
    """A server of a cluster, which learns at each start where the others are."""

    def in_cluster(self, name: str, network: Callable[[str], str], joined: Callable[[], None]) -> Self:
        """Return the server itself, which asks *network* for its settings at each start and calls *joined* after it."""
        self.name, self._settings, self._joined = name, network, joined
        return self

    @property
    def route_port(self) -> int:
        """The TCP port for the other servers."""
        return self._get().route_port

    @property
    def system_keys(self) -> Account:
        """The system account, as the chain's object."""
        return self._system_keys()

    def start(self) -> Self:
        if not self.running:
            self._network = self._settings(self.name)
            self.configuration = self._configured(self._known, self._extra)
        super().start()
        try:
            self._joined()
        except BaseException:
            self.stop()
            raise
        return self


def _known_ports(port: int) -> set[int]:
    """Return the client ports that the server at *port* knows of: its own, and those it tells clients to go to."""
    return {port, *(int(url.rpartition(":")[2]) for url in read_info(port).get("connect_urls", ()))}
