"""What does it cost to write users down, beside issuing them?

Question: the time of `write_directory` over `issue_users`, for one credential file a user and the manifest.
Floor:    issuing the same users and reading `creds.text`, plus a bare open, write and close of the same bytes under the
          same names, each file created exclusively: what anybody's loop does, without modes that hold whatever the
          umask, without being whole or absent, without a manifest. Once with the built-in `open(path, "xb")`, once with
          `os.open` and its siblings, the least that Python can do.
Unit:     microseconds a user, and the ratio of ours to the floor.
Goal:     at most 1.15 of issuing and a bare `open`, write and close, on a memory file system.

All take turns, every few hundred users, each into a directory of its own; ratios are medians over the rounds. Other
writers are measured the same way, for comparison.

    python benchmarks/bench_writers.py
    python benchmarks/bench_writers.py --users 2000 --rounds 3 --directory /var/tmp --json writers.json
"""

import argparse
import gc
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median

import natscreds
from natscreds import Operator, UserTemplate
from natscreds.writers import write_directory, write_jsonl, write_kubernetes, write_tar, write_zip

ACCOUNT = Operator.create("acme").create_account("orders")
TEMPLATE = UserTemplate(publish=["devices.{name}.>"], private_inbox=True, expires_in=timedelta(days=30))
OURS, ISSUE, BARE, LEAST = "write_directory", "issue_users, creds.text", "open, write, close", "os.open, write, close"

Work = Callable[[list[str], Path], object]


def issue(names: list[str], _directory: Path) -> None:
    """Issue, and read each text."""
    for user in natscreds.issue_users(ACCOUNT, names, TEMPLATE):
        _ = user.creds.text


def ours(names: list[str], directory: Path) -> None:
    """Issue and write."""
    report = write_directory(natscreds.issue_users(ACCOUNT, names, TEMPLATE), directory / "out")
    assert report.written == len(names)


def bare(texts: list[bytes]) -> Work:
    """Return what writes *texts* with the built-in open."""

    def run(names: list[str], directory: Path) -> None:
        start = str(directory)
        for name, text in zip(names, texts, strict=True):
            with open(f"{start}/{name}.creds", "xb", buffering=0) as file:
                file.write(text)

    return run


def least(texts: list[bytes]) -> Work:
    """Return what writes *texts* with system calls."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC

    def run(names: list[str], directory: Path) -> None:
        start = str(directory)
        for name, text in zip(names, texts, strict=True):
            fd = os.open(f"{start}/{name}.creds", flags, 0o600)
            os.write(fd, text)
            os.close(fd)

    return run


def others() -> dict[str, Work]:
    """Return the other writers."""

    def users(names: list[str]) -> natscreds.bulk.Users:
        return natscreds.issue_users(ACCOUNT, names, TEMPLATE)

    return {
        "write_directory, shard=True": lambda names, out: write_directory(users(names), out / "out", shard=True),
        "write_jsonl": lambda names, out: write_jsonl(users(names), out / "all.jsonl"),
        "write_kubernetes": lambda names, out: write_kubernetes(users(names), out / "out"),
        "write_tar": lambda names, out: write_tar(users(names), out / "all.tar"),
        "write_tar, gz=True": lambda names, out: write_tar(users(names), out / "all.tar.gz", gz=True),
        "write_zip": lambda names, out: write_zip(users(names), out / "all.zip"),
    }


def turn(work: Work, names: list[str], scratch: Path) -> float:
    """Return the seconds that *work* takes in a directory of its own."""
    with tempfile.TemporaryDirectory(dir=scratch) as directory:
        gc.collect()
        start = time.perf_counter()
        work(names, Path(directory))
        return time.perf_counter() - start


def measure(users: int, rounds: int, scratch: Path, *, all_writers: bool) -> dict[str, list[float]]:
    """Return microseconds a user by what was done, one for each round."""
    names = [f"device-{number:07d}" for number in range(users)]
    texts = [user.creds.text.encode() for user in natscreds.issue_users(ACCOUNT, names, TEMPLATE)]
    works: dict[str, Work] = {ISSUE: issue, OURS: ours, BARE: bare(texts), LEAST: least(texts)}
    if all_writers:
        works |= others()
    costs: dict[str, list[float]] = {name: [] for name in works}
    order = list(works)
    for number in range(rounds):
        first = number % len(order)
        for name in order[first:] + order[:first]:
            costs[name].append(turn(works[name], names, scratch) / users * 1e6)
    return costs


def ratios(costs: dict[str, list[float]], writing: str) -> list[float]:
    """Return ours over issuing and *writing*, round by round."""
    return [one / (other + bare) for one, other, bare in zip(costs[OURS], costs[ISSUE], costs[writing], strict=True)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000, help="users in each turn")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each")
    parser.add_argument("--directory", type=Path, default=Path("/dev/shm"), help="where to write")  # noqa: S108
    parser.add_argument("--all", action="store_true", help="the other writers, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    if options.users < 1 or options.rounds < 1:
        parser.error("--users and --rounds are at least 1")
    if not options.directory.is_dir():
        parser.error("--directory is a directory that is there")
    print((__doc__ or "").split("\n\n    ")[0], end="\n\n")
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} processors, ", end="")
    print(f"{options.users:,} users in a turn, {options.rounds} rounds, in {options.directory}\n", flush=True)
    scratch = Path(tempfile.mkdtemp(dir=options.directory, prefix="natscreds-bench-"))
    try:
        costs = measure(options.users, options.rounds, scratch, all_writers=options.all)
    finally:
        shutil.rmtree(scratch)
    for name, found in costs.items():
        print(f"  {name:<28} {median(found):>8.1f} µs a user")
    figures = {name: ratios(costs, name) for name in (BARE, LEAST)}
    for name, found in figures.items():
        told = f"{median(found):.3f} (rounds {min(found):.3f} to {max(found):.3f})"
        print(f"  ratio to issuing and {name}: {told}")
    if options.json:
        told = {f"{OURS}, of issuing and {name}": median(found) for name, found in figures.items()}
        told |= {f"µs a user, {name}": median(found) for name, found in costs.items()}
        record = {"users": options.users, "rounds": options.rounds, "python": sys.version, "costs": costs}
        options.json.write_text(json.dumps({**record, "figures": told}, indent=2) + "\n")


if __name__ == "__main__":
    main()
