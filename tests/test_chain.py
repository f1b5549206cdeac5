"""Operators, accounts and users: what is made, what is loaded, what is let go."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any, cast

import pytest
from chain_parts import Remote, T, code, pair_of

from natscreds import Account, KeyPair, KeyType, Operator, User, tokens
from natscreds.claims import AccountClaims, AccountLimits, OperatorClaims, UserClaims
from natscreds.errors import (
    BadSignatureError,
    CredsError,
    InvalidClaimsError,
    MissingKeyError,
    NkeyError,
    TokenError,
    UntrustedIssuerError,
    WrongKeyTypeError,
)


def entropy() -> Callable[[int], bytes]:
    """Return a source that gives other bytes each time, and the same ones in each test."""
    numbers: Iterator[int] = count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


@pytest.fixture
def operator() -> Operator:
    return Operator.create("acme")


@pytest.fixture
def strict() -> Operator:
    return Operator.create("acme", strict=True)


@pytest.fixture
def account(operator: Operator) -> Account:
    return operator.create_account("orders")


# --- what an operator is made of


def test_an_operator_is_signed_by_its_identity(operator: Operator) -> None:
    assert operator.key is not None
    assert operator.claims.iss == operator.claims.sub == operator.public == operator.key.public
    assert tokens.verify(operator.jwt, OperatorClaims).claims == operator.claims


def test_an_operator_has_one_signing_key_and_a_system_account_named_sys(operator: Operator) -> None:
    assert [key.public for key in operator.signing_keys] == list(operator.claims.nats.signing_keys)
    assert len(operator.signing_keys) == 1
    assert operator.system_account is not None
    assert operator.system_account.name == "SYS"
    assert operator.claims.nats.system_account == operator.system_account.public


def test_an_operators_signers_are_its_signing_keys_and_then_the_identity(operator: Operator) -> None:
    assert operator.signers == (*operator.signing_keys, operator.key)


def test_a_system_account_can_be_left_out() -> None:
    operator = Operator.create("acme", system_account=False)
    assert operator.system_account is None
    assert operator.claims.nats.system_account == ""


def test_an_operator_is_not_strict_unless_asked() -> None:
    assert Operator.create("acme").claims.nats.strict_signing_key_usage is False
    assert Operator.create("acme", strict=True).claims.nats.strict_signing_key_usage is True


@pytest.mark.parametrize("number", [0, 1, 3])
def test_an_operator_has_as_many_signing_keys_as_asked(number: int) -> None:
    operator = Operator.create("acme", signing_keys=number)
    assert len(set(operator.claims.nats.signing_keys)) == len(operator.signing_keys) == number


def test_an_operator_without_signing_key_signs_by_its_identity() -> None:
    operator = Operator.create("acme", signing_keys=0)
    assert operator.create_account("orders").claims.iss == operator.public


@pytest.mark.parametrize(("number", "strict"), [(-1, False), (-1, True), (0, True)])
def test_too_few_signing_keys_are_refused(number: int, strict: bool) -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        Operator.create("acme", signing_keys=number, strict=strict)
    assert code(caught) == "no-signing-key"


@pytest.mark.parametrize("keyword", ["signing_keys", "strict", "system_account", "service_urls", "tags", "key"])
def test_keywords_of_an_operator_have_a_type(keyword: str) -> None:
    keywords: dict[str, Any] = {keyword: 1.5}
    with pytest.raises((TypeError, NkeyError)):
        Operator.create("acme", **keywords)


@pytest.mark.parametrize("number", [True, False, 1.0, "1", None], ids=repr)
def test_signing_keys_are_counted_by_an_int(operator: Operator, number: Any) -> None:  # noqa: ANN401  # wrong types
    with pytest.raises(TypeError, match="signing_keys"):
        Operator.create("acme", signing_keys=number)
    with pytest.raises(TypeError, match="signing_keys"):
        operator.create_account("orders", signing_keys=number)


def test_a_strict_operator_keeps_a_signing_key(operator: Operator) -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        operator.replace(operator.claims.replace(strict_signing_key_usage=True, signing_keys=[]))
    assert code(caught) == "no-signing-key"


def test_an_operators_identity_can_be_given() -> None:
    pair = KeyPair.generate(KeyType.OPERATOR)
    assert Operator.create("acme", key=pair).public == pair.public


def test_an_operators_identity_is_a_pair_of_its_own_type() -> None:
    with pytest.raises(WrongKeyTypeError):
        Operator.create("acme", key=KeyPair.generate(KeyType.ACCOUNT))
    with pytest.raises(MissingKeyError):
        Operator.create("acme", key=cast("Any", KeyPair.generate(KeyType.OPERATOR).public))


def test_the_same_entropy_makes_the_same_operator_byte_for_byte() -> None:
    one, other = (Operator.create("acme", entropy=entropy(), issued_at=T) for _ in range(2))
    assert one.jwt == other.jwt
    assert one.system_account is not None
    assert other.system_account is not None
    assert one.system_account.jwt == other.system_account.jwt
    assert one.create_account("a", entropy=lambda size: b"\7" * size, issued_at=T, signing_keys=1).jwt


def test_service_urls_and_tags_are_written() -> None:
    operator = Operator.create("acme", service_urls=["nats://127.0.0.1:4222"], tags={"env": "test"})
    assert operator.claims.nats.operator_service_urls == ("nats://127.0.0.1:4222",)
    assert operator.claims.nats.tags == ("env:test",)


# --- what an account is made of


def test_an_account_has_an_identity_and_one_plain_signing_key(account: Account) -> None:
    assert account.key is not None
    assert account.key.public == account.public == account.claims.sub
    assert [key.public for key in account.signing_keys] == list(account.claims.plain_signing_keys)
    assert len(account.signing_keys) == 1
    assert account.claims.scopes == ()


def test_every_account_and_sys_first_is_signed_by_a_signing_key(operator: Operator, account: Account) -> None:
    signing = operator.signing_keys[0].public
    assert operator.system_account is not None
    assert account.claims.iss == operator.system_account.claims.iss == signing


def test_an_account_is_unlimited_but_for_jetstream(account: Account) -> None:
    assert account.claims.nats.limits == AccountLimits(
        subs=-1, data=-1, payload=-1, imports=-1, exports=-1, wildcards=True, conn=-1, leaf=-1
    )


def test_jetstream_is_switched_on_without_limits(operator: Operator) -> None:
    limits = operator.create_account("orders", jetstream=True).claims.nats.limits
    assert (limits.mem_storage, limits.disk_storage, limits.streams, limits.consumer) == (-1, -1, -1, -1)


def test_limits_of_an_account_are_changed_one_by_one_or_all_at_once(operator: Operator) -> None:
    some = operator.create_account("orders", limits={"conn": 500}).claims.nats.limits
    assert (some.conn, some.subs, some.wildcards) == (500, -1, True)
    assert operator.create_account("orders", limits=AccountLimits(conn=1)).claims.nats.limits == AccountLimits(conn=1)


def test_an_unheard_limit_is_a_type_error(operator: Operator) -> None:
    with pytest.raises(TypeError, match="connections"):
        operator.create_account("orders", limits={"connections": 1})


@pytest.mark.parametrize("number", [0, 2])
def test_an_account_has_as_many_signing_keys_as_asked(operator: Operator, number: int) -> None:
    account = operator.create_account("orders", signing_keys=number)
    assert len(account.signing_keys) == len(account.claims.nats.signing_keys) == number


def test_less_than_no_signing_key_is_refused(operator: Operator) -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        operator.create_account("orders", signing_keys=-1)
    assert code(caught) == "no-signing-key"


@pytest.mark.parametrize("keyword", ["signing_keys", "jetstream", "description", "tags", "expires_in", "expires_at"])
def test_keywords_of_an_account_have_a_type(operator: Operator, keyword: str) -> None:
    keywords: dict[str, Any] = {keyword: 1.5}
    with pytest.raises((TypeError, InvalidClaimsError)):
        operator.create_account("orders", **keywords)


def test_an_identity_that_is_not_kept_is_gone_and_not_needed(operator: Operator) -> None:
    account = operator.create_account("orders", keep_identity=False)
    assert account.key is None
    assert account.signers == account.signing_keys
    assert operator.reissue(account).create_user("svc-1").claims.account == account.public


def test_an_accounts_identity_can_be_a_pair_or_a_public_key(operator: Operator) -> None:
    pair = KeyPair.generate(KeyType.ACCOUNT)
    assert operator.create_account("orders", key=pair).key == pair
    account = operator.create_account("orders", key=pair.public)
    assert (account.public, account.key) == (pair.public, None)


@pytest.mark.parametrize("kind", [KeyType.USER, KeyType.OPERATOR])
def test_an_accounts_identity_has_its_own_type(operator: Operator, kind: KeyType) -> None:
    pair = KeyPair.generate(kind)
    for key in (pair, pair.public):
        with pytest.raises(WrongKeyTypeError):
            operator.create_account("orders", key=key)


def test_a_seed_is_no_public_key_and_is_not_told(operator: Operator, account: Account) -> None:
    seed = KeyPair.generate(KeyType.USER).seed
    for make in (lambda: account.create_user("svc-1", key=seed), lambda: operator.revoke(account, seed)):
        with pytest.raises(NkeyError) as caught:
            make()
        assert seed not in str(caught.value)
        assert caught.value.__context__ is None


# --- loading


def test_an_operator_is_loaded_with_seeds_pairs_and_signers(operator: Operator) -> None:
    pair = pair_of(operator.signing_keys[0])
    for key in (pair, pair.seed, pair.seed.encode(), Remote(pair)):
        loaded = Operator.load(operator.jwt, [key])
        assert [signer.public for signer in loaded.signing_keys] == [pair.public]
        assert loaded.key is None
        assert loaded.claims == operator.claims
    assert operator.key is not None
    assert Operator.load(operator.jwt, [operator.key.seed]).key == operator.key


def test_an_account_is_loaded_with_all_kinds_of_its_keys(operator: Operator, account: Account) -> None:
    account = operator.add_role(account, "device", publish=["a"])
    loaded = Account.load(account.jwt, [pair_of(key).seed for key in account.signers], operator=operator)
    assert loaded.key == account.key
    assert loaded.signing_keys == account.signing_keys
    assert loaded.roles["device"].key == account.roles["device"].key
    assert loaded.signers == account.signers


def test_a_key_given_twice_is_held_once(account: Account) -> None:
    pair = pair_of(account.signing_keys[0])
    assert Account.load(account.jwt, [pair, pair.seed]).signers == (pair,)


def test_a_key_of_somebody_else_is_refused(operator: Operator, account: Account) -> None:
    with pytest.raises(UntrustedIssuerError):
        Operator.load(operator.jwt, [KeyPair.generate(KeyType.OPERATOR)])
    with pytest.raises(UntrustedIssuerError):
        Account.load(account.jwt, [KeyPair.generate(KeyType.ACCOUNT).seed])


@pytest.mark.parametrize("kind", [KeyType.USER, KeyType.SERVER, KeyType.CLUSTER])
def test_a_key_of_another_type_is_refused(operator: Operator, account: Account, kind: KeyType) -> None:
    pair = KeyPair.generate(kind)
    for key in (pair, pair.seed, Remote(pair)):
        with pytest.raises(WrongKeyTypeError):
            Operator.load(operator.jwt, [key])
        with pytest.raises(WrongKeyTypeError):
            Account.load(account.jwt, [key])


@pytest.mark.parametrize("key", ["SO", "", "\udcff"], ids=ascii)
def test_what_is_no_seed_is_refused(account: Account, key: str) -> None:
    with pytest.raises(NkeyError):
        Account.load(account.jwt, [key])


def test_what_cannot_sign_is_a_type_error(account: Account) -> None:
    for key in (1, None, object(), account):
        with pytest.raises(TypeError):
            Account.load(account.jwt, [cast("Any", key)])


def test_a_token_of_another_kind_is_not_loaded(operator: Operator, account: Account) -> None:
    user = account.create_user("svc-1")
    for text in (account.jwt, user.jwt):
        with pytest.raises(TokenError):
            Operator.load(text)
    for text in (operator.jwt, user.jwt):
        with pytest.raises(TokenError):
            Account.load(text)
    for text in (operator.jwt, account.jwt):
        with pytest.raises(TokenError):
            User.load(text)


def spoiled(jwt: str, other: str) -> str:
    """Return the token with the signature of another."""
    return f"{jwt.rpartition('.')[0]}.{other.rpartition('.')[2]}"


def test_a_signature_that_does_not_hold_is_not_loaded(operator: Operator, account: Account) -> None:
    with pytest.raises(BadSignatureError):
        Operator.load(spoiled(operator.jwt, account.jwt))
    with pytest.raises(BadSignatureError):
        Account.load(spoiled(account.jwt, operator.jwt))
    with pytest.raises(BadSignatureError):
        User.load(spoiled(account.create_user("svc-1").jwt, account.create_user("svc-1").jwt))


def test_an_operator_signed_by_another_operator_is_not_loaded(operator: Operator) -> None:
    text = tokens.sign(operator.claims, KeyPair.generate(KeyType.OPERATOR), issued_at=T)
    with pytest.raises(UntrustedIssuerError):
        Operator.load(text)


def test_an_operator_signed_by_its_own_signing_key_is_loaded(operator: Operator) -> None:
    text = tokens.sign(operator.claims, operator.signing_keys[0], issued_at=T)
    assert Operator.load(text).public == operator.public


def test_an_account_is_loaded_under_its_operator_or_its_operators_text(operator: Operator, account: Account) -> None:
    for given in (operator, operator.jwt):
        assert Account.load(account.jwt, operator=given).public == account.public


def test_an_account_of_another_operator_is_not_loaded(account: Account) -> None:
    with pytest.raises(UntrustedIssuerError):
        Account.load(account.jwt, operator=Operator.create("other"))


def test_a_self_signed_account_is_not_loaded_under_an_operator(operator: Operator, account: Account) -> None:
    assert account.key is not None
    text = tokens.sign(account.claims, account.key, issued_at=T)
    assert Account.load(text).public == account.public
    with pytest.raises(UntrustedIssuerError):
        Account.load(text, operator=operator)


def test_an_account_signed_by_the_identity_is_not_loaded_under_a_strict_operator(operator: Operator) -> None:
    assert operator.key is not None
    account = operator.create_account("orders", signer=operator.key)
    strict = operator.replace(operator.claims.replace(strict_signing_key_usage=True))
    assert Account.load(account.jwt, operator=operator).public == account.public
    with pytest.raises(UntrustedIssuerError):
        Account.load(account.jwt, operator=strict)


def test_the_system_account_of_an_operator_is_checked_when_loaded(operator: Operator, account: Account) -> None:
    assert operator.system_account is not None
    sys = operator.system_account
    for given in (sys, sys.jwt):
        loaded = Operator.load(operator.jwt, system_account=given)
        assert loaded.system_account is not None
        assert loaded.system_account.public == sys.public
    with pytest.raises(UntrustedIssuerError):
        Operator.load(operator.jwt, system_account=account)
    stranger = Operator.create("other").system_account
    assert stranger is not None
    with pytest.raises(UntrustedIssuerError):
        Operator.load(operator.jwt, system_account=stranger)


def test_a_user_is_loaded_with_its_seed_and_no_other(account: Account) -> None:
    user = account.create_user("svc-1", publish=["a"], private_inbox=True)
    loaded = User.load(user.jwt, key=user.seed)
    assert (loaded, loaded.creds.text, loaded.private_inbox) == (user, user.creds.text, True)
    assert User.load(user.jwt).key is None
    with pytest.raises(CredsError):
        User.load(user.jwt, key=KeyPair.generate(KeyType.USER))


# --- what is let go


def test_without_its_identity_an_account_mints_users_by_its_signing_key_only(operator: Operator) -> None:
    account = operator.create_account("orders")
    service = account.without_identity()
    assert (service.key, service.signers) == (None, account.signing_keys)
    assert service.create_user("svc-1").claims.iss == account.signing_keys[0].public
    bare = operator.create_account("orders", signing_keys=0)
    remote = Account.load(bare.jwt, [Remote(pair_of(bare.key))])
    for emptied in (bare.without_identity(), remote.without_identity()):
        assert emptied.signers == ()
        with pytest.raises(MissingKeyError):
            emptied.create_user("svc-1")


def test_without_its_identity_an_operator_signs_accounts_but_not_itself(operator: Operator) -> None:
    service = operator.without_identity()
    assert (service.key, service.signers) == (None, operator.signing_keys)
    assert service.system_account == operator.system_account
    assert service.create_account("orders").claims.iss == operator.signing_keys[0].public
    remote = Operator.load(operator.jwt, [Remote(pair_of(operator.key))]).without_identity()
    assert remote.signers == ()
    for emptied in (service, remote):
        with pytest.raises(MissingKeyError):
            emptied.replace(operator.claims)


def test_a_key_that_an_account_no_longer_lists_is_let_go(operator: Operator, account: Account) -> None:
    gone = account.signing_keys[0]
    account = operator.reissue(account, account.claims.without_signing_key(gone.public))
    assert gone not in account.signers
    assert account.create_user("svc-1").claims.iss == account.public


def test_a_key_that_an_operator_no_longer_lists_is_let_go(operator: Operator) -> None:
    gone = operator.signing_keys[0]
    operator = operator.replace(operator.claims.without_signing_key(gone.public))
    assert gone not in operator.signers
    assert operator.create_account("orders").claims.iss == operator.public
    with pytest.raises(UntrustedIssuerError):
        operator.create_account("orders", signer=gone)


def test_an_operator_without_its_system_account_in_the_claims_lets_it_go(operator: Operator) -> None:
    assert operator.replace(operator.claims.replace(system_account="")).system_account is None
    assert operator.replace(operator.claims.replace(tags=["a"])).system_account == operator.system_account


# --- roles


def test_a_role_is_a_name_a_key_and_a_template(operator: Operator, account: Account) -> None:
    pair = KeyPair.generate(KeyType.ACCOUNT)
    account = operator.add_role(account, "device", publish=["a"], description="things", key=pair)
    role = account.roles["device"]
    assert (role.name, role.public, role.key) == ("device", pair.public, pair)
    assert role.template.pub.allow == ("a",)
    assert account.claims.scopes[0].description == "things"
    assert list(account.roles) == ["device"]


def test_roles_cannot_be_changed_in_place(operator: Operator, account: Account) -> None:
    account = operator.add_role(account, "device", publish=["a"])
    with pytest.raises(TypeError):
        cast("Any", account.roles)["device"] = account.roles["device"]


def test_a_role_name_is_new_in_its_account(operator: Operator, account: Account) -> None:
    account = operator.add_role(account, "device", publish=["a"])
    with pytest.raises(InvalidClaimsError) as caught:
        operator.add_role(account, "device", publish=["b"])
    assert code(caught) == "role-exists"


def test_a_key_in_use_becomes_no_role_and_takes_no_role_away(operator: Operator, account: Account) -> None:
    account = operator.add_role(account, "device", publish=["a"])
    for key in (account.key, account.public, account.signing_keys[0].public, account.roles["device"].public):
        with pytest.raises(InvalidClaimsError) as caught:
            operator.add_role(account, "other", publish=[">"], key=cast("Any", key))
        assert code(caught) == "role-key-in-use"


@pytest.mark.parametrize("name", ["", "\ud800"], ids=ascii)
def test_a_role_has_a_name(operator: Operator, account: Account, name: str) -> None:
    with pytest.raises(InvalidClaimsError):
        operator.add_role(account, name, publish=["a"])


def test_users_of_a_role_say_nothing_themselves(operator: Operator, account: Account) -> None:
    account = operator.add_role(account, "device", publish=["a"], max_subscriptions=5)
    claims = account.create_user("d-1", role="device", tags=["a:b"], expires_in=timedelta(hours=1)).claims
    assert claims.nats == type(claims.nats)(issuer_account=account.public, tags=("a:b",), type="user", version=2)


# --- values


def test_edits_leave_what_they_start_from_alone(operator: Operator, account: Account) -> None:
    before = (account.jwt, account.claims, account.signers, dict(account.roles))
    operator.add_role(account, "device", publish=["a"])
    operator.revoke(account, "*")
    operator.reissue(account, account.claims.replace(limits={"conn": 1}))
    assert (account.jwt, account.claims, account.signers, dict(account.roles)) == before


def test_what_a_token_says_is_what_its_object_says(operator: Operator, account: Account) -> None:
    user = account.create_user("svc-1", publish=["a"])
    assert tokens.verify(account.jwt, AccountClaims).claims == account.claims
    assert tokens.verify(user.jwt, UserClaims).claims == user.claims
    assert tokens.verify(operator.jwt, OperatorClaims).claims == operator.claims


def test_users_are_equal_by_token_and_key(account: Account) -> None:
    user = account.create_user("svc-1")
    assert user == User.load(user.jwt, key=user.seed)
    assert len({user, User.load(user.jwt)}) == 1
    assert user != account.create_user("svc-1")
    assert user != user.jwt
