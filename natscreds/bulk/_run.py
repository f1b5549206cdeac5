"""A run: what is issued for many names, one after another as it is asked for."""

import time
from abc import abstractmethod
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from os import urandom
from types import TracebackType
from typing import Generic, Self, TypeVar

from natscreds._seen import Seen
from natscreds.bulk._chunks import Chunk, unpack
from natscreds.bulk._derive import Derivation
from natscreds.bulk._recipes import Issuing, Recipe
from natscreds.chain.press import Row, name_in
from natscreds.errors import InvalidClaimsError, WorkerError

__all__ = ["Elsewhere", "Progress", "Run"]

ItemT = TypeVar("ItemT")

Progress = Callable[[int, int | None], object]
"""Called with how many are done and how many there will be (`None`: not known), at most ten times a second."""

_PAUSE = 0.1

# Keys are made and texts encoded for so many at once, which is quicker than one by one.
_AT_ONCE = 128


class Elsewhere:
    """Where a run is issued, if not here.

    Attributes:
        workers: Processes of this machine; 0 where there is an *executor*.
        executor: Whatever has `submit`.
        chunk_size: Names in a chunk.
        in_flight: Chunks submitted at once, at most.
        ordered: Results come in the order of the names.
    """

    __slots__ = ("chunk_size", "executor", "in_flight", "ordered", "workers")

    def __init__(
        self, *, workers: int | None, executor: object, chunk_size: int, in_flight: int | None, ordered: bool
    ) -> None:
        if workers is not None and executor is not None:
            raise TypeError("either workers= or executor=, not both")
        for value, what in ((workers, "workers"), (chunk_size, "chunk_size"), (in_flight, "in_flight")):
            if value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{what} is how many, an int, got {type(value).__name__}")
            if value < 1:
                raise ValueError(f"{what} is 1 or more, got {value}")
        if executor is not None and not callable(getattr(executor, "submit", None)):
            raise TypeError(f"an executor has submit(function, argument), got {type(executor).__name__}")
        if not isinstance(ordered, bool):
            raise TypeError(f"ordered is True or False, got {type(ordered).__name__}")
        self.workers = workers or 0
        self.executor = executor
        self.chunk_size = chunk_size
        self.in_flight = in_flight or (2 * workers + 1 if workers else 16)
        self.ordered = ordered


class Run(Iterator[ItemT], Generic[ItemT]):
    """What is issued in one run. The front of `Users` and `Accounts`.

    Attributes:
        issued_at: `iat` of all, in seconds.
        job: A random text of 32 hex digits that tells this run from others.
    """

    issued_at: int
    job: str
    _derivation: Derivation | None

    def __init__(self, names: Iterable[Row], on_progress: Progress | None, elsewhere: Elsewhere | None) -> None:
        if isinstance(names, str | bytes | bytearray):
            raise TypeError("names takes several: give a list, a single text would be read by character")
        if isinstance(names, Mapping):
            raise TypeError("names takes several: give a list of rows, a single row would be read as its columns")
        self._names = names
        self._on_progress = on_progress
        self._elsewhere = elsewhere
        self._skipped: frozenset[str] = frozenset()
        self._total = len(names) if isinstance(names, Collection) else None
        self._run: Generator[ItemT, None, None] | None = None
        self.job = urandom(16).hex()

    # What a kind of run brings.

    @abstractmethod
    def _press(self) -> Issuing[ItemT]:
        """Return what issues here."""

    @abstractmethod
    def _recipe(self) -> Recipe[ItemT]:
        """Return what issues elsewhere."""

    @abstractmethod
    def _seeds(self, rows: list[Row]) -> bytes:
        """Return the seeds for *rows*."""

    @abstractmethod
    def _one_by_one(self) -> bool:
        """Tell whether each is issued only when it is asked for."""

    _may_refuse = False
    """Some of what is issued may not be given out: `_refusal` is asked."""

    def _refusal(self, item: ItemT) -> Exception | None:
        """Return why *item*, just issued, is not given out."""
        return None

    # What they share.

    def generation(self, name: str) -> int:
        """Return which of its derived keys *name* gets; 0 is the first, and where keys are drawn."""
        return 0 if self._derivation is None else self._derivation.generation(name)

    def skip(self, names: Iterable[str]) -> Self:
        """Leave out these *names*, before the first is issued; they count as issued no more.

        Raises:
            RuntimeError: The run has begun.
        """
        if isinstance(names, str | bytes):
            raise TypeError("names takes several: give a list")
        if self._run is not None:
            raise RuntimeError("skip() comes before the first user is issued")
        self._skipped = self._skipped | frozenset(names)
        if isinstance(self._names, Collection):
            self._total = sum(name_in(row) not in self._skipped for row in self._names)
        return self

    def __len__(self) -> int:
        if self._total is None:
            raise TypeError("these names have no length")
        return self._total

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ItemT:
        run = self._run
        if run is None:
            run = self._run = self._issue()
        return next(run)

    def close(self) -> None:
        """End the run; no further one is issued, and processes that were started for it end."""
        if self._run is None:
            self._run = self._issue()
        self._run.close()  # one that did not begin begins no more

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _issue(self) -> Generator[ItemT, None, None]:
        issued = self._issue_here() if self._elsewhere is None else self._issue_elsewhere(self._elsewhere)
        return issued if self._on_progress is None else self._telling(issued, self._on_progress)

    def _telling(self, issued: Generator[ItemT, None, None], progress: Progress) -> Generator[ItemT, None, None]:
        done, told = 0, time.monotonic()
        try:
            for item in issued:
                yield item
                done += 1
                if (now := time.monotonic()) - told >= _PAUSE:
                    told = now
                    progress(done, self._total)
        finally:
            issued.close()
        progress(done, self._total)

    def _issue_here(self) -> Generator[ItemT, None, None]:
        press = self._press()
        for rows in self.batches(1 if self._one_by_one() else _AT_ONCE):
            items, error = press.issue(rows, self._seeds(rows))
            if self._may_refuse:
                yield from self._given_out(items)
            else:
                yield from items
            if error is not None:
                raise error

    def _given_out(self, items: Iterable[ItemT]) -> Generator[ItemT, None, None]:
        for item in items:
            if (refused := self._refusal(item)) is not None:
                raise refused
            yield item

    def _issue_elsewhere(self, where: Elsewhere) -> Generator[ItemT, None, None]:
        from natscreds.bulk import _pool  # processes and signals are loaded where they are used

        recipe = self._recipe()
        done = 0
        with _pool.processes(where.workers) if where.workers else _pool.given(where.executor) as executor:
            answers = _pool.issue_elsewhere(
                executor, self.chunks(recipe, where.chunk_size), in_flight=where.in_flight, ordered=where.ordered
            )
            try:
                for chunk, blob, error in answers:
                    for name, texts in zip(chunk.names, unpack(blob), strict=False):
                        item = recipe.item(name, texts)
                        if self._may_refuse and (refused := self._refusal(item)) is not None:
                            raise refused
                        yield item
                        done += 1
                    if error is not None:
                        raise error
            except WorkerError as error:
                error.done = done
                raise
            finally:
                answers.close()

    def chunks(self, recipe: Recipe[ItemT], size: int) -> Generator[Chunk, None, None]:
        """Cut the run into chunks of *size* names, drawing the seeds."""
        for index, rows in enumerate(self.batches(size)):
            yield Chunk(recipe, job=self.job, index=index, rows=tuple(rows), seeds=self._seeds(rows))

    def batches(self, size: int) -> Generator[list[Row], None, None]:
        """Yield the rows that are asked for, *size* at a time; what is wrong with one comes after those before it."""
        is_new, skipped = Seen().add, self._skipped
        rows: list[Row] = []
        fault: Exception | None = None
        try:
            for row in self._names:
                name = row if type(row) is str else name_in(row)
                if skipped and name in skipped:
                    continue
                if not is_new(name):
                    told = f"a name stands once in a run, got {name!a} again"
                    raise InvalidClaimsError.one("$.name", "name-repeated", told)
                rows.append(row)
                if len(rows) == size:
                    yield rows
                    rows = []
        except Exception as error:  # the row's, or whatever reading the names raised
            fault = error
        if rows:
            yield rows
        if fault is not None:
            raise fault
