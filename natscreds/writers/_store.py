"""Where the files of a job lie: in one directory, or in 256 by a hash of the name."""

import re
from collections.abc import Iterator, Mapping
from errno import ELOOP
from hashlib import sha256
from typing import Protocol

from natscreds.creds import Creds
from natscreds.creds.files import SecretDirectory, file_name
from natscreds.errors import CredsError, StorageError

__all__ = ["CREDS", "MANY", "Form", "Store"]

MANY = 10_000
"""Files that one directory takes, where nothing else is said."""

_OPEN = 128  # directories held open: half of them all, and half of what some systems allow a process
_is_shard = re.compile("[0-9a-f]{2}").fullmatch


class Form(Protocol):
    """How one user is written into a file of its own."""

    @property
    def writer(self) -> str:
        """What the job's record calls it."""
        ...

    @property
    def folder(self) -> str:
        """Below which directory the files lie; empty for none."""
        ...

    @property
    def suffix(self) -> str:
        """What the names of the files end in."""
        ...

    @property
    def settings(self) -> Mapping[str, str]:
        """What all files have in common, beside the users."""
        ...

    def stem(self, name: str) -> str:
        """Return the file's name without its suffix; never one for two names."""
        ...

    def write(self, name: str, text: bytes) -> bytes:
        """Return the file for the user *name* whose .creds file is *text*."""
        ...

    def read(self, data: bytes) -> Creds:
        """Return the credential in a file.

        Raises:
            CredsError: It is damaged, or nothing that `write` gives.
        """
        ...


class _CredsForm:
    """Files as nsc writes them."""

    writer = "directory"
    folder = ""
    suffix = ".creds"
    settings: Mapping[str, str] = {}

    def stem(self, name: str) -> str:
        return file_name(name)

    def write(self, name: str, text: bytes) -> bytes:
        return text

    def read(self, data: bytes) -> Creds:
        return Creds.parse(data)


CREDS: Form = _CredsForm()


class Store:
    """The files of a job, each by its path relative to the job's directory."""

    __slots__ = ("_form", "_open", "_sharded", "_start", "_top")

    def __init__(self, top: SecretDirectory, form: Form, *, sharded: bool) -> None:
        self._top, self._form, self._sharded = top, form, sharded
        self._start = f"{form.folder}/" if form.folder else ""
        self._open: dict[str, SecretDirectory] = {}

    def place(self, name: str) -> str:
        """Return the file of the user *name*.

        Raises:
            StorageError: The name is no sound Unicode.
        """
        stem = self._form.stem(name)
        shard = f"{sha256(name.encode()).hexdigest()[:2]}/" if self._sharded else ""
        return f"{self._start}{shard}{stem}{self._form.suffix}"

    def add(self, file: str, data: bytes) -> bool:
        """Write one file; return false, with nothing done, if something has its name."""
        folder, _, name = file.rpartition("/")
        return self._at(folder).add(name, data)

    def add_some(self, files: list[tuple[str, bytes]]) -> Iterator[str]:
        """Write some files, up to the first whose name is taken; yield each that was not."""
        if not self._sharded and not self._start:
            yield from self._top.add_some(files)
            return
        for file, data in files:
            if not self.add(file, data):
                return
            yield file

    def replace(self, file: str, data: bytes) -> None:
        """Write one file in the place of another."""
        folder, _, name = file.rpartition("/")
        self._at(folder).write(name, data, replace=True)

    def read(self, file: str) -> Creds | None:
        """Return the credential in a file; `None` if it is missing or damaged.

        Raises:
            StorageError: A symbolic link, no regular file, or one that is too large.
            OSError: Not ours to read.
        """
        folder, _, name = file.rpartition("/")
        try:
            return self._form.read(self._at(folder).read(name))
        except (CredsError, FileNotFoundError):
            return None
        except OSError as error:
            if error.errno != ELOOP:
                raise
        raise StorageError(f"a symbolic link is not followed: {file!r} is one")

    def may_be(self, file: str) -> bool:
        """Tell whether a user's file can be called so: what a manifest says is not followed elsewhere."""
        folder, _, name = file.rpartition("/")
        upper, _, shard = folder.rpartition("/") if self._sharded else (folder, "", "00")
        return upper == self._form.folder and bool(_is_shard(shard)) and name.endswith(self._form.suffix)

    def files(self) -> Iterator[str]:
        """Yield the files that may be users', in no order."""
        for folder in self._folders():
            start = f"{folder}/" if folder else ""
            for name in self._at(folder).names():
                if name.endswith(self._form.suffix):
                    yield f"{start}{name}"

    def _folders(self) -> list[str]:
        """Return where files can lie."""
        if not self._sharded:
            return [self._form.folder]
        return [f"{self._start}{name}" for name in self._at(self._form.folder).names() if _is_shard(name)]

    def clear(self, mark: str) -> None:
        """Remove what a killed writer of the job *mark* left unfinished."""
        self._top.clear(mark)
        for folder in self._folders():
            self._at(folder).clear(mark)

    def sync(self) -> None:
        """Bring the names of all files to the disk."""
        for folder in self._folders():
            self._at(folder).sync()
        self._at(self._form.folder).sync()
        self._top.sync()

    def _at(self, folder: str) -> SecretDirectory:
        if not folder:
            return self._top
        held = self._open.get(folder)
        if held is None:
            if len(self._open) >= _OPEN:
                self._open.pop(next(iter(self._open))).close()
            upper, _, name = folder.rpartition("/")
            held = self._open[folder] = self._at(upper).below(name)
        return held

    def close(self) -> None:
        """Close all directories but the job's own."""
        for held in self._open.values():
            held.close()
        self._open.clear()
