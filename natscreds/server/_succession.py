"""What may follow a token of an account: nothing older, and nothing that lets a revoked user back in.

Servers take any token in the place of another, one with an older `iat` too, and apply it at once.
"""

from collections.abc import Iterator, Mapping

from natscreds.claims import AccountClaims, Export
from natscreds.errors import Problem

__all__ = ["steps_back"]


def steps_back(held: AccountClaims, given: AccountClaims) -> tuple[Problem, ...]:
    """Return what is lost when *given*, another text, takes the place of *held*; empty is good.

    The codes are `rollback`, for one that was not issued later, and `unrevoke`, for a revocation that is gone, of a
    user or of another account's activation. A signing key that was taken out and is back cannot be told from a new one.
    """
    found: list[Problem] = []
    if given.iat <= held.iat:
        told = f"issued at {given.iat}, the one held at {held.iat}: an account's token is followed by a later one"
        found.append(Problem(path="$.iat", severity="error", code="rollback", message=told))
    gone = list(_gone(held.nats.revocations, given.nats.revocations))
    if gone:
        found.append(_unrevoke("$.nats.revocations", gone))
    exports = {_name(export): (at, export) for at, export in enumerate(given.nats.exports)}
    for export in held.nats.exports:
        at, kept = exports.get(_name(export), (0, None))
        if kept is not None and (gone := list(_gone(export.revocations, kept.revocations))):
            found.append(_unrevoke(f"$.nats.exports[{at}].revocations", gone))
    return tuple(found)


def _name(export: Export) -> tuple[str | None, str]:
    return export.type, export.subject


def _gone(held: Mapping[str, int], given: Mapping[str, int]) -> Iterator[str]:
    """Yield the keys that *given* revokes up to an earlier second than *held*, or not at all."""
    everybody = given.get("*")
    for key, second in held.items():
        seconds = [at for at in (given.get(key), everybody) if at is not None]
        if not seconds or max(seconds) < second:
            yield key


def _unrevoke(path: str, keys: list[str]) -> Problem:
    more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
    told = f"the token held revokes {keys[0]}{more}, this one does not, or only up to an earlier second"
    return Problem(path=path, severity="error", code="unrevoke", message=told)
