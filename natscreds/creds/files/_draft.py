"""A file that is written bit by bit, and has its name only when it is whole."""

import os
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, Self

from natscreds.creds.files._whole import link_part, link_unnamed, open_part, open_unnamed, rename_part

__all__ = ["Draft"]


class Draft:
    """A secret file in the making: mode 0600, and under its name only after `keep`.

    A context manager; leaving it without `keep` leaves nothing behind.

    Attributes:
        file: Where the bytes go; can be read back and moved in.
    """

    __slots__ = ("_descriptors", "_directory", "_fsync", "_name", "_part", "_replace", "file")

    def __init__(
        self, directory: int, name: str, descriptors: int, *, replace: bool, fsync: bool, mark: str = ""
    ) -> None:
        """Open it; `SecretDirectory.draft` is the usual way."""
        self._directory, self._name, self._descriptors = directory, name, descriptors
        self._replace, self._fsync = replace, fsync
        fd = -1 if replace or descriptors < 0 else open_unnamed(directory)  # one without a name replaces none
        self._part = ""
        if fd < 0:
            fd, self._part = open_part(directory, name, mark)
        self.file: BinaryIO = os.fdopen(fd, "w+b")

    def keep(self) -> bool:
        """Give the file its name; return false, with nothing done, if something has it and is not to be replaced.

        Raises:
            OSError: The disk is full.
        """
        self.file.flush()
        if self._fsync:
            os.fsync(self.file.fileno())
        part, self._part = self._part, ""
        try:
            if not part:
                link_unnamed(self.file.fileno(), self._directory, self._name, self._descriptors)
            elif self._replace:
                rename_part(part, self._directory, self._name)
            else:
                link_part(part, self._directory, self._name)
        except FileExistsError:
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._part:
                os.unlink(self._part, dir_fd=self._directory)
        finally:
            with suppress(OSError):  # bytes that cannot be written out any more: nobody will see the file
                self.file.close()
