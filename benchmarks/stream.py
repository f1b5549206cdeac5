"""One process that issues so many users and forgets each: what workers, memory and growth are measured by.

    python benchmarks/stream.py USERS [--workers N] [--names list|generator]

It answers with one line of JSON: seconds from the first `next` to the last user's creds text, the most memory it held
at once, and what of that its list of names took. Processes started for it are not part of its memory.
"""

import argparse
import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import natscreds
from natscreds import Operator, UserTemplate

MIB = 1024 * 1024


class Streamed(NamedTuple):
    """What one such process answered.

    Attributes:
        seconds: For all users.
        peak: MiB that it held at most.
        names: MiB of them that its names took before the first user.
    """

    seconds: float
    peak: float
    names: float

    @property
    def own(self) -> float:
        """MiB at most, without the caller's own list of names."""
        return self.peak - self.names


def stream(users: int, *, workers: int = 0, names: str = "list") -> Streamed:
    """Start such a process and return what it measured of itself."""
    command = [sys.executable, __file__, str(users), "--workers", str(workers), "--names", names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return Streamed(**json.loads(done.stdout))


def peak() -> float:
    """Return the most MiB that this process held at once."""
    # What getrusage says includes the process that started this one, as long as that was larger.
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 / MIB for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB


def named(users: int) -> Iterator[str]:
    """Make the names one by one."""
    return (f"device-{number:07d}" for number in range(users))


def main() -> None:
    """Stream, and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("users", type=int)
    parser.add_argument("--workers", type=int, default=0, help="processes to issue in; 0 is this one")
    parser.add_argument("--names", choices=["list", "generator"], default="list")
    options = parser.parse_args()
    account = Operator.create("acme").create_account("orders")
    template = UserTemplate(publish=["devices.{name}.>"], private_inbox=True, expires_in=timedelta(days=30))
    for user in natscreds.issue_users(account, ["warm-up"], template):
        assert user.creds.text
    gc.collect()
    before = peak()
    names: Iterator[str] | list[str] = named(options.users) if options.names == "generator" else [*named(options.users)]
    held = peak() - before if isinstance(names, Collection) else 0.0
    size = issued = 0
    start = time.perf_counter()
    for user in natscreds.issue_users(account, names, template, workers=options.workers or None):
        size += len(user.creds.text)
        issued += 1
    seconds = time.perf_counter() - start
    assert issued == options.users
    assert size > 1_000 * issued
    print(json.dumps({"seconds": seconds, "peak": peak(), "names": held}))


if __name__ == "__main__":
    main()
