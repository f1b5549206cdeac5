"""How claims are made and written, and how `replace` gives others."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from token_forge import USER, key

from natscreds.claims import (
    AccountClaims,
    Claims,
    Export,
    GenericClaims,
    Import,
    JetStreamLimits,
    Model,
    MsgTrace,
    OperatorClaims,
    Permission,
    ResponsePermission,
    Scope,
    ServiceLatency,
    Template,
    TimeRange,
    UserClaims,
    WeightedMapping,
    encode,
)
from natscreds.errors import InvalidClaimsError
from natscreds.nkeys import KeyType

T = TypeVar("T")

ACCOUNTS = [key(KeyType.ACCOUNT, str(number)).public for number in range(4)]


def subclasses(base: type[T]) -> list[type[T]]:
    found = base.__subclasses__()
    return found + [deeper for one in found for deeper in subclasses(one)]


# How claims are made.

BODIES = [type(kind().body) for kind in subclasses(Claims) if kind is not GenericClaims]


def test_every_kind_is_looked_at() -> None:
    assert len(BODIES) >= 3
    assert {"OperatorBody", "AccountBody", "UserBody"} <= {body.__name__ for body in BODIES}


@pytest.mark.parametrize("body", BODIES)
def test_tags_type_and_version_come_last(body: type[Model]) -> None:
    assert body.__struct_fields__[-3:] == ("tags", "type", "version")


@pytest.mark.parametrize("model", subclasses(Model))
def test_no_model_can_be_changed_in_place(model: type[Model]) -> None:
    made = model()
    for name in model.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(made, name, None)


@pytest.mark.parametrize("model", subclasses(Model))
def test_models_of_nothing_are_equal_and_do_not_share_maps(model: type[Model]) -> None:
    one, other = model(), model()
    assert one == other
    for name in model.__struct_fields__:
        if isinstance(value := getattr(one, name), dict):
            assert value is not getattr(other, name)


@pytest.mark.parametrize(
    ("claims", "written"),
    [
        (OperatorClaims(), b'{"nats":{}}'),
        (AccountClaims(),
         b'{"nats":{"limits":{},"default_permissions":{"pub":{},"sub":{}},"authorization":{}}}'),
        (UserClaims(), b'{"nats":{"pub":{},"sub":{}}}'),
    ],
    ids=["operator", "account", "user"],
)  # fmt: skip
def test_what_is_not_said_is_the_wires_zero(claims: Claims, written: bytes) -> None:
    assert encode(claims) == written


@pytest.mark.parametrize(
    ("model", "written"),
    [
        (Template(), b'{"pub":{},"sub":{},"subs":-1,"data":-1,"payload":-1}'),
        (Scope(), b'{"kind":"user_scope","key":"","role":"","template":{"pub":{},"sub":{},"subs":-1,"data":-1,'
                  b'"payload":-1},"description":""}'),
        (ResponsePermission(), b'{"max":0,"ttl":0}'),
        (ServiceLatency(), b'{"sampling":"headers","results":""}'),
        (WeightedMapping(), b'{"subject":""}'),
        (TimeRange(), b"{}"),
        (Export(), b"{}"),
        (Import(), b"{}"),
        (MsgTrace(), b"{}"),
        (JetStreamLimits(), b"{}"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Model) else "",
)  # fmt: skip
def test_what_is_always_written_is_always_written(model: Model, written: bytes) -> None:
    assert encode(model) == written


def test_text_is_escaped_as_the_reference_escapes_it() -> None:
    claims = UserClaims(name='<>&\u2028\u2029\b\f\n\r\t\0\x1f\x7f"\\/é\U0001f600')
    escaped = r"\u003c\u003e\u0026\u2028\u2029\b\f\n\r\t\u0000\u001f" + '\x7f\\"\\\\/é\U0001f600'
    assert encode(claims) == f'{{"name":"{escaped}","nats":{{"pub":{{}},"sub":{{}}}}}}'.encode()


def test_maps_are_written_in_the_order_of_their_keys() -> None:
    claims = AccountClaims().replace(revocations={"b": 1, "\U00010000": 2, "\uffff": 3, "*": 4, "B": 5})
    assert '"revocations":{"*":4,"B":5,"b":1,"\uffff":3,"\U00010000":2}'.encode() in encode(claims)


def test_a_repr_tells_what_is_said_and_nothing_else() -> None:
    claims = AccountClaims(name="orders").replace(limits={"conn": 5}, tags=["a"])
    assert repr(claims).startswith("AccountClaims(name='orders', nats=AccountBody(limits=AccountLimits(conn=5), ")
    assert "tags=('a',)" in repr(claims)
    assert "revocations" not in repr(claims)


def test_claims_that_hold_maps_are_not_hashable() -> None:
    for claims in (AccountClaims(), AccountClaims().replace(revocations={"*": 5})):
        with pytest.raises(TypeError):
            hash(claims)


# replace


def test_replace_takes_standard_members_and_members_of_nats() -> None:
    claims = UserClaims().replace(name="svc", exp=5, sub=USER.public, tags=["a"], bearer_token=True, subs=-1)
    assert (claims.name, claims.exp, claims.sub) == ("svc", 5, USER.public)
    assert (claims.nats.tags, claims.nats.bearer_token, claims.nats.subs) == (("a",), True, -1)


def test_replace_of_an_object_changes_that_object_and_leaves_the_rest() -> None:
    claims = AccountClaims().replace(limits={"conn": 5, "subs": -1}).replace(limits={"conn": 6})
    assert (claims.nats.limits.conn, claims.nats.limits.subs, claims.nats.limits.leaf) == (6, -1, 0)
    claims = claims.replace(default_permissions={"pub": {"deny": ["a"]}}).replace(default_permissions={"sub": {}})
    assert claims.nats.default_permissions.pub == Permission(deny=("a",))
    user = UserClaims().replace(nats={"sub": {"allow": ["a"]}}).replace(nats={"sub": {"deny": ["b"]}, "tags": ["c"]})
    assert user.nats.sub == Permission(allow=("a",), deny=("b",))
    assert user.nats.tags == ("c",)


def test_replace_of_an_object_that_is_absent_makes_it() -> None:
    claims = AccountClaims().replace(trace={"dest": "a"})
    assert claims.nats.trace == MsgTrace(dest="a")
    assert claims.replace(trace={"sampling": 5}).nats.trace == MsgTrace(dest="a", sampling=5)
    assert claims.replace(trace=None).nats.trace is None


def test_replace_of_an_object_by_a_model_takes_it_whole() -> None:
    claims = UserClaims().replace(pub={"allow": ["a"]}).replace(pub=Permission(deny=("b",)))
    assert claims.nats.pub == Permission(deny=("b",))


def test_replace_of_a_list_or_a_map_takes_it_whole() -> None:
    claims = AccountClaims().replace(tags=["a", "b"], revocations={"*": 5}).replace(tags=["c"], revocations={"x": 6})
    assert (claims.nats.tags, claims.nats.revocations) == (("c",), {"x": 6})
    limits = {"tiered_limits": {"R1": {"streams": 5}, "R3": JetStreamLimits(streams=6)}}
    tiers = AccountClaims().replace(limits=limits).nats.limits.tiered_limits
    assert tiers == {"R1": JetStreamLimits(streams=5), "R3": JetStreamLimits(streams=6)}


def test_replace_takes_mappings_for_the_models_in_a_list() -> None:
    role = {"kind": "user_scope", "key": ACCOUNTS[0], "template": {"subs": 5, "pub": {"allow": ["a"]}}}
    claims = AccountClaims().replace(
        exports=[{"subject": "a", "type": "service", "service_latency": {"sampling": 5}}, Export(subject="b")],
        signing_keys=[role, {"key": ACCOUNTS[1], "role": "r"}, ACCOUNTS[2]],
        mappings={"a": [{"subject": "b", "weight": 5}]},
    )
    latency = ServiceLatency(sampling=5)
    assert claims.nats.exports == (Export(subject="a", type="service", service_latency=latency), Export(subject="b"))
    assert claims.nats.signing_keys == (
        Scope(key=ACCOUNTS[0], template=Template(subs=5, pub=Permission(allow=("a",)))),
        Scope(key=ACCOUNTS[1], role="r"),
        ACCOUNTS[2],
    )
    assert claims.nats.mappings == {"a": (WeightedMapping(subject="b", weight=5),)}


@pytest.mark.parametrize(
    "several",
    [["a", "b"], ("a", "b"), iter("ab"), (letter for letter in "ab"), {"a": 1, "b": 2}.keys()],
    ids=["list", "tuple", "iterator", "generator", "keys"],
)
def test_replace_takes_any_iterable_of_texts_for_a_list(several: Any) -> None:  # noqa: ANN401
    assert UserClaims().replace(tags=several).nats.tags == ("a", "b")


@pytest.mark.parametrize("several", ["ab", b"ab", bytearray(b"ab")], ids=repr)
@pytest.mark.parametrize(
    ("claims", "around"),
    [
        (UserClaims(), lambda value: {"tags": value}),
        (UserClaims(), lambda value: {"src": value}),
        (UserClaims(), lambda value: {"pub": {"allow": value}}),
        (UserClaims(), lambda value: {"nats": {"sub": {"deny": value}}}),
        (AccountClaims(), lambda value: {"signing_keys": value}),
        (AccountClaims(), lambda value: {"exports": value}),
        (AccountClaims(), lambda value: {"authorization": {"auth_users": value}}),
        (AccountClaims(), lambda value: {"mappings": {"a": value}}),
        (AccountClaims(), lambda value: {"signing_keys": [{"template": {"pub": {"allow": value}}}]}),
        (OperatorClaims(), lambda value: {"operator_service_urls": value}),
    ],
    ids=["tags", "src", "allow", "deny", "signing_keys", "exports", "auth_users", "mappings", "template", "urls"],
)
def test_replace_takes_no_bare_text_for_a_list(claims: Claims, around: Callable[[Any], Any], several: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match="takes several"):
        claims.replace(**around(several))


@pytest.mark.parametrize(
    ("claims", "changes", "told"),
    [
        (UserClaims(), {"nmae": "svc"}, "UserBody has no member 'nmae'"),
        (UserClaims(), {"limits": {}}, "UserBody has no member 'limits'"),
        (UserClaims(), {"unknown": None}, "UserClaims has no member 'unknown'"),
        (UserClaims(), {"natscreds:unknown": None}, "has no member 'natscreds:unknown'"),
        (UserClaims(), {"pub": {"alow": ["a"]}}, "Permission has no member 'alow'"),
        (UserClaims(), {"pub": {"unknown": None}}, "Permission has no member 'unknown'"),
        (UserClaims(), {"times": [{"start": "a", "until": "b"}]}, "TimeRange has no member 'until'"),
        (UserClaims(), {"kind": "user"}, "UserBody has no member 'kind'"),
        (AccountClaims(), {"limits": {"con": 5}}, "AccountLimits has no member 'con'"),
        (AccountClaims(), {"limits": {"tiered_limits": {"R1": {"disk": 5}}}}, "JetStreamLimits has no member 'disk'"),
        (AccountClaims(), {"exports": [{"subject": "a", "tpye": "stream"}]}, "Export has no member 'tpye'"),
        (AccountClaims(), {"signing_keys": [{"templ": {}}]}, "Scope has no member 'templ'"),
        (AccountClaims(), {"signing_keys": [{"kind": "other"}]}, "Scope has no member 'kind'"),
        (AccountClaims(), {"mappings": {"a": [{"wieght": 5}]}}, "WeightedMapping has no member 'wieght'"),
        (AccountClaims(), {"nats": {}, "tags": []}, "not both"),
    ],
    ids=lambda value: "" if not isinstance(value, dict) else "-".join(value),
)
def test_replace_takes_no_name_that_is_not_there(claims: Claims, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(TypeError, match=told):
        claims.replace(**changes)


@pytest.mark.parametrize(
    ("claims", "changes", "path"),
    [
        (UserClaims(), {"name": b"svc"}, "$.name"),
        (UserClaims(), {"name": None}, "$.name"),
        (UserClaims(), {"exp": "5"}, "$.exp"),
        (UserClaims(), {"exp": datetime(2023, 11, 14, tzinfo=UTC)}, "$.exp"),
        (UserClaims(), {"exp": 2**63}, "$.exp"),
        (UserClaims(), {"nats": None}, "$.nats"),
        (UserClaims(), {"subs": 5.0}, "$.nats.subs"),
        (UserClaims(), {"subs": True}, "$.nats.subs"),
        (UserClaims(), {"bearer_token": 1}, "$.nats.bearer_token"),
        (UserClaims(), {"tags": 5}, "$.nats.tags"),
        (UserClaims(), {"tags": None}, "$.nats.tags"),
        (UserClaims(), {"tags": {"a": 1}}, "$.nats.tags"),
        (UserClaims(), {"tags": ["a", 5]}, "$.nats.tags[1]"),
        (UserClaims(), {"pub": ["a"]}, "$.nats.pub"),
        (UserClaims(), {"pub": {"allow": ["a", b"b"]}}, "$.nats.pub.allow[1]"),
        (UserClaims(), {"times": [{"start": 5}]}, "$.nats.times[0].start"),
        (AccountClaims(), {"limits": None}, "$.nats.limits"),
        (AccountClaims(), {"limits": {"conn": "5"}}, "$.nats.limits.conn"),
        (AccountClaims(), {"revocations": {"*": "5"}}, "$.nats.revocations[...]"),
        (AccountClaims(), {"revocations": ["*"]}, "$.nats.revocations"),
        (AccountClaims(), {"exports": [{"type": "queue"}]}, "$.nats.exports[0].type"),
        (AccountClaims(), {"exports": [{"service_latency": {"sampling": "50"}}]}, "sampling"),
        (AccountClaims(), {"exports": ["a"]}, "$.nats.exports[0]"),
        (AccountClaims(), {"mappings": {"a": [{"weight": 256}]}}, "weight"),
        (AccountClaims(), {"signing_keys": [5]}, "$.nats.signing_keys[0]"),
        (AccountClaims(), {"trace": "a"}, "$.nats.trace"),
    ],
    ids=lambda value: "" if not isinstance(value, dict) else ascii(value)[1:-1],
)
def test_replace_takes_no_value_of_another_type(claims: Claims, changes: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        claims.replace(**changes)
    (problem,) = caught.value.problems
    assert problem.code == "wrong-type"
    assert path in problem.path


def test_what_was_given_to_replace_may_change_afterwards() -> None:
    tags, revocations, limits = ["a"], {"*": 5}, {"tiered_limits": {"R1": {"streams": 5}}}
    claims = AccountClaims().replace(tags=tags, revocations=revocations, limits=limits)
    before = encode(claims)
    tags.append("b")
    revocations["x"] = 6
    limits["tiered_limits"]["R1"]["streams"] = 7
    limits["tiered_limits"]["R3"] = {}
    assert encode(claims) == before
