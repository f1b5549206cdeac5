"""The manifest: one JSON line for each user that was written, and no secret in it."""

import os
from binascii import a2b_base64
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import msgspec

from natscreds.creds.files import SecretDirectory, write_all
from natscreds.errors import StorageError

__all__ = ["MANIFEST", "Manifest", "Row", "Told", "payload", "read_rows", "row_of", "told"]

MANIFEST = "manifest.jsonl"

_AT_ONCE = 256


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One user that was written.

    Attributes:
        name: The user's name.
        public: Its public key.
        account: The account's public key.
        iat: The second it was issued.
        exp: The last second of validity; 0 is never.
        jti: The token's id.
        file: Where it is, relative to the manifest.
        generation: Which key of that name it is, where keys are derived.
    """

    name: str
    public: str
    account: str
    iat: int
    exp: int
    jti: str
    file: str
    generation: int | msgspec.UnsetType = msgspec.UNSET


class _Nats(msgspec.Struct, frozen=True):
    issuer_account: str = ""


class Told(msgspec.Struct, frozen=True):
    """What a row needs of a token, and no more: reading all of it costs five times as much."""

    sub: str
    iss: str
    iat: int
    jti: str
    exp: int = 0
    name: str = ""
    issuer_account: str = ""  # where tokens of version 1 have it
    nats: _Nats = _Nats()

    @property
    def account(self) -> str:
        """The account's public key."""
        return self.nats.issuer_account or self.issuer_account or self.iss


_standard = bytes.maketrans(b"-_", b"+/")
_read_token = msgspec.json.Decoder(Told).decode
_read_row = msgspec.json.Decoder(Row).decode
_NOT_TOLD = "a user that is written down has a token that says whose it is"
_encoder = msgspec.json.Encoder()


def payload(jwt: str) -> bytes:
    """Return the JSON of *jwt*, not looked into.

    Raises:
        StorageError: No token.
    """
    try:
        return a2b_base64(jwt.split(".", 2)[1].encode("ascii").translate(_standard) + b"==")
    except (ValueError, IndexError):  # binascii's error is a ValueError
        pass
    raise StorageError(_NOT_TOLD)


def told(jwt: str) -> Told:
    """Return what *jwt* says of itself; nothing is verified.

    Raises:
        StorageError: No user's token.
    """
    data = payload(jwt)
    try:
        return _read_token(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    raise StorageError(_NOT_TOLD)


def row_of(name: str, jwt: str, file: str, generation: int | None) -> Row:
    """Return the row of one user."""
    of = told(jwt)
    return Row(
        name=name,
        public=of.sub,
        account=of.account,
        iat=of.iat,
        exp=of.exp,
        jti=of.jti,
        file=file,
        generation=msgspec.UNSET if generation is None else generation,
    )


class Manifest:
    """A manifest that is being written: rows are kept back until `flush`.

    Attributes:
        without_expiry: Rows of users that never expire.
    """

    __slots__ = ("_fd", "_rows", "without_expiry")

    def __init__(self, fd: int, *, without_expiry: int = 0) -> None:
        """Write on at the end of *fd*."""
        self._fd = fd
        self._rows: list[Row] = []
        self.without_expiry = without_expiry

    @classmethod
    @contextmanager
    def opened(cls, files: SecretDirectory, name: str, *, without_expiry: int = 0) -> "Generator[Manifest]":
        """Open the manifest *name* to write on."""
        fd = files.open(name)
        try:
            os.lseek(fd, 0, os.SEEK_END)
            yield cls(fd, without_expiry=without_expiry)
        finally:
            os.close(fd)

    def add(self, row: Row) -> None:
        """Take one row, whose user is written already."""
        self._rows.append(row)
        if not row.exp:
            self.without_expiry += 1
        if len(self._rows) >= _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write the rows taken so far."""
        if self._rows:
            data = _encoder.encode_lines(self._rows)
            self._rows.clear()
            write_all(self._fd, data)

    def sync(self) -> None:
        """Bring what is written to the disk."""
        os.fsync(self._fd)


def read_rows(fd: int) -> Iterator[Row]:
    """Yield the rows of the manifest *fd*; lines that are torn or damaged are passed over."""
    with open(fd, "rb", closefd=False) as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                return
            try:
                row = _read_row(line)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
            yield row
