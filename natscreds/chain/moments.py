"""Where the clock enters: the seconds that tokens are issued at and expire in."""

import time
from datetime import datetime, timedelta

from natscreds.claims import seconds
from natscreds.errors import InvalidClaimsError

__all__ = ["AHEAD", "Moment", "clock", "expiry", "forward", "issue_second"]

Moment = int | datetime
"""Whole seconds since 1970, or an aware datetime."""

AHEAD = 60
"""Seconds that `issued_at` may lie ahead of the clock: a token from the future hides later ones."""


def clock() -> int:
    """Return the current second."""
    return int(time.time())


def issue_second(issued_at: Moment | None) -> int:
    """Return the second to issue at: the one given, at most `AHEAD` seconds ahead of the clock, or the clock's."""
    now = clock()
    if issued_at is None:
        return now
    second = seconds(issued_at, "issued_at")
    if second > now + AHEAD:
        raise InvalidClaimsError.one(
            "$.iat", "issued-ahead", f"issued_at lies at most {AHEAD} seconds ahead of the clock, got {second - now}"
        )
    return second


def forward(issued_at: Moment | None, above: int, what: str) -> int:
    """Return a second above *above*: the one given if it is, or the clock's moved on as far as needed.

    Raises:
        InvalidClaimsError: The one given is not above, or the clock would have to be left behind by more than `AHEAD`.
    """
    second = issue_second(issued_at)
    if second > above:
        return second
    if issued_at is not None:
        raise InvalidClaimsError.one("$.iat", "issued-too-early", f"issued_at lies after {what}, {above}, got {second}")
    if above + 1 > second + AHEAD:
        raise InvalidClaimsError.one(
            "$.iat", "issued-ahead", f"{what}, {above}, lies more than {AHEAD} seconds ahead of the clock"
        )
    return above + 1


def lifetime(expires_in: timedelta | None) -> int | None:
    """Return *expires_in* in whole seconds, rounded up.

    Raises:
        TypeError: Not a timedelta.
        InvalidClaimsError: Less than a second; to expire at once is not what zero means on a server.
    """
    if expires_in is None:
        return None
    if not isinstance(expires_in, timedelta):
        raise TypeError(f"expires_in is a timedelta, got {type(expires_in).__name__}")
    if expires_in < timedelta(seconds=1):
        raise InvalidClaimsError.one(
            "$.exp", "expires-too-soon", f"expires_in is at least one second, got {expires_in}"
        )
    whole = expires_in // timedelta(seconds=1)
    return whole + (expires_in > timedelta(seconds=whole))


def expiry(expires_in: timedelta | None, expires_at: Moment | None, *, second: int, past_is_fine: bool) -> int:
    """Return `exp` for a token issued at *second*; 0 is never.

    Args:
        expires_in: Counted from *second*.
        expires_at: The last second of validity.
        second: `iat`.
        past_is_fine: The caller chose *second*, so `exp` may lie before the clock's.

    Raises:
        InvalidClaimsError: Both are given, or `exp` would not lie after *second* and the clock.
    """
    life = lifetime(expires_in)
    if expires_at is None:
        exp = 0 if life is None else second + life
    elif life is not None:
        raise InvalidClaimsError.one("$.exp", "expires-twice", "either expires_in or expires_at, not both")
    else:
        exp = seconds(expires_at, "expires_at")
    if exp and exp <= second:
        raise InvalidClaimsError.one(
            "$.exp", "expires-before-issued", f"expires after it is issued, got {exp} ≤ {second}"
        )
    if exp and not past_is_fine and exp <= clock():
        raise InvalidClaimsError.one("$.exp", "expires-in-the-past", f"expires in the future, got {exp}")
    return seconds(exp, "the expiry") if exp else 0
