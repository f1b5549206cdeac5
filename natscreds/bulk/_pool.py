"""Chunks issued elsewhere: in processes of this machine, or wherever an executor sends them.

So many chunks are in flight at once and no more, whatever the number of names. Results come in the order of the names
unless any order will do. A worker that dies ends the run with what was in flight, by name.
"""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from multiprocessing import get_context, parent_process
from typing import Protocol, cast

from natscreds.bulk._chunks import Chunk, issue_chunk
from natscreds.errors import WorkerError

__all__ = ["Blob", "Submits", "given", "issue_elsewhere", "processes"]

Blob = tuple[Chunk, bytes, Exception | None]
"""A chunk, what was issued of it, and why the rest was not."""


class Result(Protocol):
    """What `submit` gives: a future."""

    def result(self) -> object:
        """Wait for what the call returned, or raise what it raised."""
        ...


class Submits(Protocol):
    """Whatever runs calls, as `concurrent.futures` and Dask's `client.get_executor()` do."""

    def submit(self, fn: object, /, *args: object) -> Result:
        """Run *fn* with *args* somewhere, some time."""
        ...


def _begin() -> None:
    """Prepare a worker: it lets the driver answer Ctrl-C, and ends when the driver does, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be kept from the beginning
    driver = parent_process()

    def follow() -> None:
        if driver is not None:
            driver.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


@contextmanager
def processes(workers: int) -> Generator[Submits, None, None]:
    """Run so many processes, started anew ("spawn"), until the block is left; what did not begin then never does."""
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)
    try:
        yield _Processes(pool)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Processes:
    """A pool whose processes, which start as calls are submitted, never hear of Ctrl-C."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def submit(self, fn: object, /, *args: object) -> Result:
        with _without_interrupts():  # what is started here keeps that
            return self._pool.submit(cast("Callable[..., object]", fn), *args)


@contextmanager
def _without_interrupts() -> Generator[None, None, None]:
    """Put Ctrl-C off until the block is left, where the system can."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def given(executor: object) -> nullcontext[Submits]:
    """Use *executor*, which its owner ends."""
    return nullcontext(cast("Submits", executor))


def issue_elsewhere(
    executor: Submits, chunks: Iterator[Chunk], *, in_flight: int, ordered: bool
) -> Generator[Blob, None, None]:
    """Yield what becomes of *chunks*, at most *in_flight* of them submitted at once.

    Raises:
        WorkerError: A call came to no end; `lost` are the names in flight.
    """
    waiting: deque[tuple[Result, Chunk]] = deque()
    fault: Exception | None = None
    try:
        while True:
            while fault is None and len(waiting) < in_flight:
                try:
                    chunk = next(chunks)
                except StopIteration:
                    break
                except Exception as error:  # the names' own: what came before is issued first
                    fault = error
                    break
                try:
                    waiting.append((executor.submit(issue_chunk, chunk), chunk))
                except Exception as error:  # a pool that broke between two results
                    raise _lost(error, [*(other for _, other in waiting), chunk]) from None
            if not waiting:
                break
            future, chunk = _first(waiting) if ordered else _any(waiting)
            yield _answer(future, chunk, waiting)
            waiting.remove((future, chunk))
    finally:
        for future, _ in waiting:
            cancel = getattr(future, "cancel", None)
            if callable(cancel):
                cancel()
    if fault is not None:
        raise fault


def _answer(future: Result, chunk: Chunk, waiting: deque[tuple[Result, Chunk]]) -> Blob:
    failed: Exception | None = None
    try:
        blob, error = cast("tuple[bytes, Exception | None]", future.result())
    except Exception as broken:  # whatever the executor says of a lost worker
        failed = broken
    else:
        return chunk, blob, error
    # Raised here, so that nothing the executor says, perhaps with a chunk in it, is in the context.
    raise _lost(failed, [other for _, other in waiting])


def _lost(error: Exception, chunks: list[Chunk]) -> WorkerError:
    names = tuple(name for chunk in chunks for name in chunk.names)
    return WorkerError(
        f"a worker ended before its work was done ({type(error).__name__}); {len(names)} names were in flight, see"
        " .done and .lost. A program that uses workers= stands under `if __name__ == '__main__':`",
        lost=names,
    )


def _first(waiting: deque[tuple[Result, Chunk]]) -> tuple[Result, Chunk]:
    return waiting[0]


def _any(waiting: deque[tuple[Result, Chunk]]) -> tuple[Result, Chunk]:
    """Wait for whichever is done first, where the futures can be waited for together; else for the first."""
    known = {cast("Future[object]", pair[0]): pair for pair in waiting if isinstance(pair[0], Future)}
    if len(known) < len(waiting):
        return waiting[0]
    done, _ = wait(known, return_when=FIRST_COMPLETED)
    return known[next(iter(done))]
