"""Role templates as nats-server expands them when a user of the role connects."""

from collections.abc import Callable, Iterator
from itertools import product

import msgspec

from natscreds import subjects
from natscreds.claims import AccountClaims, Permission, Scope, Template, UserBody, UserClaims
from natscreds.errors import InvalidClaimsError

__all__ = ["RoleGuard", "resolve"]

MOST_ENTRIES = 4096
"""Entries that one list may expand to on a server."""


# Values that are keys, and so always one token.
_KEYS = ("subject()", "account-subject()")


class _UnresolvedError(Exception):
    """A server refuses the user for this."""


def _calls(entry: str) -> Iterator[str]:
    """Yield what stands between `{{` and `}}` as a server finds it: at least one character, none of them `}`."""
    at = entry.find("{{")
    while at >= 0:
        end = entry.find("}", at + 2)
        if end > at + 2 and entry.startswith("}}", end):
            yield entry[at : end + 2]
            at = entry.find("{{", end + 2)
        else:
            at = entry.find("{{", at + 1)


def _values(call: str, user: UserClaims, account: AccountClaims) -> list[str]:
    """Return the values of one `{{call}}`; none for a tag that is not there."""
    inner = call[2:-2].strip()
    folded = inner.lower()
    single = {
        "name()": user.name,
        "subject()": user.sub,
        "account-name()": account.name,
        "account-subject()": user.nats.issuer_account,
    }
    if folded in single:
        return [single[folded]]
    for prefix, tags in (("tag(", user.nats.tags), ("account-tag(", account.nats.tags)):
        if folded.startswith(prefix) and folded.endswith(")"):
            # The prefix is taken off in lower case only; other spellings look up a tag that cannot be there.
            wanted = f"{inner.removeprefix(prefix)[:-1].lower()}:"
            return [tag.removeprefix(wanted) for tag in tags if tag.startswith(wanted)]
    raise _UnresolvedError(f"servers know no {call!a}")


def _expand(entries: tuple[str, ...], user: UserClaims, account: AccountClaims, *, deny: bool) -> tuple[str, ...]:
    """Expand one list. In an allow list what does not resolve disappears; in a deny list it refuses the user."""
    if not any(True for entry in entries for _ in _calls(entry)):
        return entries
    expanded: list[str] = []
    for entry in entries:
        calls = list(dict.fromkeys(_calls(entry)))
        values = [_values(call, user, account) for call in calls]
        size = 1
        for choices in values:
            size *= len(choices)
        if size == 0 and deny:
            raise _UnresolvedError(f"the user or account has no tag for the deny entry {entry!a}")
        if len(expanded) + size > MOST_ENTRIES:
            raise _UnresolvedError(f"a list expands to at most {MOST_ENTRIES} entries")
        for choice in product(*values):
            filled = entry
            for call, value in zip(calls, choice, strict=True):
                filled = filled.replace(call, value)
            if subjects.is_valid(filled):
                expanded.append(filled)
            elif deny:
                raise _UnresolvedError(f"the deny entry {entry!a} becomes {filled!a}, which is no subject")
    return tuple(expanded)


def _direction(held: Permission, expand: Callable[[tuple[str, ...], bool], tuple[str, ...]]) -> Permission:
    allow = None if held.allow is None else expand(held.allow, False)
    deny = None if held.deny is None else expand(held.deny, True)
    if held.allow and not allow:
        return Permission(allow=None, deny=(*(deny or ()), ">"))
    return Permission(allow=allow, deny=deny)


def resolve(scope: Scope, user: UserClaims, account: AccountClaims) -> Template:
    """Return what *user* may do under *scope*, as nats-server 2.15 would install it.

    Raises:
        InvalidClaimsError: The server would refuse the user: an unknown function, a tag missing in a deny list, too
            many entries.
    """

    def expand(entries: tuple[str, ...], deny: bool) -> tuple[str, ...]:
        return _expand(entries, user, account, deny=deny)

    fault = ""
    try:
        return msgspec.structs.replace(
            scope.template, sub=_direction(scope.template.sub, expand), pub=_direction(scope.template.pub, expand)
        )
    except _UnresolvedError as error:
        fault = str(error)
    raise InvalidClaimsError.one("$.nats", "role-does-not-resolve", f"role {scope.role!a}: {fault}")


class RoleGuard:
    """Refuses users whose name or tags, put into the subjects of a role's template, would be more than one token each.

    The template is looked through once; what is the same for all users is checked once.
    """

    __slots__ = ("_account", "_calls", "_dotted", "_each", "_scope")

    def __init__(self, scope: Scope, account: AccountClaims, *, dotted: bool) -> None:
        """Look the template of *scope* through; *dotted* allows dots in names and tags."""
        self._scope = scope
        self._account = account
        self._dotted = dotted
        # Each call in the template, with an entry that shows it, and whether it stands first in one.
        calls: dict[str, tuple[str, bool]] = {}
        for direction in (scope.template.pub, scope.template.sub):
            for entry in (*(direction.allow or ()), *(direction.deny or ())):
                for call in _calls(entry):
                    held, first = calls.get(call, (entry, False))
                    calls[call] = (held, first or entry.startswith(call))
        self._calls = {call: where for call, where in calls.items() if _inner(call) not in _KEYS}
        # With a user's tags in it, or the unknown, the template resolves differently for each user.
        self._each = any(_inner(call) not in (*_KEYS, "name()", "account-name()") for call in calls)
        if not self._each:
            resolve(scope, UserClaims(name="x", sub="x", nats=UserBody(issuer_account=account.sub)), account)

    def check(self, user: UserClaims) -> None:
        """Refuse *user*, about to be signed, if one of its values is more than a token or a server would refuse it.

        Raises:
            InvalidClaimsError: Which value it is.
        """
        for call, (entry, first) in self._calls.items():
            self._check_values(call, entry, user, first=first)
        if self._each:
            resolve(self._scope, user, self._account)

    def _check_values(self, call: str, entry: str, user: UserClaims, *, first: bool) -> None:
        what = _inner(call)
        fault = ""
        values: list[str] = []
        try:
            values = [user.name] if what == "name()" else _values(call, user, self._account)
        except _UnresolvedError as error:
            fault = str(error)
        if fault:
            raise InvalidClaimsError.one("$.nats", "role-does-not-resolve", f"role {self._scope.role!a}: {fault}")
        for value in values:
            tokens = value.split(".") if self._dotted else [value]
            if len(value) > 128 or not all(
                subjects.is_token(token, first=first and at == 0) for at, token in enumerate(tokens)
            ):
                raise InvalidClaimsError.one(
                    "$.name" if what == "name()" else "$.nats.tags",
                    "not-one-token",
                    f"role {self._scope.role!a} puts {what} into {entry!a}, so it is one literal token, got {value!a}",
                )


def _inner(call: str) -> str:
    return call[2:-2].strip().lower()
