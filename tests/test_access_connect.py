"""Connections: each trap of being let in is a named example. That servers do so is shown in test_access_doors."""

import base64
import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from access_arena import UNLIMITED, Home, forge, sign
from nats_wire import connect
from server_says import Presented, reason

from natscreds import KeyPair, KeyType, Operator, tokens
from natscreds.access import Access
from natscreds.claims import AccountClaims
from natscreds.errors import BadSignatureError, TokenError, VerificationError
from natscreds.testing import NatsServer

NOW = 1_795_000_000
NOON = int(datetime(2026, 11, 18, 12, tzinfo=UTC).timestamp())
OPERATOR = Operator.create("acme")


def rules(
    said: dict[str, Any] | None = None,
    *,
    account: dict[str, Any] | None = None,
    template: dict[str, Any] | None = None,
    operator: Operator = OPERATOR,
    **members: Any,  # noqa: ANN401  # members of the token
) -> Access:
    home = forge(operator, "orders", account or {}, [] if template is None else [template])
    signer = home.roles[0] if home.roles else home.signers[0]
    limits: dict[str, Any] = {} if home.roles else UNLIMITED
    user = sign(home, signer, limits | (said or {}), **{"iat": NOW - 1000, **members})
    return Access(operator=operator, account=home.jwt, user=user.jwt)


def code(access: Access, **visit: Any) -> str:  # noqa: ANN401  # keywords of connect
    decision = access.connect(**{"now": NOW, "address": "127.0.0.1", **visit})
    return ("" if decision.verdict is not None else "? ") + decision.reason.code


# time


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"exp": NOW + 1}, "accepted"),
        ({"exp": NOW}, "expires-at-once"),
        ({"exp": NOW - 1}, "user-expired"),
        ({"exp": -1}, "expires-at-once"),
        ({"nbf": NOW}, "accepted"),
        ({"nbf": NOW + 1}, "user-not-yet-valid"),
        ({"iat": NOW + 10**6}, "accepted"),
    ],
    ids=str,
)
def test_a_user_has_its_time(members: dict[str, Any], expected: str) -> None:
    assert code(rules(**members)) == expected


AGES = [(253_402_300_799, False), (2**53, True), (2**62, False), (2**63 - 1, False)]


@pytest.mark.parametrize(("exp", "stays"), [*AGES, (-9_223_372_026, True), (-9_223_372_046, False)])
def test_a_server_does_not_count_ages(exp: int, stays: bool) -> None:
    home, now = forge(OPERATOR, "orders", {}), int(time.time())
    user = sign(home, home.signers[0], UNLIMITED, exp=exp if exp > 0 else now - exp)
    access = Access(operator=OPERATOR, account=home.jwt, user=user.jwt)
    assert access.connect(now=now).reason.code == ("accepted" if stays else "expires-at-once")
    with NatsServer(OPERATOR, [home.jwt]) as server, connect(server.url, user) as wire:
        if stays:
            assert wire.messages() == []
            assert wire.ok()
        else:
            assert wire.wait_closed()
            assert wire.error == "User Authentication Expired"


def test_an_account_ends_a_second_before_a_user_would() -> None:
    operator = Operator.create("acme")
    account = operator.create_account("orders", issued_at=NOW - 10, expires_at=NOW)
    access = Access(operator=operator, account=account, user=account.create_user("u", issued_at=NOW - 5))
    assert code(access, now=NOW - 1) == "accepted"
    assert code(access, now=NOW) == code(access, now=NOW + 1) == "account-expired"


def test_an_operator_has_no_time() -> None:
    home, key = forge(OPERATOR, "orders", {}), OPERATOR.key
    assert key is not None
    expired = tokens.sign(OPERATOR.claims.replace(exp=NOW - 5), key, issued_at=NOW - 10, check=False)
    user = sign(home, home.signers[0], UNLIMITED)
    assert code(Access(operator=expired, account=home.jwt, user=user.jwt)) == "accepted"


@pytest.mark.parametrize("revoked", [{"*": NOW}, {"me": NOW}], ids=["everybody", "it alone"])
def test_the_second_of_a_revocation_is_revoked(revoked: dict[str, int]) -> None:
    home = forge(OPERATOR, "orders", {})
    for at, expected in ((NOW - 1, "revoked"), (NOW, "revoked"), (NOW + 1, "accepted"), (None, "revoked")):
        user = sign(home, home.signers[0], UNLIMITED, iat=at)
        access = Access(operator=OPERATOR, account=home.jwt, user=user.jwt)
        account = revoking(home, {key if key == "*" else access.user: until for key, until in revoked.items()})
        assert code(Access(operator=OPERATOR, account=account, user=user.jwt), now=NOW + 9) == expected


def revoking(home: Home, revocations: dict[str, int]) -> str:
    """Return the account's token once more, with revocations."""
    claims = tokens.parse(home.jwt, AccountClaims).claims.replace(revocations=revocations)
    return tokens.sign(claims, OPERATOR.signing_keys[0], issued_at=claims.iat + 1)


# times of day


def day(*ranges: tuple[str, str], zone: str = "UTC") -> dict[str, Any]:
    return {"times": [{"start": start, "end": end} for start, end in ranges], "times_location": zone}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (day(("11:59:59", "12:00:01")), "accepted"),
        (day(("12:00:00", "13:00:00")), "times"),
        (day(("11:00:00", "12:00:00")), "times"),
        (day(("9:00:00", "17:00:00")), "accepted"),
        (day(("13:00:00", "14:00:00"), ("11:00:00", "12:30:00")), "accepted"),
        (day(("23:00:00", "12:00:01")), "accepted"),
        (day(("23:00:00", "11:00:00")), "times"),
        (day(("11:00:00", "10:00:00")), "accepted"),
        (day(("12:00:00", "12:00:00")), "times"),
        (day(("20:30:00", "21:30:00"), zone="Asia/Tokyo"), "accepted"),
        (day(("11:30:00", "12:30:00"), zone="Asia/Tokyo"), "times"),
        (day(), "accepted"),
        (day(("11:00:00", "13:00:00"), zone=""), "? zone-unknown"),
        (day(("11:00:00", "13:00:00"), zone="Local"), "? zone-unknown"),
    ],
    ids=str,
)
def test_a_window_is_open_between_its_ends(said: dict[str, Any], expected: str) -> None:
    assert code(rules(said), now=NOON) == expected


def test_the_servers_zone_may_be_told() -> None:
    access = rules(day(("20:30:00", "21:30:00"), zone=""))
    assert code(access, now=NOON, server_zone="Asia/Tokyo") == "accepted"
    assert code(access, now=NOON, server_zone="UTC") == "times"
    assert code(rules(day(("20:30:00", "21:30:00"), zone="Local")), now=NOON, server_zone="Asia/Tokyo") == "accepted"
    with pytest.raises(ValueError, match="zone"):
        access.connect(server_zone="Nowhere/Land")


@pytest.mark.parametrize(
    "template",
    [day(("nine", "five")), day(("00:00:00", "23:59:59"), zone="Nowhere/Land")],
    ids=["no time of day", "no zone"],
)
def test_windows_of_a_role_are_read_when_somebody_comes(template: dict[str, Any]) -> None:
    assert code(rules(template=template)) == "times"


# networks


@pytest.mark.parametrize(
    ("networks", "address", "expected"),
    [
        (["10.0.0.0/8"], "10.1.2.3", "accepted"),
        (["10.0.0.0/8"], "11.1.2.3", "address"),
        (["11.0.0.0/8", "10.0.0.0/8"], "10.1.2.3", "accepted"),
        (["10.1.2.3/8"], "10.9.9.9", "accepted"),
        (["::ffff:10.0.0.0/104"], "10.1.2.3", "accepted"),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", "accepted"),
        (["::/0"], "10.1.2.3", "address"),
        (["0.0.0.0/0"], "::1", "address"),
        (["2001:db8::/32"], "2001:db8::1", "accepted"),
        ([], "10.1.2.3", "accepted"),
    ],
)
def test_a_network_holds_an_address(networks: list[str], address: str, expected: str) -> None:
    assert code(rules({"src": networks}), address=address) == expected


def test_networks_may_be_one_text() -> None:
    access = rules({"src": "11.0.0.0/8, 10.0.0.0/8"})
    assert code(access, address="10.0.0.7") == "accepted"
    assert code(access, address="12.0.0.7") == "address"
    assert code(rules({"src": ""}, template={})) == "role-and-permissions"


def test_without_an_address_nobody_can_tell() -> None:
    assert code(rules({"src": ["10.0.0.0/8"]}), address=None) == "? address-unknown"
    assert code(rules(), address=None) == "accepted"


@pytest.mark.parametrize(
    ("networks", "expected"),
    [(["nowhere", "10.0.0.0/8"], "address"), (["10.0.0.0/8", "nowhere"], "accepted")],
)
def test_what_is_no_network_shuts_out_whoever_gets_that_far(networks: list[str], expected: str) -> None:
    assert code(rules(template={"src": networks}), address="10.0.0.7") == expected


# ways in


@pytest.mark.parametrize(
    ("kinds", "way", "expected"),
    [
        ([], "MQTT_WS", "signature-missing"),
        ([], "IN_PROCESS", "accepted"),
        (["WEBSOCKET"], "WEBSOCKET", "accepted"),
        (["websocket"], "WEBSOCKET", "accepted"),
        (["WEBSOCKET"], "STANDARD", "connection-type"),
        (["PIGEON", "STANDARD"], "STANDARD", "accepted"),
        (["PIGEON"], "STANDARD", "connection-types-unknown"),
        ([""], "STANDARD", "connection-types-unknown"),
        (["STANDARD"], "IN_PROCESS", "connection-type"),
    ],
)
def test_a_user_comes_by_a_way_that_is_open(kinds: list[str], way: str, expected: str) -> None:
    assert code(rules({"allowed_connection_types": kinds}), connection_type=way) == expected


def test_over_mqtt_the_token_alone_admits() -> None:
    assert code(rules({"bearer_token": True}), connection_type="MQTT") == "accepted"


@pytest.mark.parametrize("placed", ["user", "role"])
def test_a_proxy_is_asked_for(placed: str) -> None:
    said = {"proxy_required": True}
    access = rules(said) if placed == "user" else rules(template=said)
    assert code(access) == "proxy-required"
    assert code(access, proxied=True) == "accepted"


# bearers


def test_a_bearer_need_not_sign_and_may_be_anybody() -> None:
    access = rules({"bearer_token": True}, sub="nobody in particular")
    assert code(access, signs=False) == code(access) == "accepted"
    assert access.publish("a")
    assert code(rules(), signs=False) == "signature-missing"
    assert code(rules(sub="nobody in particular")) == "user-key"


def test_an_account_may_refuse_bearers_of_roles_too() -> None:
    limits = {"limits": UNLIMITED | {"conn": -1, "disallow_bearer": True}}
    assert code(rules({"bearer_token": True}, account=limits)) == "bearer-disallowed"
    assert code(rules(template={"bearer_token": True}, account=limits)) == "bearer-disallowed"


# how many


@pytest.mark.parametrize(
    ("most", "held", "expected"),
    [
        (-1, None, "accepted"),
        (5, None, "? connections-unknown"),
        (5, 4, "accepted"),
        (5, 5, "connections-exceeded"),
        (0, None, "connections-exceeded"),
    ],
)
def test_an_account_has_so_many_connections(most: int, held: int | None, expected: str) -> None:
    access = rules(account={"limits": UNLIMITED | {"conn": most, "leaf": -1}})
    assert code(access, connections=held) == expected
    assert code(access, connections=held, connection_type="LEAFNODE") == "accepted"


@pytest.mark.parametrize("held", [-1, True])
def test_connections_are_counted(held: int) -> None:
    with pytest.raises(ValueError, match="how many"):
        rules().connect(connections=held)


def test_what_is_refused_anyway_is_not_left_open() -> None:
    access = rules({"src": ["10.0.0.0/8"]}, account={"limits": UNLIMITED | {"conn": 5}})
    assert code(access, address="127.0.0.1") == "address"
    assert code(access, address=None) == "? address-unknown"


def test_a_token_too_long_for_a_line_is_refused_and_nearly_so_is_open() -> None:
    sizes = {size: code(rules(name="x" * size)) for size in (100, 2400, 3000)}
    assert sizes == {100: "accepted", 2400: "? connect-line", 3000: "connect-line"}
    assert rules(name="x" * 2400).publish("a")  # once it is in


# accounts and operators


def test_a_server_is_pinned_to_accounts_and_to_the_system() -> None:
    home = forge(OPERATOR, "orders", {})
    user = sign(home, home.signers[0], UNLIMITED)
    access = Access(operator=OPERATOR, account=home.jwt, user=user.jwt)
    other = KeyPair.generate(KeyType.ACCOUNT).public
    assert access.connect(pinned_accounts=[other, home.public])
    assert access.connect(pinned_accounts=[other]).reason.code == "account-not-pinned"
    system = OPERATOR.system_account
    assert system is not None
    assert Access(operator=OPERATOR, account=system, user=system.create_user("s")).connect(pinned_accounts=[other])
    pinned = f'resolver_pinned_accounts: ["{other}"]\n'
    with NatsServer(OPERATOR, [home.jwt], debug=True, extra=pinned) as server:
        with connect(server.url, user) as wire:
            assert "not listed as operator pinned account" in reason(server, wire)
        with connect(server.url, system.create_user("s").creds) as wire:
            assert wire.ok()


def test_a_strict_operators_users_are_not_signed_by_identities() -> None:
    for strict, expected in ((False, "accepted"), (True, "issuer-unknown")):
        operator = Operator.create("acme", strict=strict)
        home = forge(operator, "orders", {})
        for named in ({}, {"issuer_account": ""}):
            user = sign(home, home.signers[1], UNLIMITED | named)
            assert code(Access(operator=operator, account=home.jwt, user=user.jwt)) == expected


def test_a_user_of_another_account_is_not_told_about() -> None:
    one, other = (OPERATOR.create_account(name) for name in ("one", "other"))
    access = Access(operator=OPERATOR, account=one, user=other.create_user("u"))
    assert code(access) == access.publish("a").reason.code == "account-other"


def test_a_token_of_version_1_has_no_limits_but_those_it_names() -> None:
    home, key = forge(OPERATOR, "orders", {}), KeyPair.generate(KeyType.USER)
    identity = home.signers[1]
    said = {"type": "user", "iss": identity.public, "sub": key.public, "iat": NOW, "nats": {"pub": {"allow": ["a"]}}}
    head, payload = (chunk(json.dumps(part).encode()) for part in ({"typ": "jwt", "alg": "ed25519"}, said))
    jwt = f"{head}.{payload}.{chunk(identity.sign(payload.encode()))}"
    access = Access(operator=OPERATOR, account=home.jwt, user=jwt)
    with NatsServer(OPERATOR, [home.jwt]) as server, connect(server.url, Presented(jwt, key.seed)) as wire:
        assert wire.ok() is bool(access.connect()) is True
        for subject in ("a", "b"):
            assert (wire.publish(subject) is None) is bool(access.publish(subject)) is (subject == "a")
    assert access.max_subscriptions == -1


def chunk(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_an_account_of_another_operator_is_not_trusted() -> None:
    account = Operator.create("stranger").create_account("foreign")
    access = Access(operator=OPERATOR, account=account, user=account.create_user("u"))
    assert code(access) == access.subscribe("a").reason.code == "account-issuer"


def test_an_account_that_breaks_a_rule_has_no_users() -> None:
    assert code(rules(account={"imports": [{"subject": "a", "type": "stream"}]})) == "account-invalid"


def bent(token: str) -> str:
    """Return *token* with another signature."""
    head, _, signature = token.rpartition(".")
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def test_signatures_are_looked_at() -> None:
    home = forge(OPERATOR, "orders", {})
    user = sign(home, home.signers[0], UNLIMITED)
    assert code(Access(operator=OPERATOR, account=home.jwt, user=bent(user.jwt))) == "user-undecodable"
    assert code(Access(operator=OPERATOR, account=bent(home.jwt), user=user.jwt)) == "account-undecodable"
    with pytest.raises(BadSignatureError):
        Access(operator=bent(OPERATOR.jwt), account=home.jwt, user=user.jwt)
    with pytest.raises(BadSignatureError):
        Access(operator=OPERATOR, account=home.jwt, user=user.jwt, accounts=[bent(home.jwt)])
    with pytest.raises(TokenError):
        Access(operator=OPERATOR, account=home.jwt, user="no token")


def test_who_is_never_let_in_may_nothing() -> None:
    access = rules({"pub": {"allow": ["a q"]}})
    assert [one.reason.code for one in (access.publish("a"), access.publish("a", "b"), access.subscribe("a"))] == [
        "user-invalid"
    ] * 3
    for ask in (access.session, lambda: access.permissions):
        with pytest.raises(VerificationError, match="user-invalid"):
            ask()


def test_time_and_place_do_not_matter_to_what_a_connection_may_do() -> None:
    access = rules({"src": ["10.0.0.0/8"], **day(("12:00:00", "12:00:00"))}, exp=NOW - 10)
    assert not access.connect(now=NOW, address="127.0.0.1")
    assert access.publish("a")
    assert access.subscribe("a")


# auth callout


def serving(users: Iterable[str]) -> Home:
    return forge(OPERATOR, "callout", {"authorization": {"auth_users": list(users)}})


def test_where_a_service_decides_nobody_can_tell() -> None:
    home = serving([KeyPair.generate(KeyType.USER).public])
    user = sign(home, home.signers[0], UNLIMITED)
    access = Access(operator=OPERATOR, account=home.jwt, user=user.jwt)
    told = (access.connect(), access.publish("a"), access.subscribe("a"))
    assert [(one.verdict, one.reason.code) for one in told] == [(None, "callout")] * 3
    with pytest.raises(VerificationError, match="callout"):
        access.session()


@pytest.mark.parametrize("said", [{}, {"pub": {"allow": [">"]}}, {"pub": {"deny": ["x"]}}], ids=str)
def test_the_service_itself_does_not_publish_requests(said: dict[str, Any]) -> None:
    key = KeyPair.generate(KeyType.USER)
    home = serving([key.public])
    user = sign(home, home.signers[0], UNLIMITED | said, sub=key.public)
    access = Access(operator=OPERATOR, account=home.jwt, user=user.jwt)
    assert access.connect()
    with NatsServer(OPERATOR, [home.jwt]) as server, connect(server.url, Presented(user.jwt, key.seed)) as wire:
        for subject, allowed in (("$SYS.REQ.USER.AUTH", False), ("$SYS.REQ.USER.AUTHOR", True), ("a", True)):
            assert (wire.publish(subject) is None) is bool(access.publish(subject)) is allowed
        assert wire.subscribe("$SYS.REQ.USER.AUTH") is None
    assert access.subscribe("$SYS.REQ.USER.AUTH")
