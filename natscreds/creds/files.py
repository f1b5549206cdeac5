"""Secret files: readable by their owner only, whole or absent, never over another file.

On Linux a file is made without a name (`O_TMPFILE`), filled, and then linked to its name: nobody sees half a secret, a
killed process leaves nothing, and a name that is taken makes the link fail. Where there is no such thing the file is
filled as `.<name>.<random>.part`, linked, and the first name removed; then a killed process may leave that one behind.

>>> file_name("device-17"), file_name("a/../../b")
('device-17', 'ab~feddf1677abcb2f8')
"""

import os
import re
from collections.abc import Iterator
from errno import EINVAL, EISDIR, ELOOP, EOPNOTSUPP
from hashlib import sha256
from stat import S_ISLNK, S_ISREG, S_IWOTH
from types import TracebackType
from typing import Self

from natscreds.errors import StorageError

__all__ = ["SecretDirectory", "file_name", "read_secret", "write_secret"]

Path = str | os.PathLike[str]

_LIMIT = 1 << 20
_FILE_MODE = 0o600
_DIRECTORY_MODE = 0o700


def _flags(*names: str) -> int:
    """Join the named flags of `os.open`; one this system does not have counts nothing."""
    return sum(getattr(os, name, 0) for name in names)


_UNNAMED = _flags("O_TMPFILE", "O_WRONLY", "O_CLOEXEC") if hasattr(os, "O_TMPFILE") else 0
_NEW = _flags("O_CREAT", "O_EXCL", "O_NOFOLLOW", "O_WRONLY", "O_CLOEXEC")
_READ = _flags("O_RDONLY", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")  # without waiting for a pipe's other end
_FOLDER = _flags("O_RDONLY", "O_DIRECTORY", "O_CLOEXEC")
_NOFOLLOW = _flags("O_NOFOLLOW")

# What open(O_TMPFILE) says where there is none: the file system, a kernel before 3.11, a sandbox.
_NO_UNNAMED = frozenset({EOPNOTSUPP, EISDIR, EINVAL})

# Windows reads `con`, `con.creds` and `con.x.creds` as the console.
_DEVICE = r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?![a-z0-9_-])"
_is_safe = re.compile(rf"(?!{_DEVICE})[a-z0-9][a-z0-9_-]*(?:\.[a-z0-9_-]+)*").fullmatch
_drop_unsafe = re.compile(r"[^a-z0-9_-]+").sub
_has_surrogate = re.compile("[\ud800-\udfff]").search
_ODD = frozenset({"", ".", ".."})
_NAME_LIMIT = 100
_PREFIX_LIMIT = 60


def file_name(name: str) -> str:
    """Return the file name, without a suffix, that stands for *name* wherever users are written down.

    Lower-case ASCII letters, digits, `_`, `-` and single inner dots are used as they are, up to 100 characters, unless
    Windows takes the name for a device. Any other name becomes what is left of it, `~`, and 16 hex digits of its
    SHA-256. What is left has no dots and does not begin with `_` or `-`, so it neither hides, climbs nor reads as an
    option. No two names differ only by case or Unicode form, so they stay apart on every file system.

    Args:
        name: Any text, the empty one too; taken as given, never normalised.

    Raises:
        StorageError: The name holds half of a surrogate pair, so it has no UTF-8.
    """
    if _is_safe(name) and len(name) <= _NAME_LIMIT:
        return name
    if _has_surrogate(name):
        raise StorageError(f"a name that is written to a file is sound Unicode, got a lone surrogate in {name!r:.200}")
    rest = _drop_unsafe("", name).lstrip("_-")
    return f"{rest[:_PREFIX_LIMIT]}~{sha256(name.encode()).hexdigest()[:16]}"


def write_secret(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write one secret file: mode 0600 whatever the umask, whole or absent, after a power cut too.

    Args:
        path: In a directory that exists and is not itself a symbolic link.
        data: The whole content.
        replace: Take the place of a file or symbolic link of that name, in one step, not of its target.

    Raises:
        StorageError: Something of that name exists, the path ends in no name, or its directory is a symbolic link.
        OSError: The directory is missing, the disk full; nothing is left behind.
    """
    text = _sound_path(path)
    head, name = os.path.split(text)
    _refuse_odd(name)
    directory = _open_directory(head or ".")
    try:
        descriptors = _open_descriptors()
        try:
            written = _write(directory, name, data, descriptors, replace=replace, fsync=True)
        finally:
            _close(descriptors)
    finally:
        os.close(directory)
    if not written:
        raise StorageError(f"a secret file is never written over another: {text!r} exists")


def read_secret(path: Path, *, limit: int = _LIMIT) -> bytes:
    """Read one secret file. Symbolic links are followed: Kubernetes mounts secrets as such.

    Args:
        path: A regular file; its mode is not looked at.
        limit: Bytes that it may hold.

    Raises:
        StorageError: No regular file, or more than *limit* bytes.
        OSError: Missing, or not ours to read.
    """
    text = _sound_path(path)
    return _read(os.open(text, _READ), text, limit)


class SecretDirectory:
    """A directory of secret files, opened once: whatever happens to its path, files go to the same place.

    Missing directories are made, each with mode 0700, unless that is not wanted. One that exists is taken if it is ours
    and not everybody's.
    A context manager; usable after a fork and from several threads.

    Attributes:
        path: The path it was opened by.
    """

    __slots__ = ("_descriptors", "_fd", "_fsync", "_pid", "path")

    def __init__(self, path: Path, *, shared: bool = False, fsync: bool = False, make: bool = True) -> None:
        """Open, and if need be make, the directory at *path*.

        Args:
            path: Its last part may not be a symbolic link.
            shared: Take a directory that others own or everybody may write to. They can remove, and put in, files.
            fsync: Bring every file to the disk before it gets its name; then a power cut leaves no empty ones.
            make: Whether a missing one is made; else that is an error.

        Raises:
            StorageError: A symbolic link, somebody else's, or writable by everybody.
            OSError: It is missing, or cannot be made or opened.
        """
        self.path = _sound_path(path)
        self._fsync = fsync
        self._descriptors = -1
        self._fd = _make_directory(self.path, fsync=fsync) if make else _open_directory(self.path)
        fault = "" if shared else _exposure(os.fstat(self._fd))
        if fault:
            self.close()
            raise StorageError(f"a directory of secrets is ours alone, unless shared=True: {self.path!r} {fault}")
        self._descriptors = _open_descriptors()
        self._pid = os.getpid()

    def write(self, name: str, data: bytes, *, replace: bool = False) -> None:
        """Write one file: mode 0600 whatever the umask, whole or absent.

        Args:
            name: One part of a path.
            data: The whole content.
            replace: Take the place of a file or symbolic link of that name, in one step.

        Raises:
            StorageError: Something of that name exists, or *name* would lead elsewhere.
            OSError: The disk is full; nothing is left behind.
        """
        if not self._write(name, data, replace=replace):
            raise StorageError(f"a secret file is never written over another: {name!r} exists in {self.path!r}")

    def add(self, name: str, data: bytes) -> bool:
        """Write one file as `write` does; return false, with nothing done, if something of that name exists."""
        return self._write(name, data, replace=False)

    def _write(self, name: str, data: bytes, *, replace: bool) -> bool:
        _refuse_odd(name)
        if self._pid != os.getpid():  # a fork: the descriptors listed there are still those of the parent
            _close(self._descriptors)
            self._descriptors, self._pid = _open_descriptors(), os.getpid()
        return _write(self._fd, name, data, self._descriptors, replace=replace, fsync=self._fsync)

    def read(self, name: str, *, limit: int = _LIMIT) -> bytes:
        """Read one file of at most *limit* bytes; a symbolic link is not followed.

        Raises:
            StorageError: No regular file, more than *limit* bytes, or *name* would lead elsewhere.
            OSError: Missing, a symbolic link, or not ours to read.
        """
        _refuse_odd(name)
        return _read(os.open(name, _READ | _NOFOLLOW, dir_fd=self._fd), name, limit)

    def names(self) -> Iterator[str]:
        """Yield the names of what is in it, in no order, without the unfinished `.part` files of a killed writer."""
        # A descriptor of its own: two listings on one would share their place in it.
        fd = os.open(".", _FOLDER, dir_fd=self._fd)
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    if not (entry.name.startswith(".") and entry.name.endswith(".part")):
                        yield entry.name
        finally:
            os.close(fd)

    def sync(self) -> None:
        """Bring the names written so far to the disk; their content is there already with `fsync=True`."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Close the directory; more than once is fine."""
        _close(self._fd)
        _close(self._descriptors)
        self._fd = self._descriptors = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SecretDirectory {self.path!r}>"


def _open_descriptors() -> int:
    """Open the list of this process's descriptors, by which a file without a name is linked; -1 where there is none."""
    if not _UNNAMED:
        return -1
    try:
        return os.open("/proc/self/fd", _FOLDER)
    except OSError:
        return -1


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)


def _write(directory: int, name: str, data: bytes, descriptors: int, *, replace: bool, fsync: bool) -> bool:
    """Write one file; return false, with nothing done, if the name is taken."""
    try:
        if replace:
            _write_over(directory, name, data, fsync)
        elif descriptors < 0 or not _write_unnamed(directory, name, data, descriptors, fsync):
            _write_named(directory, name, data, fsync)
    except FileExistsError:
        return False
    return True


def _write_unnamed(directory: int, name: str, data: bytes, descriptors: int, fsync: bool) -> bool:
    """Fill a file without a name, then give it one; return false, with nothing done, where that cannot be."""
    try:
        fd = os.open(".", _UNNAMED, _FILE_MODE, dir_fd=directory)
    except OSError as error:
        if error.errno in _NO_UNNAMED:
            return False
        raise
    try:
        _fill(fd, data, fsync)
        os.link(str(fd), name, src_dir_fd=descriptors, dst_dir_fd=directory, follow_symlinks=True)
    finally:
        os.close(fd)
    return True


def _write_named(directory: int, name: str, data: bytes, fsync: bool) -> None:
    """Fill a file under a passing name, then give it the right one."""
    part = _write_part(directory, name, data, fsync)
    try:
        os.link(part, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    finally:
        os.unlink(part, dir_fd=directory)


def _write_over(directory: int, name: str, data: bytes, fsync: bool) -> None:
    """Fill a file under a passing name, then let it take the place of *name*."""
    part = _write_part(directory, name, data, fsync)
    try:
        os.rename(part, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        os.unlink(part, dir_fd=directory)
        raise


def _write_part(directory: int, name: str, data: bytes, fsync: bool) -> str:
    part = f".{name[:40]}.{os.urandom(8).hex()}.part"
    fd = os.open(part, _NEW, _FILE_MODE, dir_fd=directory)
    try:
        try:
            _fill(fd, data, fsync)
        finally:
            os.close(fd)
    except BaseException:
        os.unlink(part, dir_fd=directory)
        raise
    return part


def _fill(fd: int, data: bytes, fsync: bool) -> None:
    os.fchmod(fd, _FILE_MODE)  # before the first byte: the umask may have taken bits away
    done = os.write(fd, data)
    while done < len(data):  # the disk is about to be full, or the file about to reach its limit
        done += os.write(fd, memoryview(data)[done:])
    if fsync:
        os.fsync(fd)


def _read(fd: int, shown: str, limit: int) -> bytes:
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


def _open_directory(path: str, parent: int | None = None) -> int:
    """Open a directory that is not a symbolic link, below *parent* if one is given."""
    if os.open not in os.supports_dir_fd:
        raise StorageError("secret files are written through directory descriptors, which this system does not have")
    path = path.rstrip("/") or "/"  # a slash at the end would follow the link
    try:
        return os.open(path, _FOLDER | _NOFOLLOW, dir_fd=parent)
    except OSError as error:
        if not (error.errno == ELOOP or isinstance(error, NotADirectoryError)):
            raise
        if not _is_link(path, parent):
            raise
    raise StorageError(f"the directory of a secret file is not a symbolic link, {path!r} is one")


def _is_link(path: str, parent: int | None) -> bool:
    try:
        return S_ISLNK(os.lstat(path, dir_fd=parent).st_mode)
    except OSError:
        return False


def _make_directory(path: str, *, fsync: bool) -> int:
    """Open the directory at *path*; make what is missing of it, one level after the other."""
    try:
        return _open_directory(path)
    except FileNotFoundError:
        missing: list[str] = []
    while True:
        path, name = os.path.split(path.rstrip("/"))
        missing.append(name)
        try:
            fd = os.open(path or ".", _FOLDER)
        except FileNotFoundError:
            if not path:  # the working directory itself is gone
                raise
        else:
            break
    for name in reversed(missing):
        parent = fd
        try:
            fd = _make_level(name, parent, fsync=fsync)
        finally:
            os.close(parent)
    return fd


def _make_level(name: str, parent: int, *, fsync: bool) -> int:
    try:
        os.mkdir(name, _DIRECTORY_MODE, dir_fd=parent)
    except FileExistsError:  # somebody was faster, or it is a symbolic link to nowhere
        return _open_directory(name, parent)
    fd = _open_directory(name, parent)
    os.fchmod(fd, _DIRECTORY_MODE)
    if fsync:
        os.fsync(parent)
    return fd


def _exposure(status: os.stat_result) -> str:
    """Say what makes a directory unfit for secrets; nothing if it is fit."""
    if status.st_uid != os.geteuid():
        return f"belongs to user {status.st_uid}"
    if status.st_mode & S_IWOTH:
        return "is writable by everybody"
    return ""


def _sound_path(path: Path) -> str:
    text = os.fspath(path)
    if not text or "\0" in text or not _spellable(text):
        raise StorageError(f"a path is text without NUL that the file system can spell, got {text!r:.200}")
    return text


def _refuse_odd(name: str) -> None:
    """Refuse a file name that is not one part of a path."""
    if "/" in name or "\0" in name or name in _ODD or not (name.isascii() or _spellable(name)):
        raise StorageError(f"a file name is one part of a path, got {name!r:.200}")


def _spellable(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True
