"""Throw-away chains: their keys are known to everybody, so they carry a mark, and nothing that lasts takes them.

`natscreds.testing.TrustChain.throwaway` makes one. Its operator bears `THROWAWAY_TAG`, and whatever is made from that
bears it too: accounts of a marked operator, users of a marked account.

>>> from natscreds.chain import Operator
>>> user = Operator.create("THROW-AWAY", tags=[THROWAWAY_TAG]).create_account("orders").create_user("svc-1")
>>> refuse_throwaway(user)  # doctest: +ELLIPSIS
Traceback (most recent call last):
natscreds.errors.ThrowAwayError: user U... is of a throw-away chain, whose keys everybody knows: it is for tests only
"""

import re
from base64 import urlsafe_b64encode

from natscreds import tokens
from natscreds.errors import MalformedError, ThrowAwayError

__all__ = ["THROWAWAY_TAG", "is_throwaway", "refuse_throwaway", "with_mark"]

THROWAWAY_TAG = "natscreds:throwaway"
"""The tag of operators, accounts and users whose keys everybody knows."""

_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")


def _spelled(tag: bytes, shift: int) -> str:
    """Return what base64 writes of *tag* that begins *shift* bytes after a group of three."""
    first, last = (8 * shift + 5) // 6, 8 * (shift + len(tag)) // 6  # the characters that depend on the tag alone
    return urlsafe_b64encode(bytes(shift) + tag).decode()[first:last]


# A text that has none of them holds no marked token: 1 µs, where reading it takes 10, and writers ask for every user.
_FIRST, _SECOND, _THIRD = (_spelled(THROWAWAY_TAG.encode(), shift) for shift in range(3))


def with_mark(tags: tuple[str, ...], owner: tuple[str, ...]) -> tuple[str, ...]:
    """Return *tags*, with the mark among them if it is among those of the *owner*."""
    return (*tags, THROWAWAY_TAG) if THROWAWAY_TAG in owner and THROWAWAY_TAG not in tags else tags


def is_throwaway(thing: object) -> bool:
    """Tell whether *thing* bears the mark.

    Args:
        thing: A chain object, its token's text, or whatever has a `jwt` or `creds`.
    """
    return bool(_marked(thing))


def refuse_throwaway(thing: object) -> None:
    """Return nothing if *thing*, given as for `is_throwaway`, does not bear the mark.

    Raises:
        ThrowAwayError: It does.
    """
    whose = _marked(thing)
    if whose:
        raise ThrowAwayError(f"{whose} is of a throw-away chain, whose keys everybody knows: it is for tests only")


def _marked(thing: object) -> str:
    """Return kind and key of what bears the mark in *thing*, or no text."""
    text = _text(thing)
    if not (_FIRST in text or _SECOND in text or _THIRD in text):
        return ""
    for found in _TOKEN.findall(text):
        try:
            claims = tokens.parse(found).claims
        except MalformedError:  # whoever uses it will say so
            continue
        if THROWAWAY_TAG in getattr(getattr(claims, "nats", None), "tags", ()):
            return f"{claims.kind} {claims.sub}"
    return ""


def _text(thing: object) -> str:
    """Return the text that holds the token of *thing*, or no text."""
    if not isinstance(thing, str):
        jwt: object = getattr(thing, "jwt", None)
        thing = jwt if isinstance(jwt, str) else getattr(getattr(thing, "creds", None), "text", None)
    return thing if isinstance(thing, str) else ""
