"""JSON lines: all users in one file."""

import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from natscreds._seen import Seen
from natscreds.chain import Verdict
from natscreds.creds import Creds
from natscreds.creds.files import SecretDirectory, write_all
from natscreds.errors import CredsError, StorageError
from natscreds.writers._job import FORMAT, JOB, Job, JobFile
from natscreds.writers._manifest import MANIFEST, Manifest, row_of
from natscreds.writers._report import Report
from natscreds.writers._resume import Judge, opening
from natscreds.writers._users import (
    IssuedUsers,
    NamedUser,
    closed_on_error,
    each_turn,
    issued,
    refuse_text,
    refused,
    text_of,
)

__all__ = ["write_jsonl"]


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """One user."""

    name: str
    public: str
    creds: str


_read_line = msgspec.json.Decoder(_Line).decode
_encode = msgspec.json.Encoder().encode


def write_jsonl(
    users: Iterable[NamedUser], path: str | os.PathLike[str], *, resume: bool = False, fsync: bool = False
) -> Report:
    """Write all users into one file of JSON lines, which is not encrypted: who has it has their keys.

    Each line is an object of `name`, `public` and `creds`, the text of a .creds file. The file has mode 0600. Beside it
    stand `<path>.manifest.jsonl`, a line for each user without secrets, and `<path>.job.json`, which says what job the
    file is of and is locked while a writer is at it.

    Args:
        users: As for `write_directory`.
        path: In a directory that exists.
        resume: Go on where an earlier run stopped, or begin. Lines that are whole and of this job are kept; one that is
            torn, damaged, expired or revoked is left out, and its user written again.
        fsync: Bring the lines to the disk before it is done; else a power cut may lose some, which a resumed run
            writes again.

    Raises:
        StorageError: A name twice, a file that is there already, a line with a sound credential of something else,
            another job's file, another writer at work, or a directory that is a symbolic link.
        MissingKeyError: A user whose seed is not held has no creds to write.
        OSError: The directory is missing, the disk full.
    """
    refuse_text(users)
    text = os.fspath(path)
    head, name = os.path.split(text)
    with (
        closed_on_error(users),
        SecretDirectory(head or ".", shared=True, fsync=fsync, make=False) as files,
        JobFile(files, f"{name}.{JOB}", repr(text)) as record,
    ):
        if not resume and (record.job is not None or files.has(name)):
            raise StorageError(f"a file of lines is never written over: {text!r} exists; resume=True goes on with it")
        rest, identity, terms, judge = opening(users)
        job = Job(format=FORMAT, job=identity, writer="jsonl", sharded=False, terms=terms)
        job = record.settle(job)
        files.mark = job.job
        run = _Run(files, name, judge)
        if resume:
            files.clear(job.job)
            run.go_on(issued(users))
        else:
            files.write(name, b"")
            files.write(run.manifest_name, b"")
        run.write(rest, fsync=fsync)
        if fsync:
            files.sync()
    return Report(
        directory=head or ".",
        path=text,
        written=run.written,
        kept=run.kept,
        replaced=run.replaced,
        without_expiry=run.without_expiry,
        manifest=f"{text}.{MANIFEST}",
    )


class _Run:
    """One run over the users: what it writes, and what it finds."""

    def __init__(self, files: SecretDirectory, name: str, judge: Judge) -> None:
        self._files, self._name, self._judge = files, name, judge
        self.manifest_name = f"{name}.{MANIFEST}"
        self.written = self.kept = self.replaced = self.without_expiry = 0
        self._met = Seen()  # names that came by in this run
        self._whole = Seen()  # names with a line of an earlier run
        self._dropped = Seen()  # names whose line was left out
        self._counted = False

    def go_on(self, known: IssuedUsers | None) -> None:
        """Write anew what an earlier run left, as far as it stays, and tell *known* users whom to skip."""
        self._counted = known is not None
        with (
            self._files.draft(self._name, replace=True) as draft,
            self._files.draft(self.manifest_name, replace=True) as beside,
        ):
            manifest = Manifest(beside.file.fileno())
            names = self._survey(draft.file, manifest)
            if known is not None:
                known.skip(names)
            for _ in names:
                pass
            manifest.flush()
            draft.keep()
            beside.keep()
        self.without_expiry = manifest.without_expiry

    def _survey(self, kept: BinaryIO, manifest: Manifest) -> Iterator[str]:
        """Yield the names whose lines stay, in their order, and write them and their rows again."""
        try:
            fd = self._files.open(self._name)
        except FileNotFoundError:
            return
        with open(fd, "rb") as lines:
            for number, line in enumerate(lines, 1):
                found = _sound(line)
                if found is None:
                    continue
                name, creds = found
                verdict = self._judge.found(name, creds)
                if verdict is Verdict.STALE:
                    self._dropped.add(name)
                    continue
                fault = ""
                if verdict is not Verdict.KEEP:
                    fault = "a sound credential of something else is never written over"
                elif not self._whole.add(name):
                    fault = "a name has one line"
                if fault:
                    raise StorageError(f"{fault}: line {number} of {self._name!r}, for {name!r:.200}, holds another")
                kept.write(line)
                manifest.add(row_of(name, creds.jwt, self._name, self._judge.generation(name)))
                self.kept += self._counted
                yield name

    def write(self, users: Iterator[NamedUser], *, fsync: bool) -> None:
        """Write *users* after what is there: some lines, then their rows."""
        fd = self._files.open(self._name)
        try:
            os.lseek(fd, 0, os.SEEK_END)
            with Manifest.opened(self._files, self.manifest_name, without_expiry=self.without_expiry) as self._manifest:
                self._fd = fd
                each_turn(users, self._turn)
                if fsync:
                    os.fsync(fd)
                    self._manifest.sync()
            self.without_expiry = self._manifest.without_expiry
        finally:
            os.close(fd)

    def _turn(self, users: list[NamedUser]) -> None:
        lines: list[bytes] = []
        try:
            for user in users:
                fault = ""
                try:
                    self._one(user, lines)
                except StorageError as error:
                    fault = str(error)
                if fault:
                    raise refused(fault, self.written + self.replaced)
        finally:
            if lines:
                write_all(self._fd, b"".join(lines))
                self._manifest.flush()

    def _one(self, user: NamedUser, lines: list[bytes]) -> None:
        name = user.name
        text, jwt = text_of(user)
        row = row_of(name, jwt, self._name, self._judge.generation(name))
        if not self._met.add(name):
            raise StorageError(f"a name is written once, {name!r:.200} came twice")
        if name in self._whole:
            self.kept += not self._counted
            return
        line = _Line(name=name, public=row.public, creds=text.decode("ascii"))
        lines.append(_encode(line) + b"\n")
        if name in self._dropped:
            self.replaced += 1
        else:
            self.written += 1
        self._manifest.add(row)


def _sound(line: bytes) -> tuple[str, Creds] | None:
    """Return name and credential of a whole line; `None` if it is torn or damaged."""
    if not line.endswith(b"\n"):
        return None
    try:
        read = _read_line(line)
        return read.name, Creds.parse(read.creds)
    except (msgspec.MsgspecError, UnicodeDecodeError, CredsError):
        return None
