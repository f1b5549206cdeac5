"""`create_user`, `UserTemplate` and `add_role` take the same keywords and mean the same by them."""

import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest
from keyword_ways import ACCOUNT, OPERATOR, SEED, WAYS, T, Way, entropy, refused

from natscreds import Account, KeyPair, KeyType, Operator, UserTemplate, issue_users
from natscreds.claims import Permission, Template


@pytest.fixture(params=WAYS[:2], ids=lambda way: way.name)
def user_way(request: pytest.FixtureRequest) -> Way:
    return cast("Way", request.param)


# --- role= with anything of one's own

OWN: dict[str, Any] = {
    "publish": ["a"],
    "publish nothing": [],
    "subscribe": ["a"],
    "deny_publish": ["a"],
    "deny_publish nothing": [],
    "deny_subscribe": ["a"],
    "private_inbox": True,
    "allow_responses": 1,
    "allow_responses none": 0,
    "response_ttl": timedelta(seconds=1),
    "max_subscriptions": 1,
    "max_payload": 1,
    "max_payload none": 0,
    "max_payload unlimited": -1,
    "max_data": 1,
    "sources": ["10.0.0.0/8"],
    "times": [("08:00:00", "17:00:00")],
    "times_location": "Europe/Berlin",
    "connection_types": ["STANDARD"],
    "bearer": True,
    "proxy_required": True,
}


@pytest.mark.parametrize("own", OWN)
def test_a_role_says_it_all(user_way: Way, own: str) -> None:
    refused(
        user_way.user, "role-and-permissions", role="r", expires_in=timedelta(hours=1), **{own.split()[0]: OWN[own]}
    )


def test_every_keyword_of_a_role_is_among_those_that_users_of_one_may_not_give() -> None:
    told = set(inspect.signature(Operator.add_role).parameters)
    shared = told - {"self", "account", "name", "description", "key", "signer", "issued_at", "entropy"}
    assert shared == {own.split()[0] for own in OWN}


# --- the three signatures, and that they mean the same

WHO_AND_WHEN = {"tags", "expires_in", "expires_at", "not_before", "role", "dotted_names"}
ONE_USER = {"self", "name", "key", "signer", "issued_at", "entropy"}


def parameters(call: Callable[..., object]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(call).parameters)


def test_create_user_takes_the_keywords_of_a_template_and_what_is_of_one_user_only() -> None:
    one, many = parameters(Account.create_user), parameters(UserTemplate.__init__)
    assert set(one) - set(many) == ONE_USER - {"self"}
    assert set(many) - set(one) == {"fields"}


def test_add_role_takes_the_keywords_of_a_template_that_are_permissions() -> None:
    role, many = parameters(Operator.add_role), parameters(UserTemplate.__init__)
    assert set(many) - set(role) == WHO_AND_WHEN | {"fields"}
    assert set(role) - set(many) == {"account", "name", "description", "key", "signer", "issued_at", "entropy"}


@pytest.mark.parametrize("call", [Account.create_user, Operator.add_role], ids=lambda call: call.__name__)
def test_shared_keywords_have_one_type_one_default_and_one_order(call: Callable[..., object]) -> None:
    mine, many = parameters(call), parameters(UserTemplate.__init__)
    shared = [name for name in mine if name in many and name != "self"]
    assert shared == [name for name in many if name in mine and name != "self"]
    assert [str(mine[name]) for name in shared] == [str(many[name]) for name in shared]
    assert {mine[name].kind for name in shared} == {inspect.Parameter.KEYWORD_ONLY}


SETS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "publish": {"publish": ["a.>", "b"]},
    "nothing to publish": {"publish": []},
    "subscribe": {"subscribe": ["a.>", "b q"], "deny_subscribe": ["a.b"]},
    "deny only": {"deny_publish": ["a"], "deny_subscribe": ["b"]},
    "inbox": {"publish": ["a"], "private_inbox": True},
    "responses": {"subscribe": ["svc"], "allow_responses": 2, "response_ttl": timedelta(seconds=3)},
    "limits": {"max_subscriptions": 5, "max_payload": 512, "max_data": 4096},
    "places": {"sources": ["10.0.0.0/8"], "connection_types": ["STANDARD", "MQTT"], "proxy_required": True},
    "times": {"times": [("08:00:00", "17:00:00")], "times_location": "Europe/Berlin"},
    "who and when": {
        "publish": ["d.{name}.>", "u.{public}"],
        "tags": {"site": "x"},
        "expires_in": timedelta(seconds=90, microseconds=1),
        "not_before": T + 5,
        "bearer": True,
    },
    "dots": {"publish": ["d.{name}.>"], "dotted_names": True, "expires_at": T + 60},
}


@pytest.mark.parametrize("keywords", SETS.values(), ids=SETS)
def test_a_template_applied_to_one_name_is_create_user_byte_for_byte(keywords: dict[str, Any]) -> None:
    one = ACCOUNT.create_user("d-1", entropy=entropy, issued_at=T, **keywords)
    many = next(issue_users(ACCOUNT, ["d-1"], UserTemplate(**keywords), entropy=entropy, issued_at=T))
    assert (many.jwt, many.creds.text) == (one.jwt, one.creds.text)
    assert (many.name, many.public, many.private_inbox) == (one.name, one.public, one.private_inbox)


def test_a_template_with_a_role_applied_to_one_name_is_create_user_byte_for_byte() -> None:
    account = OPERATOR.add_role(ACCOUNT, "r", publish=["d.{{name()}}.{{tag(site)}}"], private_inbox=True)
    keywords: dict[str, Any] = {"role": "r", "tags": ["site:x"], "expires_at": T + 60}
    one = account.create_user("d-1", entropy=entropy, issued_at=T, **keywords)
    many = next(issue_users(account, ["d-1"], UserTemplate(**keywords), entropy=entropy, issued_at=T))
    assert many.jwt == one.jwt
    assert (many.private_inbox, one.private_inbox) == (True, True)


@pytest.mark.parametrize("keywords", [SETS[name] for name in list(SETS)[:10]], ids=list(SETS)[:10])
def test_a_role_grants_what_create_user_grants_for_the_same_keywords(keywords: dict[str, Any]) -> None:
    public = KeyPair(KeyType.USER, SEED).public
    user = ACCOUNT.create_user("d-1", entropy=entropy, **keywords).claims.nats
    role = WAYS[2](**keywords)

    def spelled(permission: Permission) -> Permission:
        allow = permission.allow and tuple(entry.replace("{{subject()}}", public) for entry in permission.allow)
        return Permission(allow=allow, deny=permission.deny)

    for member in Template.__struct_fields__:
        mine, theirs = getattr(role, member), getattr(user, member)
        assert (spelled(mine) if isinstance(mine, Permission) else mine) == theirs, member
