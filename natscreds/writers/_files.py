"""A file for each user, with a manifest and a record of the job: what directories of any form share."""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, suppress

from natscreds._seen import Seen
from natscreds.chain import Verdict
from natscreds.creds.files import SecretDirectory
from natscreds.errors import StorageError
from natscreds.writers._job import FORMAT, JOB, Job, JobFile
from natscreds.writers._manifest import MANIFEST, Manifest, Row, read_rows, row_of, told
from natscreds.writers._report import Report
from natscreds.writers._resume import Judge, opening
from natscreds.writers._store import MANY, Form, Store
from natscreds.writers._users import (
    IssuedUsers,
    NamedUser,
    clash,
    closed_on_error,
    each_turn,
    issued,
    length,
    refuse_text,
    refused,
    text_of,
)

__all__ = ["write_files"]

# A killed writer leaves a turn's files without their rows. So many are given back their place in the order of the
# names; more than that were not left by a writer, and are noted as they are found.
_LATE = 64


def write_files(
    users: Iterable[NamedUser],
    directory: str | os.PathLike[str],
    form: Form,
    *,
    resume: bool,
    shared: bool,
    fsync: bool,
    shard: bool | None,
) -> Report:
    """Write each of *users* into a file of its own below *directory*."""
    refuse_text(users)
    with (
        closed_on_error(users),
        SecretDirectory(directory, shared=shared, fsync=fsync) as top,
        JobFile(top, JOB, repr(top.path)) as record,
        ExitStack() as stack,
    ):
        if record.job is not None and not resume:
            raise StorageError(f"a directory holds one job, {top.path!r} has one: resume=True goes on with it")
        fresh = next(top.names(), None) is None
        count = length(users)
        rest, identity, terms, judge = opening(users)
        sharded = shard if shard is not None else count is not None and count > MANY
        job = Job(format=FORMAT, job=identity, writer=form.writer, sharded=sharded, terms={**terms, **form.settings})
        job = record.settle(job)
        top.mark = job.job
        store = stack.enter_context(closing(Store(top, form, sharded=job.sharded)))
        run = _Run(store, form, judge, fresh=fresh)
        if resume:
            store.clear(job.job)
            run.go_on(top, issued(users))
        else:
            top.write(MANIFEST, b"")
        with Manifest.opened(top, MANIFEST, without_expiry=run.without_expiry) as run.manifest:
            each_turn(rest, run.turn)
            run.finish()
            if fsync:
                run.manifest.sync()
                store.sync()
    return Report(
        directory=top.path,
        path=top.path,
        written=run.written,
        kept=run.kept,
        replaced=run.replaced,
        without_expiry=run.manifest.without_expiry,
        manifest=f"{top.path}/{MANIFEST}",
    )


class _Run:
    """One run over the users: what it writes, and what it finds.

    Attributes:
        manifest: Where rows go; opened after the earlier run has been looked through.
        written: Users written that were not there.
        kept: Users found whole.
        replaced: Users written in the place of something damaged, expired or revoked.
        without_expiry: Users that never expire, in the earlier run's rows.
    """

    manifest: Manifest

    def __init__(self, store: Store, form: Form, judge: Judge, *, fresh: bool) -> None:
        self._store, self._form, self._judge, self._fresh = store, form, judge, fresh
        self.written = self.kept = self.replaced = self.without_expiry = 0
        self._met: Seen | None = None  # files of users that came by in this run; the directory tells a first run
        self._noted = Seen()  # files that have a row, of an earlier run
        self._late: dict[str, Row] = {}
        self._counted = False

    def go_on(self, top: SecretDirectory, known: IssuedUsers | None) -> None:
        """Look through what an earlier run left, write its manifest anew, and tell *known* users whom to skip."""
        self._met = Seen()
        self._counted = known is not None
        with top.draft(MANIFEST, replace=True) as draft:
            manifest = Manifest(draft.file.fileno())
            names = self._survey(top, manifest)
            if known is not None:
                known.skip(names)
            for _ in names:
                pass
            manifest.flush()
            draft.keep()
        self.without_expiry = manifest.without_expiry

    def _survey(self, top: SecretDirectory, manifest: Manifest) -> Iterator[str]:
        """Yield the names that are whole and have a row in the new *manifest*, those of the old one first."""
        for row in _old_rows(top):
            if row.file not in self._noted and (found := self._look(row.file)) is not None:
                manifest.add(found)
                yield found.name
        for file in self._store.files():
            if file in self._noted or (found := self._look(file)) is None:
                continue
            if len(self._late) < _LATE:
                self._late[file] = found
            else:
                manifest.add(found)
                yield found.name

    def _look(self, file: str) -> Row | None:
        """Return the row of what is in *file*, if it is whole and this job's."""
        if not self._store.may_be(file):
            return None
        try:
            creds = self._store.read(file)
            if creds is None:
                return None
            name = told(creds.jwt).name
            if self._store.place(name) != file:
                return None
        except StorageError:  # something else; it is in nobody's way until its user comes
            return None
        if self._judge.found(name, creds) is not Verdict.KEEP:
            return None
        self._noted.add(file)
        self.kept += self._counted
        return row_of(name, creds.jwt, file, self._judge.generation(name))

    def turn(self, users: list[NamedUser]) -> None:
        """Write *users*, each file before its row."""
        left = users if self._met is not None else self._quickly(users)
        try:
            for user in left:
                fault = ""
                try:
                    self._one(user)
                except StorageError as error:
                    fault = str(error)
                if fault:
                    raise refused(fault, self.written + self.replaced)
        finally:
            self.manifest.flush()

    def _quickly(self, users: list[NamedUser]) -> list[NamedUser]:
        """Write *users* of a first run up to one that is refused; return it, and those after it, to be told why.

        `_one` is the plain path. Here the same is done step by step for all of a turn, which keeps each step's code and
        data in the processor's caches: it is a third of the time.
        """
        files: list[tuple[str, bytes]] = []
        rows: list[Row] = []
        tokens: list[str] = []
        place, write, generation = self._store.place, self._form.write, self._judge.generation
        with suppress(Exception):  # whatever it is, the plain path meets it again when its turn comes
            for user in users:
                text, jwt = text_of(user)
                files.append((place(user.name), write(user.name, text)))
                tokens.append(jwt)
        with suppress(StorageError):
            for user, (file, _), jwt in zip(users, files, tokens, strict=False):
                rows.append(row_of(user.name, jwt, file, generation(user.name)))
        done = 0
        try:
            for _ in self._store.add_some(files[: len(rows)]):
                done += 1
        finally:
            self.written += done
            for row in rows[:done]:
                self.manifest.add(row)
            self.manifest.flush()
        return users[done:]

    def _one(self, user: NamedUser) -> None:
        name = user.name
        text, jwt = text_of(user)
        file = self._store.place(name)
        row = row_of(name, jwt, file, self._judge.generation(name))
        if self._met is not None and not self._met.add(file):
            raise StorageError(self._clash(name, file))
        data = self._form.write(name, text)
        if self._store.add(file, data):
            self.written += 1
        elif self._met is None:
            raise StorageError(self._clash(name, file))
        elif self._keep(name, jwt, file):
            return
        else:
            self._store.replace(file, data)
            self.replaced += 1
        self.manifest.add(row)

    def _keep(self, name: str, jwt: str, file: str) -> bool:
        """Tell whether what is in *file* stays; if it is not to be replaced either, that is an error."""
        creds = self._store.read(file)
        if creds is None:
            return False
        verdict = self._judge.met(name, jwt, creds)
        if verdict is Verdict.STALE:
            return False
        if verdict is not Verdict.KEEP:
            raise StorageError(
                "a sound credential of something else is never written over: "
                f"{name!r:.200} goes to {file!r}, which holds one"
            )
        fresh = self._noted.add(file)
        if file in self._late:
            self.manifest.add(self._late.pop(file))
        elif fresh:
            self.manifest.add(row_of(name, creds.jwt, file, self._judge.generation(name)))
        self.kept += fresh or not self._counted
        return True

    def _clash(self, name: str, file: str) -> str:
        if self._met is None and not self._fresh:
            return f"a file is never written over: {name!r:.200} goes to {file!r}, which exists"
        return clash(name, file, self._form.suffix)

    def finish(self) -> None:
        """Note what an earlier run wrote and did not note, and this one did not come by."""
        for _, row in sorted(self._late.items()):
            self.manifest.add(row)
        self._late.clear()
        self.manifest.flush()


def _old_rows(top: SecretDirectory) -> Iterator[Row]:
    try:
        fd = top.open(MANIFEST)
    except FileNotFoundError:
        return
    try:
        yield from read_rows(fd)
    finally:
        os.close(fd)
