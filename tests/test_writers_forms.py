"""Zip, tar and JSON lines: one file for all users, for its owner only, whole or absent."""

import io
import json
import os
import stat
import subprocess
import sys
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from written_people import TWO_NAMES_ONE_FILE, Someone, rows

from natscreds import Account, Creds, Operator, User, UserTemplate, issue_users
from natscreds.bulk import Users
from natscreds.creds.files import file_name
from natscreds.errors import MissingKeyError, StorageError
from natscreds.nkeys import KeyPair, KeyType
from natscreds.writers import Report, write_directory, write_jsonl, write_kubernetes, write_tar, write_zip

ACCOUNT = Operator.create("acme").create_account("orders")
TEMPLATE = UserTemplate(publish=["orders.>"], expires_at=4_000_000_000)
NAMES = ["d-1", "Device 2", "../../etc/passwd", "d-4"]
SECRET = bytes(range(32))
SECOND = 1_700_000_001

Write = Callable[..., Report]


def users(names: Any = NAMES, account: Account = ACCOUNT, **keywords: Any) -> Users:  # noqa: ANN401
    return issue_users(account, names, TEMPLATE, **keywords)


def write_tar_gz(*arguments: Any, **keywords: Any) -> Report:  # noqa: ANN401
    return write_tar(*arguments, gz=True, **keywords)


def members(path: Path) -> dict[str, bytes]:
    """Return the members in their order, read by Python's own readers."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(path) as tar:
        return {member.name: (tar.extractfile(member) or io.BytesIO()).read() for member in tar}


archives = pytest.mark.parametrize("write", [write_zip, write_tar, write_tar_gz])
all_in_one = pytest.mark.parametrize("write", [write_zip, write_tar, write_tar_gz, write_jsonl])


# --- archives


@archives
def test_an_archive_holds_the_creds_and_then_the_manifest(tmp_path: Path, write: Write) -> None:
    issued = list(users())
    report = write(iter(issued), tmp_path / "all")
    found = members(tmp_path / "all")
    assert list(found) == [*(file_name(name) + ".creds" for name in NAMES), "manifest.jsonl"]
    assert {name: data.decode() for name, data in list(found.items())[:-1]} == {
        file_name(user.name) + ".creds": user.creds.text for user in issued
    }
    told = [json.loads(line) for line in found["manifest.jsonl"].splitlines()]
    assert [(row["name"], row["public"], row["file"]) for row in told] == [
        (user.name, user.public, file_name(user.name) + ".creds") for user in issued
    ]
    assert not any(user.seed.encode() in found["manifest.jsonl"] for user in issued)
    assert (report.written, report.path, report.directory) == (4, str(tmp_path / "all"), str(tmp_path))
    assert report.manifest == "manifest.jsonl"
    assert stat.S_IMODE((tmp_path / "all").stat().st_mode) == 0o600


def test_members_of_a_zip_are_their_owners_alone_and_tell_the_second(tmp_path: Path) -> None:
    write_zip(users(issued_at=SECOND), tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        for member in archive.infolist():
            assert member.external_attr >> 16 == stat.S_IFREG | 0o600
            assert member.create_system == 3
            assert member.date_time == (*time.gmtime(SECOND)[:5], SECOND % 60 // 2 * 2)
            assert member.compress_type == zipfile.ZIP_DEFLATED


@pytest.mark.parametrize("gz", [False, True])
def test_members_of_a_tar_are_their_owners_alone_and_tell_the_second(tmp_path: Path, gz: bool) -> None:
    write_tar(users(issued_at=SECOND), tmp_path / "all.tar", gz=gz)
    assert (tmp_path / "all.tar").read_bytes()[:2] == (b"\x1f\x8b" if gz else b"d-")
    with tarfile.open(tmp_path / "all.tar", "r:gz" if gz else "r:") as archive:
        for member in archive:
            told = (member.mode, member.uid, member.gid, member.uname, member.gname, member.mtime, member.isreg())
            assert told == (0o600, 0, 0, "", "", SECOND, True)


@archives
def test_plain_users_tell_their_second_themselves(tmp_path: Path, write: Write) -> None:
    plain = [*users(["a"], issued_at=SECOND), *users(["b"], issued_at=SECOND + 10)]
    write(plain, tmp_path / "all")
    if write is write_zip:
        with zipfile.ZipFile(tmp_path / "all") as archive:
            assert [member.date_time[5] for member in archive.infolist()] == [20, 30, 20]
    else:
        with tarfile.open(tmp_path / "all") as tar:
            assert [member.mtime for member in tar] == [SECOND, SECOND + 10, SECOND]


@all_in_one
def test_equal_users_give_equal_bytes(tmp_path: Path, write: Write) -> None:
    for name in ("one", "two"):
        write(users(issued_at=SECOND, derive_from=SECRET), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@archives
def test_an_archive_has_its_name_when_it_is_whole(tmp_path: Path, write: Write) -> None:
    def looking() -> Iterator[User]:
        for user in users([f"d-{number}" for number in range(100)]):
            assert [name for name in os.listdir(tmp_path) if not name.endswith(".part")] == []
            yield user

    assert write(looking(), tmp_path / "all").written == 100
    assert os.listdir(tmp_path) == ["all"]


@archives
def test_no_users_make_an_archive_of_an_empty_manifest(tmp_path: Path, write: Write) -> None:
    assert write(users([]), tmp_path / "all", fsync=True).written == 0
    assert members(tmp_path / "all") == {"manifest.jsonl": b""}


@archives
def test_nothing_is_left_of_an_archive_that_fails(tmp_path: Path, write: Write) -> None:
    def failing() -> Iterator[User]:
        yield from users()
        raise RuntimeError("no more")

    device = KeyPair.generate(KeyType.USER)
    faults: list[tuple[Any, type[Exception], str]] = [
        (failing(), RuntimeError, "no more"),
        ([Someone("a"), Someone("a")], StorageError, "a name is written once, 'a' came twice; nothing is left"),
        (map(Someone, TWO_NAMES_ONE_FILE), StorageError, "a file holds one user: 'NALDDFNHJNAKGADO'"),
        ([Someone("a"), Someone("b\ud800")], StorageError, "lone surrogate"),
        ([Someone("a", "\u00e9")], StorageError, "ASCII"),
        ([ACCOUNT.create_user("a", publish=["a"], key=device.public)], MissingKeyError, "seed"),
    ]
    for given, kind, match in faults:
        with pytest.raises(kind, match=match):
            write(given, tmp_path / "all")
        assert os.listdir(tmp_path) == []


@archives
def test_a_full_disk_leaves_nothing_of_an_archive(tmp_path: Path, write: Write) -> None:
    code = (
        f"import resource, sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from natscreds import writers; from written_people import Someone; import random\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "people = (Someone(str(n), random.Random(n).randbytes(500).hex()) for n in range(1_000))\n"
        f"keywords = {{'gz': True}} if {write is write_tar_gz} else {{}}\n"
        "try:\n"
        f"    writers.{'write_zip' if write is write_zip else 'write_tar'}(people, sys.argv[1], **keywords)\n"
        "except OSError as error:\n"
        "    print(error.errno)\n"
    )
    (tmp_path / "out").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out" / "all")], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("27\n", "")
    assert os.listdir(tmp_path / "out") == []


def test_a_tar_takes_no_memory_for_its_members(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        write_tar((Someone(f"{number}", "x" * 100) for number in range(count)), tmp_path / f"{count}")
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(10)
    assert peak(3_000) < peak(300) + 100_000


# --- one file for all


@all_in_one
def test_a_file_that_is_there_is_left_alone_and_nobody_is_issued(tmp_path: Path, write: Write) -> None:
    (tmp_path / "all").write_text("old")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("all", "link"):
        run = users()
        with pytest.raises(StorageError, match="never written over"):
            write(run, tmp_path / name)
        assert list(run) == []  # closed
    assert sorted(os.listdir(tmp_path)) == ["all", "link"]
    assert (tmp_path / "all").read_text() == "old"


@archives
def test_a_file_that_comes_while_one_writes_is_left_alone(tmp_path: Path, write: Write) -> None:
    def planting() -> Iterator[User]:
        yield from users()
        (tmp_path / "all").write_text("another's")

    with pytest.raises(StorageError, match="never written over"):
        write(planting(), tmp_path / "all")
    assert (tmp_path / "all").read_text() == "another's"
    assert os.listdir(tmp_path) == ["all"]


@all_in_one
def test_the_directory_must_be_there_and_no_link(tmp_path: Path, write: Write) -> None:
    with pytest.raises(FileNotFoundError):
        write(users(), tmp_path / "missing" / "all")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(StorageError, match="symbolic link"):
        write(users(), tmp_path / "link" / "all")
    assert os.listdir(tmp_path / "real") == []


@all_in_one
def test_a_name_alone_is_a_file_here(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = write(users(["a"]), "all")
    assert (report.directory, report.path) == (".", "all")
    assert (tmp_path / "all").exists()


@pytest.mark.parametrize("write", [write_zip, write_tar, write_jsonl, write_kubernetes, write_directory])
@pytest.mark.parametrize("given", ["alice", b"alice"])
def test_text_is_not_an_iterable_of_users(tmp_path: Path, write: Write, given: object) -> None:
    with pytest.raises(TypeError, match="iterable of users"):
        write(given, tmp_path / "all")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("write", [write_zip, write_tar, write_jsonl, write_kubernetes])
def test_the_first_line_says_that_nothing_is_encrypted(write: Write) -> None:
    assert "not encrypt" in (write.__doc__ or "").splitlines()[0]


# --- lines


def lines(path: Path) -> list[dict[str, Any]]:
    return rows(path)


def test_each_user_is_a_line(tmp_path: Path) -> None:
    issued = list(users())
    report = write_jsonl(iter(issued), tmp_path / "all.jsonl")
    assert lines(tmp_path / "all.jsonl") == [
        {"name": user.name, "public": user.public, "creds": user.creds.text} for user in issued
    ]
    assert report.manifest == f"{tmp_path / 'all.jsonl'}.manifest.jsonl"
    told = rows(Path(report.manifest))
    assert [(row["name"], row["public"], row["file"]) for row in told] == [
        (user.name, user.public, "all.jsonl") for user in issued
    ]
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["all.jsonl", "all.jsonl.job.json", "all.jsonl.manifest.jsonl"]


def plain(names: Any, **keywords: Any) -> Iterator[User]:  # noqa: ANN401
    yield from users(names, **keywords)


both = pytest.mark.parametrize("make", [users, plain], ids=["issued", "plain"])
MANY = [f"d-{number}" for number in range(60)]


@both
@pytest.mark.parametrize("fsync", [False, True])
def test_lines_are_gone_on_with(tmp_path: Path, make: Any, fsync: bool) -> None:  # noqa: ANN401
    path = tmp_path / "all"
    first = write_jsonl(make(MANY[:40]), path, resume=True, fsync=fsync)
    before = path.read_text().splitlines(keepends=True)
    torn = "".join(before)[:-300]
    path.write_text(torn.replace(before[3], "\0" * 900 + "\n").replace(before[5], ""))
    again = write_jsonl(make(MANY), path, resume=True, fsync=fsync)
    assert (first.written, first.kept) == (40, 0)
    assert (again.written, again.kept, again.replaced) == (23, 37, 0)
    after = path.read_text().splitlines(keepends=True)
    assert after[:37] == [line for at, line in enumerate(before[:-1]) if at not in (3, 5)]
    assert sorted(line["name"] for line in lines(path)) == sorted(MANY)
    noted = rows(tmp_path / "all.manifest.jsonl")
    assert [(row["name"], row["public"]) for row in noted] == [(line["name"], line["public"]) for line in lines(path)]


@both
def test_lines_that_expired_are_replaced(tmp_path: Path, make: Any) -> None:  # noqa: ANN401
    gone = UserTemplate(publish=["orders.>"], expires_at=SECOND + 10)
    write_jsonl(list(issue_users(ACCOUNT, MANY[:2], gone, issued_at=SECOND)), tmp_path / "all")
    report = write_jsonl(make(MANY[:5]), tmp_path / "all", resume=True)
    assert (report.written, report.kept, report.replaced) == (3, 0, 2)
    assert len({line["public"] for line in lines(tmp_path / "all")}) == 5


@both
def test_a_line_of_something_else_is_never_written_over(tmp_path: Path, make: Any) -> None:  # noqa: ANN401
    write_jsonl(make(MANY[:2]), tmp_path / "all")
    stranger = Operator.create("x").create_account("y").create_user("d-1", publish=["a"])
    line = {"name": "d-1", "public": stranger.public, "creds": stranger.creds.text}
    with (tmp_path / "all").open("a") as file:
        file.write(json.dumps(line) + "\n")
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    with pytest.raises(StorageError, match="something else is never written over: line 3 of 'all', for 'd-1', holds"):
        write_jsonl(make(MANY), tmp_path / "all", resume=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


@both
def test_two_lines_for_a_name_are_refused(tmp_path: Path, make: Any) -> None:  # noqa: ANN401
    with pytest.raises(StorageError, match=r"a name is written once, 'd-1' came twice; files written before, .*: 1"):
        write_jsonl([*make(["d-1"]), *make(["d-1"])], tmp_path / "all")
    with (tmp_path / "all").open("r+") as file:
        file.write(2 * file.read())
    with pytest.raises(StorageError, match="a name has one line: line 2 of 'all', for 'd-1', holds another"):
        write_jsonl(make(MANY), tmp_path / "all", resume=True)


def test_another_jobs_lines_are_refused(tmp_path: Path) -> None:
    write_jsonl(users(["a"]), tmp_path / "all")
    with pytest.raises(StorageError, match="is of another job: account"):
        write_jsonl(users(["a"], Operator.create("x").create_account("y")), tmp_path / "all", resume=True)


def test_one_writer_of_lines_at_a_time(tmp_path: Path) -> None:
    def first() -> Iterator[User]:
        for user in users(MANY):
            if user.name == "d-50":
                with pytest.raises(StorageError, match="one writer at a time"):
                    write_jsonl(users(["x"]), tmp_path / "all", resume=True)
            yield user

    assert write_jsonl(first(), tmp_path / "all").written == 60
    assert Creds.parse(lines(tmp_path / "all")[59]["creds"]).public == lines(tmp_path / "all")[59]["public"]
