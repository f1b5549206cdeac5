"""How many files a second go into a store of nsc?

Question: files per second for users issued by `issue_users` and written by `Store.write_users`: a token, a seed and a
          creds file each.
Floor:    the same users, issued and written by `natscreds.writers.write_directory`: a creds file each.
Unit:     files per second; ratio of the two.
Goal:     0.50 of the floor's rate, for 10,000 users, on a memory file system.

Both take turns, each time with a new directory; rates and the ratio are medians over the rounds, ratios within a round.

    python benchmarks/bench_nsc_store.py
    python benchmarks/bench_nsc_store.py --users 2000 --rounds 3 --json store.json
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from statistics import median

import natscreds
from natscreds import Operator, UserTemplate
from natscreds.nsc import Store

FILES = {"store": 3, "directory": 1}


class Case:
    """An operator and an account with a role, and the names of the users."""

    def __init__(self, users: int) -> None:
        """Make the chain, and *users* names."""
        self.operator = Operator.create("acme")
        account = self.operator.create_account("orders")
        self.account = self.operator.add_role(account, "device", publish=["devices.{{subject()}}.>"])
        self.template = UserTemplate(role="device", expires_in=timedelta(days=30))
        self.names = [f"device-{number:07d}" for number in range(users)]

    def users(self) -> natscreds.bulk.Users:
        """Return the users, not yet issued."""
        return natscreds.issue_users(self.account, self.names, self.template)

    def store(self, place: str) -> float:
        """Write the users into a new store; return the seconds that took."""
        store = Store(place, environ={})
        store.write_operator(self.operator)
        store.write_account(self.account)
        start = time.perf_counter()
        written = store.write_users(self.users(), account="orders")
        seconds = time.perf_counter() - start
        assert (written.users, written.keys, written.creds) == (len(self.names),) * 3
        return seconds

    def directory(self, place: str) -> float:
        """Write the users into a new directory; return the seconds that took."""
        start = time.perf_counter()
        report = natscreds.writers.write_directory(self.users(), place)
        seconds = time.perf_counter() - start
        assert report.written == len(self.names)
        return seconds


def timed(run: Callable[[str], float], below: str) -> float:
    """Run in a new directory that goes afterwards; return the seconds."""
    scratch = tempfile.mkdtemp(prefix="natscreds-bench-", dir=below)
    try:
        return run(os.path.join(scratch, "out"))
    finally:
        shutil.rmtree(scratch)


def main() -> None:
    """Take the turns and print."""
    parser = argparse.ArgumentParser(description="How many files a second go into a store of nsc?")
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", default="/dev/shm" if os.path.isdir("/dev/shm") else None, help="where to write")  # noqa: S108
    parser.add_argument("--json", help="also write every rate there")
    options = parser.parse_args()
    case = Case(options.users)
    rates: dict[str, list[float]] = {name: [] for name in FILES}
    for _ in range(options.rounds):
        for name, run in (("store", case.store), ("directory", case.directory)):
            rates[name].append(FILES[name] * options.users / timed(run, options.directory))
    ratios = [store / directory for store, directory in zip(rates["store"], rates["directory"], strict=True)]
    print("How many files a second go into a store of nsc?")
    print(f"{options.users} users, {options.rounds} rounds, in {options.directory or tempfile.gettempdir()}")
    for name, found in rates.items():
        print(f"  {name:10} {median(found):9.0f} files/s, {FILES[name]} a user")
    print(f"ratio to write_directory: {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), goal 0.50")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"rates": rates, "ratio": median(ratios), "ratios": ratios}, file, indent=1)


if __name__ == "__main__":
    main()
