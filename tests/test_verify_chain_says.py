"""What `verify_chain` lets pass, what it gives back, and where exactly its lines are."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha512
from os import urandom
from typing import Any

import msgspec
import pytest
from chain_parts import T
from chain_scene import NOW, Scene, unsigned, verify
from nacl import bindings

from natscreds import Account, KeyPair, KeyType, Operator, User, tokens, verify_chain
from natscreds.chain import Chain
from natscreds.claims import Permission, encode
from natscreds.envelope import open_token, seal_token
from natscreds.errors import (
    BadSignatureError,
    ExpiredError,
    InvalidClaimsError,
    NatsCredsError,
    NotYetValidError,
    RevokedError,
    TokenError,
    UntrustedIssuerError,
    WrongKeyTypeError,
)
from natscreds.nkeys import format_public

# --- what passes


def test_a_sound_chain_gives_its_claims_and_permissions() -> None:
    scene = Scene()
    chain = scene.verify()
    assert (chain.operator.sub, chain.account.sub) == (scene.identity.public, scene.account_key.public)
    assert chain.user is not None
    assert chain.user.sub == scene.user_key.public
    assert chain.permissions == chain.user.nats
    assert chain.problems == ()


def test_objects_and_texts_are_verified_alike() -> None:
    operator = Operator.create("acme")
    account = operator.create_account("orders")
    user = account.create_user("svc-1", publish=["a"])
    objects = verify_chain(operator=operator, account=account, user=user)
    assert objects == verify_chain(operator=operator.jwt, account=account.jwt, user=user.jwt)


def test_an_objects_token_is_verified_and_not_what_the_object_holds() -> None:
    operator = Operator.create("acme")
    account = operator.create_account("orders")
    user = account.create_user("svc-1", publish=["a"])
    wide = user.claims.replace(pub={"allow": [">"]})
    found = verify_chain(
        operator=operator, account=account, user=User(user.jwt, name="x", public=user.public, claims=wide)
    )
    assert found.user == user.claims
    open_account = Account(account.jwt, account.claims.replace(limits={"conn": 9}), key=None, signers=(), strict=False)
    assert verify_chain(operator=operator, account=open_account).account == account.claims


def test_without_a_user_the_account_alone_is_asked_about() -> None:
    texts = Scene().texts()
    chain = verify_chain(operator=texts["operator"], account=texts["account"], now=NOW)
    assert (chain.user, chain.permissions) == (None, None)
    scene = Scene()
    scene.account = scene.account.replace(exp=NOW - 1)
    texts = scene.texts()
    with pytest.raises(ExpiredError):
        verify_chain(operator=texts["operator"], account=texts["account"], now=NOW)


def test_a_user_is_still_let_in_in_the_second_it_expires_but_not_later() -> None:
    scene = Scene()
    scene.user = scene.user.replace(exp=NOW)
    assert scene.verify(NOW)
    with pytest.raises(ExpiredError):
        scene.verify(NOW + 1)


def test_an_account_is_no_account_in_the_second_it_expires() -> None:
    scene = Scene()
    scene.account = scene.account.replace(exp=NOW)
    assert scene.verify(NOW - 1)
    with pytest.raises(ExpiredError):
        scene.verify(NOW)


def test_validity_begins_with_its_second() -> None:
    scene = Scene()
    scene.user, scene.account = scene.user.replace(nbf=NOW), scene.account.replace(nbf=NOW)
    assert scene.verify(NOW)
    with pytest.raises(NotYetValidError):
        scene.verify(NOW - 1)


def test_an_issue_date_in_the_future_is_no_matter() -> None:
    scene = Scene()
    scene.iat = dict.fromkeys(scene.iat, NOW + 10**6)
    assert scene.verify()


def test_a_token_without_issue_date_is_of_the_year_1970_for_revocations() -> None:
    scene = Scene()
    texts = scene.texts()
    claims = json.loads(encode(tokens.parse(texts["user"]).claims))
    del claims["iat"]
    old = seal_token(json.dumps(claims).encode(), scene.plain)
    assert verify(texts | {"user": old})
    scene.account = scene.account.replace(revocations={scene.user.sub: 1})
    with pytest.raises(RevokedError):
        verify(scene.texts() | {"user": old})


@pytest.mark.parametrize(("until", "passes"), [(T - 1, True), (T, False), (T + 1, False)])
@pytest.mark.parametrize("whom", ["sub", "*"])
def test_a_revocation_counts_for_its_own_second(until: int, passes: bool, whom: str) -> None:
    scene = Scene()
    scene.account = scene.account.replace(revocations={scene.user.sub if whom == "sub" else "*": until})
    if passes:
        assert scene.verify()
    else:
        with pytest.raises(RevokedError):
            scene.verify()


def test_the_revocation_of_another_user_is_no_matter() -> None:
    scene = Scene()
    scene.account = scene.account.replace(revocations={KeyPair.generate(KeyType.USER).public: NOW})
    assert scene.verify()


def test_a_narrow_entry_for_the_user_does_not_hide_that_everybody_is_revoked() -> None:
    scene = Scene()
    scene.account = scene.account.replace(revocations={scene.user.sub: T - 1, "*": T})
    with pytest.raises(RevokedError):
        scene.verify()


def test_the_operators_own_time_is_told_and_not_enforced() -> None:
    scene = Scene()
    scene.operator = scene.operator.replace(exp=NOW - 1, nbf=NOW + 1)
    problems = scene.verify().problems
    assert [(problem.code, problem.severity) for problem in problems] == [
        ("expired", "time"),
        ("not-yet-valid", "time"),
    ]


def test_the_operators_own_time_begins_and_ends_with_its_seconds() -> None:
    scene = Scene()
    scene.operator = scene.operator.replace(exp=NOW, nbf=NOW)
    assert scene.verify().problems == ()


def test_an_operator_signed_by_its_own_signing_key_is_an_anchor() -> None:
    scene = Scene()
    scene.signers["operator"] = scene.operator_key
    assert scene.verify()


def test_an_operator_can_be_pinned() -> None:
    scene = Scene()
    scene.trusted = [KeyPair.generate(KeyType.OPERATOR).public, scene.identity.public]
    assert scene.verify()
    scene.trusted = [scene.operator_key.public]  # the key that signs is not the operator
    with pytest.raises(UntrustedIssuerError):
        scene.verify()
    scene.trusted = []
    with pytest.raises(UntrustedIssuerError):
        scene.verify()


@pytest.mark.parametrize("make", [set, tuple, iter], ids=["set", "tuple", "iterator"])
def test_any_collection_of_keys_pins(make: Callable[[list[str]], Any]) -> None:
    scene = Scene()
    scene.trusted = make([scene.identity.public])
    assert scene.verify()


def test_the_identities_sign_unless_the_operator_is_strict() -> None:
    scene = Scene()
    scene.signers |= {"account": scene.identity, "user": scene.account_key}
    assert scene.verify()
    scene.user = scene.user.replace(issuer_account="")
    assert scene.verify()


def test_under_a_strict_operator_signing_keys_and_roles_sign() -> None:
    scene = Scene()
    scene.strict()
    assert scene.verify()
    scene.under_the_role()
    assert scene.verify()


def test_a_signing_key_without_the_account_named_signs_for_no_account() -> None:
    scene = Scene()
    scene.user = scene.user.replace(issuer_account="")
    with pytest.raises(UntrustedIssuerError, match="belongs to account"):
        scene.verify()


def test_a_signing_key_of_two_accounts_signs_for_the_account_named() -> None:
    scene, other = Scene(), Scene()
    other.account = other.account.replace(signing_keys=[scene.plain.public])
    other.signers["account"] = scene.operator_key
    texts = scene.texts()
    with pytest.raises(UntrustedIssuerError):
        verify(texts | {"account": other.texts()["account"]})


# --- roles


def test_the_permissions_of_a_role_are_given_with_its_template_filled_in() -> None:
    scene = Scene()
    scene.template(
        pub={"allow": ["d.{{name()}}", "u.{{subject()}}", "{{account-subject()}}.{{account-name()}}", "t.{{tag(t)}}"]},
        sub={"deny": ["x.{{tag(t)}}"]},
        subs=5,
    )
    scene.under_the_role()
    scene.user = scene.user.replace(tags=["t:one", "t:two", "other:x"])
    found = scene.verify().permissions
    assert found is not None
    assert found.pub.allow == (
        "d.d-1",
        f"u.{scene.user_key.public}",
        f"{scene.account_key.public}.orders",
        "t.one",
        "t.two",
    )
    assert found.sub.deny == ("x.one", "x.two")
    assert found.subs == 5


def test_an_allow_list_that_comes_to_nothing_allows_nothing() -> None:
    scene = Scene()
    scene.template(pub={"allow": ["t.{{tag(missing)}}"]})
    scene.under_the_role()
    found = scene.verify().permissions
    assert found is not None
    assert found.pub == Permission(deny=(">",))


@pytest.mark.parametrize(
    "own",
    [
        {"pub": {"allow": ["a"]}},
        {"sub": {"deny": ["a"]}},
        {"resp": {"max": 1}},
        {"src": ["10.0.0.0/8"]},
        {"times": [{"start": "08:00:00", "end": "09:00:00"}]},
        {"times_location": "UTC"},
        {"subs": -1},
        {"data": -1},
        {"payload": -1},
        {"bearer_token": True},
        {"proxy_required": True},
        {"allowed_connection_types": ["STANDARD"]},
    ],
    ids=lambda own: next(iter(own)),
)
def test_a_user_of_a_role_says_nothing_itself(own: dict[str, Any]) -> None:
    scene = Scene()
    scene.under_the_role()
    scene.user = scene.user.replace(nats=own, exp=NOW + 1)
    with pytest.raises(InvalidClaimsError, match="role-and-permissions"):
        scene.verify()


def raw_user(scene: Scene, **members: object) -> str:
    """Return a token of the user with members of `nats` as written, by whatever signs users in the scene."""
    claims = json.loads(encode(tokens.parse(scene.texts()["user"]).claims))
    claims["nats"] |= members
    return seal_token(json.dumps(claims).encode(), scene.signers["user"])


@pytest.mark.parametrize(
    ("members", "passes"),
    [
        ({"pub": {}}, True),
        ({"pub": None}, True),
        ({"src": None, "resp": None, "times": None}, True),
        ({"subs": 0, "bearer_token": False, "times_location": ""}, True),
        ({"pub": {"allow": None}}, True),
        ({"pub": {"allow": []}}, False),
        ({"sub": {"deny": []}}, False),
        ({"src": []}, False),
        ({"src": ""}, False),
        ({"times": []}, False),
        ({"allowed_connection_types": []}, False),
    ],
    ids=str,
)
def test_under_a_role_absent_and_null_are_nothing_and_an_empty_list_is_something(
    members: dict[str, object], passes: bool
) -> None:
    scene = Scene()
    scene.under_the_role()
    texts = scene.texts()
    texts["user"] = raw_user(scene, **members)
    if passes:
        assert verify(texts)
    else:
        with pytest.raises(InvalidClaimsError):
            verify(texts)


def test_a_deny_entry_of_a_role_that_does_not_resolve_refuses_the_user() -> None:
    scene = Scene()
    scene.template(pub={"allow": ["a"], "deny": ["{{name()}}.x"]})
    scene.under_the_role()
    assert scene.verify()
    scene.user = scene.user.replace(name="a b")
    with pytest.raises(InvalidClaimsError, match="role-does-not-resolve"):
        scene.verify()


def test_a_role_that_was_taken_away_admits_nobody() -> None:
    scene = Scene()
    scene.under_the_role()
    texts = scene.texts()
    scene.scope = msgspec.structs.replace(scene.scope, key=KeyPair.generate(KeyType.ACCOUNT).public)
    texts["account"] = scene.texts()["account"]
    with pytest.raises(UntrustedIssuerError):
        verify(texts)


# --- bearer and connection types, the effective ones


def test_a_bearer_role_is_disallowed_too() -> None:
    scene = Scene()
    scene.template(bearer_token=True)
    scene.under_the_role()
    scene.user = scene.user.replace(exp=NOW + 1)
    assert scene.verify()
    scene.account = scene.account.replace(limits={"disallow_bearer": True})
    with pytest.raises(InvalidClaimsError, match="bearer-disallowed"):
        scene.verify()


@pytest.mark.parametrize("kinds", [["TELEPATHY", "STANDARD"], ["standard"], ["Mqtt_Ws"]], ids=str)
def test_one_known_connection_type_in_any_letter_case_is_enough(kinds: list[str]) -> None:
    scene = Scene()
    texts = scene.texts()
    texts["user"] = raw_user(scene, allowed_connection_types=kinds)
    assert verify(texts)


def test_a_role_of_unknown_connection_types_admits_nobody() -> None:
    scene = Scene()
    scene.template(allowed_connection_types=["TELEPATHY"])
    scene.under_the_role()
    with pytest.raises(InvalidClaimsError):
        scene.verify()


# --- other texts


@pytest.mark.parametrize("name", ["operator", "account", "user"])
def test_a_token_of_another_kind_does_not_stand_there(name: str) -> None:
    texts = Scene().texts()
    for other in {"operator", "account", "user"} - {name}:
        with pytest.raises(TokenError):
            verify(texts | {name: texts[other]})


@pytest.mark.parametrize("member", ["EXP", "\u017fub", "Nats", "i\u017fs"], ids=ascii)
@pytest.mark.parametrize("name", ["operator", "account", "user"])
def test_a_member_that_servers_read_as_another_is_malformed(name: str, member: str) -> None:
    scene = Scene()
    texts = scene.texts()
    claims = json.loads(encode(tokens.parse(texts[name]).claims))
    claims[member] = 1
    texts[name] = seal_token(json.dumps(claims).encode(), scene.signers[name])
    with pytest.raises(TokenError):
        verify(texts)


@pytest.mark.parametrize("name", ["operator", "account", "user"])
def test_a_text_of_more_than_a_mebibyte_is_malformed(name: str) -> None:
    texts = Scene().texts()
    with pytest.raises(TokenError, match="1048576"):
        verify(texts | {name: "a" * 1_048_577})


def test_a_user_of_version_1_is_verified_over_its_payload_alone() -> None:
    scene = Scene()
    claims = {
        "jti": "x",
        "iat": T,
        "iss": scene.account_key.public,
        "name": "old",
        "sub": scene.user_key.public,
        "type": "user",
        "nats": {"pub": {"allow": ["a"]}, "sub": {}},
    }
    header = urlsafe_b64encode(b'{"typ":"jwt","alg":"ed25519"}').decode().rstrip("=")
    body = urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    texts = scene.texts()
    for signed, passes in ((body, True), (f"{header}.{body}", False)):
        seal = urlsafe_b64encode(scene.account_key.sign(signed.encode())).decode().rstrip("=")
        texts["user"] = f"{header}.{body}.{seal}"
        if passes:
            found = verify(texts)
            assert found.user is not None
            assert found.user.nats.pub.allow == ("a",)
        else:
            with pytest.raises(BadSignatureError):
                verify(texts)


# --- keys that prove nothing

SMALL = bytes(32)


def test_a_user_whose_key_is_a_point_of_small_order_is_refused() -> None:
    scene = Scene()
    claims = json.loads(encode(tokens.parse(scene.texts()["user"]).claims))
    claims["sub"] = format_public(KeyType.USER, SMALL)
    texts = scene.texts()
    texts["user"] = seal_token(json.dumps(claims).encode(), scene.plain)
    with pytest.raises(TokenError):
        verify(texts)


def test_a_user_signed_by_nobody_under_a_key_of_small_order_is_refused() -> None:
    scene = Scene()
    weak = format_public(KeyType.ACCOUNT, SMALL)
    texts = scene.texts()
    claims = json.loads(encode(tokens.parse(texts["user"]).claims))
    claims["iss"] = weak
    texts["user"] = unsigned(seal_token(json.dumps(claims).encode(), scene.plain))
    with pytest.raises(NatsCredsError):
        verify(texts)


def test_a_user_about_a_key_of_another_type_is_refused() -> None:
    scene = Scene()
    texts = scene.texts()
    claims = json.loads(encode(tokens.parse(texts["user"]).claims))
    claims["sub"] = scene.account_key.public
    texts["user"] = seal_token(json.dumps(claims).encode(), scene.plain)
    with pytest.raises(WrongKeyTypeError):
        verify(texts)


class MixedOrder:
    """A key that is a sound one plus a point of order 8. Its signatures hold, for libsodium and for servers."""

    def __init__(self, kind: KeyType) -> None:
        self._scalar = bindings.crypto_core_ed25519_scalar_reduce(urandom(64))
        torsion = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
        sound = bindings.crypto_scalarmult_ed25519_base_noclamp(self._scalar)
        self.raw = bindings.crypto_core_ed25519_add(sound, torsion)
        self.public = format_public(kind, self.raw)

    def sign(self, data: bytes, /) -> bytes:
        while True:
            nonce = bindings.crypto_core_ed25519_scalar_reduce(urandom(64))
            point = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce)
            challenge = bindings.crypto_core_ed25519_scalar_reduce(sha512(point + self.raw + data).digest())
            if challenge[0] % 8 == 0:  # then the point of order 8 is multiplied away
                product = bindings.crypto_core_ed25519_scalar_mul(challenge, self._scalar)
                return point + bytes(bindings.crypto_core_ed25519_scalar_add(nonce, product))


def signed_by(weak: MixedOrder, text: str) -> str:
    """Return the claims of a token, as they are, signed by *weak*; `tokens.sign` would not."""
    claims = json.loads(encode(tokens.parse(text).claims))
    claims["iss"] = weak.public
    sealed = seal_token(json.dumps(claims).encode(), weak)
    envelope = open_token(sealed)
    bindings.crypto_sign_open(envelope.signature + envelope.signed(2), weak.raw)  # it holds
    return sealed


def test_users_of_a_key_that_is_no_sound_point_are_refused_although_the_signature_holds() -> None:
    scene, weak = Scene(), MixedOrder(KeyType.ACCOUNT)
    scene.account = scene.account.replace(signing_keys=[weak.public])
    texts = scene.texts()
    with pytest.raises(TokenError, match="prime-order"):
        verify(texts | {"user": signed_by(weak, texts["user"])})


@pytest.mark.parametrize("which", ["operator", "account"])
def test_an_operators_key_that_is_no_sound_point_is_refused_although_the_signature_holds(which: str) -> None:
    scene, weak = Scene(), MixedOrder(KeyType.OPERATOR)
    scene.operator = scene.operator.replace(signing_keys=[weak.public, scene.operator_key.public])
    texts = scene.texts()
    with pytest.raises(TokenError, match="prime-order"):
        verify(texts | {which: signed_by(weak, texts[which])})


@pytest.mark.parametrize("members", [{"pub": {"allow": []}}, {"sub": {"deny": []}, "src": [], "times": []}], ids=str)
def test_an_empty_list_of_a_user_is_no_list_as_servers_read_it(members: dict[str, object]) -> None:
    scene = Scene()
    found = verify(scene.texts() | {"user": raw_user(scene, **members)}).permissions
    assert found is not None
    assert (found.src, found.times) == (None, None)
    assert () not in (found.pub.allow, found.pub.deny, found.sub.allow, found.sub.deny)


# --- the moment


def test_without_a_moment_the_clock_is_asked() -> None:
    scene = Scene()
    scene.user = scene.user.replace(exp=T + 1)
    texts = scene.texts()
    with pytest.raises(ExpiredError):
        verify(texts, now=None)
    scene.user = scene.user.replace(exp=9_999_999_999)
    assert verify(scene.texts(), now=None)


def test_a_moment_is_seconds_or_an_aware_datetime() -> None:
    texts = Scene().texts()
    assert verify(texts, now=datetime.fromtimestamp(NOW, UTC))
    with pytest.raises(ValueError, match="naive"):
        verify(texts, now=datetime.fromtimestamp(NOW))  # the naive one is the point
    for moment in (0, -1, NOW * 1000):
        with pytest.raises(ValueError, match="now lies between"):
            verify(texts, now=moment)
    with pytest.raises(TypeError):
        verify(texts, now=True)


def test_what_is_verified_is_never_a_bool() -> None:
    assert isinstance(Scene().verify(), Chain)
