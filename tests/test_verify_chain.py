"""What `verify_chain` asks, and in which order: the first thing that is wrong is raised."""

from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import pytest
from chain_parts import T
from chain_scene import NOW, Scene, said_twice, unsigned

from natscreds import KeyPair, KeyType
from natscreds.errors import (
    BadSignatureError,
    ExpiredError,
    InvalidClaimsError,
    NatsCredsError,
    NotYetValidError,
    RevokedError,
    TokenError,
    UntrustedIssuerError,
)


class Fault(NamedTuple):
    """One broken thing, and the error for it.

    Attributes:
        step: Its number in the order; of two with one number neither comes before the other.
        what: Its name.
        error: What is raised.
        told: What the message holds.
        breaks: What it does to a scene.
        touches: Parts it cannot share with another fault.
    """

    step: float
    what: str
    error: type[NatsCredsError]
    told: str
    breaks: Callable[[Scene], None]
    touches: frozenset[str] = frozenset()


def fault(
    step: float, what: str, error: type[NatsCredsError], told: str, *touches: str
) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    def note(breaks: Callable[[Scene], None]) -> Callable[[Scene], None]:
        FAULTS.append(Fault(step, what, error, told, breaks, frozenset(touches)))
        return breaks

    return note


FAULTS: list[Fault] = []


@fault(1, "operator no token", TokenError, "3 chunks", "operator text")
def _(scene: Scene) -> None:
    scene.finish["operator"] = lambda _: "operator"


@fault(1, "operator with a member twice", TokenError, "twice", "operator text")
def _(scene: Scene) -> None:
    scene.finish["operator"] = said_twice


@fault(2.1, "operator not signed", BadSignatureError, "signature", "operator text")
def _(scene: Scene) -> None:
    scene.finish["operator"] = unsigned


@fault(2.2, "operator signed by a stranger", UntrustedIssuerError, "none of its keys", "operator signer")
def _(scene: Scene) -> None:
    scene.signers["operator"] = KeyPair.generate(KeyType.OPERATOR)


@fault(2.3, "operator not pinned", UntrustedIssuerError, "not among the trusted")
def _(scene: Scene) -> None:
    scene.trusted = [KeyPair.generate(KeyType.OPERATOR).public]


@fault(3.1, "user no token", TokenError, "3 chunks", "user text")
def _(scene: Scene) -> None:
    scene.finish["user"] = lambda text: text.rpartition(".")[0]


@fault(3.1, "user with a member twice", TokenError, "twice", "user text")
def _(scene: Scene) -> None:
    scene.finish["user"] = said_twice


@fault(3.2, "user not signed", BadSignatureError, "signature", "user text")
def _(scene: Scene) -> None:
    scene.finish["user"] = unsigned


@fault(4.1, "user expired", ExpiredError, "user", "user exp")
def _(scene: Scene) -> None:
    scene.user = scene.user.replace(exp=NOW - 1)


@fault(4.1, "user expired before 1970", ExpiredError, "user", "user exp")
def _(scene: Scene) -> None:
    scene.user = scene.user.replace(exp=-1)


@fault(4.2, "user too early", NotYetValidError, "user")
def _(scene: Scene) -> None:
    scene.user = scene.user.replace(nbf=NOW + 1)


@fault(4.3, "user with a subject that is none", InvalidClaimsError, "subject-empty-token", "user permissions")
def _(scene: Scene) -> None:
    scene.user = scene.user.replace(pub={"allow": ["a..b"]})


@fault(4.3, "user with a network that is none", InvalidClaimsError, "src", "user permissions")
def _(scene: Scene) -> None:
    scene.user = scene.user.replace(src=["10.0.0.1"])


@fault(4.3, "user with a time that is none", InvalidClaimsError, "times", "user permissions")
def _(scene: Scene) -> None:
    scene.user = scene.user.replace(times=[{"start": "8", "end": "9"}])


@fault(6.1, "account no token", TokenError, "3 chunks", "account text")
def _(scene: Scene) -> None:
    scene.finish["account"] = lambda text: text + ".x"


@fault(6.2, "account not signed", BadSignatureError, "signature", "account text")
def _(scene: Scene) -> None:
    scene.finish["account"] = unsigned


# Whose account it is stands in its claims, which are read once their signature holds.
@fault(6.3, "user of another account", UntrustedIssuerError, "belongs to account", "user account")
def _(scene: Scene) -> None:
    scene.user = scene.user.replace(issuer_account=KeyPair.generate(KeyType.ACCOUNT).public)


@fault(6.4, "account signed by a stranger", UntrustedIssuerError, "does not trust", "account signer")
def _(scene: Scene) -> None:
    scene.signers["account"] = KeyPair.generate(KeyType.OPERATOR)


@fault(6.4, "account signed by itself", UntrustedIssuerError, "does not trust", "account signer")
def _(scene: Scene) -> None:
    scene.signers["account"] = scene.account_key


@fault(6.4, "account signed by a strict operator's identity", UntrustedIssuerError, "does not trust", "account signer")
def _(scene: Scene) -> None:
    scene.strict()
    scene.signers["account"] = scene.identity


@fault(6.5, "account expired", ExpiredError, "account", "account exp")
def _(scene: Scene) -> None:
    scene.account = scene.account.replace(exp=NOW)


@fault(6.6, "account too early", NotYetValidError, "account")
def _(scene: Scene) -> None:
    scene.account = scene.account.replace(nbf=NOW + 1)


@fault(6.7, "account with an import from nowhere", InvalidClaimsError, "imports")
def _(scene: Scene) -> None:
    scene.account = scene.account.replace(imports=[{"subject": "a", "account": "", "type": "stream"}])


@fault(7, "user signed by a stranger", UntrustedIssuerError, "does not sign for", "user signer")
def _(scene: Scene) -> None:
    scene.signers["user"] = KeyPair.generate(KeyType.ACCOUNT)


@fault(7, "user signed by the identity under a strict operator", UntrustedIssuerError, "does not sign", "user signer")
def _(scene: Scene) -> None:
    scene.strict()
    scene.signers["user"] = scene.account_key


@fault(8.1, "user of a role with permissions", InvalidClaimsError, "none of its own", "user signer", "user permissions")
def _(scene: Scene) -> None:
    scene.signers["user"] = scene.role


@fault(8.2, "role that servers do not know", InvalidClaimsError, "unheard", "user signer", "user permissions", "role")
def _(scene: Scene) -> None:
    scene.under_the_role()
    # The account would be refused for this; here only what the user makes of it is asked.
    scene.template(pub={"allow": ["a"], "deny": ["d.{{tag(unheard)}}"]})


@fault(9.1, "bearer disallowed", InvalidClaimsError, "bearer-disallowed", "user exp")
def _(scene: Scene) -> None:
    scene.account = scene.account.replace(limits={"disallow_bearer": True})
    scene.user = scene.user.replace(exp=NOW + 1)
    if scene.signers["user"] is scene.role:
        scene.template(bearer_token=True)
    else:
        scene.user = scene.user.replace(bearer_token=True)


@fault(9.2, "no known connection type", InvalidClaimsError, "unknown-connection-type", "user permissions")
def _(scene: Scene) -> None:
    scene.user = scene.user.replace(allowed_connection_types=["TELEPATHY"])


@fault(10, "user revoked", RevokedError, "revokes")
def _(scene: Scene) -> None:
    scene.account = scene.account.replace(revocations={scene.user.sub: T})


@fault(10, "everybody revoked", RevokedError, "revokes")
def _(scene: Scene) -> None:
    scene.account = scene.account.replace(revocations={"*": T})


def raised(scene: Scene, expected: Fault) -> None:
    with pytest.raises(NatsCredsError) as caught:
        scene.verify()
    assert type(caught.value) is expected.error, caught.value
    assert expected.told in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("one", FAULTS, ids=lambda one: one.what)
def test_one_broken_thing_is_named(one: Fault) -> None:
    scene = Scene()
    one.breaks(scene)
    raised(scene, one)


PAIRS = [
    pytest.param(one, other, id=f"{one.what}, {other.what}")
    for one, other in combinations(FAULTS, 2)
    if one.step < other.step and not one.touches & other.touches
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_of_two_broken_things_the_first_in_order_is_named(one: Fault, other: Fault) -> None:
    """First failure is raised."""
    scene = Scene()
    for broken in (one, other) if "user signer" not in other.touches else (other, one):
        broken.breaks(scene)
    raised(scene, one)
