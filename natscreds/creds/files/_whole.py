"""One file, whole or absent: filled without a name or under a passing one, then linked or renamed to its own."""

import os
from collections.abc import Iterable, Iterator
from errno import EINVAL, EISDIR, EOPNOTSUPP
from stat import S_ISREG

from natscreds.errors import StorageError

__all__ = [
    "FOLDER",
    "LIMIT",
    "MODE",
    "NOFOLLOW",
    "READ",
    "WRITE",
    "add_unnamed",
    "close",
    "fill",
    "is_part",
    "link_part",
    "link_unnamed",
    "open_descriptors",
    "open_part",
    "open_unnamed",
    "read_all",
    "refuse_odd",
    "rename_part",
    "spellable",
    "write_all",
    "write_whole",
]

MODE = 0o600
LIMIT = 1 << 20
"""Bytes that a secret file may hold, where nothing else is said."""


def _flags(*names: str) -> int:
    """Join the named flags of `os.open`; one this system does not have counts nothing."""
    return sum(getattr(os, name, 0) for name in names)


READ = _flags("O_RDONLY", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")  # without waiting for a pipe's other end
WRITE = _flags("O_RDWR", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
FOLDER = _flags("O_RDONLY", "O_DIRECTORY", "O_CLOEXEC")
NOFOLLOW = _flags("O_NOFOLLOW")
_UNNAMED = _flags("O_TMPFILE", "O_RDWR", "O_CLOEXEC") if hasattr(os, "O_TMPFILE") else 0
_NEW = _flags("O_CREAT", "O_EXCL", "O_NOFOLLOW", "O_RDWR", "O_CLOEXEC", "O_BINARY")

_ODD = frozenset({"", ".", ".."})

# What open(O_TMPFILE) says where there is none: the file system, a kernel before 3.11, a sandbox.
_NO_UNNAMED = frozenset({EOPNOTSUPP, EISDIR, EINVAL})


def refuse_odd(name: str) -> None:
    """Refuse a file name that is not one part of a path."""
    if "/" in name or "\0" in name or name in _ODD or not (name.isascii() or spellable(name)):
        raise StorageError(f"a file name is one part of a path, got {name!r:.200}")


def spellable(text: str) -> bool:
    """Tell whether the file system can spell *text*."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def open_descriptors() -> int:
    """Open the list of this process's descriptors, by which a file without a name is linked; -1 where there is none."""
    if not _UNNAMED:
        return -1
    try:
        return os.open("/proc/self/fd", FOLDER)
    except OSError:
        return -1


def close(fd: int) -> None:
    """Close *fd*, unless it is -1."""
    if fd >= 0:
        os.close(fd)


def open_unnamed(directory: int) -> int:
    """Open a new file that has no name, of mode 0600 whatever the umask; -1 where that cannot be."""
    try:
        fd = os.open(".", _UNNAMED, MODE, dir_fd=directory)
    except OSError as error:
        if error.errno in _NO_UNNAMED:
            return -1
        raise
    os.fchmod(fd, MODE)
    return fd


def link_unnamed(fd: int, directory: int, name: str, descriptors: int) -> None:
    """Give the file *fd* a name that nothing has."""
    os.link(str(fd), name, src_dir_fd=descriptors, dst_dir_fd=directory, follow_symlinks=True)


def open_part(directory: int, name: str, mark: str) -> tuple[int, str]:
    """Open a new file under a passing name, of mode 0600 whatever the umask; return it with that name."""
    part = f".{name[:40]}.{os.urandom(8).hex()}{mark and '.' + mark}.part"
    fd = os.open(part, _NEW, MODE, dir_fd=directory)
    os.fchmod(fd, MODE)  # before the first byte: the umask may have taken bits away
    return fd, part


def is_part(name: str, mark: str = "") -> bool:
    """Tell whether *name* is a passing one; given a *mark*, one with that mark."""
    return name.startswith(".") and name.endswith(f".{mark}.part" if mark else ".part")


def link_part(part: str, directory: int, name: str) -> None:
    """Give the file *part* a name that nothing has; its passing name goes in any case."""
    try:
        os.link(part, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    finally:
        os.unlink(part, dir_fd=directory)


def rename_part(part: str, directory: int, name: str) -> None:
    """Let the file *part* take the place of whatever has the *name*."""
    try:
        os.rename(part, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        os.unlink(part, dir_fd=directory)
        raise


def write_whole(
    directory: int, name: str, data: bytes, descriptors: int, *, replace: bool, fsync: bool, mark: str = ""
) -> bool:
    """Write one file; return false, with nothing done, if the name is taken."""
    try:
        if replace:
            rename_part(_fill_part(directory, name, data, mark, fsync), directory, name)
        elif descriptors < 0 or not _write_unnamed(directory, name, data, descriptors, fsync):
            link_part(_fill_part(directory, name, data, mark, fsync), directory, name)
    except FileExistsError:
        return False
    return True


def _write_unnamed(directory: int, name: str, data: bytes, descriptors: int, fsync: bool) -> bool:
    """Fill a file without a name, then give it one; return false, with nothing done, where that cannot be."""
    fd = open_unnamed(directory)
    if fd < 0:
        return False
    try:
        fill(fd, data, fsync)
        link_unnamed(fd, directory, name, descriptors)
    finally:
        os.close(fd)
    return True


def add_unnamed(directory: int, files: Iterable[tuple[str, bytes]], descriptors: int) -> Iterator[str]:
    """Write some files as `write_whole` does, up to the first whose name is taken; yield each name that was not.

    This is the fast path of writers, which spend more on calls than on system calls otherwise. The mode is looked at
    once: a umask that is changed meanwhile makes files narrower, never wider.
    """
    narrowed: bool | None = None
    for name, data in files:
        refuse_odd(name)
        try:
            fd = os.open(".", _UNNAMED, MODE, dir_fd=directory)
        except OSError as error:
            if error.errno not in _NO_UNNAMED:
                raise
            fd = -1
        if fd < 0:
            if not write_whole(directory, name, data, -1, replace=False, fsync=False):
                return
            yield name
            continue
        try:
            if narrowed is None:
                narrowed = os.fstat(fd).st_mode & 0o777 != MODE
            if narrowed:
                os.fchmod(fd, MODE)
            done = os.write(fd, data)
            if done < len(data):
                write_all(fd, data[done:])
            os.link(str(fd), name, src_dir_fd=descriptors, dst_dir_fd=directory, follow_symlinks=True)
        except FileExistsError:
            return
        finally:
            os.close(fd)
        yield name


def _fill_part(directory: int, name: str, data: bytes, mark: str, fsync: bool) -> str:
    fd, part = open_part(directory, name, mark)
    try:
        try:
            fill(fd, data, fsync)
        finally:
            os.close(fd)
    except BaseException:
        os.unlink(part, dir_fd=directory)
        raise
    return part


def write_all(fd: int, data: bytes) -> None:
    """Write all of *data* to an open file."""
    done = os.write(fd, data)
    while done < len(data):  # the disk is about to be full, or the file about to reach its limit
        done += os.write(fd, memoryview(data)[done:])


def fill(fd: int, data: bytes, fsync: bool) -> None:
    """Write all of *data*."""
    write_all(fd, data)
    if fsync:
        os.fsync(fd)


def read_all(fd: int, shown: str, limit: int) -> bytes:
    """Read all of *fd* and close it."""
    try:
        if not S_ISREG(os.fstat(fd).st_mode):
            raise StorageError(f"a secret is read from a regular file, {shown!r} is none")
        pieces: list[bytes] = []
        room = limit + 1
        while room > 0 and (piece := os.read(fd, room)):
            pieces.append(piece)
            room -= len(piece)
    finally:
        os.close(fd)
    if room <= 0:
        raise StorageError(f"a secret file holds at most {limit} bytes, {shown!r} holds more")
    return b"".join(pieces)
