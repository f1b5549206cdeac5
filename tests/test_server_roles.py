"""Roles as a real nats-server fills them in: `verify_chain` must say the same, entry by entry."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats_wire import connect
from property_profiles import PROFILE
from server_says import ASK, Listener, Presented, would_install

from natscreds import Account, KeyPair, KeyType, Operator, subjects, tokens, verify_chain
from natscreds.chain import Chain
from natscreds.claims import Permission, Scope, Template, UserBody, UserClaims, UserPermissionLimits
from natscreds.errors import InvalidClaimsError, NatsCredsError
from natscreds.nkeys import Signer
from natscreds.testing import NatsServer


class Place(NamedTuple):
    """A server and what it knows."""

    server: NatsServer
    operator: Operator
    orders: Account


@pytest.fixture(scope="module")
def operator() -> Operator:
    return Operator.create("acme")


@pytest.fixture(scope="module")
def place(operator: Operator) -> Iterator[Place]:
    orders = operator.create_account("orders", tags=["region:eu", "region:us"])
    orders = operator.add_role(
        orders,
        "all",
        publish=[
            "n.{{name()}}",
            "x-{{ name() }}-y",
            "k.{{subject()}}",
            "t.{{tag(team)}}.{{tag(site)}}",
            "o.{{account-name()}}.{{account-subject()}}",
            "absent.{{tag(no)}}",
            ASK,
        ],
        subscribe=["r.{{account-tag(region)}}"],
        deny_publish=["t.{{tag(team)}}.secret"],
        deny_subscribe=["s.{{name()}}"],
        private_inbox=True,
    )
    orders = operator.add_role(orders, "device", publish=["devices.{{name()}}.>", ASK], subscribe=["{{tag(team)}}.x"])
    with NatsServer(operator, [orders]) as server:
        yield Place(server, operator, orders)


def test_the_server_fills_a_role_in_as_verify_chain_says(place: Place) -> None:
    orders = place.orders
    user = orders.create_user("d-17", role="all", tags=["team:red", "team:blue", "site:n"])
    permissions = verify_chain(operator=place.operator, account=orders, user=user).permissions
    assert permissions is not None
    me, of = user.public, orders.public
    publish = ["n.d-17", "x-d-17-y", f"k.{me}", "t.red.n", "t.blue.n", f"o.orders.{of}", ASK]
    expected = {
        "pub": (tuple(sorted(publish)), ("t.blue.secret", "t.red.secret")),
        "sub": (tuple(sorted([f"_INBOX.{me}.>", "r.eu", "r.us"])), ("s.d-17",)),
    }
    listener = Listener(place.server.url, orders.create_user("listener").creds)
    with connect(place.server.url, user.creds) as wire:
        assert listener.installed(wire) == expected == would_install(permissions)
    listener.close()


# Names and tags that are more than a token


@pytest.mark.parametrize("name", ["*", ">", "a.b", "a.>", "a b", "a\tb", "a\u3000b", "{{subject()}}", "x" * 129])
def test_a_name_that_would_widen_a_role_is_not_made(place: Place, name: str) -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        place.orders.create_user(name, role="device", tags=["team:blue"])
    assert [problem.code for problem in caught.value.problems] == ["not-one-token"]


@pytest.mark.parametrize("value", ["*", ">", "a.b", "a b"])
def test_a_tag_that_would_widen_a_role_is_not_made(place: Place, value: str) -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        place.orders.create_user("d-17", role="device", tags={"team": value})
    assert [problem.code for problem in caught.value.problems] == ["not-one-token"]


@pytest.mark.parametrize("name", ["*", "other", "other.a"])
def test_a_server_would_take_such_a_name(place: Place, name: str) -> None:
    key, signer = KeyPair.generate(KeyType.USER), place.orders.roles["device"].key
    assert signer is not None
    claims = UserClaims(name=name, sub=key.public).replace(issuer_account=place.orders.public, tags=["team:*"])
    forced = Presented(tokens.sign(claims, signer, issued_at=int(time.time())), key.seed)
    with connect(place.server.url, forced) as wire:
        assert wire.publish("devices.other.a.b") is None
        assert wire.subscribe("anybody.x") is None


# Lists that are filled in


class Filled(NamedTuple):
    """Entries, who they are filled in for, and how many the server then has, of which some may be the same."""

    what: str
    entries: list[str]
    tags: list[str]
    many: int
    name: str = "d-17"


def plain(count: int) -> list[str]:
    return [f"e{at}" for at in range(count)]


def tagged(count: int) -> list[str]:
    return [f"t:{at}" for at in range(count)]


REFUSED = -1
FILLED = [
    Filled("two spellings are two choices", ["{{tag(t)}}.{{ tag(t) }}"], ["t:a", "t:b"], 4),
    Filled("one spelling is one choice", ["{{tag(t)}}.{{tag(t)}}"], ["t:a", "t:b"], 2),
    Filled("a choice made twice counts twice", ["{{tag(t)}}.{{tag(t)}}"], tagged(65), REFUSED),
    Filled("and is good 64 times", ["{{tag(t)}}.{{tag(t)}}"], tagged(64), 64),
    Filled("no room left by the same entries", ["{{tag(t)}}.{{tag(t)}}", "{{tag(u)}}"], [*tagged(64), "u:x"], REFUSED),
    Filled("a call in a value is filled in later", ["{{name()}}.{{tag(t)}}"], ["t:a", "t:b"], 2, "{{tag(t)}}"),
    Filled("a call in a value is too late", ["{{tag(t)}}.{{name()}}"], ["t:a", "t:b"], 2, "{{tag(t)}}"),
    Filled("but not where it comes again", ["{{tag(t)}}.{{name()}}.{{tag(t)}}"], ["t:a", "t:b"], 4, "{{tag(t)}}"),
    Filled("as many as there may be", [*plain(4095), "{{tag(t)}}"], ["t:a"], 4096),
    Filled("one too many", [*plain(4096), "{{tag(t)}}"], ["t:a"], REFUSED),
    Filled("one too many, of no tag", [*plain(4096), "{{tag(t)}}"], [], REFUSED),
    Filled("no tag is one where it is counted", [*plain(4095), "{{tag(t)}}.{{tag(u)}}"], ["t:a", "t:b"], REFUSED),
    Filled("the last is not counted without tags", ["{{tag(t)}}", *plain(4096)], ["t:a"], 4097),
    Filled("names are not counted", [f"{{{{name()}}}}.{at}" for at in range(4100)], [], 4100),
    Filled(
        "what is dropped is not counted", ["{{tag(t)}}", "{{tag(u)}}"], [*(f"t:a {at}" for at in range(4096)), "u:x"], 1
    ),
]


@pytest.mark.parametrize("filled", FILLED, ids=[filled.what.replace(" ", "-") for filled in FILLED])
def test_a_list_is_filled_in_as_the_server_does(operator: Operator, filled: Filled) -> None:
    account, key, now = operator.create_account("orders"), KeyPair.generate(KeyType.ACCOUNT), int(time.time())
    template = Template(sub=Permission(allow=tuple(filled.entries)))
    claims = account.claims.with_signing_key(Scope(key=key.public, role="role", template=template))
    jwt = tokens.sign(claims, operator.signing_keys[0], issued_at=now, check=False)
    user = signed(Drawn(0, filled.name, tuple(filled.tags), ""), {key: template}, account, now)
    with NatsServer(operator, [jwt], extra="max_control_line: 1MB\nmax_payload: 8MB\n") as server:
        listener = Listener(server.url, account.create_user("listener").creds)
        seen = compare(operator, jwt, user, server, listener)
        listener.close()
    assert seen[0] == ("refused" if filled.many == REFUSED else "admitted")
    if filled.many != REFUSED:
        permissions = verify_chain(operator=operator, account=jwt, user=user.jwt).permissions
        assert permissions is not None
        assert len(permissions.sub.allow or ()) == filled.many


def test_each_call_is_filled_in_as_the_server_does(operator: Operator) -> None:
    account, now = operator.create_account("orders", tags=["r:eu", "r:a.b"]), int(time.time())
    claims, roles = account.claims, dict[KeyPair, Template]()
    for call in (*CALLS, *ODD):
        for lists in ({"allow": (f"x.{call}",)}, {"deny": (f"x.{call}",)}, {"allow": ("a q", call), "deny": ("b",)}):
            key, template = KeyPair.generate(KeyType.ACCOUNT), Template(sub=Permission(**lists))
            roles[key] = template
            claims = claims.with_signing_key(Scope(key=key.public, role=key.public, template=template))
    jwt = tokens.sign(claims, operator.signing_keys[0], issued_at=now, check=False)
    seen: Counter[str] = Counter()
    with NatsServer(operator, [jwt]) as server:
        listener = Listener(server.url, account.create_user("listener").creds)
        for role in range(len(roles)):
            for name, tags in (("d-1", ("t:a", "t:b.c", "t:a:b", "u:c")), ("", ()), ("x y", ("T:x", "t:", "t:*"))):
                user = signed(Drawn(role, name, tags, ""), roles, account, now)
                seen.update(compare(operator, jwt, user, server, listener))
        listener.close()
    assert seen["compared"] > seen["refused"] > 30


def test_a_list_that_would_grow_without_end_is_given_up(operator: Operator) -> None:
    account, key, now = operator.create_account("orders"), KeyPair.generate(KeyType.ACCOUNT), int(time.time())
    template = Template(sub=Permission(allow=("{{name()}}" * 40,)))
    claims = account.claims.with_signing_key(Scope(key=key.public, role="role", template=template))
    jwt = tokens.sign(claims, operator.signing_keys[0], issued_at=now, check=False)
    user = signed(Drawn(0, "{{name()}}" * 2, (), ""), {key: template}, account, now)
    with pytest.raises(InvalidClaimsError) as caught:
        verify_chain(operator=operator, account=jwt, user=user.jwt)
    assert [problem.code for problem in caught.value.problems] == ["role-does-not-resolve"]


# Roles and users of any sort

CALLS = [
    "{{name()}}",
    "{{ name() }}",
    "{{Name()}}",
    "{{subject()}}",
    "{{account-name()}}",
    "{{account-subject()}}",
    "{{account-tag(r)}}",
    "{{Account-Tag(r)}}",
    "{{tag(t)}}",
    "{{ tag(t) }}",
    "{{tag(T)}}",
    "{{TAG(t)}}",
    "{{tag(t:a)}}",
    "{{tag(u)}}",
    "{{tag(no)}}",
    "x{{tag(t)}}y",
]
ODD = [
    "{{nobody()}}",
    "{{name( )}}",
    "{{tag( t)}}",
    "{{tag()}}",
    "{{}}",
    "{name()}",
    "{{{name()}}}",
    "{{name()",
    "*",
    "",
    "a>",
]
NAMES = ["d-1", "d-1", "a", "a.b", "*", ">", "", "x y", "é", "{{subject()}}", "{{tag(t)}}"]
TAGS = ["t:a", "t:b", "u:c", "t:a.b", "t:*", "t:>", "T:x", "t:X", "t:", "t", "t:a:b", "u:{{name()}}", "u:x y"]
SPOILT = [*([""] * 20), *(["no role"] * 4), "expired", "early", "revoked", "limits", "subject", "another account's"]

PLAIN = [*"ab", "a{{name()}}", "{{subject()}}", "{{account-name()}}"]


def entries(*, odd: bool, queues: bool) -> st.SearchStrategy[tuple[str, ...] | None]:
    """Return lists of entries, or none; those that are not *odd* are filled in for most users."""
    token = st.sampled_from(PLAIN + CALLS if odd else PLAIN)
    if odd:
        token = st.integers(0, 19).flatmap(lambda at: st.sampled_from(ODD) if at == 13 else token)
    ends = st.sampled_from(["", "", "", ".>", ".*"])
    queue = st.sampled_from(["", "", "", " q", " q.*", "  q"] if queues else [""])
    entry = st.builds(
        lambda *parts: ".".join(parts[0]) + "".join(parts[1:]), st.lists(token, min_size=1, max_size=3), ends, queue
    )
    return st.none() | st.lists(entry, min_size=1, max_size=3).map(tuple)


@st.composite
def templates(draw: st.DrawFn) -> Template:
    odd = draw(st.sampled_from([0, 0, 1, 2, 2, 3]))  # odd deny lists refuse most users
    lists = [draw(entries(odd=at == odd, queues=at > 1)) for at in range(4)]
    if lists[0] is not None and draw(st.booleans()):
        lists[0] = (*lists[0], ASK)
    return Template(pub=Permission(allow=lists[0], deny=lists[1]), sub=Permission(allow=lists[2], deny=lists[3]))


class Drawn(NamedTuple):
    """A user: of which role, or of none; what it says; what is wrong with it."""

    role: int
    name: str
    tags: tuple[str, ...]
    spoilt: str


users = st.builds(
    Drawn,
    st.integers(0, 3),
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(TAGS), max_size=4, unique=True).map(tuple),
    st.sampled_from(SPOILT),
)


def signed(drawn: Drawn, roles: dict[KeyPair, Template], account: Account, now: int) -> Presented:
    """Sign a user as it was drawn; nothing is checked."""
    key = KeyPair.generate(KeyType.USER)
    role = list(roles)[drawn.role % len(roles)]
    signer: Signer = role
    limits: dict[str, Any] = {}
    match drawn.spoilt:
        case "no role":  # but what a role would have said, as it stands
            limits = {"sub": roles[role].sub, "pub": roles[role].pub, "subs": -1, "data": -1, "payload": -1}
            signer = account.signing_keys[0]
        case "another account's":
            signer = KeyPair.generate(KeyType.ACCOUNT)
        case "limits":
            limits = {"subs": -1}
        case "subject":
            limits = {"pub": Permission(deny=("a",))}
    claims = UserClaims(
        name=drawn.name,
        sub=key.public,
        exp=now - 1_000 if drawn.spoilt == "expired" else 0,
        nbf=now + 1_000 if drawn.spoilt == "early" else 0,
        nats=UserBody(issuer_account=account.public, tags=drawn.tags, **limits),
    )
    issued_at = now - 2_000 if drawn.spoilt == "revoked" else now
    return Presented(tokens.sign(claims, signer, issued_at=issued_at, check=False), key.seed)


def may_ask(limits: UserPermissionLimits) -> bool:
    """Tell whether *limits* let a user ask what it may do."""
    allow, deny = limits.pub.allow, limits.pub.deny or ()
    allowed = allow is None or any(subjects.matches(entry, ASK) for entry in allow)
    return allowed and not any(subjects.matches(entry, ASK) for entry in deny)


def test_a_server_admits_whom_verify_chain_does_and_lets_it_do_the_same(operator: Operator) -> None:
    """For any roles and users: admitted is vouched for, and the lists installed are the lists told."""
    seen: Counter[str] = Counter()
    now = int(time.time())

    @given(st.lists(templates(), min_size=1, max_size=4), st.lists(users, min_size=6, max_size=16))
    def agree(made: list[Template], visitors: list[Drawn]) -> None:
        account = operator.create_account("orders", tags=["r:eu", "r:a.b"], issued_at=now - 3_000)
        roles = {KeyPair.generate(KeyType.ACCOUNT): template for template in made}
        claims = account.claims.revoke("*", at=now - 1_000)
        for at, (key, template) in enumerate(roles.items()):
            claims = claims.with_signing_key(Scope(key=key.public, role=f"role-{at}", template=template))
        jwt = tokens.sign(claims, operator.signing_keys[0], issued_at=now, check=False)
        presented = [signed(drawn, roles, account, now) for drawn in visitors]
        with NatsServer(operator, [jwt]) as server:
            listener = Listener(server.url, account.create_user("listener").creds)
            for user in presented:
                seen.update(compare(operator, jwt, user, server, listener))
            listener.close()

    agree()
    if PROFILE != "smoke":
        assert min(seen[what] for what in ("admitted", "refused", "compared", "filled in")) > 3


def compare(operator: Operator, account: str, user: Presented, server: NatsServer, listener: Listener) -> list[str]:
    """Ask both about *user*; return what was seen."""
    chain: Chain | None = None
    told = ""
    try:
        chain = verify_chain(operator=operator, account=account, user=user.jwt)
    except NatsCredsError as error:
        told = str(error)
    with connect(server.url, user) as wire:
        assert wire.ok() is (chain is not None), told or wire.error
        if chain is None or chain.user is None or chain.permissions is None:
            return ["refused"]
        installed = listener.installed(wire)
        assert (installed is not None) is may_ask(chain.permissions)
        if installed is None:
            return ["admitted"]
        assert installed == would_install(chain.permissions)
        scope = chain.account.scope(chain.user.iss)
        changed = scope is not None and installed != would_install(scope.template)
        return ["admitted", "compared", *(["filled in"] if changed else [])]
