"""One writer at a time: a lock file in each operator's directory.

nsc itself locks nothing, so this keeps natscreds processes apart, and no more.
"""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from threading import get_ident

from natscreds.creds.files import SecretDirectory
from natscreds.errors import StorageError

__all__ = ["LOCK", "Locks"]

LOCK = ".natscreds.lock"
_POLL = 0.01


class Locks:
    """The locks that one `Store` holds. A thread that holds one gets it again at once.

    Attributes:
        timeout: How long to wait for another process, or thread.
    """

    __slots__ = ("_held", "timeout")

    def __init__(self, timeout: timedelta) -> None:
        self.timeout = timeout
        self._held: set[tuple[int, int, int]] = set()

    @contextmanager
    def hold(self, folder: SecretDirectory) -> Generator[None, None, None]:
        """Hold the lock of an operator's *folder*; the file stays, and the lock goes with the process that holds it.

        Raises:
            StorageError: Somebody else holds it for longer than `timeout`.
            OSError: The file cannot be made or opened.
        """
        mark = (os.fstat(folder.fileno()).st_ino, os.getpid(), get_ident())
        if mark in self._held:
            yield
            return
        fd = _open(folder.fileno())
        try:
            deadline = time.monotonic() + self.timeout.total_seconds()
            while not _try(fd):
                if time.monotonic() >= deadline:
                    raise StorageError(
                        f"one process writes at a time: {folder.path!a} is locked for {self.timeout} now"
                    )
                time.sleep(_POLL)
            self._held.add(mark)
            yield
        finally:
            self._held.discard(mark)
            os.close(fd)


def _open(directory: int) -> int:
    """Open the lock file; make it if need be, with mode 0600 whatever the umask."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        fd = os.open(LOCK, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory)
    except FileExistsError:
        return os.open(LOCK, flags, dir_fd=directory)
    os.fchmod(fd, 0o600)
    return fd


def _try(fd: int) -> bool:
    import fcntl  # here, so that the module can be imported where there is none

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
