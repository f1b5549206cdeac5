"""What an exception tells, and whether a text repeats a secret."""

import traceback
from collections.abc import Iterator


def told(error: BaseException) -> Iterator[str]:
    """Every text an exception carries, through causes and contexts."""
    yield from (str(error), repr(error))
    yield from map(repr, error.args)
    yield repr(vars(error))
    yield from getattr(error, "__notes__", ())
    yield repr(getattr(error, "object", None))
    yield from traceback.TracebackException.from_exception(error).format()
    for linked in (error.__cause__, error.__context__):
        if linked is not None:
            yield from told(linked)


def holds(text: str, secret: str) -> bool:
    """Tell whether *text* repeats eight characters in a row of *secret*."""
    size = min(8, len(secret))
    return any(secret[at : at + size] in text for at in range(len(secret) - size + 1))
