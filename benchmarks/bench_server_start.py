"""How long does a server take to start that knows many accounts, by each way of loading them?

Question: from the start of the process until it greets a client, nats-server with so many accounts in
          1. the memory resolver's preload; 2. a full resolver's preload, its directory still empty; 3. the same, its
          directory filled by the start before; 4. a full resolver's directory, seeded by `write_resolver_directory`.
Floor:    the same server with the system account alone.
Unit:     time, as a multiple of the memory preload's in the same round; seconds and the server's memory beside it.

Ways and floor take turns; figures are medians over the rounds. Writing the configuration's file counts, as it belongs
to two of the ways; making its text, and seeding the directory, are told apart. Nothing is synced to the disk.

    python benchmarks/bench_server_start.py [--accounts 1000 10000] [--rounds 5] [--scratch /dev/shm] [--json FILE]
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from natscreds import Operator
from natscreds.server import config, write_resolver_directory
from natscreds.testing import NatsServer

WAYS = (
    "system account alone",
    "memory preload",
    "full, preload, directory empty",
    "full, preload, directory filled",
    "full, directory seeded",
)


class Start:
    """One way of starting: its configuration, and what has to be done to the directory before."""

    def __init__(self, operator: Operator, text: str, before: Callable[[], object] = lambda: None) -> None:
        self._server = NatsServer(operator, timeout=timedelta(minutes=5))
        self._server.configuration = text
        self._before = before
        self.seconds: list[float] = []
        self.mebibytes: list[float] = []

    def measure(self) -> None:
        """Start the server, note how long it took and how large it is, and stop it."""
        self._before()
        began = time.perf_counter()
        self._server.start()
        self.seconds.append(time.perf_counter() - began)
        status = Path(f"/proc/{self._server.pid}/status").read_text(encoding="ascii")
        self.mebibytes.append(int(status.partition("VmRSS:")[2].split()[0]) / 1024)
        self._server.stop(grace=timedelta(minutes=1))


def emptied(directory: Path) -> Callable[[], None]:
    """Return what removes the directory's files."""
    return lambda: shutil.rmtree(directory, ignore_errors=True)


def measure(count: int, *, rounds: int, scratch: Path) -> dict[str, Any]:
    """Return the figures for so many accounts."""
    operator = Operator.create("acme")
    accounts = [
        operator.create_account(f"tenant-{number}", signing_keys=1, keep_identity=False).jwt for number in range(count)
    ]
    began = time.perf_counter()
    memory = config(operator, accounts, listen="127.0.0.1:-1")
    text_seconds = time.perf_counter() - began
    began = time.perf_counter()
    write_resolver_directory(accounts, scratch / "seeded", operator=operator)
    seed_seconds = time.perf_counter() - began

    def full(name: str, *known: str) -> str:
        return config(operator, known, resolver="full", directory=scratch / name, listen="127.0.0.1:-1")

    starts = dict(
        zip(
            WAYS,
            (
                Start(operator, config(operator, listen="127.0.0.1:-1")),
                Start(operator, memory),
                Start(operator, full("empty", *accounts), emptied(scratch / "empty")),
                Start(operator, full("empty", *accounts)),
                Start(operator, full("seeded")),
            ),
            strict=True,
        )
    )
    for _ in range(rounds):
        for start in starts.values():
            start.measure()
    base = starts["memory preload"].seconds
    return {
        "accounts": count,
        "configuration_bytes": len(memory),
        "configuration_text_seconds": text_seconds,
        "seeding_seconds": seed_seconds,
        "seconds": {way: median(start.seconds) for way, start in starts.items()},
        "mebibytes": {way: median(start.mebibytes) for way, start in starts.items()},
        "multiples": {
            way: median(mine / other for mine, other in zip(start.seconds, base, strict=True))
            for way, start in starts.items()
        },
    }


def main() -> None:
    """Measure, print the tables, and write them as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scratch", metavar="DIRECTORY", help="where the servers' directories lie")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    print("How long does a server take to start that knows many accounts?")
    cases: list[dict[str, Any]] = []
    for count in options.accounts:
        with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
            case = measure(count, rounds=options.rounds, scratch=Path(scratch))
        cases.append(case)
        print(
            f"\n{count:,} accounts, {case['configuration_bytes'] / 1e6:.1f} MB of configuration made in"
            f" {case['configuration_text_seconds']:.2f} s, directory seeded in {case['seeding_seconds']:.2f} s"
        )
        print(f"  {'multiple of memory preload':>26} {'seconds':>9} {'MiB':>7}")
        for way in WAYS:
            multiple, seconds, size = (case[what][way] for what in ("multiples", "seconds", "mebibytes"))
            print(f"  {multiple:>26.2f} {seconds:>9.3f} {size:>7.0f}  {way}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"cases": cases}, file, indent=2)


if __name__ == "__main__":
    main()
