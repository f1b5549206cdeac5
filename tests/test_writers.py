"""Users written down: one whole file each, never over another, never elsewhere, in constant memory."""

import errno
import os
import signal
import stat
import subprocess
import sys
import time
import tracemalloc
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from written_people import BESIDE, TWO_NAMES_ONE_FILE, Someone, contents, expected

from natscreds import Account, Creds, Operator, UserTemplate, issue_users, tokens
from natscreds.claims import UserClaims
from natscreds.creds.files import file_name
from natscreds.errors import MissingKeyError, StorageError
from natscreds.nkeys import KeyPair, KeyType
from natscreds.writers import write_directory


def run_child(code: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


PEOPLE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from natscreds.writers import write_directory
from written_people import Someone
"""


@pytest.fixture(scope="module")
def account() -> Account:
    return Operator.create("acme").create_account("orders")


# --- what is written


def test_each_issued_user_becomes_its_creds_file(account: Account, tmp_path: Path) -> None:
    names = ["d-1", "d-2", "Device 3"]
    template = UserTemplate(publish=["orders.>"], private_inbox=True)
    users = list(issue_users(account, names, template))
    report = write_directory(iter(users), tmp_path / "out")
    assert (report.directory, report.written) == (str(tmp_path / "out"), 3)
    assert contents(tmp_path / "out") == {file_name(user.name) + ".creds": user.creds.text for user in users}
    assert Creds.read(tmp_path / "out" / "d-2.creds") == users[1].creds


def test_an_iterator_of_users_goes_straight_in(account: Account, tmp_path: Path) -> None:
    template = UserTemplate(publish=["devices.{name}.>"])
    report = write_directory(issue_users(account, (f"d-{number}" for number in range(20)), template), tmp_path / "out")
    assert report.written == 20
    for number in range(20):
        creds = Creds.read(tmp_path / "out" / f"d-{number}.creds")
        assert tokens.parse(creds.jwt, UserClaims).claims.name == f"d-{number}"


def test_no_users_make_an_empty_directory(tmp_path: Path) -> None:
    assert write_directory([], tmp_path / "a" / "out").written == 0
    assert set(os.listdir(tmp_path / "a" / "out")) == BESIDE
    assert (tmp_path / "a" / "out" / "manifest.jsonl").read_text() == ""


def test_fsync_writes_the_same(tmp_path: Path) -> None:
    users = [Someone("a"), Someone("B")]
    assert write_directory(users, tmp_path / "out", fsync=True).written == 2
    assert contents(tmp_path / "out") == expected(*users)


@pytest.mark.parametrize("umask", [0, 0o077, 0o277], ids=oct)
def test_files_are_0600_and_directories_0700_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    run_child(
        PEOPLE + "import os; os.umask(int(sys.argv[2]))\n"
        "write_directory([Someone('a', 'x'), Someone('B', 'y')], sys.argv[1] + '/new/out')\n",
        tmp_path,
        umask,
    )
    modes = {path.relative_to(tmp_path).name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {"new": 0o700, "out": 0o700, "a.creds": 0o600, file_name("B") + ".creds": 0o600} | dict.fromkeys(
        BESIDE, 0o600
    )


def test_files_follow_their_users_closely(tmp_path: Path) -> None:
    def users() -> Iterator[Someone]:
        for number in range(200):
            there = set(os.listdir(tmp_path / "out")) - BESIDE
            assert number - 32 < len(there) <= number
            assert there == {f"{each}.creds" for each in range(len(there))}
            yield Someone(f"{number}")

    assert write_directory(users(), tmp_path / "out").written == 200


@pytest.mark.parametrize("count", [1, 31, 32, 33, 63, 64, 65])
def test_every_user_is_written_however_many(tmp_path: Path, count: int) -> None:
    users = [Someone(f"{number}") for number in range(count)]
    assert write_directory(iter(users), tmp_path / "out").written == count
    assert contents(tmp_path / "out") == expected(*users)


def test_memory_does_not_grow_with_the_users(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        write_directory((Someone(f"{number}", "x" * 1000) for number in range(count)), tmp_path / f"{count}")
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(10)
    assert peak(3_000) < peak(300) + 20_000


# --- names


HOSTILE = [
    "/",
    "..",
    ".",
    "",
    "a/../../b",
    "../outside",
    "/outside",
    "a\0b",
    ".hidden",
    "..hidden",
    "-rf",
    "~",
    "CON",
    "con",
    "nul.txt",
    "a\\..\\b",
    "c:outside",
    "new\nline",
    "x" * 300,
    "é" * 300,
]


def test_no_name_leads_outside(tmp_path: Path) -> None:
    users = [Someone(name) for name in HOSTILE]
    assert write_directory(users, tmp_path / "deep" / "out").written == len(HOSTILE)
    assert [path for path in tmp_path.rglob("*") if path.parent != tmp_path / "deep" / "out"] == [
        tmp_path / "deep",
        tmp_path / "deep" / "out",
    ]
    assert contents(tmp_path / "deep" / "out") == expected(*users)
    assert not any(name.startswith((".", "-")) for name in os.listdir(tmp_path / "deep" / "out"))


def test_names_that_differ_by_case_or_form_only_get_files_of_their_own(tmp_path: Path) -> None:
    users = [
        Someone(name) for name in ("alice", "Alice", "ALICE", "caf\u00e9", "cafe\u0301", "k", "K", "\u212a", "k ", "k.")
    ]
    assert write_directory(users, tmp_path / "out").written == len(users)
    assert contents(tmp_path / "out") == expected(*users)
    folded = {unicodedata.normalize("NFKC", name).casefold().rstrip(" .") for name in contents(tmp_path / "out")}
    assert len(folded) == len(users)


def test_a_name_with_a_lone_surrogate_is_refused_and_counted(tmp_path: Path) -> None:
    users = [Someone("a"), Someone("b"), Someone("c\ud800", "a secret"), Someone("d")]
    with pytest.raises(
        StorageError, match=r"lone surrogate in 'c\\ud800'; files written before, each whole: 2"
    ) as caught:
        write_directory(users, tmp_path / "out")
    assert caught.value.__context__ is None
    assert contents(tmp_path / "out") == expected(*users[:2])


# --- never over another


@pytest.mark.parametrize("name", ["d-1", "Device 1", "x" * 200], ids=["as-is", "digest", "long"])
def test_a_name_that_comes_twice_is_refused(tmp_path: Path, name: str) -> None:
    users = [Someone(name, "the first"), Someone("other"), Someone(name, "the second"), Someone("never")]
    with pytest.raises(StorageError) as caught:
        write_directory(users, tmp_path / "out")
    assert contents(tmp_path / "out") == expected(*users[:2])
    assert name in str(caught.value) or name.startswith("xxx")
    assert "; files written before, each whole: 2" in str(caught.value)
    assert "the second" not in str(caught.value)
    assert caught.value.__context__ is None


def test_the_error_says_that_a_name_came_twice(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="a name is written once, 'd-1' came twice"):
        write_directory([Someone("d-1"), Someone("d-1")], tmp_path / "out")


def test_two_names_for_one_file_are_refused(tmp_path: Path) -> None:
    first, second = map(Someone, TWO_NAMES_ONE_FILE)
    assert file_name(first.name) == file_name(second.name) == "~26df3ab185fbe76b"
    with pytest.raises(StorageError, match="a file holds one user: 'NALDDFNHJNAKGADO' goes to '~26df3ab185fbe76b"):
        write_directory([first, second], tmp_path / "out")
    assert contents(tmp_path / "out") == {"~26df3ab185fbe76b.creds": first.creds.text}


def test_a_file_that_was_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "d-2.creds").write_text("old")
    users = [Someone("d-1"), Someone("d-2"), Someone("d-3")]
    with pytest.raises(
        StorageError, match=r"'d-2' goes to 'd-2.creds', which exists; files written before, each whole: 1"
    ):
        write_directory(users, tmp_path)
    assert contents(tmp_path) == {"d-1.creds": users[0].creds.text, "d-2.creds": "old"}


@pytest.mark.parametrize("target", ["../target", "../nowhere"])
def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path, target: str) -> None:
    (tmp_path / "out").mkdir(0o700)
    (tmp_path / "target").write_text("old")
    (tmp_path / "out" / "a.creds").symlink_to(target)
    with pytest.raises(StorageError, match="never written over"):
        write_directory([Someone("a")], tmp_path / "out")
    with pytest.raises(StorageError, match=r"symbolic link is not followed: 'a\.creds'"):
        write_directory([Someone("a")], tmp_path / "out", resume=True)
    assert (tmp_path / "target").read_text() == "old"
    assert not (tmp_path / "nowhere").exists()


def test_other_files_in_the_directory_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("hello")
    (tmp_path / "z.creds").write_text("of another program")
    write_directory([Someone("a"), Someone("b")], tmp_path)
    kept = {"README": "hello", "z.creds": "of another program"}
    assert contents(tmp_path) == {**kept, **expected(Someone("a"), Someone("b"))}


# --- refusals and errors


class Watched:
    """Users that tell what happened to them."""

    def __init__(self, *users: Someone, fault: BaseException | None = None, last: Exception | None = None) -> None:
        self.left = list(users)
        self.fault, self.last = fault, last
        self.taken = self.closed = 0

    def __iter__(self) -> "Watched":
        return self

    def __next__(self) -> Someone:
        if self.left:
            self.taken += 1
            return self.left.pop(0)
        if self.fault is not None:
            raise self.fault
        raise StopIteration

    def close(self) -> None:
        self.closed += 1
        if self.last is not None:
            raise self.last


def test_nothing_is_issued_for_a_directory_that_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    users = Watched(Someone("a"))
    with pytest.raises(StorageError, match="writable by everybody"):
        write_directory(users, tmp_path)
    assert (users.taken, users.closed) == (0, 1)
    assert write_directory(users, tmp_path, shared=True).written == 1
    assert stat.S_IMODE((tmp_path / "a.creds").stat().st_mode) == 0o600


def test_a_directory_behind_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(StorageError, match="symbolic link"):
        write_directory([Someone("a")], tmp_path / "link")
    assert os.listdir(tmp_path / "real") == []


def test_users_are_closed_when_one_is_refused(tmp_path: Path) -> None:
    users = Watched(Someone("a"), Someone("a"), *(Someone(f"{number}") for number in range(100)))
    with pytest.raises(StorageError):
        write_directory(users, tmp_path / "out")
    assert users.closed == 1
    assert users.taken <= 32
    assert contents(tmp_path / "out") == expected(Someone("a"))


def test_a_refused_user_comes_before_an_error_of_later_ones(tmp_path: Path) -> None:
    fault = RuntimeError("no more")
    users = Watched(Someone("a"), Someone("a"), Someone("b"), fault=fault)
    with pytest.raises(StorageError, match="'a' came twice; files written before, each whole: 1") as caught:
        write_directory(users, tmp_path / "out")
    assert caught.value.__context__ is fault


@pytest.mark.parametrize("fault", [RuntimeError("no more"), StorageError("the ledger is full"), KeyboardInterrupt()])
def test_an_error_of_the_users_comes_out_as_it_is(tmp_path: Path, fault: BaseException) -> None:
    users = Watched(Someone("a"), Someone("b"), fault=fault)
    with pytest.raises(type(fault)) as caught:
        write_directory(users, tmp_path / "out")
    assert caught.value is fault
    assert users.closed == 1
    assert contents(tmp_path / "out") == expected(Someone("a"), Someone("b"))


def test_an_error_while_closing_does_not_hide_the_first(tmp_path: Path) -> None:
    fault = RuntimeError("no more")
    users = Watched(Someone("a"), fault=fault, last=ValueError("cannot close"))
    with pytest.raises(RuntimeError) as caught:
        write_directory(users, tmp_path / "out")
    assert caught.value is fault
    assert fault.__notes__ == ["closing the users failed too: ValueError"]


def test_users_that_were_all_written_are_left_open(tmp_path: Path) -> None:
    users = Watched(Someone("a"))
    write_directory(users, tmp_path / "out")
    assert users.closed == 0


@pytest.mark.parametrize("users", ["alice", b"alice", bytearray(b"alice")], ids=["str", "bytes", "bytearray"])
def test_text_is_not_an_iterable_of_users(tmp_path: Path, users: object) -> None:
    with pytest.raises(TypeError, match="iterable of users"):
        write_directory(users, tmp_path / "out")  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []


def test_text_that_is_not_ascii_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="that of 'b' is not; files written before, each whole: 1") as caught:
        write_directory([Someone("a"), Someone("b", "the s\u00e9cret")], tmp_path / "out")
    assert caught.value.__context__ is None
    assert "the s" not in str(caught.value)
    assert contents(tmp_path / "out") == expected(Someone("a"))


def test_a_user_whose_seed_is_not_known_is_refused(account: Account, tmp_path: Path) -> None:
    device = KeyPair.generate(KeyType.USER)
    user = account.create_user("d-1", publish=["orders.>"], key=device.public)
    with pytest.raises(MissingKeyError):
        write_directory([user], tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []


def test_a_disk_that_is_full_ends_it_with_whole_files_only(tmp_path: Path) -> None:
    code = (
        PEOPLE + "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try:\n"
        "    write_directory((Someone(str(size), 'x' * size) for size in range(1000, 9000, 1000)), sys.argv[1])\n"
        "except OSError as error:\n"
        "    print(error.errno)\n"
    )
    assert run_child(code, tmp_path / "out") == str(errno.EFBIG)
    assert contents(tmp_path / "out") == expected(*(Someone(str(size), "x" * size) for size in (1000, 2000, 3000)))


def test_kill_9_leaves_whole_files_only(tmp_path: Path) -> None:
    code = (
        PEOPLE + "from itertools import count\n"
        "write_directory((Someone(str(n), f'{n:08}' * 30_000) for n in count()), sys.argv[1])\n"
    )
    for attempt in range(6):
        out = tmp_path / str(attempt)
        child = subprocess.Popen([sys.executable, "-c", code, str(out)])
        try:
            deadline = time.monotonic() + 20
            while not out.is_dir() or len(set(os.listdir(out)) - BESIDE) <= attempt:
                assert child.poll() is None
                assert time.monotonic() < deadline
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
        found = contents(out)
        assert len(found) > attempt
        assert all(found[f"{n}.creds"] == Someone(str(n), f"{n:08}" * 30_000).creds.text for n in range(len(found)))
