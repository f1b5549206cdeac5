"""Where an account's mappings send a message: servers ask for permission there, not where the client sent it."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from natscreds import subjects
from natscreds.claims import WeightedMapping
from natscreds.claims._mappings import destination_fault

__all__ = ["Mappings"]

_ALL: Final = 100
_REFERENCE: Final = re.compile(
    r"\$([1-9][0-9]{0,8})|\{\{[\t\n\f\r ]*[wW]ildcard[\t\n\f\r ]*\( *([1-9][0-9]{0,8}) *\)[\t\n\f\r ]*\}\}"
)


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
    stars = [token for at, token in zip(sources, tokens, strict=False) if at == "*"]
    filled: list[str] = []
    for part in destination.split("."):
        found = _REFERENCE.fullmatch(part)
        if found is not None:
            filled.append(stars[int(found[1] or found[2]) - 1])
        elif part == ">":
            filled += tokens[len(sources) - 1 :]
        elif part.startswith(("$", "{{")):
            return None
        else:
            filled.append(part)
    return ".".join(filled)
