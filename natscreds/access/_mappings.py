"""Where an account's mappings send a message: servers ask for permission there, not where the client sent it.

What depends on chance, on the server's cluster, or on which of several mappings a server meets first, gives several
destinations.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from natscreds import subjects
from natscreds.claims import WeightedMapping, destination_fault

__all__ = ["Mappings"]

_ALL: Final = 100
_REFERENCE: Final = re.compile(r"\$([+-]?[0-9]+)")
_CALL: Final = re.compile(r"\{\{[\t\n\f\r ]*([A-Za-z]+)[\t\n\f\r ]*\((.*)\)[\t\n\f\r ]*\}\}")


class Mappings:
    """The mappings of an account, those left out that servers drop. Empty is false."""

    __slots__ = ("_sources",)

    def __init__(self, mappings: Mapping[str, tuple[WeightedMapping, ...]]) -> None:
        self._sources: dict[str, tuple[str, ...]] = {}
        for source, mapped in mappings.items():
            if subjects.is_valid(source) and not any(destination_fault(source, to.subject) for to in mapped):
                self._sources[source] = _outcomes(source, mapped)

    def __bool__(self) -> bool:
        return bool(self._sources)

    def destinations(self, subject: str) -> tuple[str | None, ...]:
        """Return every subject that a message to *subject* may end up on; `None` is one that cannot be told."""
        found = [
            _filled(source, outcome, subject)
            for source, outcomes in self._sources.items()
            if source == subject or subjects.is_subset(subject, source)
            for outcome in outcomes
        ]
        return tuple(dict.fromkeys(found)) if found else (subject,)


def _outcomes(source: str, mapped: Sequence[WeightedMapping]) -> tuple[str, ...]:
    """Return the destinations that come up at all, whatever the server's cluster; empty is a message lost."""
    found: list[str] = []
    for cluster in dict.fromkeys(["", *(to.cluster for to in mapped)]):
        here = [to for to in mapped if to.cluster == cluster]
        found += [to.subject for to in here]
        if sum(to.weight or _ALL for to in here) < _ALL:
            found.append("" if any(to.subject == source for to in here) else source)
    return tuple(dict.fromkeys(found))


def _filled(source: str, destination: str, subject: str) -> str | None:
    """Return the subject that *subject* becomes."""
    if destination in ("", source):
        return destination and subject
    sources, tokens = source.split("."), subject.split(".")
    stars = [token for held, token in zip(sources, tokens, strict=False) if held == "*"]
    wide = subjects.has_wildcards(source)
    filled: list[str] = []
    for part in destination.split("."):
        reference, call = _REFERENCE.fullmatch(part), _CALL.fullmatch(part)
        made: str | None = part
        if part == ">":
            made = ".".join(tokens[len(sources) - 1 :])
        elif reference is not None:
            made = _wildcard(stars, tokens, reference[1])
        elif call is not None:
            made = _called(call[1].lower(), re.split(r",[\t\n\f\r ]*", call[2]), stars, tokens if wide else [])
        if made is None:
            return None
        filled.append(made)
    return ".".join(filled)


def _wildcard(stars: list[str], tokens: list[str], number: str) -> str:
    """Return what stood for the wildcard of that *number*; servers take the first token for those below 1."""
    at = int(number)
    return stars[at - 1] if at > 0 else tokens[0]


def _called(name: str, arguments: list[str], stars: list[str], tokens: list[str]) -> str | None:
    """Return what a function makes of the wildcards; `None` where that is chance, or not known."""
    if name == "partition":
        hashed = "".join(_wildcard(stars, tokens, number) for number in arguments[1:]) or ".".join(tokens)
        count = int(arguments[0]) & 0xFFFFFFFF
        if not hashed:  # without wildcards, what is hashed depends on the mappings that the server met before
            return None
        return str(_fnv(hashed.encode()) % count) if count else "0"
    if name == "random":
        return None
    word = _wildcard(stars, tokens, arguments[0])
    if name == "wildcard":
        return word
    if name == "split":
        return ".".join(filter(None, word.split(arguments[1])))
    try:
        return _CUTS[name](word.encode(), int(arguments[1])).decode()
    except UnicodeDecodeError:  # bytes are cut, and now there are halves of a character
        return None


def _fnv(data: bytes) -> int:
    """Return the 32-bit FNV-1a hash."""
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def _at(word: bytes, *places: int) -> bytes:
    """Put dots into *word* before these places; ones outside put none."""
    edges = [0, *(place for place in places if 0 < place < len(word)), len(word)]
    return b".".join(word[start:end] for start, end in pairwise(edges))


_CUTS: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "splitfromleft": lambda word, at: _at(word, at),
    "splitfromright": lambda word, at: _at(word, len(word) - at) if at > 0 else word,
    "slicefromleft": lambda word, size: _at(word, *range(size, len(word), size)) if size > 0 else word,
    "slicefromright": lambda word, size: _at(word, *range(len(word) % size, len(word), size)) if size > 0 else word,
    "left": lambda word, size: word[:size] if 0 < size < len(word) else word,
    "right": lambda word, size: word[-size:] if 0 < size < len(word) else word,
}
