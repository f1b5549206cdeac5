"""Users written down: a directory of .creds files.

Whatever yields users can be written, in the order it yields them and in constant memory. Each user becomes one file,
`<file name of its name>.creds`, as `natscreds.creds.files.file_name` spells it; the directory is for its owner only,
and no file is ever written over another.

>>> import os, tempfile
>>> from natscreds import Operator
>>> account = Operator.create("acme").create_account("orders")
>>> users = (account.create_user(name, publish=["orders.>"]) for name in ("d-1", "d-2"))
>>> with tempfile.TemporaryDirectory() as scratch:
...     report = write_directory(users, f"{scratch}/out")
...     report.written, sorted(os.listdir(report.directory))
(2, ['d-1.creds', 'd-2.creds'])
"""

import os
from collections.abc import Iterable
from itertools import islice
from typing import Protocol

import msgspec

from natscreds.chain.throwaway import refuse_throwaway
from natscreds.creds.files import SecretDirectory, file_name
from natscreds.errors import StorageError

__all__ = ["CredsText", "NamedUser", "Report", "write_directory"]

_SUFFIX = ".creds"

# Signing and writing push each other out of the processor's caches: in turns of one user a file costs twice what it
# does in turns of 32, and the time over issuing, bare open, write and close goes from 1.05 to 1.21 (seen on tmpfs).
_AT_ONCE = 32


class CredsText(Protocol):
    """What is written of a user: `natscreds.Creds` has it."""

    @property
    def text(self) -> str:
        """The .creds file, ASCII. A secret."""
        ...


class NamedUser(Protocol):
    """What can be written: `natscreds.User` has both."""

    @property
    def name(self) -> str:
        """What the file is called after."""
        ...

    @property
    def creds(self) -> CredsText:
        """Token and seed."""
        ...


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer did.

    Attributes:
        directory: Where, as given.
        written: Files that were written.
    """

    directory: str
    written: int


def write_directory(
    users: Iterable[NamedUser], directory: str | os.PathLike[str], *, shared: bool = False, fsync: bool = False
) -> Report:
    """Write one .creds file for each user: mode 0600 whatever the umask, each whole or absent.

    The first user that cannot be written ends it: what was written before stays, whole, and *users* is closed if it
    can be. For progress, wrap *users*.

    Args:
        users: Taken a few at a time, at most 32 ahead of their files; none is taken if the directory is refused.
        directory: Made, with missing parents, for its owner only; may hold other files.
        shared: Write to a directory that others own or everybody may write to.
        fsync: Bring every file to the disk before it gets its name; else a power cut may leave empty ones. About a
            millisecond a file.

    Raises:
        StorageError: A name twice, two names for one file, a file that is there already, a name that is no sound
            Unicode, or a directory that is a symbolic link or not ours alone.
        MissingKeyError: A user whose seed is not held has no creds to write.
        ThrowAwayError: A user of a throw-away chain, whose keys everybody knows.
        OSError: The disk is full, the directory cannot be made.
    """
    if isinstance(users, str | bytes | bytearray):
        raise TypeError(f"users are an iterable of users, got {type(users).__name__}")
    try:
        with SecretDirectory(directory, shared=shared, fsync=fsync) as files:
            written = _write_each(users, files)
            if fsync:
                files.sync()
    except BaseException as error:
        _close(users, error)
        raise
    return Report(directory=files.path, written=written)


def _write_each(users: Iterable[NamedUser], files: SecretDirectory) -> int:
    """Write all *users*; return how many."""
    fresh = next(files.names(), None) is None
    rest = iter(users)
    written = 0
    while True:
        some: list[NamedUser] = []
        try:
            for user in islice(rest, _AT_ONCE):
                some.append(user)
        finally:  # when *users* fail, too: those that came before are written first
            written = _write_some(some, files, fresh, written)
        if len(some) < _AT_ONCE:
            return written


def _write_some(users: list[NamedUser], files: SecretDirectory, fresh: bool, written: int) -> int:
    """Write *users* after the *written*; return how many are now."""
    for user in users:
        fault = _write_one(user, files, fresh)
        if fault:
            raise StorageError(f"{fault}; files written before, each whole: {written}")
        written += 1
    return written


def _write_one(user: NamedUser, files: SecretDirectory, fresh: bool) -> str:
    """Write one file; return the rule that forbids it, with nothing done, or no text."""
    refuse_throwaway(user)
    name, text = user.name, user.creds.text
    if not text.isascii():  # an encoding error would carry the whole secret
        return f"the text of a .creds file is ASCII, that of {name!r:.200} is not"
    try:
        file = file_name(name) + _SUFFIX
    except StorageError as error:
        return str(error)
    if files.add(file, text.encode("ascii")):
        return ""
    if not fresh:
        return f"a file is never written over: {name!r:.200} goes to {file!r}, which exists"
    if file == name + _SUFFIX:
        return f"a name is written once, {name!r} came twice"
    return f"a file holds one user: {name!r:.200} goes to {file!r}, and so did an earlier name, or the same"


def _close(users: object, error: BaseException) -> None:
    """Close *users* if it can be closed; *error* is what the caller will see, whatever happens here."""
    close = getattr(users, "close", None)
    if not callable(close):
        return
    try:
        close()
    except Exception as second:  # the first error is the one to act on; its note tells of this one
        error.add_note(f"closing the users failed too: {type(second).__name__}")
