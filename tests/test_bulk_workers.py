"""A run in other processes: the same users, in bounded memory, and an end that leaves nobody behind."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from chain_parts import Remote, code, kms, pair_of

from natscreds import Account, AccountTemplate, Operator, UserTemplate, issue_accounts, issue_users
from natscreds.bulk import Users
from natscreds.errors import InvalidClaimsError, RevokedError, WorkerError, WrongKeyTypeError

OPERATOR = Operator.create("acme")
ACCOUNT = OPERATOR.add_role(OPERATOR.create_account("orders"), "device", publish=["d.{{name()}}.>"], private_inbox=True)
TEMPLATE = UserTemplate(publish=["devices.{name}.>"], private_inbox=True, expires_in=timedelta(hours=1))
NAMES = [f"d-{number}" for number in range(50)]
SECRET = bytes(range(32))
NOW = ACCOUNT.claims.iat + 1


def texts(users: Users) -> list[tuple[str, str, bool]]:
    return [(user.name, user.creds.text, user.private_inbox) for user in users]


class Counted(ThreadPoolExecutor):
    """An executor that holds its calls back, and tells how many are under way at once."""

    def __init__(self) -> None:
        super().__init__(1)
        self.now = self.most = self.calls = 0
        self.lock = threading.Lock()

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401  # as the executor's own
        with self.lock:
            self.now += 1
            self.calls += 1
            self.most = max(self.most, self.now)
        future = super().submit(fn, *args, **kwargs)
        real = future.result

        def result(timeout: float | None = None) -> Any:  # noqa: ANN401  # whatever the call gave
            got = real(timeout)
            with self.lock:
                self.now -= 1
            return got

        future.result = result  # type: ignore[method-assign]
        return future


class Taken:
    """Names without a length that tell how many were taken."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.taken = 0

    def __iter__(self) -> Iterator[str]:
        for name in self.names:
            self.taken += 1
            yield name


# --- the same users


@pytest.mark.parametrize("template", [TEMPLATE, UserTemplate(role="device")], ids=["permissions", "role"])
def test_processes_issue_what_this_one_would(template: UserTemplate) -> None:
    here, there = (
        texts(issue_users(ACCOUNT, NAMES, template, derive_from=SECRET, issued_at=NOW, chunk_size=7, workers=workers))
        for workers in (None, 2)
    )
    assert here == there
    assert [name for name, _, _ in there] == NAMES


def test_rows_go_through_processes_too() -> None:
    template = UserTemplate(publish=["{site}.{name}"], fields=["site"])
    rows = [{"name": name, "site": f"s{at}"} for at, name in enumerate(NAMES)]
    users = list(issue_users(ACCOUNT, rows, template, workers=1, chunk_size=20))
    assert [user.claims.nats.pub.allow for user in users] == [(f"s{at}.{name}",) for at, name in enumerate(NAMES)]


def test_any_order_gives_every_user_once() -> None:
    users = issue_users(ACCOUNT, NAMES, TEMPLATE, workers=2, chunk_size=3, ordered=False)
    assert sorted(user.name for user in users) == sorted(NAMES)


def test_an_identity_may_sign_in_processes_of_this_machine() -> None:
    account = Account.load(ACCOUNT.jwt, [pair_of(ACCOUNT.key)])
    (user,) = issue_users(account, ["a"], TEMPLATE, workers=1)
    assert user.claims.iss == account.public


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_an_executor_issues_what_this_process_would(pool: Any) -> None:  # noqa: ANN401  # two classes
    keywords = {} if pool is ThreadPoolExecutor else {"mp_context": multiprocessing.get_context("spawn")}
    with pool(2, **keywords) as executor:
        users = issue_users(
            ACCOUNT, NAMES, TEMPLATE, derive_from=SECRET, issued_at=NOW, chunk_size=9, executor=executor
        )
        there = texts(users)
    assert there == texts(issue_users(ACCOUNT, NAMES, TEMPLATE, derive_from=SECRET, issued_at=NOW))


def test_progress_and_length_are_those_of_users() -> None:
    told: list[tuple[int, int | None]] = []
    users = issue_users(
        ACCOUNT, NAMES, TEMPLATE, workers=1, chunk_size=9, on_progress=lambda done, total: told.append((done, total))
    ).skip(NAMES[:10])
    assert len(users) == 40
    assert [user.name for user in users] == NAMES[10:]
    assert told[-1] == (40, 40)


# --- nothing before it is asked for, and no more than is in flight


def test_no_process_is_started_before_the_first_user_is_asked_for() -> None:
    before = multiprocessing.active_children()
    users = issue_users(ACCOUNT, NAMES, TEMPLATE, workers=1)
    len(users)
    assert multiprocessing.active_children() == before
    users.close()
    assert list(users) == []


@pytest.mark.parametrize("ordered", [True, False])
def test_so_many_chunks_are_in_flight_and_no_more(ordered: bool) -> None:
    names = Taken(NAMES)
    with Counted() as executor:
        users = issue_users(ACCOUNT, names, TEMPLATE, executor=executor, chunk_size=2, in_flight=3, ordered=ordered)
        next(users)
        assert (executor.calls, names.taken) == (3, 6)
        list(users)
    assert executor.most == 3
    assert executor.calls == 25


# --- what is wrong


@pytest.mark.parametrize("workers", [1, None])
def test_a_name_that_does_not_fit_ends_the_run_after_those_before_it(workers: int | None) -> None:
    names = [*NAMES[:5], "*", *NAMES[5:]]
    users = issue_users(ACCOUNT, names, TEMPLATE, workers=workers, chunk_size=4)
    assert [next(users).name for _ in range(5)] == NAMES[:5]
    with pytest.raises(InvalidClaimsError) as caught:
        next(users)
    assert code(caught) == "not-one-token"
    assert list(users) == []


@pytest.mark.parametrize("workers", [1, None])
def test_a_name_that_came_before_ends_the_run_after_those_before_it(workers: int | None) -> None:
    users = issue_users(ACCOUNT, [*NAMES[:5], "d-0"], TEMPLATE, workers=workers, chunk_size=4)
    assert [next(users).name for _ in range(5)] == NAMES[:5]
    with pytest.raises(InvalidClaimsError) as caught:
        next(users)
    assert code(caught) == "name-repeated"


@pytest.mark.parametrize("workers", [1, None])
def test_names_that_fail_end_the_run_after_those_before(workers: int | None) -> None:
    def names() -> Iterator[str]:
        yield from NAMES[:5]
        raise ZeroDivisionError

    users = issue_users(ACCOUNT, names(), TEMPLATE, workers=workers, chunk_size=4)
    assert [next(users).name for _ in range(5)] == NAMES[:5]
    with pytest.raises(ZeroDivisionError):
        next(users)


def test_a_derived_key_that_is_revoked_is_refused_wherever_it_is_made() -> None:
    stolen = next(issue_users(ACCOUNT, ["d-3"], TEMPLATE, derive_from=SECRET))
    account = OPERATOR.revoke(ACCOUNT, stolen)
    users = issue_users(account, NAMES, TEMPLATE, derive_from=SECRET, workers=1, chunk_size=5)
    assert [next(users).name for _ in range(3)] == NAMES[:3]
    with pytest.raises(RevokedError):
        next(users)


def test_an_executor_gets_no_identity() -> None:
    account = Account.load(ACCOUNT.jwt, [pair_of(ACCOUNT.key)])
    with ThreadPoolExecutor(1) as executor, pytest.raises(WrongKeyTypeError, match="identity"):
        issue_users(account, NAMES, TEMPLATE, executor=executor)
    with ThreadPoolExecutor(1) as executor, pytest.raises(WrongKeyTypeError, match="operator"):
        issue_accounts(OPERATOR, NAMES, AccountTemplate(), executor=executor)


def test_a_signer_that_lives_elsewhere_goes_as_a_function_that_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    key = pair_of(ACCOUNT.signing_keys[0])
    with pytest.raises(TypeError, match="function"):
        issue_users(ACCOUNT, NAMES, TEMPLATE, signer=Remote(key), workers=1)
    monkeypatch.setenv("NATSCREDS_TEST_KMS", key.seed)
    for workers in (None, 1):
        users = list(issue_users(ACCOUNT, NAMES[:3], TEMPLATE, signer=kms, workers=workers))
        assert [user.claims.iss for user in users] == [key.public] * 3


@pytest.mark.parametrize(
    ("keywords", "failure"),
    [
        ({"workers": 1, "executor": ThreadPoolExecutor}, TypeError),
        ({"workers": 0}, ValueError),
        ({"workers": -1}, ValueError),
        ({"workers": True}, TypeError),
        ({"workers": "2"}, TypeError),
        ({"chunk_size": 0}, ValueError),
        ({"chunk_size": 1.5}, TypeError),
        ({"in_flight": 0}, ValueError),
        ({"ordered": 1}, TypeError),
        ({"executor": object()}, TypeError),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_where_to_issue_is_said_in_one_way(keywords: dict[str, Any], failure: type[Exception]) -> None:
    with pytest.raises(failure):
        issue_users(ACCOUNT, NAMES, TEMPLATE, **keywords)


# --- the end


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that is dead and not yet buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pids: list[int]) -> bool:
    """Wait, not longer than a deadline, until none of *pids* is alive."""
    deadline = time.monotonic() + 20
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(map(alive, pids))


def children() -> list[int]:
    return [cast("int", child.pid) for child in multiprocessing.active_children()]


@pytest.mark.parametrize("ordered", [True, False])
def test_a_worker_that_is_killed_ends_the_run_and_tells_who_is_done_and_who_is_lost(ordered: bool) -> None:
    before = children()
    users = issue_users(ACCOUNT, NAMES, TEMPLATE, workers=1, chunk_size=2, in_flight=2, ordered=ordered)
    done = [next(users).name]
    (worker,) = set(children()) - set(before)
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(WorkerError) as caught:
        done.extend(user.name for user in users)
    error = caught.value
    assert error.done == len(done)
    assert error.lost
    assert not set(error.lost) & set(done)
    if ordered:
        assert done == NAMES[: error.done]
        assert list(error.lost) == NAMES[error.done : error.done + len(error.lost)]
    assert not any(name in str(error) for name in NAMES)
    assert error.__context__ is None or isinstance(error.__context__, StopIteration)
    assert gone([worker])
    assert list(users) == []


def test_closing_ends_the_processes() -> None:
    before = children()
    users = issue_users(ACCOUNT, NAMES, TEMPLATE, workers=2, chunk_size=2)
    next(users)
    started = list(set(children()) - set(before))
    assert len(started) == 2
    users.close()
    assert gone(started)


def test_an_error_of_a_worker_travels() -> None:
    error = WorkerError("x", done=3, lost=("a", "b"))
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own pickle
    assert (str(again), again.done, again.lost) == ("x", 3, ("a", "b"))


DRIVER = """
import faulthandler, multiprocessing, signal
faulthandler.dump_traceback_later(40)  # what a driver that does not end is doing
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored
from natscreds import Operator, UserTemplate, issue_users

if __name__ == "__main__":
    account = Operator.create("acme").create_account("orders")
    users = issue_users(account, (f"d-{at}" for at in range(10**9)), UserTemplate(), workers=2, chunk_size=50)
    next(users)
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    for user in users:
        pass
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=["Ctrl-C", "terminated", "killed"])
def test_workers_end_with_the_driver_however_that_ends(how: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    driver = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert driver.stdout is not None
        pids = [int(pid) for pid in driver.stdout.readline().split()]
        assert len(pids) == 2
        if how is signal.SIGINT:
            os.killpg(driver.pid, how)  # as a terminal does: to the driver and its workers
        else:
            driver.send_signal(how)
        _, errors = driver.communicate(timeout=60)
    finally:
        driver.kill()
        driver.communicate()
    assert gone(pids)
    if how is signal.SIGINT:
        assert errors.rstrip().endswith("KeyboardInterrupt")
        assert "spawn_main" not in errors  # the workers have nothing to say


def test_a_program_without_its_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(
        "from natscreds import Operator, UserTemplate, issue_users\n"
        "account = Operator.create('acme').create_account('orders')\n"
        "list(issue_users(account, ['a'], UserTemplate(), workers=1))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "WorkerError" in done.stderr
    assert "if __name__ == '__main__':" in done.stderr
