"""Archives of .creds files: zip and tar."""

import os
import tarfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from gzip import GzipFile
from io import BytesIO
from shutil import copyfileobj
from stat import S_IFREG
from typing import BinaryIO, Protocol
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from natscreds._seen import Seen
from natscreds.creds.files import Draft, SecretDirectory, file_name
from natscreds.errors import StorageError
from natscreds.writers._manifest import MANIFEST, Manifest, row_of
from natscreds.writers._report import Report
from natscreds.writers._resume import opening
from natscreds.writers._users import NamedUser, clash, closed_on_error, each_turn, issued, refuse_text, text_of

__all__ = ["write_tar", "write_zip"]

_MODE = 0o600
_SUFFIX = ".creds"
_FIRST, _LAST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)  # what a zip can say


class _Archive(Protocol):
    """What members go into."""

    def add(self, name: str, data: BinaryIO, size: int, second: int) -> None:
        """Add one member of *size* bytes, made in that *second*."""
        ...

    def close(self) -> None:
        """Write what comes after the last member."""
        ...

    def abandon(self) -> None:
        """Write nothing more."""
        ...


class _Zip:
    """A zip of deflated members."""

    __slots__ = ("_zip",)

    def __init__(self, file: BinaryIO, second: int) -> None:
        self._zip = ZipFile(file, "w", ZIP_DEFLATED)

    def add(self, name: str, data: BinaryIO, size: int, second: int) -> None:
        told = time.gmtime(second)[:6]
        member = ZipInfo(name, min(max(told, _FIRST), _LAST))
        member.create_system = 3  # Unix, so that the mode counts
        member.external_attr = (S_IFREG | _MODE) << 16
        member.compress_type = ZIP_DEFLATED
        member.file_size = size
        with self._zip.open(member, "w") as written:
            copyfileobj(data, written)

    def close(self) -> None:
        self._zip.close()

    def abandon(self) -> None:
        self._zip.fp = None  # or it would be closed, by the collector at the latest, and complain of the closed file


class _Tar:
    """A tar, compressed or not."""

    __slots__ = ("_layers", "_tar")

    def __init__(self, file: BinaryIO, second: int, *, gz: bool) -> None:
        self._layers = ExitStack()
        if gz:  # tarfile's own would write the clock into the header
            file = self._layers.enter_context(GzipFile("", "wb", fileobj=file, mtime=second))  # type: ignore[assignment]
        self._tar = self._layers.enter_context(tarfile.TarFile(fileobj=file, mode="w"))

    def add(self, name: str, data: BinaryIO, size: int, second: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = size, second, _MODE
        self._tar.addfile(member, data)
        self._tar.members.clear()  # type: ignore[attr-defined]  # or it would keep all of them in memory

    def close(self) -> None:
        self._layers.close()

    def abandon(self) -> None:
        self._layers.pop_all()


def write_zip(users: Iterable[NamedUser], path: str | os.PathLike[str], *, fsync: bool = False) -> Report:
    """Write the .creds files of all users into one zip, which is not encrypted: who has it has their keys.

    The archive is a file of mode 0600, and there when it is whole; it cannot be resumed. The last member is
    `manifest.jsonl`, a line for each user without secrets. Members have mode 0600 and the second of issuing, which a
    zip tells in even seconds, in UTC. Equal users give equal bytes, with one release of zlib. A zip ends in a list of
    its members, which is gathered in memory, about 0.5 kB a user: for millions take `write_tar`.

    Args:
        users: As for `write_directory`.
        path: In a directory that exists.
        fsync: Bring the archive to the disk before it gets its name.

    Raises:
        StorageError: Something of that name exists, a name twice, two names for one file, a name that is no sound
            Unicode, or a directory that is a symbolic link. Nothing is left behind.
        MissingKeyError: A user whose seed is not held has no creds to write.
        OSError: The directory is missing, the disk full.
    """
    return _write(users, path, _Zip, fsync=fsync)


def write_tar(
    users: Iterable[NamedUser], path: str | os.PathLike[str], *, gz: bool = False, fsync: bool = False
) -> Report:
    """Write the .creds files of all users into one tar, which is not encrypted: who has it has their keys.

    The archive is a file of mode 0600, and there when it is whole; it cannot be resumed. The last member is
    `manifest.jsonl`, a line for each user without secrets. Members have mode 0600, user and group 0 without names, and
    the second of issuing. Equal users give equal bytes; compressed, with one release of zlib.

    Args:
        users: As for `write_directory`.
        path: In a directory that exists.
        gz: Compress it, as `tar -z` does.
        fsync: Bring the archive to the disk before it gets its name.

    Raises:
        StorageError: Something of that name exists, a name twice, two names for one file, a name that is no sound
            Unicode, or a directory that is a symbolic link. Nothing is left behind.
        MissingKeyError: A user whose seed is not held has no creds to write.
        OSError: The directory is missing, the disk full.
    """
    return _write(users, path, lambda file, second: _Tar(file, second, gz=gz), fsync=fsync)


def _write(
    users: Iterable[NamedUser],
    path: str | os.PathLike[str],
    make: Callable[[BinaryIO, int], _Archive],
    *,
    fsync: bool,
) -> Report:
    refuse_text(users)
    text = os.fspath(path)
    head, name = os.path.split(text)
    with closed_on_error(users), SecretDirectory(head or ".", shared=True, fsync=fsync, make=False) as files:
        if files.has(name):
            raise _taken(text)
        with files.draft(name) as draft, files.draft(f"{name}.{MANIFEST}") as beside:
            written, manifest = _fill(users, make, draft, beside)
            if not draft.keep():
                raise _taken(text)
        if fsync:
            files.sync()
    return Report(
        directory=head or ".",
        path=text,
        written=written,
        without_expiry=manifest.without_expiry,
        manifest=MANIFEST,
    )


def _fill(
    users: Iterable[NamedUser], make: Callable[[BinaryIO, int], _Archive], draft: Draft, beside: Draft
) -> tuple[int, Manifest]:
    """Fill the archive *draft*; the manifest is gathered in *beside*, which never gets a name."""
    rest, _, _, judge = opening(users)
    known = issued(users)
    second = 0 if known is None else known.issued_at
    archive = make(draft.file, second)
    manifest = Manifest(beside.file.fileno())
    seen = Seen()
    written = 0

    def one(user: NamedUser) -> None:
        nonlocal second
        text, jwt = text_of(user)
        file = file_name(user.name) + _SUFFIX
        if not seen.add(file):
            raise StorageError(clash(user.name, file, _SUFFIX))
        row = row_of(user.name, jwt, file, judge.generation(user.name))
        second = second or row.iat
        archive.add(file, BytesIO(text), len(text), second if known is not None else row.iat)
        manifest.add(row)

    def turn(some: list[NamedUser]) -> None:
        nonlocal written
        for user in some:
            fault = ""
            try:
                one(user)
            except StorageError as error:
                fault = str(error)
            if fault:
                raise StorageError(f"{fault}; nothing is left of the archive")
            written += 1

    try:
        each_turn(rest, turn)
        manifest.flush()
        size = beside.file.seek(0, os.SEEK_END)
        beside.file.seek(0)
        archive.add(MANIFEST, beside.file, size, second)
        archive.close()
    except BaseException:
        archive.abandon()
        raise
    return written, manifest


def _taken(path: str) -> StorageError:
    return StorageError(f"an archive is never written over another file: {path!r} exists")
