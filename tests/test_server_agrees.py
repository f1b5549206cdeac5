"""`verify_chain` and a real nats-server, asked about the same tokens: where they agree, and where they do not."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from nats_wire import connect
from server_says import reason
from server_world import LONG, UNLIMITED, Visit, World

import natscreds
from natscreds import Account, KeyPair, KeyType, Operator, UserTemplate, tokens, verify_chain
from natscreds.claims import Export, Import
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
from natscreds.testing import NatsServer

Maker = Callable[[World], Visit]

# What a server's log says.
EXPIRED = "User JWT no longer valid: &{Issues:[claim is expired]}"
EARLY = "User JWT no longer valid: &{Issues:[claim is not yet valid]}"
MALFORMED = "User JWT no longer valid"
UNREADABLE = "Authentication requires a user JWT"
ISSUER = "User JWT issuer is not known"
NOT_EMPTY = "scoped users require no permissions or limits set"
UNRESOLVED = "User JWT generated invalid permissions"
NO_ACCOUNT = "Account JWT lookup error"
REVOKED = "User authentication revoked"
NO_BEARER = "Account does not allow bearer tokens"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as started:
        yield started


class Case(NamedTuple):
    """One visit, what the server's log says (nothing: admitted), and what `verify_chain` raises (None: nothing)."""

    what: str
    make: Maker
    says: str = ""
    error: type[NatsCredsError] | None = None


def each(cases: list[Case]) -> pytest.MarkDecorator:
    assert len({case.what for case in cases}) == len(cases)
    return pytest.mark.parametrize("case", cases, ids=[case.what.replace(" ", "-") for case in cases])


MOMENTS = ("issued_at", "expires_at", "not_before")


def user(account: str = "orders", **keywords: Any) -> Maker:  # noqa: ANN401  # those of create_user
    """Make a user of the world's *account* with `create_user`; moments are seconds from now."""

    def make(world: World) -> Visit:
        host: Account = getattr(world, account)
        given = {name: world.now + value if name in MOMENTS else value for name, value in keywords.items()}
        if given.pop("by_identity", False):
            given["signer"] = host.key
        return world.visit(host.create_user("u", **given), host)

    return make


def forced(
    account: str = "orders",
    *,
    by: str = "signing",
    of: str = "",
    iat: int = 0,
    exp: int = 0,
    **more: Any,  # noqa: ANN401  # World.forced's
) -> Maker:
    """Sign a user of the world's *account* by force.

    Args:
        account: Where it wants to go.
        by: Which key signs: `identity`, `signing`, `spare` (the last signing key), or a role's name.
        of: The account whose key that is, if it is another.
        iat: Seconds from now.
        exp: Seconds from now; 0 is never.
        more: As for `World.forced`.
    """

    def make(world: World) -> Visit:
        host: Account = getattr(world, account)
        owner: Account = getattr(world, of or account)
        plain = {"identity": owner.key, "signing": owner.signing_keys[0], "spare": owner.signing_keys[-1]}
        signer = plain.get(by) or owner.roles[by].key
        assert signer is not None
        said = {"iat": world.now + iat} | ({"exp": world.now + exp} if exp else {}) | more
        return world.visit(world.forced(host, signer, **said), host)

    return make


EMPTY: dict[str, object] = {}
YEAR = timedelta(days=365)

ADMITTED = [
    Case("signed by a signing key", user(publish=["a"])),
    Case("signed by the identity", user(publish=["a"], by_identity=True)),
    Case("signed by a role", user(role="device")),
    Case("signed by a role, with tags", user(role="team", tags=["team:blue"])),
    Case("without a word about permissions", user()),
    Case("deny lists alone", user(deny_publish=["a"], deny_subscribe=["a"])),
    Case("nothing allowed", user(publish=[], subscribe=[])),
    Case("bearer", user(publish=["a"], bearer=True, expires_in=YEAR)),
    Case("bearer by its role", user(role="open-door", expires_in=YEAR)),
    Case("expires later", user(publish=["a"], expires_at=LONG)),
    Case("valid for long", user(publish=["a"], not_before=-LONG)),
    Case("issued a little ahead of the clock", user(publish=["a"], issued_at=30)),
    Case("issued in bulk", lambda w: w.visit(next(iter(natscreds.issue_users(w.orders, ["b"], UserTemplate()))))),
    Case("issued anew for a revoked key", lambda w: w.visit(w.orders.create_user("u", key=w.lost))),
    Case("issued after everybody was revoked", user("everybody")),
    Case("in an account that expires later", user("alive")),
    Case("in an account without bearer tokens, signing", user("no_bearer", publish=["a"])),
    Case("version 1", lambda w: w.visit(w.version_1(w.orders))),
    Case("by the identity, naming the account as well", forced(by="identity")),
    Case("by a role, no member but the tags", forced(by="team", nats={"tags": ["team:blue"]})),
    Case("by a role, limits of zero", forced(by="device", nats={"subs": 0, "pub": {}, "sub": {}, "src": None})),
    Case("one connection type that is known", forced(nats=UNLIMITED | {"allowed_connection_types": ["X", "standard"]})),
    Case("members that nobody knows", forced(nats=UNLIMITED | {"later": {"a": [1]}}, more=1)),
    Case("an empty list", forced(nats=UNLIMITED | {"src": []})),
    Case("an empty list beside a deny list", forced(nats=UNLIMITED | {"pub": {"allow": [], "deny": ["a"]}})),
    Case("bearer for ever", forced(nats=UNLIMITED | {"bearer_token": True})),
    Case("entries that servers drop", forced(nats=UNLIMITED | {"pub": {"allow": ["a.>.b"], "deny": ["b.>.c"]}})),
    Case("strict, by a signing key", user("strict", publish=["a"])),
    Case("strict, by a role", user("strict", role="device")),
]

REFUSED = [
    Case("expired", user(issued_at=-2 * LONG, expires_at=-LONG), EXPIRED, ExpiredError),
    Case("expired, of a role", user(role="device", issued_at=-2 * LONG, expires_at=-LONG), EXPIRED, ExpiredError),
    Case("early", user(not_before=LONG), EARLY, NotYetValidError),
    Case("account expired", user("expired"), NO_ACCOUNT, ExpiredError),
    Case("account early", user("early"), NO_ACCOUNT, NotYetValidError),
    Case(
        "revoked by its key",
        lambda w: w.visit(w.forced(w.orders, w.orders.signers[0], key=w.lost, iat=w.now - 2 * LONG)),
        REVOKED,
        RevokedError,
    ),
    Case(
        "revoked in the second of issuing",
        lambda w: w.visit(w.forced(w.orders, w.orders.signers[0], key=w.lost, iat=w.now - LONG)),
        REVOKED,
        RevokedError,
    ),
    Case("revoked with everybody", forced("everybody", iat=-2 * LONG), REVOKED, RevokedError),
    Case("revoked with everybody, that second", forced("everybody", iat=-LONG), REVOKED, RevokedError),
    Case("payload tampered with", lambda w: w.visit(w.tampered(chunk=1)), UNREADABLE, BadSignatureError),
    Case("signature tampered with", lambda w: w.visit(w.tampered(chunk=2)), UNREADABLE, BadSignatureError),
    Case("by a signing key of another account", forced(of="others"), ISSUER, UntrustedIssuerError),
    Case("by the identity of another account", forced(of="others", by="identity"), ISSUER, UntrustedIssuerError),
    Case("by an account of another operator", forced(of="foreign"), ISSUER, UntrustedIssuerError),
    Case("in an account of another operator", user("foreign"), NO_ACCOUNT, UntrustedIssuerError),
    Case("in an account that signed itself", user("by_itself"), NO_ACCOUNT, UntrustedIssuerError),
    Case("by a signing key since removed", forced(of="before", by="spare"), ISSUER, UntrustedIssuerError),
    Case("by a role since removed", forced(of="before", by="gone", nats=EMPTY), ISSUER, UntrustedIssuerError),
    Case("by a role, with limits", forced(by="device"), NOT_EMPTY, InvalidClaimsError),
    Case(
        "by a role, with a subject", forced(by="device", nats={"pub": {"allow": ["a"]}}), NOT_EMPTY, InvalidClaimsError
    ),
    Case("by a role, with an empty list", forced(by="device", nats={"src": []}), NOT_EMPTY, InvalidClaimsError),
    Case(
        "by a role, bearer", forced(by="device", nats={"bearer_token": True}, exp=LONG), NOT_EMPTY, InvalidClaimsError
    ),
    Case("by a role, tag missing in a deny list", forced(by="team", nats=EMPTY), UNRESOLVED, InvalidClaimsError),
    Case("by a role of an unknown function", forced("odd", by="odd", nats=EMPTY), UNRESOLVED, InvalidClaimsError),
    Case(
        "bearer, which the account forbids",
        user("no_bearer", bearer=True, expires_in=YEAR),
        NO_BEARER,
        InvalidClaimsError,
    ),
    Case(
        "bearer by its role, forbidden",
        user("no_bearer", role="open-door", expires_in=YEAR),
        NO_BEARER,
        InvalidClaimsError,
    ),
    Case(
        "no connection type that is known",
        forced(nats=UNLIMITED | {"allowed_connection_types": ["X"]}),
        "connection types",
        InvalidClaimsError,
    ),
    Case("a network without a length", forced(nats=UNLIMITED | {"src": ["10.0.0.1"]}), MALFORMED, InvalidClaimsError),
    Case(
        "a time of day that is none",
        forced(nats=UNLIMITED | {"times": [{"start": "25:00:00", "end": "26:00:00"}]}),
        MALFORMED,
        InvalidClaimsError,
    ),
    Case(
        "a time zone that is none",
        forced(nats=UNLIMITED | {"times_location": "Nowhere/Land"}),
        MALFORMED,
        InvalidClaimsError,
    ),
    Case(
        "a queue where it publishes",
        forced(nats=UNLIMITED | {"pub": {"allow": ["a q"]}}),
        MALFORMED,
        InvalidClaimsError,
    ),
    Case(
        "a subject with an empty token",
        forced(nats=UNLIMITED | {"sub": {"deny": ["a..b"]}}),
        MALFORMED,
        InvalidClaimsError,
    ),
    Case(
        "strict, by the identity",
        forced("strict", by="identity", nats=UNLIMITED | {"issuer_account": ""}),
        ISSUER,
        UntrustedIssuerError,
    ),
    Case("strict, by the identity, naming it", forced("strict", by="identity"), ISSUER, UntrustedIssuerError),
    Case("strict, the account by the operator's identity", user("weak"), NO_ACCOUNT, UntrustedIssuerError),
]

# What a server admits and `verify_chain` does not: each stands in docs/explanation/strictness.md.
STRICTER = [
    Case("expired, but for a second spelling", forced(exp=-LONG, EXP=0), error=TokenError),
    Case("a bearer token in another spelling", forced(nats=UNLIMITED | {"Bearer_Token": True}), error=TokenError),
    Case("half of a surrogate pair", forced(name="\ud800"), error=TokenError),
    Case("a line end after the token", lambda w: w.visit(w.ended_by_line()), error=TokenError),
    Case("a user's key of small order", lambda w: w.small_order(), error=TokenError),
]

# What a server refuses and `verify_chain` does not: what it says it does not promise.
NOT_TOLD = [
    Case(
        "the seed of another user",
        lambda w: w.visit(w.with_seed(KeyPair.generate(KeyType.USER).seed)),
        "Signature not verified",
    ),
    Case("no seed", lambda w: w.visit(w.with_seed(None)), "Signature missing"),
    Case("from another network", user(sources=["10.0.0.0/8"]), "Bad src Ip"),
    Case("by another way in", user(connection_types=["WEBSOCKET"]), "Connection type not allowed"),
    Case("past a proxy", user(proxy_required=True), "proxy connection required"),
    Case("at an account that takes no connections", user("full"), "maximum account active connections exceeded"),
]


def verdict(visit: Visit) -> type[Exception] | None:
    """Return the class of what `verify_chain` raises, or None."""
    try:
        verify_chain(operator=visit.operator, account=visit.account, user=visit.user.jwt)
    except NatsCredsError as error:
        return type(error)
    return None


def judge(case: Case, world: World) -> Visit:
    """Let the server judge *case*."""
    visit = case.make(world)
    with connect(visit.server.url, visit.user, deadline=5, **visit.options) as wire:
        assert wire.ok() is not bool(case.says), wire.error
        if case.says:
            assert case.says in reason(visit.server, wire)
        else:
            assert wire.info["remote_account"] == Account.load(visit.account).public
            assert wire.errors == []
    return visit


@each(ADMITTED)
def test_a_server_admits_whom_the_chain_vouches_for(case: Case, world: World) -> None:
    assert verdict(judge(case, world)) is None


@each(REFUSED)
def test_a_server_refuses_whom_the_chain_does_not_vouch_for(case: Case, world: World) -> None:
    assert case.error is not None
    assert verdict(judge(case, world)) is case.error


@each(STRICTER)
def test_what_servers_let_pass_is_refused_here(case: Case, world: World) -> None:
    assert case.error is not None
    assert verdict(judge(case, world)) is case.error


@each(NOT_TOLD)
def test_a_chain_says_nothing_about_the_connection(case: Case, world: World) -> None:
    assert verdict(judge(case, world)) is None


def test_an_account_does_not_vouch_for_users_of_another_that_has_the_same_key() -> None:
    operator = Operator.create("acme")
    one = operator.create_account("one")
    other = operator.create_account("other")
    shared = one.signing_keys[0]
    other = operator.reissue(other, other.claims.with_signing_key(shared.public))
    user = Account.load(other.jwt, [shared]).create_user("u", publish=["a"])
    with NatsServer(operator, [one, other]) as server, connect(server.url, user.creds) as wire:
        assert wire.info["remote_account"] == other.public
    assert verify_chain(operator=operator, account=other, user=user).account.sub == other.public
    with pytest.raises(UntrustedIssuerError):
        verify_chain(operator=operator, account=one, user=user)


def test_who_expired_before_1970_is_refused_here_and_thrown_out_there(world: World) -> None:
    visit = world.visit(world.forced(world.orders, world.orders.signing_keys[0], exp=-1))
    with connect(visit.server.url, visit.user) as wire:
        assert wire.wait_closed()
        assert wire.error == "User Authentication Expired"  # and not a violation: it was in
    assert verdict(visit) is ExpiredError


# Accounts: what is wrong with one concerns all its users


class Host(NamedTuple):
    """What an account says, signed by force, and whether its users are admitted all the same."""

    what: str
    said: dict[str, Any]
    admits: bool = False


STREAM = Export(subject="a.>", type="stream")
ELSEWHERE = KeyPair.generate(KeyType.ACCOUNT).public
HOSTS = [
    Host("an export", {"exports": [STREAM]}, admits=True),
    Host("an export within another", {"exports": [STREAM, Export(subject="a.b", type="stream")]}),
    Host("an export twice, of two types", {"exports": [STREAM, Export(subject="a.>", type="service")]}, admits=True),
    Host("more exports than it may", {"exports": [STREAM], "limits": {"exports": 0}}),
    Host("a wildcard export that it may not", {"exports": [STREAM], "limits": {"wildcards": False, "exports": 5}}),
    Host("a wildcard export, not counted", {"exports": [STREAM], "limits": {"wildcards": False}}, admits=True),
    Host("an import of nobody's", {"imports": [Import(subject="a", account=ELSEWHERE, type="stream")]}, admits=True),
    Host("an import without its account", {"imports": [Import(subject="a", type="stream")]}),
    Host(
        "an import of two names",
        {"imports": [Import(subject="a.*", account=ELSEWHERE, type="stream", local_subject="b")]},
    ),
    Host(
        "more imports than it may",
        {"imports": [Import(subject="a", account=ELSEWHERE, type="stream")], "limits": {"imports": 0}},
    ),
    Host("a mapping", {"mappings": {"a": [{"subject": "b", "weight": 100}]}}, admits=True),
    Host("a mapping of more than all", {"mappings": {"a": [{"subject": "b", "weight": 101}]}}),
    Host("default permissions with a queue where it publishes", {"default_permissions": {"pub": {"allow": ["a q"]}}}),
    Host("default permissions that servers drop", {"default_permissions": {"sub": {"deny": ["a.>.b"]}}}, admits=True),
    Host("a signing key that is none", {"signing_keys": ["ANOTHER"]}),
    Host("a description too long", {"description": "x" * 8193}),
    Host("a description as long as it may be", {"description": "x" * 8192}, admits=True),
    Host("a tier without a name", {"limits": {"tiered_limits": {"": {"disk_storage": 1}}}}),
    Host("a tier", {"limits": {"tiered_limits": {"R1": {"disk_storage": 1}}}}, admits=True),
    Host(
        "a tier and flat limits",
        {"limits": {"disk_storage": 1, "tiered_limits": {"R1": {"disk_storage": 1}}}},
        admits=True,
    ),
    Host("callout accounts without users", {"authorization": {"allowed_accounts": ["*"]}}),
    Host("traces to many subjects", {"trace": {"dest": "a.*"}}),
    Host("traces to one", {"trace": {"dest": "a", "sampling": 10}}, admits=True),
    Host("traffic of nobody", {"cluster_traffic": "mine"}),
    Host("traffic of its own", {"cluster_traffic": "owner"}, admits=True),
    Host("revocations of what is no key", {"revocations": {"nobody": 1}}, admits=True),
    Host("an address that is none", {"info_url": "nowhere"}),
]


@pytest.mark.parametrize("host", HOSTS, ids=[host.what.replace(" ", "-") for host in HOSTS])
def test_an_account_that_servers_do_not_load_vouches_for_nobody(host: Host) -> None:
    operator = Operator.create("acme")
    account = operator.create_account("orders")
    claims = account.claims.replace(**host.said)
    jwt = tokens.sign(claims, operator.signing_keys[0], issued_at=claims.iat + 1, check=False)
    user = account.create_user("u", publish=["a"], signer=account.key)
    with NatsServer(operator, [jwt], debug=True) as server, connect(server.url, user.creds) as wire:
        assert wire.ok() is host.admits
        assert host.admits or NO_ACCOUNT in reason(server, wire)
    if host.admits:
        assert verify_chain(operator=operator, account=jwt, user=user).account.nats.type == "account"
    else:
        with pytest.raises(InvalidClaimsError):
            verify_chain(operator=operator, account=jwt, user=user)
