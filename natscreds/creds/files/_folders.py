"""Directories for secrets: never behind a symbolic link, made for their owner only, and not everybody's."""

import os
from errno import ELOOP
from stat import S_ISLNK, S_IWOTH

from natscreds.creds.files._whole import FOLDER, NOFOLLOW, spellable
from natscreds.errors import StorageError

__all__ = ["exposure", "make_directory", "make_level", "open_directory", "sound_path"]

Path = str | os.PathLike[str]

_DIRECTORY_MODE = 0o700


def open_directory(path: str, parent: int | None = None) -> int:
    """Open a directory that is not a symbolic link, below *parent* if one is given."""
    if os.open not in os.supports_dir_fd:
        raise StorageError("secret files are written through directory descriptors, which this system does not have")
    path = path.rstrip("/") or "/"  # a slash at the end would follow the link
    try:
        return os.open(path, FOLDER | NOFOLLOW, dir_fd=parent)
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


def make_directory(path: str, *, fsync: bool) -> int:
    """Open the directory at *path*; make what is missing of it, one level after the other."""
    try:
        return open_directory(path)
    except FileNotFoundError:
        missing: list[str] = []
    while True:
        path, name = os.path.split(path.rstrip("/"))
        missing.append(name)
        try:
            fd = os.open(path or ".", FOLDER)
        except FileNotFoundError:
            if not path:  # the working directory itself is gone
                raise
        else:
            break
    for name in reversed(missing):
        parent = fd
        try:
            fd = make_level(name, parent, fsync=fsync)
        finally:
            os.close(parent)
    return fd


def make_level(name: str, parent: int, *, fsync: bool) -> int:
    """Open the directory *name* in *parent*; make it, with mode 0700, if it is missing."""
    try:
        os.mkdir(name, _DIRECTORY_MODE, dir_fd=parent)
    except FileExistsError:  # somebody was faster, or it is a symbolic link to nowhere
        return open_directory(name, parent)
    fd = open_directory(name, parent)
    os.fchmod(fd, _DIRECTORY_MODE)
    if fsync:
        os.fsync(parent)
    return fd


def exposure(status: os.stat_result) -> str:
    """Say what makes a directory unfit for secrets; nothing if it is fit."""
    if status.st_uid != os.geteuid():
        return f"belongs to user {status.st_uid}"
    if status.st_mode & S_IWOTH:
        return "is writable by everybody"
    return ""


def sound_path(path: Path) -> str:
    """Return *path* as text, which the file system can spell."""
    text = os.fspath(path)
    if not text or "\0" in text or not spellable(text):
        raise StorageError(f"a path is text without NUL that the file system can spell, got {text!r:.200}")
    return text
