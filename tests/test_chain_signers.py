"""Who signs whom: which key, of those held, for which token."""

import time

import pytest
from chain_parts import Remote, T, code, pair_of

from natscreds import Account, KeyPair, KeyType, Operator, UserTemplate, issue_users, tokens
from natscreds.chain.account import digest
from natscreds.errors import (
    BadSignatureError,
    InvalidClaimsError,
    MissingKeyError,
    UntrustedIssuerError,
    WrongKeyTypeError,
)


@pytest.fixture
def operator() -> Operator:
    return Operator.create("acme")


@pytest.fixture
def strict() -> Operator:
    return Operator.create("acme", strict=True)


@pytest.fixture
def account(operator: Operator) -> Account:
    return operator.create_account("orders")


# --- whose key signs users


def test_users_are_signed_by_the_first_plain_signing_key_in_the_name_of_the_account(account: Account) -> None:
    user = account.create_user("svc-1")
    assert user.claims.iss == account.signing_keys[0].public
    assert user.claims.nats.issuer_account == account.public


def test_the_first_signing_key_is_the_first_in_the_token_whatever_order_they_were_given_in(operator: Operator) -> None:
    made = operator.create_account("orders", signing_keys=3)
    seeds = [pair_of(key).seed for key in made.signing_keys]
    account = Account.load(made.jwt, reversed(seeds))
    assert [key.public for key in account.signing_keys] == list(account.claims.plain_signing_keys)
    assert account.create_user("svc-1").claims.iss == account.claims.plain_signing_keys[0]


def test_without_a_signing_key_the_identity_signs_in_its_own_name(operator: Operator) -> None:
    account = operator.create_account("orders", signing_keys=0)
    user = account.create_user("svc-1")
    assert user.claims.iss == user.claims.account == account.public
    assert user.claims.nats.issuer_account == ""


def test_the_identity_signs_only_if_no_plain_signing_key_is_held(account: Account) -> None:
    assert account.key is not None
    alone = Account.load(account.jwt, [account.key])
    assert alone.create_user("svc-1").claims.iss == account.public
    both = Account.load(account.jwt, [account.key, *account.signing_keys])
    assert both.create_user("svc-1").claims.iss == account.signing_keys[0].public


def test_under_a_strict_operator_the_identity_signs_nothing(strict: Operator) -> None:
    account = strict.create_account("orders", signing_keys=0)
    with pytest.raises(MissingKeyError, match="strict"):
        account.create_user("svc-1")
    assert account.key is not None
    loaded = Account.load(account.jwt, [account.key], operator=strict.jwt)
    with pytest.raises(MissingKeyError, match="strict"):
        loaded.create_user("svc-1")
    with pytest.raises(UntrustedIssuerError, match="strict"):
        loaded.create_user("svc-1", signer=account.key)


def test_strictness_is_learnt_when_the_account_is_signed_again(operator: Operator) -> None:
    account = operator.create_account("orders", signing_keys=0)
    strict = operator.replace(operator.claims.replace(strict_signing_key_usage=True))
    with pytest.raises(MissingKeyError, match="strict"):
        strict.reissue(account).create_user("svc-1")


def test_a_role_key_never_signs_without_its_role(operator: Operator, account: Account) -> None:
    account = operator.add_role(account, "device", publish=["a"])
    role = account.roles["device"].key
    assert role is not None
    alone = Account.load(account.jwt, [role])
    for make in (
        lambda: alone.create_user("svc-1"),
        lambda: alone.create_user("svc-1", publish=["a"]),
        lambda: alone.reissue(account.create_user("svc-1")),
        lambda: issue_users(alone, ["svc-1"], UserTemplate()),
    ):
        with pytest.raises(MissingKeyError):
            make()
    with pytest.raises(InvalidClaimsError) as caught:
        account.create_user("svc-1", signer=role)
    assert code(caught) == "signer-is-a-role"
    with pytest.raises(InvalidClaimsError, match="signer-is-a-role"):
        issue_users(account, ["svc-1"], UserTemplate(), signer=role)


def test_an_identity_that_is_a_role_signs_nothing_without_the_role(operator: Operator, account: Account) -> None:
    scope = operator.add_role(account, "device", publish=["a"]).claims.scopes[0]
    claims = account.claims.replace(signing_keys=[type(scope)(key=account.public, role="device")])
    text = tokens.sign(claims, operator.signing_keys[0], issued_at=T, check=False)
    assert account.key is not None
    with pytest.raises(MissingKeyError):
        Account.load(text, [account.key]).create_user("svc-1")


def test_with_a_role_its_key_signs(operator: Operator, account: Account) -> None:
    account = operator.add_role(account, "device", publish=["a"])
    role = account.roles["device"]
    user = account.create_user("svc-1", role="device")
    assert (user.claims.iss, user.claims.nats.issuer_account) == (role.public, account.public)
    assert account.create_user("svc-1", role=role.public).claims.iss == role.public
    assert account.create_user("svc-1").claims.iss == account.signing_keys[0].public


def test_with_a_role_no_other_key_signs(operator: Operator, account: Account) -> None:
    account = operator.add_role(account, "device", publish=["a"])
    account = operator.add_role(account, "other", publish=["b"])
    for signer in (account.signing_keys[0], account.key, account.roles["other"].key):
        assert signer is not None
        with pytest.raises(InvalidClaimsError) as caught:
            account.create_user("svc-1", role="device", signer=signer)
        assert code(caught) == "signer-and-role"
    role = account.roles["device"].key
    assert role is not None
    assert account.create_user("svc-1", role="device", signer=role).claims.iss == role.public


def test_a_role_whose_key_is_not_held_signs_nothing(operator: Operator, account: Account) -> None:
    made = operator.add_role(account, "device", publish=["a"])
    loaded = Account.load(made.jwt, [*account.signers])
    assert loaded.roles["device"].key is None
    with pytest.raises(MissingKeyError, match="device"):
        loaded.create_user("svc-1", role="device")


@pytest.mark.parametrize("role", ["nobody", "Device", "device ", "A" * 56])
def test_an_unheard_role_is_refused(operator: Operator, account: Account, role: str) -> None:
    account = operator.add_role(account, "device", publish=["a"])
    with pytest.raises(InvalidClaimsError) as caught:
        account.create_user("svc-1", role=role)
    assert code(caught) == "role-unknown"


def test_of_two_roles_with_one_name_each_is_asked_for_by_its_key(operator: Operator, account: Account) -> None:
    one = operator.add_role(account, "device", publish=["a"])
    two = operator.add_role(account, "device", publish=["b"])
    keys = [*one.claims.nats.signing_keys, *two.claims.scopes]
    text = tokens.sign(account.claims.replace(signing_keys=keys), operator.signing_keys[0], issued_at=T, check=False)
    both = Account.load(text, [*one.signers, *two.signers])
    with pytest.raises(InvalidClaimsError, match="more than one"):
        both.create_user("svc-1", role="device")
    assert both.create_user("svc-1", role=two.claims.scopes[0].key).claims.iss == two.claims.scopes[0].key


def test_no_key_signs_nothing(operator: Operator, account: Account) -> None:
    with pytest.raises(MissingKeyError):
        Account.load(account.jwt).create_user("svc-1")
    bare = Operator.load(operator.jwt)
    for make in (
        lambda: bare.create_account("orders"),
        lambda: bare.reissue(account),
        lambda: bare.add_role(account, "device"),
        lambda: bare.revoke(account, "*"),
        lambda: bare.adopt(account.jwt),
        lambda: bare.replace(bare.claims),
    ):
        with pytest.raises(MissingKeyError):
            make()


def test_a_strangers_key_signs_nothing(operator: Operator, account: Account) -> None:
    with pytest.raises(UntrustedIssuerError):
        account.create_user("svc-1", signer=KeyPair.generate(KeyType.ACCOUNT))
    with pytest.raises(UntrustedIssuerError):
        operator.create_account("orders", signer=KeyPair.generate(KeyType.OPERATOR))
    with pytest.raises(WrongKeyTypeError):
        account.create_user("svc-1", signer=operator.signing_keys[0])


def test_a_signer_can_be_named(operator: Operator) -> None:
    account = operator.create_account("orders", signing_keys=2)
    second = account.signing_keys[1]
    assert account.create_user("svc-1", signer=second).claims.iss == second.public
    assert account.create_user("svc-1", signer=pair_of(second).seed).claims.iss == second.public
    assert account.key is not None
    identity = account.create_user("svc-1", signer=account.key).claims
    assert (identity.iss, identity.nats.issuer_account) == (account.public, "")
    assert operator.key is not None
    assert operator.create_account("orders", signer=operator.key).claims.iss == operator.public


def test_a_strict_operators_identity_signs_no_account_even_if_named(strict: Operator) -> None:
    assert strict.key is not None
    with pytest.raises(UntrustedIssuerError):
        strict.create_account("orders", signer=strict.key)
    alone = Operator.load(strict.jwt, [strict.key])
    with pytest.raises(MissingKeyError, match="strict"):
        alone.create_account("orders")


def test_keys_that_live_elsewhere_sign_everything(operator: Operator, account: Account) -> None:
    account = operator.add_role(account, "device", publish=["a"])
    identity, signing = (Remote(pair_of(key)) for key in (operator.key, operator.signing_keys[0]))
    remote = Operator.load(operator.jwt, [identity, signing])
    assert remote.key is None
    assert remote.replace(remote.claims.replace(tags=["a"])).claims.nats.tags == ("a",)
    assert remote.reissue(account).claims.iss == signing.public
    assert (identity.signed, signing.signed) == (1, 1)
    plain, role = (Remote(pair_of(key)) for key in (account.signing_keys[0], account.roles["device"].key))
    loaded = Account.load(account.jwt, [plain, role])
    assert loaded.create_user("svc-1").claims.iss == plain.public
    assert loaded.create_user("svc-1", role="device").claims.iss == role.public
    assert [user.claims.iss for user in issue_users(loaded, ["a", "b"], UserTemplate())] == [plain.public] * 2
    assert (plain.signed, role.signed) == (3, 1)


def test_an_identity_that_lives_elsewhere_signs_where_identities_do(operator: Operator) -> None:
    account = operator.create_account("orders", signing_keys=0)
    remote = Remote(pair_of(account.key))
    loaded = Account.load(account.jwt, [remote])
    assert (loaded.key, loaded.signers) == (None, (remote,))
    assert loaded.create_user("svc-1").claims.iss == account.public


def test_a_signer_whose_signature_does_not_hold_is_found_out(account: Account) -> None:
    class Broken(Remote):
        def sign(self, data: bytes, /) -> bytes:
            return super().sign(data + b"!")

    with pytest.raises(BadSignatureError):
        Account.load(account.jwt, [Broken(pair_of(account.signing_keys[0]))]).create_user("svc-1")


def test_a_changed_account_knows_what_it_was_made_from() -> None:
    operator = Operator.create("acme")
    first = operator.create_account("orders")
    second = operator.add_role(first, "device", publish=["a"])
    third = operator.revoke(second, "*").without_identity()
    assert first.earlier == ()
    listed = frozenset(first.claims.plain_signing_keys)
    role = second.roles["device"].public
    assert third.earlier == ((digest(first.jwt), listed), (digest(second.jwt), listed | {role}))
    assert Account.load(third.jwt).earlier == ()


def test_of_many_changes_the_last_are_known() -> None:
    operator = Operator.create("acme")
    second = int(time.time()) - 1_000
    accounts = [operator.create_account("orders", issued_at=second)]
    for number in range(1, 70):
        accounts.append(operator.reissue(accounts[-1], issued_at=second + number))
    assert [name for name, _ in accounts[-1].earlier] == [digest(account.jwt) for account in accounts[-65:-1]]
