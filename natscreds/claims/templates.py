"""Role templates as nats-server expands them when a user of the role connects."""

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import NamedTuple

import msgspec

from natscreds import subjects
from natscreds.claims.permissions import Permission, Template
from natscreds.errors import InvalidClaimsError

__all__ = ["Facts", "calls_of", "has_calls", "inner", "resolve", "values_of"]

MOST_ENTRIES = 4096
"""Entries that one list may expand to on a server, which counts at entries with tags, repeated ones too."""

MOST_WORK = 1 << 24
"""Characters gone over for one list. Servers have no such bound; but values may hold calls, and multiply."""


def _refused(told: str) -> InvalidClaimsError:
    """Return the error for what a server refuses the user for."""
    return InvalidClaimsError.one("$.nats", "role-does-not-resolve", told)


class Facts(NamedTuple):
    """What a template is filled in from.

    Attributes:
        name: The user's name.
        user: The user's public key.
        tags: The user's tags.
        account_name: The account's name.
        account: The user's `issuer_account`.
        account_tags: The account's tags.
    """

    name: str
    user: str
    tags: tuple[str, ...]
    account_name: str
    account: str
    account_tags: tuple[str, ...]


def calls_of(entry: str) -> Iterator[str]:
    """Yield what stands between `{{` and `}}` as a server finds it: at least one character, none of them `}`."""
    at = entry.find("{{")
    while at >= 0:
        end = entry.find("}", at + 2)
        if end > at + 2 and entry.startswith("}}", end):
            yield entry[at : end + 2]
            at = entry.find("{{", end + 2)
        else:
            at = entry.find("{{", at + 1)


def has_calls(entry: str) -> bool:
    """Tell whether a server finds something to fill in."""
    return next(calls_of(entry), None) is not None


def inner(call: str) -> str:
    """Return what stands in a `{{call}}`, as its name is compared."""
    return call[2:-2].strip().lower()


def is_tag(call: str) -> bool:
    """Tell whether a `{{call}}` asks for tags, of which there may be several or none."""
    return inner(call).startswith(("tag(", "account-tag("))


def values_of(call: str, facts: Facts) -> list[str]:
    """Return the values of one `{{call}}`; none for a tag that is not there.

    Raises:
        InvalidClaimsError: Servers know no such function.
    """
    inside = call[2:-2].strip()
    folded = inside.lower()
    single = {
        "name()": facts.name,
        "subject()": facts.user,
        "account-name()": facts.account_name,
        "account-subject()": facts.account,
    }
    if folded in single:
        return [single[folded]]
    for prefix, tags in (("tag(", facts.tags), ("account-tag(", facts.account_tags)):
        if folded.startswith(prefix) and folded.endswith(")"):
            # The prefix is taken off in lower case only; other spellings look up a tag that cannot be there.
            wanted = f"{inside.removeprefix(prefix)[:-1].lower()}:"
            return [tag.removeprefix(wanted) for tag in tags if tag.startswith(wanted)]
    raise _refused(f"servers know no {call!a}")


def _expand(entries: tuple[str, ...], facts: Facts, *, deny: bool) -> tuple[str, ...]:
    """Expand one list. In an allow list what does not resolve disappears; in a deny list it refuses the user."""
    if not any(has_calls(entry) for entry in entries):
        return entries
    expanded: list[str] = []
    work = 0
    for entry in entries:
        calls = list(calls_of(entry))  # one that stands twice counts twice, and is filled in twice
        known = {call: values_of(call, facts) for call in dict.fromkeys(calls)}
        if any(map(is_tag, known)) and _size(known[call] for call in calls) > MOST_ENTRIES - len(expanded):
            raise _refused(f"a list expands to at most {MOST_ENTRIES} entries")
        if deny and not all(known.values()):
            raise _refused(f"the user or account has no tag for the deny entry {entry!a}")
        for choice in product(*(known[call] for call in calls)):
            filled = entry
            for call, value in zip(calls, choice, strict=True):
                work += len(filled) + filled.count(call) * len(value)
                if work > MOST_WORK:
                    raise _refused("lists that grow without end when they are filled in are not looked at")
                filled = filled.replace(call, value)
            if subjects.is_valid(filled):
                expanded.append(filled)
            elif deny:
                raise _refused(f"the deny entry {entry!a} becomes {filled[:200]!a}, which is no subject")
    return tuple(dict.fromkeys(expanded))


def _size(values: Iterable[list[str]]) -> int:
    """Return how many entries a server expects; a missing tag is one there. Past `MOST_ENTRIES` it is not exact."""
    size = 1
    for choices in values:
        size *= len(choices) or 1
        if size > MOST_ENTRIES:
            break
    return size


def _direction(held: Permission, expand: Callable[[tuple[str, ...], bool], tuple[str, ...]]) -> Permission:
    allow = None if held.allow is None else expand(held.allow, False)
    deny = None if held.deny is None else expand(held.deny, True)
    if held.allow and not allow:
        return Permission(allow=(), deny=(*(deny or ()), ">"))
    return Permission(allow=allow, deny=deny)


def resolve(template: Template, facts: Facts) -> Template:
    """Return what a user may do under *template*, as nats-server 2.15 would install it.

    Raises:
        InvalidClaimsError: The server would refuse the user: an unknown function, a tag missing in a deny list, too
            many entries.
    """

    def expand(entries: tuple[str, ...], deny: bool) -> tuple[str, ...]:
        return _expand(entries, facts, deny=deny)

    return msgspec.structs.replace(template, sub=_direction(template.sub, expand), pub=_direction(template.pub, expand))
