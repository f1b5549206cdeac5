"""Claims that break one rule each, beside neighbours that break none: what the tests of the rules are made of.

Keys are made from fixed bytes, so that paths and texts are the same in every run.
"""

# ruff: noqa: ANN401  # members of claims are of any type

from typing import Any, NamedTuple

import pytest

from natscreds import nkeys
from natscreds.claims import (
    AccountClaims,
    ActivationClaims,
    AuthorizationRequestClaims,
    AuthorizationResponseClaims,
    GenericClaims,
    OperatorClaims,
    UserClaims,
)
from natscreds.errors import Problem, Severity
from natscreds.nkeys import KeyPair, KeyType

__all__ = ["NOW", "UNLIMITED", "Asked", "Rule", "account", "each", "key", "keypair", "unsound", "user"]

NOW = 1_795_000_000

UNLIMITED = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1) | {"wildcards": True}


def keypair(kind: KeyType, number: int = 1) -> KeyPair:
    """Return the key of that *kind* and *number*, the same each time."""
    return KeyPair.generate(kind, entropy=lambda size: bytes([number]) * size)


def key(kind: KeyType, number: int = 1) -> str:
    """Return the public key of that *kind* and *number*."""
    return keypair(kind, number).public


def unsound(kind: KeyType) -> str:
    """Return a text that is a public key in all but its point, which is none of the prime-order group."""
    return nkeys.format_public(kind, (2).to_bytes(32, "little"))


class Asked(NamedTuple):
    """Claims, and what they are asked about with."""

    claims: (
        AccountClaims
        | ActivationClaims
        | AuthorizationRequestClaims
        | AuthorizationResponseClaims
        | GenericClaims
        | OperatorClaims
        | UserClaims
    )
    now: int | None = None
    account: AccountClaims | None = None

    def check(self) -> list[Problem]:
        if isinstance(self.claims, UserClaims):
            return self.claims.check(self.now, account=self.account)
        assert self.account is None
        return self.claims.check(self.now)


def user(
    *, now: int | None = None, account: AccountClaims | None = None, claims: dict[str, Any] | None = None, **nats: Any
) -> Asked:
    """Ask about a sound user with other members in `nats`, and with other *claims* beside it."""
    made = UserClaims(name="svc", sub=key(KeyType.USER), exp=NOW + 1_000)
    sound = {"pub": {"allow": ["a"]}, "sub": {"allow": ["a"]}, "subs": -1, "data": -1, "payload": -1}
    return Asked(made.replace(nats=sound).replace(nats=nats).replace(**claims or {}), now, account)


def account(*, now: int | None = None, **members: Any) -> Asked:
    """Ask about a sound account with other members, of the claims or of `nats`."""
    made = AccountClaims(name="orders", sub=key(KeyType.ACCOUNT)).replace(limits=UNLIMITED)
    return Asked(made.replace(**members), now)


class Rule(NamedTuple):
    """One rule: what breaks it, and the neighbour that does not.

    Attributes:
        code: The rule's name.
        severity: How bad that is.
        path: Where it is told.
        broken: Claims with that one problem.
        sound: Claims with none, but those in *also*.
        note: What sets this apart from other cases of the code.
        also: Codes that come with *broken* in the nature of things.
    """

    code: str
    severity: Severity
    path: str
    broken: Asked
    sound: Asked
    note: str = ""
    also: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.code}: {self.note}" if self.note else self.code

    @property
    def expected(self) -> list[tuple[str, str, str]]:
        return [(self.code, self.severity, self.path)]

    def told(self) -> list[tuple[str, str, str]]:
        """Return what is found in *broken*, but for *also*, of which each is found too."""
        found = self.broken.check()
        assert {problem.code for problem in found}.issuperset(self.also)
        return [(problem.code, problem.severity, problem.path) for problem in found if problem.code not in self.also]


def each(rules: list[Rule]) -> pytest.MarkDecorator:
    """Give a test each of *rules*, by its code."""
    ids = [rule.id for rule in rules]
    assert len(set(ids)) == len(ids), sorted(name for name in ids if ids.count(name) > 1)
    return pytest.mark.parametrize("rule", rules, ids=ids)
