"""The user that speaks to resolvers: what it may do and what it may not, asked of a real nats-server."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from nats_wire import Wire, connect

from natscreds import Account, KeyPair, KeyType, Operator, User, tokens
from natscreds.claims import GenericClaims
from natscreds.errors import InvalidClaimsError, MissingKeyError, TokenError, UntrustedIssuerError
from natscreds.server import config, system_user
from natscreds.testing import NatsServer

OPERATOR = Operator.create("acme")
ORDERS = OPERATOR.create_account("orders")


def system_of(operator: Operator) -> Account:
    assert operator.system_account is not None
    return operator.system_account


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    made = NatsServer(OPERATOR)
    made.configuration = config(
        OPERATOR, [ORDERS], resolver="full", directory="jwt", allow_delete=True, listen="127.0.0.1:-1"
    )
    with made:
        yield made


def answer(client: Wire, user: User, subject: str, payload: bytes = b"") -> bytes:
    """What the server answers in the user's own inbox."""
    inbox = f"_INBOX.{user.public}.{subject.count('.')}{len(payload)}"
    assert client.subscribe(inbox) is None
    before = len(client.messages())
    assert client.publish(subject, payload, reply=inbox) is None
    told = [data for where, _, data in client.wait_messages(before + 1)[before:] if where == inbox]
    assert told, f"no answer on {subject}"
    return told[0]


def test_it_lists_packs_pings_looks_up_and_updates(server: NatsServer) -> None:
    user = system_user(OPERATOR)
    new = OPERATOR.create_account("new")
    lookup = f"$SYS.REQ.ACCOUNT.{ORDERS.public}.CLAIMS.LOOKUP"
    with connect(server.url, user) as client:
        assert client.ok()
        assert json.loads(answer(client, user, "$SYS.REQ.CLAIMS.UPDATE", new.jwt.encode()))["data"]["code"] == 200
        assert {ORDERS.public, new.public} <= set(json.loads(answer(client, user, "$SYS.REQ.CLAIMS.LIST"))["data"])
        assert b"|eyJ" in answer(client, user, "$SYS.REQ.CLAIMS.PACK", b"all")
        assert answer(client, user, lookup) == ORDERS.jwt.encode()
        assert "id" in json.loads(answer(client, user, "$SYS.REQ.SERVER.PING.IDZ"))
        assert client.errors == []


def order(account: str) -> bytes:
    """A deletion of one account, as servers take it."""
    [signer] = OPERATOR.signing_keys
    claims = GenericClaims(sub=signer.public, nats={"accounts": [account], "version": 2})
    return tokens.sign(claims, signer, issued_at=OPERATOR.claims.iat, check=False).encode()


def test_it_deletes_only_where_that_was_asked_for(server: NatsServer) -> None:
    dead = OPERATOR.create_account("dead")
    usual, deleting = system_user(OPERATOR), system_user(OPERATOR, delete=True)
    with connect(server.url, usual) as client:
        assert "Permissions Violation for Publish" in str(client.publish("$SYS.REQ.CLAIMS.DELETE", order(dead.public)))
    with connect(server.url, deleting) as client:
        assert json.loads(answer(client, deleting, "$SYS.REQ.CLAIMS.DELETE", order(dead.public)))["data"]["code"] == 200
        assert answer(client, deleting, "$SYS.REQ.CLAIMS.LIST")


@pytest.mark.parametrize("delete", [False, True], ids=["usual", "deleting"])
def test_it_does_nothing_else(server: NatsServer, delete: bool) -> None:
    user = system_user(OPERATOR, delete=delete)
    key = ORDERS.public
    with connect(server.url, user) as client:
        for subject in (
            "orders",
            "$SYS.REQ.CLAIMS.OTHER",
            "$SYS.REQ.SERVER.PING",
            "$SYS.REQ.SERVER.PING.VARZ",
            f"$SYS.REQ.SERVER.{client.info['server_id']}.RELOAD",
            "$SYS.REQ.SERVER.PING.KICK",
            f"$SYS.REQ.ACCOUNT.{key}.CLAIMS.UPDATE",
            f"$SYS.REQ.ACCOUNT.{key}.CONNZ",
            f"$SYS.ACCOUNT.{key}.CLAIMS.UPDATE",
            f"_INBOX.{user.public}.x",
            "$JS.API.INFO",
        ):
            assert client.publish(subject) == f'Permissions Violation for Publish to "{subject}"'
        for subject in (">", "$SYS.>", "$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.>", "_INBOX.>", "_INBOX.*.x", "orders"):
            assert client.subscribe(subject) == f'Permissions Violation for Subscription to "{subject}"'
        assert client.subscribe(f"_INBOX.{user.public}.a.b") is None
        assert client.ok()


def test_what_its_token_says() -> None:
    claims = system_user(OPERATOR, issued_at=1_795_000_000).claims
    assert claims.exp == 1_795_000_000 + 120
    assert claims.iss == system_of(OPERATOR).signing_keys[0].public
    assert claims.nats.issuer_account == system_of(OPERATOR).public
    assert claims.nats.pub.allow == (
        "$SYS.REQ.CLAIMS.UPDATE",
        "$SYS.REQ.CLAIMS.LIST",
        "$SYS.REQ.CLAIMS.PACK",
        "$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP",
        "$SYS.REQ.SERVER.PING.IDZ",
    )
    assert claims.nats.sub.allow == (f"_INBOX.{claims.sub}.>",)
    assert system_user(OPERATOR, delete=True).claims.nats.pub.allow == (
        *claims.nats.pub.allow,
        "$SYS.REQ.CLAIMS.DELETE",
    )
    assert system_user(OPERATOR).private_inbox


def test_servers_end_its_connection_when_it_expires(server: NatsServer) -> None:
    with connect(server.url, system_user(OPERATOR, expires_in=timedelta(seconds=1))) as client:
        assert client.ok()
        assert client.wait_closed()
        assert client.error == "User Authentication Expired"


def test_a_strict_operator_has_it_signed_by_a_signing_key() -> None:
    operator = Operator.create("acme", strict=True)
    system = system_of(operator)
    held = [key for key in (system.key, *system.signing_keys) if key is not None]
    loaded = Account.load(system.jwt, held)  # which does not know that the operator is strict
    with NatsServer(operator) as server:
        for account in (None, loaded):
            with connect(server.url, system_user(operator, system_account=account)) as client:
                assert client.ok()
    assert system.key is not None
    with pytest.raises(MissingKeyError, match="strict"):
        system_user(operator, system_account=Account.load(system.jwt, [system.key]))


def test_an_operator_may_be_its_token() -> None:
    system = system_of(OPERATOR)
    assert system_user(OPERATOR.jwt, system_account=system).claims.nats.issuer_account == system.public
    with pytest.raises(InvalidClaimsError, match="no-system-account"):
        system_user(OPERATOR.jwt)
    with pytest.raises(TokenError):
        system_user("")


def test_without_a_key_of_the_system_account_there_is_none() -> None:
    for account in (system_of(OPERATOR).jwt, Account.load(system_of(OPERATOR).jwt)):
        with pytest.raises(MissingKeyError):
            system_user(OPERATOR, system_account=account)


def test_other_accounts_are_refused() -> None:
    with pytest.raises(InvalidClaimsError, match="other-system-account"):
        system_user(OPERATOR, system_account=ORDERS)
    with pytest.raises(UntrustedIssuerError):
        system_user(OPERATOR, system_account=Operator.create("other").system_account)


@pytest.mark.parametrize(
    "words",
    [{"expires_in": None}, {"expires_in": 120}, {"delete": 1}, {"system_account": 1}, {"operator": None}],
    ids=str,
)
def test_values_of_another_type_are_refused(words: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        system_user(**({"operator": OPERATOR} | words))


def test_it_may_have_a_key_and_a_name_of_the_callers_choice() -> None:
    key = KeyPair.generate(KeyType.USER)
    user = system_user(OPERATOR, key=key, name="deploy")
    assert (user.public, user.name) == (key.public, "deploy")
    with pytest.raises(InvalidClaimsError, match="expires-too-soon"):
        system_user(OPERATOR, expires_in=timedelta(0))
