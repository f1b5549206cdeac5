"""What a run that goes on finds: which credentials are whole and of this job, and which are to be made anew."""

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Protocol

import msgspec

from natscreds import tokens
from natscreds.chain import Verdict
from natscreds.chain.moments import clock
from natscreds.claims import UserClaims
from natscreds.creds import Creds
from natscreds.errors import BadSignatureError, InvalidClaimsError, MalformedError
from natscreds.writers._job import Value
from natscreds.writers._manifest import payload, told
from natscreds.writers._users import IssuedUsers, NamedUser, issued, text_of

__all__ = ["Judge", "JudgeOfJob", "JudgeOfUsers", "opening"]


class Judge(Protocol):
    """Says whether what is written is this job's."""

    def found(self, name: str, creds: Creds) -> Verdict:
        """Judge what is written for *name*, before any user is taken."""
        ...

    def met(self, name: str, jwt: str, creds: Creds) -> Verdict:
        """Judge what is written where the user *name* with the token *jwt* would go."""
        ...

    def generation(self, name: str) -> int | None:
        """Return which key of that name it is; `None` where keys are not derived."""
        ...


class JudgeOfJob:
    """Asks users that know what job they are of."""

    __slots__ = ("_derived", "_users")

    def __init__(self, users: IssuedUsers) -> None:
        self._users = users
        self._derived = users.terms.derived

    def found(self, name: str, creds: Creds) -> Verdict:
        try:
            return self._users.verdict(name, creds)
        except InvalidClaimsError:  # the job has no user of that name
            return Verdict.FOREIGN

    def met(self, name: str, jwt: str, creds: Creds) -> Verdict:
        return self._users.verdict(name, creds)

    def generation(self, name: str) -> int | None:
        return self._users.generation(name) if self._derived else None


class JudgeOfUsers:
    """Compares with each user as it comes: of the same name, by the same issuer, with the same claims.

    The claims are compared apart from `sub`, `iat`, `jti` and `exp`.
    """

    __slots__ = ("_account", "_issuer", "_now")

    def __init__(self, account: str, issuer: str) -> None:
        """Take what the job's record tells: *account* and *issuer* of its first user."""
        self._account, self._issuer = account, issuer
        self._now = clock()

    def found(self, name: str, creds: Creds) -> Verdict:
        of = told(creds.jwt)
        if not _verifies(creds):
            return Verdict.STALE  # damaged: what its issuer signed it is not
        if of.name != name or (of.account, of.iss) != (self._account, self._issuer):
            return Verdict.FOREIGN
        return self._aged(of.exp)

    def met(self, name: str, jwt: str, creds: Creds) -> Verdict:
        here, there = told(jwt), told(creds.jwt)
        if not _verifies(creds):
            return Verdict.STALE
        if (there.name, there.account) != (name, here.account):
            return Verdict.FOREIGN
        if self._aged(there.exp) is Verdict.STALE:
            return Verdict.STALE
        same = there.iss == here.iss and _core(jwt, here.sub) == _core(creds.jwt, there.sub)
        return Verdict.KEEP if same else Verdict.FOREIGN

    def generation(self, name: str) -> int | None:
        return None

    def _aged(self, exp: int) -> Verdict:
        return Verdict.STALE if exp and exp < self._now else Verdict.KEEP


def opening(users: Iterable[NamedUser]) -> tuple[Iterator[NamedUser], str, dict[str, Value], Judge]:
    """Look at what *users* say of their job, or else at the first of them.

    Returns:
        The users, the job's id, its terms, and who judges what is found.
    """
    known = issued(users)
    rest = iter(users)
    if known is not None:
        return rest, known.job, msgspec.to_builtins(known.terms), JudgeOfJob(known)
    first = next(rest, None)
    if first is None:
        return rest, os.urandom(16).hex(), {}, JudgeOfUsers("", "")
    of = told(text_of(first)[1])
    terms: dict[str, Value] = {"account": of.account, "issuer": of.iss}
    return chain([first], rest), os.urandom(16).hex(), terms, JudgeOfUsers(of.account, of.iss)


def _verifies(creds: Creds) -> bool:
    try:
        tokens.verify(creds.jwt, UserClaims)
    except (BadSignatureError, MalformedError):
        return False
    return True


def _core(jwt: str, public: str) -> dict[str, object]:
    """Return what a token says beside whose key it is, when, and under which id."""
    tree = msgspec.json.decode(payload(jwt).replace(public.encode(), b"{public}"))
    return {member: value for member, value in tree.items() if member not in ("sub", "iat", "jti", "exp")}
