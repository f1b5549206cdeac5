"""Files of a store, read level by level from its root, so that no link leads out of it.

A root itself may be a link: it is the caller's. What stands below is whoever's who can write there.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from errno import ELOOP
from stat import S_ISDIR, S_ISREG

import msgspec

from natscreds.creds.files import SecretDirectory
from natscreds.errors import StorageError

__all__ = [
    "MARK",
    "Mark",
    "entries",
    "is_directory",
    "is_file",
    "mode_of",
    "opened",
    "read_file",
    "read_mark",
    "read_text",
    "shown",
]

MARK = ".nsc"
_LIMIT = 1 << 21


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """The file `.nsc`, which makes a directory an operator's.

    Attributes:
        managed: The operator's keys are elsewhere, and accounts sign themselves for a start.
        name: The operator's name in the store.
        kind: `operator`.
        version: `1`.
    """

    managed: bool = False
    name: str = ""
    kind: str = ""
    version: str = ""


def shown(root: str, *parts: str) -> str:
    """Return a path for a message: whole, and in ASCII."""
    return ascii("/".join((root.rstrip("/"), *parts)))


@contextmanager
def opened(root: str, *parts: str) -> Generator[SecretDirectory, None, None]:
    """Open the directory *parts* below *root* for reading.

    Raises:
        FileNotFoundError: It is not there.
        StorageError: It is no directory, a link leads to it, or it is not ours to read.
    """
    folder = _open(root, parts)
    try:
        yield folder
    finally:
        folder.close()


def _open(root: str, parts: tuple[str, ...]) -> SecretDirectory:
    at = 0
    fault = ""
    try:
        folder = SecretDirectory(os.path.realpath(root), shared=True, make=False)
        for at, part in enumerate(parts, 1):  # noqa: B007  # where it ended is told below
            above = folder
            try:
                folder = above.below(part, make=False)
            finally:
                above.close()
        return folder
    except FileNotFoundError:
        raise
    except StorageError:
        fault = "a symbolic link, which is not followed out of its store"
    except NotADirectoryError:
        fault = "no directory"
    except OSError as error:
        fault = error.strerror or type(error).__name__
    raise StorageError(f"a directory of nsc is read, {shown(root, *parts[:at])} is not: {fault}")


def read_file(root: str, *parts: str) -> bytes:
    """Read the regular file *parts* below *root*.

    Raises:
        FileNotFoundError: It is not there.
        StorageError: It is something else, too long, or not ours to read.
    """
    fault = ""
    with opened(root, *parts[:-1]) as folder:
        try:
            return folder.read(parts[-1], limit=_LIMIT)
        except FileNotFoundError:
            raise
        except StorageError:
            fault = f"no regular file of at most {_LIMIT} bytes"
        except OSError as error:
            link = error.errno == ELOOP
            fault = "a symbolic link, which is not followed" if link else error.strerror or type(error).__name__
    raise StorageError(f"a file of nsc is read, {shown(root, *parts)} is not: {fault}")


def read_text(root: str, *parts: str) -> str:
    """Read a file that holds a token. What is no ASCII stays in, for the parser to refuse."""
    return read_file(root, *parts).decode("latin-1").strip("\r\n")


def entries(root: str, *parts: str) -> list[str]:
    """Return what the directory holds, sorted; nothing if it is not there."""
    try:
        with opened(root, *parts) as folder:
            return sorted(folder.names())
    except FileNotFoundError:
        return []


def mode_of(folder: SecretDirectory, name: str) -> int:
    """Return the mode of what is called *name* in *folder*, a link not followed; 0 if nothing is."""
    try:
        return os.stat(name, dir_fd=folder.fileno(), follow_symlinks=False).st_mode
    except OSError:
        return 0


def is_file(folder: SecretDirectory, name: str) -> bool:
    """Tell whether *name* is a regular file in *folder*, and no link to one."""
    return S_ISREG(mode_of(folder, name))


def is_directory(folder: SecretDirectory, name: str) -> bool:
    """Tell whether *name* is a directory in *folder*, and no link to one."""
    return S_ISDIR(mode_of(folder, name))


def read_mark(stores: str, operator: str) -> Mark:
    """Read what makes the directory of *operator* a store.

    Raises:
        FileNotFoundError: It is none.
        StorageError: Damaged, or of another kind.
    """
    text = read_file(stores, operator, MARK)
    fault = ""
    mark = Mark()
    try:
        mark = msgspec.json.decode(text, type=Mark)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fault = "not a JSON object as nsc writes it"
    if not fault and (mark.kind != "operator" or not mark.name):
        fault = f"of kind {mark.kind!a:.40}, with the name {mark.name!a:.200}"
    if fault:
        path = shown(stores, operator, MARK)
        raise StorageError(f"an operator's mark is of kind 'operator' and has a name, {path} is {fault}")
    return mark
