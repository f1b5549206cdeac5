"""Secret files: readable by their owner only, whole or absent, never over another file.

On Linux a file is made without a name (`O_TMPFILE`), filled, and then linked to its name: nobody sees half a secret, a
killed process leaves nothing, and a name that is taken makes the link fail. Where there is no such thing the file is
filled as `.<name>.<random>.part`, linked, and the first name removed; then a killed process may leave that one behind.

>>> file_name("device-17"), file_name("a/../../b")
('device-17', 'ab~feddf1677abcb2f8')
"""

import os

from natscreds.creds.files._directory import SecretDirectory
from natscreds.creds.files._draft import Draft
from natscreds.creds.files._folders import open_directory, sound_path
from natscreds.creds.files._names import file_name
from natscreds.creds.files._whole import (
    LIMIT,
    READ,
    close,
    open_descriptors,
    read_all,
    refuse_odd,
    write_all,
    write_whole,
)
from natscreds.errors import StorageError

__all__ = ["Draft", "SecretDirectory", "file_name", "read_secret", "write_all", "write_secret"]

Path = str | os.PathLike[str]


def write_secret(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write one secret file: mode 0600 whatever the umask, whole or absent, after a power cut too.

    Args:
        path: In a directory that exists and is not itself a symbolic link.
        data: The whole content.
        replace: Take the place of a file or symbolic link of that name, in one step, not of its target.

    Raises:
        StorageError: Something of that name exists, the path ends in no name, or its directory is a symbolic link.
        OSError: The directory is missing, the disk full; nothing is left behind.
    """
    text = sound_path(path)
    head, name = os.path.split(text)
    refuse_odd(name)
    directory = open_directory(head or ".")
    try:
        descriptors = open_descriptors()
        try:
            written = write_whole(directory, name, data, descriptors, replace=replace, fsync=True)
        finally:
            close(descriptors)
    finally:
        os.close(directory)
    if not written:
        raise StorageError(f"a secret file is never written over another: {text!r} exists")


def read_secret(path: Path, *, limit: int = LIMIT) -> bytes:
    """Read one secret file. Symbolic links are followed: Kubernetes mounts secrets as such.

    Args:
        path: A regular file; its mode is not looked at.
        limit: Bytes that it may hold.

    Raises:
        StorageError: No regular file, or more than *limit* bytes.
        OSError: Missing, or not ours to read.
    """
    text = sound_path(path)
    return read_all(os.open(text, READ), text, limit)
