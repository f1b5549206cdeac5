"""Disabling and deleting accounts on a real server, and what servers do with a delete request seen before."""

import asyncio
import json
import time
from collections.abc import Iterator

import pytest
from resolver_cluster import ask, connection, eventually
from resolver_place import Place, a_place, codes, root

from natscreds import Account, KeyPair, KeyType, Operator, tokens
from natscreds.claims import AccountClaims, GenericClaims
from natscreds.errors import InvalidClaimsError, MissingKeyError, NkeyError

UPDATE, DELETE = "$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.CLAIMS.DELETE"


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with a_place() as found:
        yield found


@pytest.fixture(scope="module")
def deleting() -> Iterator[Place]:
    with a_place(allow_delete=True) as found:
        yield found


def pushed(place: Place, name: str = "orders") -> Account:
    account = place.operator.create_account(name)
    assert place.client.push([account]).ok
    return account


def raw(place: Place, subject: str, payload: bytes) -> dict[str, object]:
    """What the server says to a request by hand."""
    told: dict[str, object] = json.loads(ask(place.node.url, root(place.operator), subject, payload).data)
    said = told.get("data") or told["error"]
    assert isinstance(said, dict)
    return said


# disable


def test_disabling_throws_users_out_and_lets_nobody_in_without_a_setting(place: Place) -> None:
    assert "allow_delete: false" in place.node.configuration
    orders = pushed(place)
    user = orders.create_user("u", publish=["a"])
    with place.enter(user) as wire:
        assert wire.ok()
        start = time.monotonic()
        report = place.client.disable([orders])
        assert report.done == (orders.public,)
        assert wire.wait_closed(deadline=5)
        assert time.monotonic() - start < 5
    assert not place.admits(user)
    assert not place.admits(orders.create_user("fresh", publish=["a"]))


def test_what_a_disabled_account_says(place: Place) -> None:
    orders = pushed(place)
    user = KeyPair.generate(KeyType.USER).public
    orders = place.operator.revoke(orders, user)
    assert place.client.push([orders]).ok
    assert place.client.disable([orders.public]).ok
    text = place.client.lookup(orders).jwt
    assert text is not None
    claims = tokens.verify(text, AccountClaims).claims
    assert claims.iat > orders.claims.iat
    assert abs(claims.exp - 60 - max(claims.iat, int(time.time()))) <= 5
    assert claims.nats.revocations == {"*": claims.iat, user: orders.claims.nats.revocations[user]}
    assert claims.nats.limits.conn == 0
    assert not claims.nats.signing_keys
    assert (claims.name, claims.nats.limits.subs) == (orders.name, -1)


def test_disabling_twice_does_nothing_the_second_time(place: Place) -> None:
    orders = pushed(place)
    assert place.client.disable([orders]).done == (orders.public,)
    text = place.client.lookup(orders).jwt
    assert place.client.disable([orders]).unchanged == (orders.public,)
    assert place.client.lookup(orders).jwt == text


def test_the_newest_token_known_is_what_is_disabled(place: Place) -> None:
    orders = pushed(place)
    newer = place.operator.reissue(orders, issued_at=orders.claims.iat + 30)
    assert place.client.disable([newer]).ok
    text = place.client.lookup(orders).jwt
    assert text is not None
    assert tokens.parse(text, AccountClaims).claims.iat > newer.claims.iat


def test_a_disabled_account_is_opened_by_words_only(place: Place) -> None:
    orders = pushed(place)
    user = orders.create_user("u", publish=["a"])
    assert place.client.disable([orders]).ok
    text = place.client.lookup(orders).jwt
    assert text is not None
    opened = place.operator.reissue(orders, issued_at=tokens.parse(text, AccountClaims).claims.iat + 1)
    assert codes(place.client.push([opened])) == {orders.public: "unrevoke"}
    assert codes(place.client.push([opened], allow=["unrevoke"])) == {orders.public: "signing-key"}
    assert place.client.push([opened], allow=["unrevoke", "signing-key"]).ok
    assert place.admits(user)


def test_what_nobody_has_and_what_is_another_operators_is_not_disabled(place: Place) -> None:
    absent = place.operator.create_account("absent")
    foreign = Operator.create("stranger").create_account("foreign")
    raw(place, UPDATE, foreign.jwt.encode())
    report = place.client.disable([absent.public, foreign.public])
    assert codes(report) == {absent.public: "absent", foreign.public: "foreign"}
    assert report.refused == (absent.public, foreign.public)


@pytest.mark.parametrize("verb", ["disable", "delete"])
def test_the_system_account_is_neither_disabled_nor_deleted(place: Place, verb: str) -> None:
    assert place.operator.system_account is not None
    with pytest.raises(InvalidClaimsError, match="system account"):
        getattr(place.client, verb)([place.operator.create_account("x"), place.operator.system_account.public])


@pytest.mark.parametrize("verb", ["disable", "delete"])
def test_accounts_are_several_and_keys_sound(place: Place, verb: str) -> None:
    with pytest.raises(TypeError, match="accounts takes several"):
        getattr(place.client, verb)(place.operator.create_account("x").public)
    with pytest.raises(NkeyError):
        getattr(place.client, verb)(["ABC"])


def test_disabling_and_deleting_need_a_signing_key(place: Place) -> None:
    orders = pushed(place)
    bare = Operator.load(place.operator.jwt)
    from natscreds import server

    with server.connect(place.node.url, place.user, bare, servers=1) as client:
        assert codes(client.disable([orders])) == {orders.public: "not-signed"}
        with pytest.raises(MissingKeyError, match="signs deletions"):
            client.delete([orders])
    assert place.client.lookup(orders).jwt == orders.jwt


# delete


def test_a_server_without_allow_delete_says_so_in_its_own_words(place: Place) -> None:
    orders = pushed(place)
    report = place.client.delete([orders])
    assert codes(report) == {orders.public: "server-refused"}
    text = report.outcomes[orders.public].answers[0].text
    assert text.endswith("delete must be enabled in server config")
    assert place.client.lookup(orders).jwt == orders.jwt
    assert place.client.push([orders]).ok  # it was not deleted, so nothing stands against it


def test_a_deleted_account_is_gone_and_its_users_cannot_come_back(deleting: Place) -> None:
    orders, other = pushed(deleting), pushed(deleting, "other")
    user = orders.create_user("u", publish=["a"])
    with deleting.enter(user) as wire:
        assert wire.ok()
        report = deleting.client.delete([orders.public])
        assert report.done == (orders.public,)
        assert report.outcomes[orders.public].answers[0].text == "deleted 1 accounts"
        assert wire.wait_closed(deadline=5)
        assert wire.error.lower() == "account authentication expired"
    assert not deleting.admits(user)
    assert orders.public not in deleting.client.list().accounts
    assert other.public in deleting.client.list().accounts
    assert deleting.admits(other.create_user("u", publish=["a"]))


def test_what_no_server_has_is_not_counted_as_deleted(deleting: Place) -> None:
    """Servers count it, and duplicates too."""
    orders, absent = pushed(deleting), deleting.operator.create_account("absent")
    report = deleting.client.delete([absent, orders, orders.public, orders])
    assert report.unchanged == (absent.public,)
    assert report.done == (orders.public,)
    assert report.outcomes[orders.public].answers[0].text == "deleted 1 accounts"
    assert absent.public not in deleting.client.deleted
    signer = deleting.operator.signing_keys[0]
    request = GenericClaims(sub=signer.public, nats={"accounts": [absent.public] * 3})
    said = raw(deleting, DELETE, tokens.sign(request, signer, issued_at=int(time.time())).encode())
    assert said == {"code": 200, "message": "deleted 3 accounts"}


def test_a_signing_key_signs_deletions(deleting: Place) -> None:
    """Not the identity, which cannot be taken out of the operator's token ever."""
    orders = pushed(deleting)
    heard: list[bytes] = []

    async def listen() -> None:
        async with connection(deleting.node.url, root(deleting.operator)) as client:
            got = asyncio.Event()

            async def keep(message: object) -> None:
                heard.append(message.data)  # type: ignore[attr-defined]
                got.set()

            await client.subscribe(DELETE, cb=keep)
            await client.flush()  # may go out ahead of the subscription; the second cannot
            await client.flush()
            await asyncio.to_thread(deleting.client.delete, [orders])
            await asyncio.wait_for(got.wait(), 5)

    asyncio.run(listen())
    claims = tokens.verify(heard[0], GenericClaims).claims
    assert claims.iss == claims.sub == deleting.operator.signing_keys[0].public
    assert claims.nats["accounts"] == [orders.public]


def test_the_key_of_a_deleted_account_is_not_used_again(deleting: Place) -> None:
    orders = pushed(deleting)
    assert deleting.client.delete([orders]).ok
    assert deleting.client.deleted >= {orders.public}
    again = deleting.operator.reissue(orders)
    for report in (deleting.client.push([again]), deleting.client.sync([again])):
        assert codes(report) == {orders.public: "deleted"}
    assert deleting.client.lookup(orders).jwt is None
    with deleting.another_client(deleted=[orders.public]) as told:  # a record that was kept
        assert codes(told.push([again])) == {orders.public: "deleted"}


def test_the_trap_of_the_identical_token_and_the_replay(deleting: Place) -> None:
    """Why that is so: 200 for a dead account; and the old request kills a living one again."""
    orders = pushed(deleting)
    user = orders.create_user("u", publish=["a"])
    assert deleting.admits(user)
    signer = deleting.operator.signing_keys[0]
    request = GenericClaims(sub=signer.public, nats={"accounts": [orders.public]})
    seen = tokens.sign(request, signer, issued_at=int(time.time())).encode()
    assert raw(deleting, DELETE, seen)["code"] == 200
    assert raw(deleting, UPDATE, orders.jwt.encode()) == {
        "account": orders.public,
        "code": 200,
        "message": "jwt updated",
    }
    assert not deleting.admits(user)  # the server remembers the text, and does nothing
    with deleting.another_client() as client:
        assert client.push([deleting.operator.reissue(orders)]).ok
    assert eventually(lambda: deleting.admits(user))
    assert raw(deleting, DELETE, seen)["code"] == 200  # long known, and still good
    assert not deleting.admits(user)


def test_a_strict_operators_signing_key_deletes() -> None:
    with a_place(Operator.create("strict", strict=True), allow_delete=True) as place:
        orders = pushed(place)
        assert place.client.delete([orders]).done == (orders.public,)
