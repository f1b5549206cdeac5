"""Two processes at one store: one writes at a time, nothing is lost, and who is killed leaves nothing half written."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest

from natscreds import Operator
from natscreds.errors import StorageError
from natscreds.nsc import Store

OPERATOR = Operator.create("acme")
ORDERS = OPERATOR.create_account("orders")
ENDLESS = timedelta(seconds=60)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    store = Store(tmp_path / "all", environ={})
    store.write_operator(OPERATOR)
    store.write_account(ORDERS)
    return tmp_path / "all"


def start(code: str, *words: object) -> "subprocess.Popen[str]":
    """Start a Python process with a pipe at each end."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def say(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{word}\n")
    process.stdin.flush()


def hear(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: "subprocess.Popen[str]") -> None:
    process.communicate(timeout=60)
    assert process.returncode == 0


HOLD = """
import sys
from natscreds.nsc import Store
with Store(sys.argv[1], environ={}).lock("acme"):
    print("held", flush=True)
    sys.stdin.readline()
print("free", flush=True)
"""

ADD_TAGS = """
import sys
from collections.abc import Callable
from datetime import timedelta
from natscreds.nsc import Store
store = Store(sys.argv[1], environ={}, timeout=timedelta(seconds=60))
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    with store.lock():
        operator, account = store.operator(), store.account("orders")
        tags = [*account.claims.nats.tags, f"{sys.argv[2]}-{number}"]
        store.write_account(operator.reissue(account, account.claims.replace(tags=tags)))
"""

ADD_USERS = """
import sys
from natscreds import UserTemplate, issue_users
from natscreds.errors import StorageError
from natscreds.nsc import Store
store = Store(sys.argv[1], environ={})
print("ready", flush=True)
sys.stdin.readline()
won = 0
account = store.account("orders")
for number in range(int(sys.argv[2])):
    users = issue_users(account, [f"u-{number}"], UserTemplate(publish=["a"]))
    try:
        won += store.write_users(users, account="orders").users
    except StorageError:
        pass
print(won, flush=True)
"""

FOR_EVER = """
import itertools, sys
from natscreds import UserTemplate, issue_users
from natscreds.nsc import Store
store = Store(sys.argv[1], environ={})
names = (f"u-{number}" for number in itertools.count())
print("ready", flush=True)
store.write_users(issue_users(store.account("orders"), names, UserTemplate(publish=["a"])), account="orders")
"""


def test_a_store_that_another_process_holds_is_not_written_to(root: Path) -> None:
    store = Store(root, environ={}, timeout=timedelta(0))
    holder = start(HOLD, root)
    try:
        assert hear(holder) == "held"
        assert store.account("orders").jwt == ORDERS.jwt  # reading asks for no lock
        writes: list[Callable[[], None]] = [
            lambda: store.write_account(OPERATOR.create_account("new")),
            lambda: store.write_operator(OPERATOR),
            lambda: store.write_user(ORDERS.create_user("u", publish=["a"]), account="orders"),
        ]
        for write in writes:
            with pytest.raises(StorageError, match="one process writes at a time"):
                write()
        say(holder, "go on")
        assert hear(holder) == "free"
    finally:
        holder.communicate(timeout=60)
    store.write_account(OPERATOR.create_account("new"))
    assert store.account_names() == ("SYS", "new", "orders")
    assert store.user_names("orders") == ()


def test_who_waits_gets_the_store_when_the_holder_is_killed(root: Path) -> None:
    holder = start(HOLD, root)
    assert hear(holder) == "held"
    waiting = Thread(
        target=Store(root, environ={}, timeout=ENDLESS).write_account, args=[OPERATOR.create_account("new")]
    )
    waiting.start()
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate(timeout=60)
    waiting.join(60)
    assert not waiting.is_alive()
    assert "new" in Store(root, environ={}).account_names()


def test_two_processes_that_change_one_account_lose_no_change(root: Path) -> None:
    rounds = 8
    writers = [start(ADD_TAGS, root, name, rounds) for name in ("one", "two")]
    for writer in writers:
        assert hear(writer) == "ready"
    for writer in writers:
        say(writer, "go")
    for writer in writers:
        end(writer)
    tags = set(Store(root, environ={}).account("orders").claims.nats.tags)
    assert tags == {f"{name}-{number}" for name in ("one", "two") for number in range(rounds)}


def test_two_processes_that_make_the_same_users_make_each_once(root: Path) -> None:
    users = 30
    writers = [start(ADD_USERS, root, users) for _ in range(2)]
    for writer in writers:
        assert hear(writer) == "ready"
    for writer in writers:
        say(writer, "go")
    won = [int(hear(writer)) for writer in writers]
    for writer in writers:
        end(writer)
    assert sum(won) == users
    store = Store(root, environ={})
    assert len(store.user_names("orders")) == users
    assert [problem for problem in store.problems() if problem.code != "no-expiry"] == []


def test_who_is_killed_leaves_whole_users(root: Path) -> None:
    writer = start(FOR_EVER, root)
    assert hear(writer) == "ready"
    users = root / "acme" / "accounts" / "orders" / "users"
    while not users.exists() or len(os.listdir(users)) < 40:
        assert writer.poll() is None
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate(timeout=60)
    store = Store(root, environ={})
    found = list(store.users("orders"))
    assert len(found) >= 40
    for user in found:
        assert store.creds(user.name, account="orders") == user.creds
    # Of the one that was under way there may be a key, and creds that nobody refers to.
    doubts = [problem for problem in store.problems() if problem.code != "no-expiry"]
    assert {problem.code for problem in doubts} <= {"creds-alone"}
    assert len(doubts) <= 1


def test_a_thread_that_holds_the_lock_writes_on(root: Path) -> None:
    store = Store(root, environ={}, timeout=timedelta(0))
    with store.lock("acme"), store.lock(OPERATOR):
        store.write_account(OPERATOR.create_account("new"))
    assert "new" in store.account_names()
    with store.lock():
        failed: list[Exception] = []

        def write() -> None:
            try:
                store.write_account(OPERATOR.create_account("other"))
            except StorageError as error:
                failed.append(error)

        thread = Thread(target=write)
        thread.start()
        thread.join(60)
    assert "one process writes at a time" in str(failed[0])


@pytest.mark.parametrize("make", ["link", "directory"])
def test_a_lock_that_is_no_file_is_not_followed(root: Path, tmp_path: Path, make: str) -> None:
    lock = root / "acme" / ".natscreds.lock"
    lock.unlink()
    if make == "link":
        lock.symlink_to(tmp_path / "elsewhere")
    else:
        lock.mkdir()
    with pytest.raises(OSError, match="lock"):
        Store(root, environ={}).write_account(OPERATOR.create_account("new"))
    assert not (tmp_path / "elsewhere").exists()
