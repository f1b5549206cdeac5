"""What job a directory or file is of: a small file of JSON, locked while a writer is at it."""

import errno
import os
from contextlib import suppress
from types import TracebackType
from typing import Self

import msgspec

from natscreds.creds.files import SecretDirectory
from natscreds.errors import StorageError

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]

__all__ = ["JOB", "Job", "JobFile"]

JOB = "job.json"
FORMAT = 1

Value = str | int | bool | None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded of a job; no secrets.

    Attributes:
        format: Of this record.
        job: The id of the first run: 32 hex digits.
        writer: What writes it: `directory`, `kubernetes` or `jsonl`.
        sharded: Files lie in directories by a hash of the name.
        terms: What all users have in common, and how they are written.
    """

    format: int
    job: str
    writer: str
    sharded: bool
    terms: dict[str, Value]

    def refuse_other(self, other: "Job", where: str) -> None:
        """Refuse to go on with *other* terms than these recorded ones; what only one of them tells is not compared."""
        differs = [
            f"{member} {self.terms[member]!a} there, {other.terms[member]!a} here"
            for member in self.terms
            if member in other.terms and self.terms[member] != other.terms[member]
        ]
        if self.writer != other.writer:
            differs.insert(0, f"writer {self.writer!a} there, {other.writer!a} here")
        if differs:
            raise StorageError(f"{where} is of another job: {'; '.join(differs)}")


class JobFile:
    """The locked record of a job; a context manager.

    Attributes:
        job: What is recorded; `None` before `settle`, where nothing was.
    """

    __slots__ = ("_fd", "_files", "_name", "_where", "job")

    def __init__(self, files: SecretDirectory, name: str, where: str) -> None:
        """Find and lock the record *name* in *files*, if there is one; *where* is what errors call the place.

        Raises:
            StorageError: Another writer is at it, or the record does not parse.
        """
        self._files, self._name, self._where = files, name, where
        self._fd = -1
        self.job: Job | None = None
        try:
            self._fd = files.open(name)
        except FileNotFoundError:
            return
        try:
            self._lock()
            self.job = self._read()
        except BaseException:
            self.close()
            raise

    def settle(self, job: Job) -> Job:
        """Record and lock *job*, or go on with the one that is recorded; return it.

        Raises:
            StorageError: Another writer was faster, or another job is recorded.
        """
        if self.job is None:
            self._begin(job)
        else:
            self.job.refuse_other(job, self._where)
        return self.job or job

    def _begin(self, job: Job) -> None:
        # Brought to the disk whatever the caller chose: a record that is lost takes the job's name with it.
        with self._files.draft(self._name) as draft:
            draft.file.write(msgspec.json.format(msgspec.json.encode(job), indent=2) + b"\n")
            draft.file.flush()
            os.fsync(draft.file.fileno())
            fault = "" if draft.keep() else self._busy()
        if not fault:
            self._files.sync()
            self._fd = self._files.open(self._name)
            self._lock()
            self.job = self._read()
            fault = "" if self.job == job else self._busy()
        if fault:
            raise StorageError(fault)

    def _lock(self) -> None:
        if fcntl is None:
            raise StorageError("one writer at a time is told by file locks, which this system does not have")
        busy = False
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            busy = True
        # Somebody may have taken the record away, and another be locked under its name.
        if busy or not self._files.holds(self._name, self._fd):
            raise StorageError(self._busy())

    def _busy(self) -> str:
        return f"one writer at a time: another one is at {self._where}"

    def _read(self) -> Job:
        data = os.pread(self._fd, 1 << 20, 0)
        job = None
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            job = msgspec.json.decode(data, type=Job)
        if job is None or job.format != FORMAT:
            found = "does not parse" if job is None else f"is of format {job.format}, not {FORMAT}"
            raise StorageError(f"{self._name!r}, which says what job {self._where} is of, {found}")
        return job

    def close(self) -> None:
        """Let others in."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
