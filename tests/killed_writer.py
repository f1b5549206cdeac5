"""A program whose children write users down and are killed while they do; driven by tests/test_writers_killed.py.

Each line of its input is a JSON object: what to write, and after how many steps the child is killed. Steps are what
the interpreter audits (files opened, linked, renamed, removed), and each name that is taken. The child tells each of
them through a pipe, so that the kill comes at that moment or a little later; or, *exactly*, it kills itself there.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from natscreds import Account, Operator, UserTemplate, issue_users, writers

STEPS = {"open", "os.link", "os.rename", "os.remove", "os.mkdir", "os.scandir", "fcntl.flock"}
TEMPLATE = UserTemplate(publish=["devices.{name}.>"], private_inbox=True, expires_at=4_000_000_000)
DRAWN = UserTemplate(publish=["devices.{name}.>"], private_inbox=True, expires_in=timedelta(days=1))
SECRET = bytes(range(32))


class Names(list[str]):
    """Names that tell when they are taken."""

    step: Callable[[], object]

    def __iter__(self) -> Iterator[str]:
        for name in super().__iter__():
            self.step()
            yield name


def write(order: dict[str, Any], step: Callable[[], object]) -> None:
    """Write all users, as *order* says, and tell each name that is taken."""
    account = Account.load(order["account"], keys=[order["seed"]])
    names = Names(f"Device-{number}" for number in range(order["users"]))
    names.step = step
    if order["derived"]:
        users = issue_users(account, names, TEMPLATE, issued_at=1_700_000_000, derive_from=SECRET)
    else:
        users = issue_users(account, names, DRAWN)
    getattr(writers, order["writer"])(users, order["path"], **order["keywords"])


def child(order: dict[str, Any], told: int) -> None:
    """Write, and tell each step through the pipe *told*."""
    left = order["after"]

    def step() -> None:
        nonlocal left
        left -= 1
        if order["exactly"] and left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        os.write(told, b".")

    sys.addaudithook(lambda event, _: step() if event in STEPS else None)
    write(order, step)


def run(order: dict[str, Any]) -> int:
    """Let a child write, kill it after so many steps, and return what became of it: 0 when it was faster."""
    read, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(read)
            child(order, told)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(told)
    left: int = order["after"]
    while left > 0 and (steps := os.read(read, left)):
        left -= len(steps)
    if not order["exactly"] and left <= 0:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(read)
    return os.waitstatus_to_exitcode(status)


def main() -> None:
    """Work off the orders."""
    list(issue_users(Operator.create("x").create_account("x"), ["x"], DRAWN, derive_from=SECRET))  # loads all there is
    for line in sys.stdin:
        print(run(json.loads(line)), flush=True)


if __name__ == "__main__":
    main()
