"""Moments as NATS writes them: whole seconds since 1970."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["LATEST", "seconds"]

LATEST = 10_000_000_000
"""No moment reaches this: larger numbers are milliseconds, or overflow a server's timer."""


def seconds(moment: "int | datetime", what: str) -> int:
    """Return *moment* in whole seconds since the epoch, rounded down.

    Args:
        moment: An int with 0 < moment < 10,000,000,000, or an aware datetime in that range.
        what: The parameter's name, for the message.

    Raises:
        TypeError: Neither an int (a bool is none) nor a datetime.
        ValueError: Out of range, or a naive datetime.
    """
    if isinstance(moment, bool) or not (isinstance(moment, int) or hasattr(moment, "timestamp")):
        raise TypeError(f"{what} is whole seconds or an aware datetime, got {type(moment).__name__}")
    if isinstance(moment, int):
        second = moment
    elif moment.utcoffset() is None:
        raise ValueError(f"{what} is an aware datetime or whole seconds, got a naive datetime")
    else:
        second = int(moment.timestamp() // 1)
    if not 0 < second < LATEST:
        raise ValueError(f"{what} lies between 1 and {LATEST - 1} seconds since 1970, got {second}")
    return second
