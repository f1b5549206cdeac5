"""Secret files: modes, exclusivity, wholeness, names; against real directories, limits, signals and processes."""

import errno
import hashlib
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from natscreds.creds.files import SecretDirectory, file_name, read_secret, write_secret
from natscreds.errors import NatsCredsError, StorageError

SECRET = b"-----BEGIN NATS USER JWT-----\nnot a real one\n"
UMASKS = (0, 0o077, 0o277, 0o777)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away, mount and chroot")
both_ways = pytest.mark.parametrize("unnamed", [True, False], ids=["unnamed", "named"])


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def opened(path: Path, *, unnamed: bool = True, shared: bool = False, fsync: bool = False) -> SecretDirectory:
    """Open a directory, if asked as a system without O_TMPFILE would."""
    directory = SecretDirectory(path, shared=shared, fsync=fsync)
    if not unnamed:
        forget_unnamed(directory)
    return directory


def forget_unnamed(directory: SecretDirectory) -> None:
    """Make *directory* work as where there is no O_TMPFILE, or no /proc."""
    if directory._descriptors >= 0:
        os.close(directory._descriptors)
    directory._descriptors = -1


def run_child(code: str, *arguments: object) -> str:
    """Run Python in a process of its own, so that umask, limits and roots are its own too."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def has_unnamed_files(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_TMPFILE | os.O_WRONLY))
    except (AttributeError, OSError):
        return False
    return True


# --- modes


@pytest.mark.parametrize("umask", UMASKS, ids=oct)
def test_a_file_is_0600_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    run_child(
        "import os, sys; os.umask(int(sys.argv[2]))\n"
        "from natscreds.creds.files import *\n"
        "path = sys.argv[1]\n"
        "write_secret(path + '/alone', b'1')\n"
        "write_secret(path + '/alone', b'2', replace=True)\n"
        "for unnamed in (True, False):\n"
        "    with SecretDirectory(path + '/made') as directory:\n"
        "        directory._descriptors = directory._descriptors if unnamed else -1\n"
        "        directory.write(f'new-{unnamed}', b'1')\n"
        "        directory.write(f'over-{unnamed}', b'1')\n"
        "        directory.write(f'over-{unnamed}', b'2', replace=True)\n",
        tmp_path,
        umask,
    )
    assert mode(tmp_path / "alone") == 0o600
    made = sorted(os.listdir(tmp_path / "made"))
    assert made == ["new-False", "new-True", "over-False", "over-True"]
    assert {mode(tmp_path / "made" / name) for name in made} == {0o600}


@pytest.mark.parametrize("umask", UMASKS, ids=oct)
def test_missing_directories_are_0700_each_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    tmp_path.chmod(0o755)
    run_child(
        "import os, sys; os.umask(int(sys.argv[2]))\n"
        "from natscreds.creds.files import *\n"
        "SecretDirectory(sys.argv[1] + '/a/b//c/').close()\n",
        tmp_path,
        umask,
    )
    assert [mode(tmp_path / part) for part in ("a", "a/b", "a/b/c")] == [0o700] * 3
    assert mode(tmp_path) == 0o755


def test_the_mode_is_narrow_before_the_first_byte(tmp_path: Path) -> None:
    # A file of this size takes long enough to be seen growing under its passing name.
    directory = opened(tmp_path, unnamed=False)
    seen: set[tuple[int, bool]] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for name in os.listdir(tmp_path):
                try:
                    status = os.lstat(tmp_path / name)
                except FileNotFoundError:
                    continue
                if status.st_size:
                    seen.add((stat.S_IMODE(status.st_mode), name.endswith(".part")))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        deadline = time.monotonic() + 20
        for number in range(10_000):
            directory.write(f"{number}", bytes(4 << 20), replace=True)
            os.unlink(tmp_path / f"{number}")
            if (0o600, True) in seen or time.monotonic() > deadline:
                break
    finally:
        done.set()
        watcher.join()
        directory.close()
    assert (0o600, True) in seen
    assert {bits for bits, _ in seen} == {0o600}


# --- exclusive


def test_write_secret_puts_the_bytes_there(tmp_path: Path) -> None:
    write_secret(tmp_path / "op.nk", SECRET)
    assert (tmp_path / "op.nk").read_bytes() == SECRET
    assert os.listdir(tmp_path) == ["op.nk"]


def test_write_secret_writes_beside_the_caller_without_a_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_secret("op.nk", SECRET)
    assert read_secret("op.nk") == SECRET


def make_file(path: Path) -> None:
    path.write_bytes(b"old")


def make_link_to_file(path: Path) -> None:
    path.with_name("elsewhere").write_bytes(b"old")
    path.symlink_to("elsewhere")


def make_link_to_nowhere(path: Path) -> None:
    path.symlink_to("elsewhere")


in_the_way = pytest.mark.parametrize(
    "make", [make_file, make_link_to_file, make_link_to_nowhere, Path.mkdir, os.mkfifo], ids=lambda make: make.__name__
)


def contents(path: Path) -> dict[str, bytes | None]:
    return {name: (path / name).read_bytes() if (path / name).is_file() else None for name in os.listdir(path)}


@in_the_way
@both_ways
def test_a_name_that_is_taken_is_refused_and_nothing_changes(
    tmp_path: Path, make: Callable[[Path], object], unnamed: bool
) -> None:
    make(tmp_path / "x")
    before = contents(tmp_path)
    with opened(tmp_path, unnamed=unnamed) as directory, pytest.raises(StorageError, match="'x' exists"):
        directory.write("x", SECRET)
    with opened(tmp_path, unnamed=unnamed) as directory:
        assert directory.add("x", SECRET) is False
    assert contents(tmp_path) == before


@in_the_way
def test_write_secret_refuses_a_name_that_is_taken(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "x")
    before = contents(tmp_path)
    with pytest.raises(StorageError, match="never written over") as caught:
        write_secret(tmp_path / "x", SECRET)
    assert contents(tmp_path) == before
    assert caught.value.__context__ is None
    assert "not a real one" not in str(caught.value)


@both_ways
def test_of_many_writers_of_one_name_one_wins(tmp_path: Path, unnamed: bool) -> None:
    won: list[tuple[str, int]] = []
    start = threading.Barrier(4)

    def race(directory: SecretDirectory, me: int) -> None:
        start.wait()
        won.extend((str(name), me) for name in range(100) if directory.add(str(name), b"%d" % me * 1000))

    with opened(tmp_path, unnamed=unnamed) as directory:
        threads = [threading.Thread(target=race, args=(directory, me)) for me in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(name for name, _ in won) == sorted(map(str, range(100)))
    assert contents(tmp_path) == {name: b"%d" % me * 1000 for name, me in won}


# --- replacing


@both_ways
def test_replace_takes_the_place_of_a_file(tmp_path: Path, unnamed: bool) -> None:
    make_file(tmp_path / "x")
    with opened(tmp_path, unnamed=unnamed) as directory:
        directory.write("x", SECRET, replace=True)
    assert contents(tmp_path) == {"x": SECRET}


def test_replace_takes_the_place_of_a_link_and_not_of_its_target(tmp_path: Path) -> None:
    make_link_to_file(tmp_path / "x")
    write_secret(tmp_path / "x", SECRET, replace=True)
    assert contents(tmp_path) == {"x": SECRET, "elsewhere": b"old"}
    assert not (tmp_path / "x").is_symlink()


def test_replace_makes_a_file_that_was_not_there(tmp_path: Path) -> None:
    write_secret(tmp_path / "x", SECRET, replace=True)
    assert contents(tmp_path) == {"x": SECRET}


def test_replace_does_not_replace_a_directory(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(IsADirectoryError):
        write_secret(tmp_path / "x", SECRET, replace=True)
    assert contents(tmp_path) == {"x": None}


def test_a_reader_sees_the_old_or_the_new_while_a_file_is_replaced(tmp_path: Path) -> None:
    old, new = b"a" * 300_000, b"b" * 200_000
    write_secret(tmp_path / "x", old)
    done = threading.Event()

    def replace() -> None:
        with SecretDirectory(tmp_path) as directory:
            while not done.is_set():
                directory.write("x", new, replace=True)
                directory.write("x", old, replace=True)

    writer = threading.Thread(target=replace)
    writer.start()
    seen: set[bytes] = set()
    try:
        deadline = time.monotonic() + 20
        for number in range(100_000):
            seen.add(read_secret(tmp_path / "x"))
            if number >= 200 and (len(seen) == 2 or time.monotonic() > deadline):
                break
    finally:
        done.set()
        writer.join()
    assert seen == {old, new}


# --- whole or absent


@pytest.mark.parametrize("replace", [False, True], ids=["new", "replace"])
@both_ways
def test_a_file_that_cannot_be_filled_leaves_nothing(tmp_path: Path, unnamed: bool, replace: bool) -> None:
    make_file(tmp_path / "there")
    code = (
        "import resource, sys\n"
        "from natscreds.creds.files import SecretDirectory\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "directory = SecretDirectory(sys.argv[1])\n"
        "directory._descriptors = directory._descriptors if sys.argv[2] == 'True' else -1\n"
        "name, replace = ('there', True) if sys.argv[3] == 'True' else ('new', False)\n"
        "try:\n"
        "    directory.write(name, bytes(10_000), replace=replace)\n"
        "except OSError as error:\n"
        "    print(error.errno)\n"
        "directory.write('fits', bytes(4096))\n"
    )
    assert run_child(code, tmp_path, unnamed, replace) == str(errno.EFBIG)
    assert contents(tmp_path) == {"there": b"old", "fits": bytes(4096)}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB; only some machines let tests mount one, RLIMIT_FSIZE above goes everywhere."""
    path = tmp_path / "disk"
    path.mkdir()
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", path], capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("no mount command")
    if done.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


@needs_root
@both_ways
def test_a_full_disk_leaves_whole_files_only(small_disk: Path, unnamed: bool) -> None:
    written: list[str] = []

    def fill(directory: SecretDirectory) -> None:
        for number in range(100):
            directory.write(f"{number}", b"x" * 10_000)
            written.append(f"{number}")

    with opened(small_disk, unnamed=unnamed) as directory, pytest.raises(OSError, match="No space left") as caught:
        fill(directory)
    assert caught.value.errno == errno.ENOSPC
    assert written
    assert contents(small_disk) == dict.fromkeys(written, b"x" * 10_000)


def test_a_missing_directory_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_secret(tmp_path / "missing" / "x", SECRET)
    assert os.listdir(tmp_path) == []


ENDLESS = """
import sys
from natscreds.creds.files import SecretDirectory
directory = SecretDirectory(sys.argv[1])
directory._descriptors = directory._descriptors if sys.argv[2] == "True" else -1
for number in range(100_000):
    directory.write(f"{number}.creds", b"%08d" % number * 40_000)
"""


def is_whole(path: Path) -> bool:
    data = path.read_bytes()
    return data == b"%08d" % int(path.stem) * 40_000 and mode(path) == 0o600


@both_ways
def test_kill_9_leaves_whole_files_only(tmp_path: Path, unnamed: bool) -> None:
    checked = 0
    for attempt in range(10):
        out = tmp_path / str(attempt)
        child = subprocess.Popen([sys.executable, "-c", ENDLESS, str(out), str(unnamed)])
        try:
            deadline = time.monotonic() + 20
            while not out.is_dir() or len(list(out.glob("*.creds"))) <= attempt:
                assert child.poll() is None
                assert time.monotonic() < deadline
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
        files = sorted(out.iterdir())
        named = [path for path in files if path.suffix == ".creds"]
        assert [path.name for path in named if not is_whole(path)] == []
        left = [path for path in files if path not in named]
        if unnamed and has_unnamed_files(tmp_path):
            assert left == []
        assert all(path.name.startswith(".") and path.suffix == ".part" and mode(path) == 0o600 for path in left)
        with SecretDirectory(out) as directory:
            assert sorted(directory.names()) == [path.name for path in named]
        checked += len(named)
    assert checked >= 55


@both_ways
def test_whoever_sees_a_file_sees_all_of_it(tmp_path: Path, unnamed: bool) -> None:
    child = subprocess.Popen([sys.executable, "-c", ENDLESS, str(tmp_path / "out"), str(unnamed)])
    seen = 0
    try:
        deadline = time.monotonic() + 20
        while seen < 60:
            assert child.poll() is None
            assert time.monotonic() < deadline
            path = tmp_path / "out" / f"{seen}.creds"
            if path.exists():
                assert is_whole(path)
                seen += 1
    finally:
        child.kill()
        child.wait()


@needs_root
def test_a_root_without_proc_falls_back_to_a_passing_name(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from natscreds.creds.files import *\n"
        "os.chroot(sys.argv[1]); os.chdir('/')\n"
        "write_secret('alone', b'1')\n"
        "with SecretDirectory('/out') as directory:\n"
        "    directory.write('x', b'2')\n"
        "    print(directory.add('x', b'3'))\n"
    )
    assert run_child(code, tmp_path) == "False"
    assert contents(tmp_path) == {"alone": b"1", "out": None}
    assert contents(tmp_path / "out") == {"x": b"2"}


# --- paths and names that lead elsewhere


@pytest.mark.parametrize("path", ["", ".", "..", "a/", "a/.", "a/..", "/", "a\0b", "\0", "a/\ud800"], ids=ascii)
def test_write_secret_refuses_a_path_that_names_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    with pytest.raises(StorageError):
        write_secret(path, SECRET)
    with pytest.raises(StorageError):
        write_secret(path, SECRET, replace=True)
    assert contents(tmp_path) == {"a": None}


ODD_NAMES = ["", ".", "..", "/", "a/b", "../x", "/etc/x", "a\0b", "\0", "\ud800"]


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
@both_ways
def test_a_directory_refuses_a_name_that_leads_elsewhere(tmp_path: Path, name: str, unnamed: bool) -> None:
    with opened(tmp_path / "out", unnamed=unnamed) as directory:
        for attempt in (
            lambda: directory.write(name, SECRET),
            lambda: directory.write(name, SECRET, replace=True),
            lambda: directory.add(name, SECRET),
            lambda: directory.read(name),
        ):
            with pytest.raises(StorageError, match="one part of a path"):
                attempt()
    assert os.listdir(tmp_path) == ["out"]
    assert os.listdir(tmp_path / "out") == []


@both_ways
def test_names_of_other_scripts_and_full_length_are_written(tmp_path: Path, unnamed: bool) -> None:
    names = {"é.creds", "e\u0301.creds", "日本.creds", "x" * 255, "\udcff"}
    with opened(tmp_path, unnamed=unnamed) as directory:
        for name in names:
            directory.write(name, name.encode("utf-8", "surrogateescape"))
        assert set(directory.names()) == names
        assert all(directory.read(name) == os.fsencode(name) for name in names)


# --- the directory


def test_a_directory_that_is_ours_is_taken_as_it_is(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(0o755)
    SecretDirectory(out).close()
    assert mode(out) == 0o755


@pytest.mark.parametrize("bits", [0o777, 0o1777, 0o702], ids=oct)
def test_a_directory_everybody_may_write_to_is_refused(tmp_path: Path, bits: int) -> None:
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(bits)
    with pytest.raises(StorageError, match="writable by everybody"):
        SecretDirectory(out)
    with SecretDirectory(out, shared=True) as directory:
        directory.write("x", SECRET)
    assert mode(out) == bits
    assert mode(out / "x") == 0o600


@needs_root
def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir(0o700)
    os.chown(out, 12345, 12345)
    with pytest.raises(StorageError, match="belongs to user 12345"):
        SecretDirectory(out)
    SecretDirectory(out, shared=True).close()


def test_a_refused_directory_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(StorageError):
            SecretDirectory(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("path", ["link", "link/", "link//"])
def test_a_directory_behind_a_link_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(StorageError, match="symbolic link"):
        SecretDirectory(f"{tmp_path}/{path}")
    with pytest.raises(StorageError, match="symbolic link"):
        write_secret(f"{tmp_path}/{path}/x", SECRET)
    assert os.listdir(tmp_path / "real") == []


def test_a_directory_behind_a_link_to_nowhere_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(StorageError, match="symbolic link"):
        SecretDirectory(tmp_path / "link")
    with pytest.raises(StorageError, match="symbolic link"):
        SecretDirectory(tmp_path / "link" / "below")
    assert os.listdir(tmp_path) == ["link"]


def test_a_file_in_the_way_of_the_directory_is_an_os_error(tmp_path: Path) -> None:
    make_file(tmp_path / "x")
    with pytest.raises(NotADirectoryError):
        SecretDirectory(tmp_path / "x")
    with pytest.raises(NotADirectoryError):
        SecretDirectory(tmp_path / "x" / "below")


@pytest.mark.parametrize("path", ["", "a\0b", "\ud800"], ids=ascii)
def test_a_directory_path_the_file_system_cannot_spell_is_refused(path: str) -> None:
    with pytest.raises(StorageError):
        SecretDirectory(path)


def test_files_go_to_the_directory_that_was_opened(tmp_path: Path) -> None:
    with SecretDirectory(tmp_path / "out") as directory:
        (tmp_path / "out").rename(tmp_path / "moved")
        (tmp_path / "bait").mkdir()
        (tmp_path / "out").symlink_to("bait")
        directory.write("x", SECRET)
        assert directory.read("x") == SECRET
        assert list(directory.names()) == ["x"]
    assert contents(tmp_path / "moved") == {"x": SECRET}
    assert os.listdir(tmp_path / "bait") == []


def test_a_relative_directory_is_made_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with SecretDirectory("a/b") as directory:
        directory.write("x", SECRET)
    assert directory.path == "a/b"
    assert contents(tmp_path / "a" / "b") == {"x": SECRET}


def test_a_missing_directory_is_made_only_where_that_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SecretDirectory(tmp_path / "new", make=False)
    assert not (tmp_path / "new").exists()
    SecretDirectory(tmp_path / "new").close()
    with SecretDirectory(tmp_path / "new", make=False) as directory:
        directory.write("a", b"a")
        assert directory.read("a") == b"a"


def test_two_listings_do_not_disturb_each_other(tmp_path: Path) -> None:
    with SecretDirectory(tmp_path) as directory:
        for number in range(50):
            directory.write(str(number), b"")
        first = directory.names()
        some = [next(first) for _ in range(10)]
        assert sorted(directory.names(), key=int) == [str(number) for number in range(50)]
        assert len({*some, *first}) == 50


def test_a_closed_directory_writes_nowhere(tmp_path: Path) -> None:
    with SecretDirectory(tmp_path / "out") as directory:
        pass
    directory.close()
    with pytest.raises(OSError, match="descriptor"):
        directory.write("x", SECRET)
    assert os.listdir(tmp_path / "out") == []


def test_fsync_writes_the_same(tmp_path: Path) -> None:
    for unnamed in (True, False):
        with opened(tmp_path / "new" / "out", unnamed=unnamed, fsync=True) as directory:
            directory.write(f"{unnamed}", SECRET)
            directory.sync()
    assert contents(tmp_path / "new" / "out") == {"True": SECRET, "False": SECRET}


def test_a_directory_goes_through_a_fork(tmp_path: Path) -> None:
    run_child(
        "import os, sys\n"
        "from natscreds.creds.files import SecretDirectory\n"
        "directory = SecretDirectory(sys.argv[1])\n"
        "directory.write('first', b'first')\n"
        "child = os.fork()\n"
        "for number in range(300):\n"
        "    name = f'{bool(child)}-{number}'\n"
        "    directory.write(name, name.encode())\n"
        "if child:\n"
        "    sys.exit(os.waitpid(child, 0)[1])\n",
        tmp_path,
    )
    names = {"first", *(f"{who}-{number}" for who in (True, False) for number in range(300))}
    assert contents(tmp_path) == {name: name.encode() for name in names}


def test_repr_shows_the_path(tmp_path: Path) -> None:
    with SecretDirectory(tmp_path) as directory:
        assert repr(directory) == f"<SecretDirectory {str(tmp_path)!r}>"


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    write_secret(tmp_path / "x", SECRET)
    with pytest.raises(StorageError):
        write_secret(tmp_path / "x", SECRET)
    read_secret(tmp_path / "x")
    with opened(tmp_path / "a" / "b") as directory:
        directory.add("x", SECRET)
        directory.add("x", SECRET)
        directory.write("x", SECRET, replace=True)
        list(directory.names())
    with opened(tmp_path / "a" / "b", unnamed=False) as directory:
        directory.add("x", SECRET)
        directory.add("y", SECRET)
    assert len(os.listdir("/proc/self/fd")) == before


# --- reading


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    # As Kubernetes mounts a secret: name -> ..data/name, ..data -> ..2026_01_01
    (tmp_path / "..2026_01_01").mkdir()
    write_secret(tmp_path / "..2026_01_01" / "op.nk", SECRET)
    (tmp_path / "..data").symlink_to("..2026_01_01")
    (tmp_path / "op.nk").symlink_to("..data/op.nk")
    assert read_secret(tmp_path / "op.nk") == SECRET


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["directory", "fifo"])
def test_only_a_regular_file_is_read(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "x")
    with pytest.raises(StorageError, match="regular file"):
        read_secret(tmp_path / "x")


def test_a_device_is_not_read() -> None:
    with pytest.raises(StorageError, match="regular file"):
        read_secret("/dev/zero")


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    write_secret(tmp_path / "x", bytes(100))
    assert read_secret(tmp_path / "x", limit=100) == bytes(100)
    with pytest.raises(StorageError, match="at most 99 bytes"):
        read_secret(tmp_path / "x", limit=99)


def test_the_limit_is_one_mebibyte(tmp_path: Path) -> None:
    write_secret(tmp_path / "x", bytes(1 << 20))
    assert len(read_secret(tmp_path / "x")) == 1 << 20
    write_secret(tmp_path / "x", bytes((1 << 20) + 1), replace=True)
    with pytest.raises(StorageError, match="at most 1048576 bytes"):
        read_secret(tmp_path / "x")


def test_an_empty_file_is_read(tmp_path: Path) -> None:
    write_secret(tmp_path / "x", b"")
    assert read_secret(tmp_path / "x") == b""


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_secret(tmp_path / "x")


def test_a_directory_reads_no_link(tmp_path: Path) -> None:
    make_link_to_file(tmp_path / "x")
    with SecretDirectory(tmp_path) as directory, pytest.raises(OSError, match="symbolic links"):
        directory.read("x")


# --- file names


SAFE = [
    "a",
    "0",
    "device-17",
    "a_b",
    "a.b.c",
    "svc-1.eu-west",
    "a--b",
    "a._b",
    "9.-",
    "x" * 100,
    "cons",
    "com",
    "con-1",
]


@pytest.mark.parametrize("name", SAFE)
def test_a_safe_name_is_used_as_it_is(name: str) -> None:
    assert file_name(name) == name


UNSAFE = {
    "": "",
    ".": "",
    "..": "",
    "/": "",
    "a/../../b": "ab",
    "../../etc/passwd": "etcpasswd",
    "a\0b": "ab",
    "a\n": "a",
    ".hidden": "hidden",
    "...": "",
    "a.": "a",
    "a..b": "ab",
    "-rf": "rf",
    "_a": "a",
    "-_-": "",
    "~root": "root",
    "a~0123456789abcdef": "a0123456789abcdef",
    "Device 17": "evice17",
    "D": "",
    "a b": "ab",
    "a\\b": "ab",
    "c:": "c",
    "CON": "",
    "con": "con",
    "con.txt": "contxt",
    "nul": "nul",
    "aux.": "aux",
    "com1": "com1",
    "lpt9.a.b": "lpt9ab",
    "é": "",
    "cafe\u0301": "cafe",
    "ﬁ": "",
    "\u212a": "",  # the Kelvin sign, which folds to k
    "\u0661": "",  # an Arabic digit
    "日本": "",
    "\U0001f511": "",
    "x" * 101: "x" * 60,
    "x" * 300: "x" * 60,
    "é" * 300: "",
}


@pytest.mark.parametrize(("name", "rest"), UNSAFE.items(), ids=[ascii(name)[:40] for name in UNSAFE])
def test_any_other_name_becomes_its_safe_characters_and_a_digest(name: str, rest: str) -> None:
    assert file_name(name) == f"{rest}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"


@pytest.mark.parametrize("name", [chr(0xD800), "a\udfffb", chr(0xDCFF)], ids=ascii)
def test_a_lone_surrogate_is_refused(name: str) -> None:
    with pytest.raises(StorageError, match="lone surrogate") as caught:
        file_name(name)
    assert isinstance(caught.value, NatsCredsError)
    str(caught.value).encode()


PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*|([a-z0-9][a-z0-9_-]{0,59})?~[0-9a-f]{16}", re.ASCII)
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}

seeds = st.one_of(
    st.sampled_from([*SAFE, *UNSAFE]),
    st.text(st.sampled_from("abkKfistz019._-~/\\ \0\u0301\u00e9\u212a\u017f\u0130\u0131\ufb01\u00df"), max_size=120),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
)


Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
FORMS: tuple[Form, ...] = ("NFC", "NFD", "NFKC", "NFKD")


def form(how: Form) -> Callable[[str], str]:
    return lambda name: unicodedata.normalize(how, name)


# What turns a name into one that a careless file system, or a careless function, takes for the same.
BENDS: list[Callable[[str], str]] = [
    *map(form, FORMS),
    str.upper,
    str.lower,
    str.swapcase,
    str.casefold,
    *("{}.".format, "{} ".format, "{}\n".format, "{}/".format, "./{}".format),
    lambda name: name[:60],
    lambda name: name + name[-1:],
    file_name,
]


@given(seeds, st.sampled_from(BENDS))
def test_two_names_never_share_a_file_on_any_file_system(name: str, bend: Callable[[str], str]) -> None:
    """Injective under case folding and Unicode normalisation, in any order."""
    other = bend(name)
    assume(other != name)
    for normal in map(form, FORMS):
        assert normal(file_name(name).casefold()) != normal(file_name(other).casefold())


@given(st.sets(seeds, max_size=30))
def test_many_names_never_share_a_file(names: set[str]) -> None:
    files = {unicodedata.normalize("NFKD", file_name(name)).casefold() for name in names}
    assert len(files) == len(names)


@given(seeds)
def test_a_file_name_is_harmless_everywhere(name: str) -> None:
    """One part of a path, visible, no option, no device, and short enough for any suffix we add."""
    file = file_name(name)
    assert PATTERN.fullmatch(file)
    assert len((file + ".creds").encode()) <= 255
    assert file.split(".")[0] not in DEVICES
    assert file_name(name) == file
