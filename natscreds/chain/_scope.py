"""Roles in the chain: what a user of one may do, and which users may be one's."""

from natscreds import subjects
from natscreds.claims import AccountClaims, Scope, Template, UserBody, UserClaims, templates
from natscreds.claims.templates import calls_of, inner, values_of
from natscreds.errors import InvalidClaimsError

__all__ = ["RoleGuard", "resolve"]

# Values that are keys, and so always one token.
_KEYS = ("subject()", "account-subject()")


def resolve(scope: Scope, user: UserClaims, account: AccountClaims) -> Template:
    """Return what *user* may do under *scope*, as nats-server 2.15 would install it.

    Raises:
        InvalidClaimsError: The server would refuse the user: an unknown function, a tag missing in a deny list, too
            many entries.
    """
    fault = ""
    try:
        return templates.resolve(scope.template, user.facts(account))
    except InvalidClaimsError as error:
        fault = error.problems[0].message
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
                for call in calls_of(entry):
                    held, first = calls.get(call, (entry, False))
                    calls[call] = (held, first or entry.startswith(call))
        self._calls = {call: where for call, where in calls.items() if inner(call) not in _KEYS}
        # With a user's tags in it, or the unknown, the template resolves differently for each user.
        self._each = any(inner(call) not in (*_KEYS, "name()", "account-name()") for call in calls)
        if not self._each:
            resolve(scope, UserClaims(name="x", sub="x", nats=UserBody(issuer_account=account.sub)), account)

    @property
    def reads_tags(self) -> bool:
        """A user's tags decide, too, what the template becomes."""
        return any(inner(call).startswith("tag(") for call in self._calls)

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
        what = inner(call)
        fault = ""
        values: list[str] = []
        try:
            values = [user.name] if what == "name()" else values_of(call, user.facts(self._account))
        except InvalidClaimsError as error:
            fault = error.problems[0].message
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
