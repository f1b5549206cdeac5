"""What this version does not know survives reading, editing and signing, at every depth and to the last character."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec
import property_profiles  # noqa: F401  # chooses the profile
import pytest
from claims_by_type import models, texts
from hypothesis import given
from hypothesis import strategies as st
from token_forge import ACCOUNT, KINDS, OPERATOR, SIGNERS, USER, key, payload_of, seal
from token_vectors import MORE, REFERENCE, ROWS, Vector, each

from natscreds import tokens
from natscreds.claims import (
    AccountClaims,
    Claims,
    Export,
    Import,
    Model,
    OperatorClaims,
    Scope,
    Template,
    Unknown,
    UserClaims,
    decode,
    encode,
)
from natscreds.claims._json import reread
from natscreds.errors import InvalidClaimsError
from natscreds.nkeys import KeyType

every_kind = pytest.mark.parametrize("kind", list(KINDS))

# A document as text whose objects can be told apart, with each number as it is spelt.


class Number(str):
    """A number by its characters."""

    __slots__ = ()


class Members(list[tuple[str, Any]]):
    """An object: its members in their order."""


def read(text: str | bytes) -> Any:  # noqa: ANN401  # any JSON
    return json.loads(text, object_pairs_hook=Members, parse_int=Number, parse_float=Number)


def write(value: Any) -> str:  # noqa: ANN401  # any JSON
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, Number):
        return value
    if isinstance(value, Members):
        return "{" + ",".join(f"{json.dumps(name)}:{write(item)}" for name, item in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


class Raw(NamedTuple):
    """JSON text that is put in as it is."""

    text: str


MAPS = {"revocations", "mappings", "tiered_limits"}
"""Members whose names are data."""


def objects(value: Any, name: str = "") -> Iterator[Members]:  # noqa: ANN401  # any JSON
    """Yield every object of a document that is one of a model."""
    if isinstance(value, Members):
        if name not in MAPS:
            yield value
        for inner, item in value:
            yield from objects(item, inner if name not in MAPS else "")
    elif isinstance(value, list):
        for item in value:
            yield from objects(item)


def found(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[tuple[str, ...], Any]]]:  # noqa: ANN401
    """Yield the members that were put in: their name, and where they are and what they say."""
    if isinstance(value, Members):
        for name, item in value:
            if name.startswith(MARK):
                yield name, (path, item)
            else:
                yield from found(item, (*path, name))
    elif isinstance(value, list):
        for item in value:
            yield from found(item, path)


MARK = "new-"
SPELT = [
    "0",
    "-0",
    "-0.0",
    "1.0",
    "1.50",
    "1E5",
    "1e+5",
    "1e-7",
    "0.1e1",
    "1e308",
    "5e-324",
    "18446744073709551616",
    "-9223372036854775809",
    "123456789012345678901234567890",
    "3.141592653589793238462643383279",
]
numbers = st.sampled_from([*SPELT, "9" * 300]) | st.integers().map(str)
strings = (
    texts.map(json.dumps)
    | texts.map(lambda text: json.dumps(text, ensure_ascii=False))
    | st.sampled_from(
        [r'"\u003c\/\u0041\n"', '"<>&\u2028\u2029"', r'"\ud83d\ude00"', '"\U0001f600"', '"{[\\"]}"', '"\x7f"']
    )
)
plain = st.sampled_from(["null", "true", "false", "{}", "[]", "[ ]", '{ "a" : 1.0 }', '[null,{"a":null}]'])


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lists = st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
    members = st.dictionaries(texts.map(json.dumps), inner, max_size=3)
    return lists | members.map(lambda items: f"{{{','.join(f'{name}: {item}' for name, item in items.items())}}}")


values = st.recursive(plain | numbers | strings, nested, max_leaves=6)
"""JSON text of any value, oddly spelt."""

BASES = {
    kind: [row.payload_json for row in REFERENCE if row.claim_type == kind]
    + [payload_of(row.token).decode() for row in MORE if row.kind == kind][:25]
    for kind in KINDS
}


@st.composite
def injected(draw: st.DrawFn, kind: str) -> str:
    """Draw a document of the reference with new members put into some of its objects, wherever they lie."""
    document = read(draw(st.sampled_from(BASES[kind])))
    places = list(objects(document))
    for count, place in enumerate(draw(st.lists(st.sampled_from(range(len(places))), min_size=1, max_size=8))):
        name = f"{MARK}{count}{draw(texts)}"
        at = draw(st.integers(0, len(places[place])))
        places[place].insert(at, (name, Raw(draw(values))))
    return write(document)


# Edits that leave every object where it is.

Edit = Callable[[Any], Claims]
OTHER = key(KeyType.ACCOUNT, "other").public


def edit_scopes(claims: AccountClaims) -> AccountClaims:
    for scope in claims.scopes:
        claims = claims.with_signing_key(scope.with_template(subs=7, pub={"allow": ["x"]}))
    return claims


def edit_exports(claims: AccountClaims) -> AccountClaims:
    changed = [export.revoke("*", at=9).revoke(OTHER, at=3).unrevoke(OTHER) for export in claims.nats.exports]
    return claims.replace(exports=changed).with_export(Export(subject="zz.new", type="stream"))


EDITS: dict[str, dict[str, Edit]] = {
    "operator": {
        "nothing": lambda claims: claims,
        "replace": lambda claims: claims.replace(name="x", exp=5, tags=["b"], strict_signing_key_usage=True),
        "a signing key": lambda claims: claims.with_signing_key(OPERATOR.public).without_signing_key(OTHER),
        "nats": lambda claims: claims.replace(nats={"account_server_url": "http://x"}),
    },
    "account": {
        "nothing": lambda claims: claims,
        "replace": lambda claims: claims.replace(name="x", tags=["b"], description="d", trace={"sampling": 5}),
        "limits": lambda claims: claims.replace(limits={"conn": 5}, authorization={"xkey": "x"}),
        "permissions": lambda claims: claims.replace(default_permissions={"pub": {"deny": ["x"]}, "resp": {"max": 5}}),
        "revoke": lambda claims: claims.revoke("*", at=5).revoke(USER.public, at=6).unrevoke(USER.public).compact(),
        "a signing key": lambda claims: claims.with_signing_key(OTHER).without_signing_key(OPERATOR.public),
        "roles": edit_scopes,
        "exports": edit_exports,
        "an import": lambda claims: claims.with_import(Import(subject="zz", account=OTHER, type="stream")),
        "a mapping": lambda claims: claims.with_mapping("zz", "a").without_mapping("yy"),
    },
    "user": {
        "nothing": lambda claims: claims,
        "replace": lambda claims: claims.replace(name="x", exp=5, tags=["b"], subs=7, bearer_token=True),
        "permissions": lambda claims: claims.replace(nats={"pub": {"allow": ["x"]}, "sub": {"deny": ["y"]}}),
        "answers": lambda claims: claims.replace(resp={"max": 5}, src=["10.0.0.0/8"]),
    },
}
edits = pytest.mark.parametrize(
    ("kind", "edit"),
    [pytest.param(kind, edit, id=f"{kind}-{name}") for kind, named in EDITS.items() for name, edit in named.items()],
)


@edits
@given(data=st.data())
def test_new_members_survive_parse_edit_sign_and_parse(
    kind: str, edit: Callable[[Any], Claims], data: st.DataObject
) -> None:
    text = data.draw(injected(kind))
    signer = SIGNERS[kind]
    claims = tokens.parse(seal(text, signer), KINDS[kind]).claims
    again = tokens.sign(edit(claims), signer, issued_at=1_700_000_000, check=False)
    before, after = list(found(read(text))), list(found(read(payload_of(again))))
    assert len(before) >= 1
    assert sorted(after) == sorted(before)
    # And once more, now that it was written here.
    signed = tokens.verify(again, KINDS[kind]).claims
    assert tokens.sign(signed, signer, issued_at=1_700_000_000, check=False) == again


@every_kind
@given(data=st.data())
def test_new_members_change_nothing_else(kind: str, data: st.DataObject) -> None:
    text = data.draw(injected(kind))
    claims = decode(text.encode(), KINDS[kind])
    plain = decode(without_new(read(text)).encode(), KINDS[kind])
    assert without_unknown(claims) == plain
    assert claims != plain
    assert decode(encode(claims), KINDS[kind]) == claims


def without_new(value: Any) -> str:  # noqa: ANN401  # any JSON
    def strip(value: Any) -> Any:  # noqa: ANN401  # any JSON
        if isinstance(value, Members):
            return Members((name, strip(item)) for name, item in value if not name.startswith(MARK))
        return [strip(item) for item in value] if isinstance(value, list) else value

    return write(strip(value))


def without_unknown(value: Any) -> Any:  # noqa: ANN401  # claims, or a part of them
    if isinstance(value, Model):
        parts = {name: without_unknown(getattr(value, name)) for name in value.__struct_fields__}
        return type(value)(**parts | {"unknown": msgspec.UNSET})
    if isinstance(value, tuple):
        return tuple(map(without_unknown, value))
    return {name: without_unknown(item) for name, item in value.items()} if isinstance(value, dict) else value


@given(value=values)
def test_an_export_takes_its_new_members_to_another_account(value: str) -> None:
    members = f'"subject":"a","type":"service","new-1":{value},"service_latency":{{"new-2":{value}}}'
    base = f'{{"nats":{{"exports":[{{{members}}}]}}}}'
    (export,) = decode(base.encode(), AccountClaims).nats.exports
    other = AccountClaims(name="other").with_export(export)
    assert sorted(found(read(encode(other)))) == sorted(found(read(base)))


def test_an_edit_that_takes_an_object_away_takes_its_new_members_along() -> None:
    text = '{"nats":{"new-1":1,"exports":[{"subject":"a","new-2":2},{"subject":"b","new-3":3}],"trace":{"new-4":4}}}'
    claims = decode(text.encode(), AccountClaims).without_export("a").replace(trace=None)
    assert {name for name, _ in found(read(encode(claims)))} == {"new-1", "new-3"}


def test_claims_are_signed_with_new_members_under_every_rule() -> None:
    text = f'{{"iss":"{ACCOUNT.public}","sub":"{USER.public}","exp":4102444800,"new-1":1.50,"nats":{{'
    text += '"pub":{"allow":["a"],"new-2":null},"sub":{"allow":["a"]},"subs":-1,"data":-1,"payload":-1,'
    text += '"type":"user","version":2}}'
    claims = tokens.verify(seal(text, ACCOUNT), UserClaims).claims
    assert [problem for problem in claims.check() if problem.severity == "error"] == []
    again = tokens.sign(claims.replace(tags=["a"]), ACCOUNT, issued_at=1_700_000_000)
    assert b'"new-1":1.50' in payload_of(again)
    assert b'"new-2":null' in payload_of(again)


def test_new_members_do_not_count_in_the_token_id() -> None:
    claims = decode(b'{"name":"a","new-1":1,"nats":{"new-2":2}}', UserClaims)
    assert tokens.token_id(claims) == tokens.token_id(UserClaims(name="a"))


# Unknown, as a value.


def test_unknown_members_are_compared_by_name_and_text() -> None:
    one, same, spelt, named = (
        decode(text, UserClaims) for text in (b'{"new":1.0}', b'{"new":1.0}', b'{"new":1.00}', b'{"new-1":1.0}')
    )
    assert one == same
    assert one not in (spelt, named, UserClaims())
    with pytest.raises(TypeError):
        hash(one)


def test_a_repr_names_new_members() -> None:
    assert "new" in repr(decode(b'{"new":1}', UserClaims))
    assert repr(decode(b'{"b":1,"a":2}', UserClaims).unknown) == "Unknown(['a', 'b'])"


MADE_UP = {
    "one that reads as another": {"EXP": b"1"},
    "one that is known": {"exp": b"1"},
    "one that is written": {"sub": b'"x"'},
    "the hidden one": {"natscreds:unknown": b"1"},
    "the other version's": {"type": b'"user"'},
    "no JSON": {"new": b"}{"},
    "two values": {"new": b'1,"exp":2'},
    "a lone surrogate": {"new": rb'"\ud800"'},
    "a name with one": {"\ud800": b"1"},
    "too deep": {"new": b"[" * 64 + b"]" * 64},
    "twice inside": {"new": b'{"a":1,"a":2}'},
}


@pytest.mark.parametrize("members", MADE_UP.values(), ids=MADE_UP.keys())
@pytest.mark.parametrize("place", ["top", "nats"])
def test_made_up_members_that_would_not_read_back_are_not_signed(members: dict[str, bytes], place: str) -> None:
    if place == "nats" and "type" in members:
        members = {"type": b'"account"'}
    if place == "nats" and members.keys() & {"exp", "EXP"}:
        members = {name.replace("EXP", "DATA").replace("exp", "data"): text for name, text in members.items()}
    unknown = Unknown({name: msgspec.Raw(text) for name, text in members.items()})
    claims = UserClaims(sub=USER.public)
    if place == "top":
        claims = msgspec.structs.replace(claims, unknown=unknown)
    else:
        claims = msgspec.structs.replace(claims, nats=msgspec.structs.replace(claims.nats, unknown=unknown))
    with pytest.raises(InvalidClaimsError):
        tokens.sign(claims, ACCOUNT, issued_at=5, check=False)


# The careful reading and the fast one agree.


@every_kind
def test_both_readings_agree_on_every_token_of_the_reference(kind: str) -> None:
    payloads = [base.encode() for base in BASES[kind]]
    payloads += [payload_of(row.token) for row in MORE if row.kind == kind]
    for payload in payloads:
        claims = decode(payload, KINDS[kind])
        assert reread(payload, KINDS[kind]) == claims
        assert claims.unknown is msgspec.UNSET


@each(row for row in ROWS if row.verify == "ok")
def test_both_readings_agree_on_every_sound_vector(row: Vector) -> None:
    kind = KINDS[row.reads]
    payload = payload_of(row.token)
    assert reread(payload, kind) == decode(payload, kind)
    written = encode(decode(payload, kind))
    assert reread(written, kind) == decode(written, kind) == decode(payload, kind)


@pytest.mark.parametrize("model", [OperatorClaims, AccountClaims, UserClaims, Scope, Template, Export, Import])
@given(data=st.data())
def test_both_readings_agree_on_any_claims(model: type[Model], data: st.DataObject) -> None:
    value = data.draw(models(model))
    written = encode(value)
    assert decode(written, model) == value
    assert reread(written, model) == value
    assert encode(reread(written, model)) == written
