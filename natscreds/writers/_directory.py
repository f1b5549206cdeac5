"""A directory of .creds files."""

import os
from collections.abc import Iterable

from natscreds.writers._files import write_files
from natscreds.writers._report import Report
from natscreds.writers._store import CREDS
from natscreds.writers._users import NamedUser

__all__ = ["write_directory"]


def write_directory(
    users: Iterable[NamedUser],
    directory: str | os.PathLike[str],
    *,
    resume: bool = False,
    shared: bool = False,
    fsync: bool = False,
    shard: bool | None = None,
) -> Report:
    """Write one .creds file for each user: mode 0600 whatever the umask, each whole or absent.

    Beside them stand `manifest.jsonl`, a line for each user without secrets, and `job.json`, which says what job the
    directory is of and is locked while a writer is at it. The first user that cannot be written ends it: what was
    written before stays, whole, and *users* is closed if it can be. For progress, wrap *users*.

    Args:
        users: Taken a few at a time, at most 32 ahead of their files; none is taken if the directory is refused.
        directory: Made, with missing parents, for its owner only; may hold other files.
        resume: Go on where an earlier run stopped, or begin. A credential that is whole and of this job is kept; one
            that is damaged, expired or revoked is replaced.
        shared: Write to a directory that others own or everybody may write to.
        fsync: Bring every file to the disk before it gets its name; else a power cut may leave empty ones, which a
            resumed run replaces. About a millisecond a file.
        shard: Put the files into 256 directories by a hash of the name. `None`: if there are more than 10,000 users and
            they have a length. What an earlier run did is done again.

    Raises:
        StorageError: A name twice, two names for one file, a file that is there already, a sound credential of
            something else in the place of one, another job's directory, another writer at work, a name that is no
            sound Unicode, or a directory that is a symbolic link or not ours alone.
        MissingKeyError: A user whose seed is not held has no creds to write.
        OSError: The disk is full, the directory cannot be made.
    """
    return write_files(users, directory, CREDS, resume=resume, shared=shared, fsync=fsync, shard=shard)
