"""Chunks: a part of a run as a value, which any process can issue, any number of times, with the same result."""

from collections.abc import Sequence
from typing import Any

from natscreds.bulk._recipes import Recipe
from natscreds.chain.press import Row, name_in

__all__ = ["Chunk", "Issued", "issue_chunk", "pack", "run", "unpack"]

Issued = tuple[str, ...]
"""Name, public key, token and seed of one user. A secret."""


class Chunk:
    """Some names of a run, with the seeds of their keys. Pickles, seeds and all: treat it as the secret it is.

    It carries a role's key or a plain signing key, or a function that makes a signer, never an identity. `run` is pure
    in it: run twice, on one machine or two, it gives the same users.

    Attributes:
        job: The run's id, 32 hex digits: two runs have no equal chunks.
        index: Its place in the run, from 0.
        rows: The names, or rows.
    """

    __slots__ = ("_recipe", "_seeds", "index", "job", "rows")

    def __init__(self, recipe: Recipe[Any], *, job: str, index: int, rows: tuple[Row, ...], seeds: bytes) -> None:
        """Put together what `natscreds.bulk.plan` cut."""
        self._recipe = recipe
        self._seeds = seeds
        self.job = job
        self.index = index
        self.rows = rows

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(name_in(row) for row in self.rows)

    @property
    def each_seed(self) -> tuple[bytes, ...]:
        """The seeds of the users' keys, 32 bytes each. Secrets."""
        return tuple(self._seeds[at : at + 32] for at in range(0, len(self._seeds), 32))

    def issue(self) -> tuple[list[Issued], Exception | None]:
        """Issue what is asked for, until one is refused: the texts, and why the next was refused."""
        recipe = self._recipe
        made, error = recipe.press().issue(self.rows, self._seeds)
        return [(name_in(row), *recipe.texts(item)) for row, item in zip(self.rows, made, strict=False)], error

    def __len__(self) -> int:
        return len(self.rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Chunk) and (self.job, self.index) == (other.job, other.index)

    def __hash__(self) -> int:
        return hash((self.job, self.index))

    def __repr__(self) -> str:
        return f"<Chunk {self.index} of {self.job}: {len(self.rows)} names>"


def run(chunk: Chunk) -> list[Issued]:
    """Issue the users of *chunk*.

    Pure: the same chunk gives the same users wherever and however often it runs, as the seeds are in it.

    Args:
        chunk: From `plan`.

    Returns:
        `(name, public key, token, seed)` for each name, in order. Secrets: `Plan.users` makes users of them.

    Raises:
        InvalidClaimsError: A name that does not fit; `plan` lets none through.
        NatsCredsError: The chunk's signer cannot be made, or does not sign.
    """
    rows, error = chunk.issue()
    if error is not None:
        raise error
    return rows


def issue_chunk(chunk: Chunk) -> tuple[bytes, Exception | None]:
    """Issue *chunk* as one blob, which travels quicker than many texts: what workers run."""
    rows, error = chunk.issue()
    return pack(rows), error


def pack(rows: Sequence[Issued]) -> bytes:
    """Return all of *rows* but their names as one blob: no text in it holds a blank or a line end."""
    return "\n".join([" ".join(row[1:]) for row in rows]).encode("ascii")


def unpack(blob: bytes) -> list[list[str]]:
    """Return what was packed, without the names."""
    return [line.split(" ") for line in blob.decode("ascii").split("\n")] if blob else []
