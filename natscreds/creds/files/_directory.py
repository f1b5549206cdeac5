"""A directory of secret files, and what can be done in it."""

import os
from collections.abc import Iterable, Iterator
from errno import ELOOP
from stat import S_ISREG
from types import TracebackType
from typing import Self

from natscreds.creds.files._draft import Draft
from natscreds.creds.files._folders import exposure, make_directory, make_level, open_directory, sound_path
from natscreds.creds.files._whole import (
    FOLDER,
    LIMIT,
    MODE,
    NOFOLLOW,
    READ,
    WRITE,
    add_unnamed,
    close,
    is_part,
    open_descriptors,
    read_all,
    refuse_odd,
    write_whole,
)
from natscreds.errors import StorageError

__all__ = ["SecretDirectory"]

Path = str | os.PathLike[str]


class SecretDirectory:
    """A directory of secret files, opened once: whatever happens to its path, files go to the same place.

    Missing directories are made, each with mode 0700, unless that is not wanted. One that exists is taken if it is ours
    and not everybody's. A context manager; usable after a fork and from several threads.

    Attributes:
        path: The path it was opened by.
        mark: Stands in the passing names of unfinished files, so that `clear` finds those of one job.
    """

    __slots__ = ("_descriptors", "_fd", "_fsync", "_pid", "_shared", "_upper", "mark", "path")

    mark: str
    path: str

    def __init__(self, path: Path, *, shared: bool = False, fsync: bool = False, make: bool = True) -> None:
        """Open, and if need be make, the directory at *path*.

        Args:
            path: Its last part may not be a symbolic link.
            shared: Take a directory that others own or everybody may write to. They can remove, and put in, files.
            fsync: Bring every file to the disk before it gets its name; then a power cut leaves no empty ones.
            make: Make it, and what is missing above it.

        Raises:
            StorageError: A symbolic link, somebody else's, or writable by everybody.
            OSError: It cannot be made or opened.
        """
        text = sound_path(path)
        fd = make_directory(text, fsync=fsync) if make else open_directory(text)
        self._take(fd, text, shared=shared, fsync=fsync, mark="", upper=None)

    def _take(
        self, fd: int, path: str, *, shared: bool, fsync: bool, mark: str, upper: "SecretDirectory | None"
    ) -> None:
        """Become the owner of *fd*, an open directory, if it is fit for secrets."""
        self.path, self.mark = path, mark
        self._fd, self._shared, self._fsync, self._upper = fd, shared, fsync, upper
        self._descriptors, self._pid = -1, os.getpid()
        fault = "" if shared else exposure(os.fstat(fd))
        if fault:
            self.close()
            raise StorageError(f"a directory of secrets is ours alone, unless shared=True: {path!r} {fault}")

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

    def add_some(self, files: Iterable[tuple[str, bytes]]) -> Iterator[str]:
        """Write some files as `add` does, up to the first whose name is taken; yield each name that was not."""
        if isinstance(files, str | bytes):
            raise TypeError("files takes several: give pairs of name and content")
        links = self._links()
        if links >= 0 and not self._fsync:
            yield from add_unnamed(self._fd, files, links)
            return
        for name, data in files:
            if not self._write(name, data, replace=False):
                return
            yield name

    def _write(self, name: str, data: bytes, *, replace: bool) -> bool:
        refuse_odd(name)
        links = self._links()
        return write_whole(self._fd, name, data, links, replace=replace, fsync=self._fsync, mark=self.mark)

    def _links(self) -> int:
        """Return the list of this process's descriptors."""
        if self._upper is not None and self._upper._fd >= 0:
            return self._upper._links()
        if self._descriptors < 0 or self._pid != os.getpid():
            # The first file; or a fork, and the descriptors listed there are still those of the parent.
            close(self._descriptors)
            self._descriptors, self._pid = open_descriptors(), os.getpid()
        return self._descriptors

    def draft(self, name: str, *, replace: bool = False) -> Draft:
        """Begin a file that is written bit by bit and gets its name when it is whole.

        Args:
            name: One part of a path.
            replace: Take the place of a file or symbolic link of that name.

        Raises:
            StorageError: *name* would lead elsewhere.
            OSError: It cannot be made.
        """
        refuse_odd(name)
        return Draft(self._fd, name, self._links(), replace=replace, fsync=self._fsync, mark=self.mark)

    def open(self, name: str) -> int:
        """Open a file of ours that is there, to read it and write on; return its descriptor.

        Its mode becomes 0600. A symbolic link is not followed.

        Raises:
            StorageError: A symbolic link, no regular file, somebody else's, one with a second name, or *name* would
                lead elsewhere.
            OSError: Missing, or not ours to open.
        """
        refuse_odd(name)
        fd = -1
        try:
            fd = os.open(name, WRITE | NOFOLLOW, dir_fd=self._fd)
        except OSError as error:
            if error.errno != ELOOP:
                raise
        fault = "is a symbolic link" if fd < 0 else _unfit(os.fstat(fd))
        if fault:
            close(fd)
            raise StorageError(f"a secret is kept in a regular file of ours with one name: {name!r} {fault}")
        os.fchmod(fd, MODE)
        return fd

    def below(self, name: str, *, make: bool = True) -> "SecretDirectory":
        """Open, and if need be make, the directory *name* in this one, on the same terms. It is closed for itself.

        Raises:
            StorageError: A symbolic link, somebody else's, writable by everybody, or *name* would lead elsewhere.
            OSError: It cannot be made or opened.
        """
        refuse_odd(name)
        fd = make_level(name, self._fd, fsync=self._fsync) if make else open_directory(name, self._fd)
        inner = object.__new__(SecretDirectory)
        path = f"{self.path.rstrip('/')}/{name}"
        inner._take(fd, path, shared=self._shared, fsync=self._fsync, mark=self.mark, upper=self)
        return inner

    def fileno(self) -> int:
        """Return the directory's descriptor, for what takes a `dir_fd`; it stays this object's."""
        return self._fd

    def clear(self, mark: str) -> None:
        """Remove the unfinished files of a killed writer that worked with that *mark*."""
        for name in self._listed():
            if is_part(name, mark):
                os.unlink(name, dir_fd=self._fd)

    def read(self, name: str, *, limit: int = LIMIT) -> bytes:
        """Read one file of at most *limit* bytes; a symbolic link is not followed.

        Raises:
            StorageError: No regular file, more than *limit* bytes, or *name* would lead elsewhere.
            OSError: Missing, a symbolic link, or not ours to read.
        """
        refuse_odd(name)
        return read_all(os.open(name, READ | NOFOLLOW, dir_fd=self._fd), name, limit)

    def has(self, name: str) -> bool:
        """Tell whether something, be it a symbolic link to nowhere, has that *name*."""
        refuse_odd(name)
        try:
            os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def holds(self, name: str, fd: int) -> bool:
        """Tell whether the open file *fd* is the one of that *name*."""
        try:
            return os.path.samestat(os.stat(name, dir_fd=self._fd, follow_symlinks=False), os.fstat(fd))
        except FileNotFoundError:
            return False

    def names(self) -> Iterator[str]:
        """Yield the names of what is in it, in no order, without the unfinished `.part` files of a killed writer."""
        for name in self._listed():
            if not is_part(name):
                yield name

    def _listed(self) -> Iterator[str]:
        # A descriptor of its own: two listings on one would share their place in it.
        fd = os.open(".", FOLDER, dir_fd=self._fd)
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    yield entry.name
        finally:
            os.close(fd)

    def sync(self) -> None:
        """Bring the names written so far to the disk; their content is there already with `fsync=True`."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Close the directory; more than once is fine."""
        close(self._fd)
        close(self._descriptors)
        self._fd = self._descriptors = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SecretDirectory {self.path!r}>"


def _unfit(status: os.stat_result) -> str:
    """Say what makes a file unfit to be written on; nothing if it is fit."""
    if not S_ISREG(status.st_mode):
        return "is none"
    if status.st_uid != os.geteuid():
        return f"belongs to user {status.st_uid}"
    return "has another name" if status.st_nlink > 1 else ""
