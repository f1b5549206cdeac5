"""What a push does to those who are connected, on a real server."""

from collections.abc import Iterator

import pytest
from resolver_cluster import eventually
from resolver_place import Place, a_place

from natscreds.claims import Permission, Scope, Template


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with a_place() as found:
        yield found


def test_a_revoked_user_is_thrown_out_within_a_second_and_the_others_stay(place: Place) -> None:
    orders = place.operator.create_account("orders")
    assert place.client.push([orders]).ok
    bad, good = (orders.create_user(name, publish=["a"]) for name in ("bad", "good"))
    with place.enter(bad) as thrown, place.enter(good) as staying:
        assert place.client.push([place.operator.revoke(orders, bad)]).ok
        assert thrown.wait_closed(deadline=1)
        assert "revoked" in thrown.error.lower()
        assert staying.publish("a") is None
        assert staying.ok()
    assert not place.admits(bad)
    assert place.admits(good)


def test_changed_permissions_apply_to_an_open_connection(place: Place) -> None:
    operator = place.operator
    orders = operator.create_account("orders")
    claims = orders.claims.replace(default_permissions={"pub": {"allow": ["old"]}, "sub": {"allow": ["x"]}})
    orders = operator.reissue(orders, claims)
    assert place.client.push([orders]).ok
    with place.enter(orders.create_user("u")) as wire:
        assert wire.publish("old") is None
        assert "Permissions Violation" in (wire.publish("new") or "")
        claims = orders.claims.replace(default_permissions={"pub": {"allow": ["new"]}, "sub": {"allow": ["x"]}})
        assert place.client.push([operator.reissue(orders, claims)]).ok
        assert eventually(lambda: wire.publish("new") is None)
        assert "Permissions Violation" in (wire.publish("old") or "")
        assert wire.ok()


def test_a_changed_role_makes_its_users_connect_again(place: Place) -> None:
    operator = place.operator
    orders = operator.add_role(operator.create_account("orders"), "device", publish=["old"])
    assert place.client.push([orders]).ok
    user = orders.create_user("u", role="device")
    role = orders.roles["device"]
    template = Template(pub=Permission(allow=("new",)), sub=Permission(deny=(">",)))
    changed = Scope(key=role.public, role="device", template=template)
    with place.enter(user) as wire:
        assert wire.publish("old") is None
        report = place.client.push([operator.reissue(orders, orders.claims.with_signing_key(changed))])
        assert report.ok  # the key is not new
        assert wire.wait_closed(deadline=5)
    with place.enter(user) as wire:
        assert wire.publish("new") is None
        assert "Permissions Violation" in (wire.publish("old") or "")


def test_a_signing_key_taken_out_throws_its_users_out(place: Place) -> None:
    operator = place.operator
    orders = operator.create_account("orders", signing_keys=2)
    assert place.client.push([orders]).ok
    first, second = (orders.create_user("u", publish=["a"], signer=key) for key in orders.signing_keys)
    with place.enter(first) as thrown, place.enter(second) as staying:
        claims = orders.claims.without_signing_key(first.claims.iss)
        assert place.client.push([operator.reissue(orders, claims)]).ok
        assert thrown.wait_closed(deadline=5)
        assert staying.publish("a") is None
        assert staying.ok()
