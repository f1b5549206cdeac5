"""What tests of cluster engines run in the workers: signers that ask a service, and work that dies or fails.

Workers import this module by name, so it has no scene of its own.
"""

import os
import signal
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

from natscreds import PublicKey, Signer, bulk
from natscreds.bulk import Chunk, Issued

__all__ = [
    "DIE",
    "RemoteSigner",
    "broken_signer",
    "fail",
    "fail_at_first",
    "issue_each_then_die_once",
    "issue_then_die_once",
    "remote_signer",
    "run_many",
]

DIE = b"die"
"""What the signing service answers to a worker that is to lose its life."""


class RemoteSigner:
    """A front for a key that a service keeps: it has the public key and an address, and no secret."""

    def __init__(self, public: PublicKey, address: tuple[str, int]) -> None:
        self.public = public
        self._address = address

    def sign(self, data: bytes, /) -> bytes:
        with socket.create_connection(self._address, timeout=60) as connection:
            connection.sendall(os.getpid().to_bytes(8, "big") + data)
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as answer:
                signature = answer.read()
        if signature == DIE:
            os.kill(os.getpid(), signal.SIGKILL)
        return signature


def remote_signer(public: PublicKey, host: str, port: int) -> Signer:
    """Make a signer wherever it is called; `functools.partial` fills in the arguments, and pickles."""
    return RemoteSigner(public, (host, port))


def broken_signer(public: PublicKey, driver: int) -> Signer:
    """Make a signer in the driver, and fail anywhere else."""
    if os.getpid() != driver:
        raise ConnectionRefusedError("the signing service is not reachable from here")
    return RemoteSigner(public, ("127.0.0.1", 0))


def issue_then_die_once(chunk: Chunk, folder: str) -> list[Issued]:
    """Issue *chunk*; whoever is first writes down what it issued, and dies before it can give it back."""
    rows = bulk.run(chunk)
    try:
        with (Path(folder) / "lost").open("x") as note:
            note.write(f"{os.getpid()} {chunk.index} {rows!r}")
    except FileExistsError:
        return rows
    os.kill(os.getpid(), signal.SIGKILL)
    return rows


def fail(chunk: Chunk) -> list[Issued]:
    """Fail with *chunk* at hand, as code of the user's own may."""
    raise ValueError(f"nothing becomes of {chunk!r}")


def run_many(chunks: Iterable[Chunk]) -> Iterator[Issued]:
    """Issue the chunks of one partition."""
    for chunk in chunks:
        yield from bulk.run(chunk)


def issue_each_then_die_once(chunks: Iterable[Chunk], folder: str) -> Iterator[Issued]:
    """Issue the chunks of one partition; whoever is first dies."""
    for chunk in chunks:
        yield from issue_then_die_once(chunk, folder)


def fail_at_first(chunks: Iterable[Chunk]) -> Iterator[Issued]:
    """Fail with the first chunk of a partition."""
    for chunk in chunks:
        yield from fail(chunk)
