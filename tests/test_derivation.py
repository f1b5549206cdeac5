"""Keys derived from one secret, exactly as the page that other languages follow says."""

import hashlib
import hmac
import pickle
from typing import Any

import property_profiles  # noqa: F401  # sets how long properties search
import pytest
from chain_parts import code
from hypothesis import given
from hypothesis import strategies as st

from natscreds import AccountTemplate, KeyPair, KeyType, Operator, UserTemplate, issue_accounts, issue_users
from natscreds.bulk import new_secret
from natscreds.bulk._derive import Derivation
from natscreds.errors import InvalidClaimsError, RevokedError

SECRET = bytes(range(32))
ACCOUNT_KEY = "ABLC3R27ZUR4J3RCPWJIFZFAHQ7GQXXKKXVILZ37ADLULOYQBKKRE3F5"
OPERATOR = Operator.create("acme")
ACCOUNT = OPERATOR.create_account("orders")
TEMPLATE = UserTemplate(publish=["devices.{name}.>"])


def by_hand(secret: bytes, level: str, issuer: str, purpose: str, generation: int, name: str) -> bytes:
    """Derive a seed with nothing but HMAC, as the page tells it."""

    def mac(key: bytes, data: bytes) -> bytes:
        return hmac.new(key, data, hashlib.sha256).digest()

    prk = mac(b"natscreds seed v1", secret)
    issuers = mac(prk, level.encode() + b"\0" + issuer.encode() + b"\1")
    return mac(issuers, purpose.encode() + b"\0" + generation.to_bytes(8, "big") + name.encode() + b"\1")


@pytest.mark.parametrize(
    ("generation", "public"),
    [
        (0, "UCOPP6QPV7XFNAQOOPZ25G56JBAJEPNFOAS3VR7ZKVKRBIVWWTXNH62M"),
        (1, "UAEVH6EMI2QGA5BYKOKNU4GTTYMRDG7CYOIXXACKVHLZIELP7K6PU5ZH"),
    ],
)
def test_the_vectors_hold(generation: int, public: str) -> None:
    derivation = Derivation(SECRET, "account", ACCOUNT_KEY, {"d-17": generation})
    assert KeyPair(KeyType.USER, derivation.seed("d-17")).public == public


@given(
    st.binary(min_size=32, max_size=1024).filter(lambda secret: len(set(secret)) > 1),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.integers(0, 2**64 - 1),
    st.sampled_from(["user", "account", "account-signing-key", "xkey"]),
)
def test_a_seed_is_what_anybody_derives_by_hand(secret: bytes, name: str, generation: int, purpose: str) -> None:
    level = "account" if purpose == "user" else "operator"
    derivation = Derivation(secret, level, ACCOUNT_KEY, {name: generation})
    assert derivation.seed(name, purpose) == by_hand(secret, level, ACCOUNT_KEY, purpose, generation, name)
    assert derivation.generation(name) == generation


def test_a_run_gives_the_key_of_the_name_and_nothing_else_matters() -> None:
    account = OPERATOR.add_role(ACCOUNT, "device", publish=["a"])
    one = issue_users(ACCOUNT, ["a", "b"], TEMPLATE, derive_from=SECRET)
    other = issue_users(
        account, ["b", "c", "a"], UserTemplate(role="device"), derive_from=SECRET, issued_at=ACCOUNT.claims.iat
    )
    keys, others = ({user.name: user.seed for user in users} for users in (one, other))
    assert (keys["a"], keys["b"]) == (others["a"], others["b"])
    assert KeyPair.parse(keys["a"]) == KeyPair(KeyType.USER, by_hand(SECRET, "account", ACCOUNT.public, "user", 0, "a"))


def test_names_are_taken_as_given() -> None:
    names = ["é", "e\u0301", "A", "a", "a "]
    users = list(issue_users(ACCOUNT, names, UserTemplate(), derive_from=SECRET))
    assert len({user.public for user in users}) == 5


def test_another_account_another_secret_and_another_generation_give_other_keys() -> None:
    runs: list[tuple[Any, bytes, dict[str, int]]] = [
        (ACCOUNT, SECRET, {}),
        (OPERATOR.create_account("other"), SECRET, {}),
        (ACCOUNT, SECRET[::-1], {}),
        (ACCOUNT, SECRET, {"a": 1}),
        (ACCOUNT, SECRET, {"a": 2}),
    ]
    keys = {
        next(issue_users(account, ["a"], TEMPLATE, derive_from=secret, generations=generations)).public
        for account, secret, generations in runs
    }
    assert len(keys) == 5


def test_the_run_tells_which_key_a_name_gets() -> None:
    users = issue_users(ACCOUNT, ["a"], TEMPLATE, derive_from=SECRET, generations={"a": 3, "b": 0})
    assert (users.generation("a"), users.generation("b"), users.generation("c")) == (3, 0, 0)
    assert issue_users(ACCOUNT, ["a"], TEMPLATE).generation("a") == 0


def test_a_derived_key_that_is_revoked_is_refused_until_its_generation_is_raised() -> None:
    stolen = next(issue_users(ACCOUNT, ["a"], TEMPLATE, derive_from=SECRET))
    account = OPERATOR.revoke(ACCOUNT, stolen)
    users = issue_users(account, ["b", "a"], TEMPLATE, derive_from=SECRET)
    assert next(users).name == "b"
    with pytest.raises(RevokedError, match="generation") as caught:
        next(users)
    assert stolen.public in str(caught.value)
    (again,) = issue_users(account, ["a"], TEMPLATE, derive_from=SECRET, generations={"a": 1})
    assert again.public != stolen.public


def test_a_new_secret_is_32_random_bytes() -> None:
    assert len(new_secret()) == 32
    assert new_secret() != new_secret()


@pytest.mark.parametrize("secret", ["x" * 32, 5, ["x"] * 32, None], ids=lambda value: type(value).__name__)
def test_a_secret_is_bytes(secret: Any) -> None:  # noqa: ANN401  # the wrong types are the point
    with pytest.raises(TypeError) as caught:
        Derivation(secret, "account", ACCOUNT_KEY)
    assert "xxxx" not in str(caught.value)


@pytest.mark.parametrize(
    ("secret", "rule"),
    [
        (SECRET[:31], "secret-size"),
        (b"", "secret-size"),
        (SECRET * 33, "secret-size"),
        (bytes(32), "secret-not-random"),
        (b"a" * 64, "secret-not-random"),
    ],
    ids=["31 bytes", "none", "1,056 bytes", "zeros", "one letter"],
)
def test_what_is_no_secret_is_refused_before_the_first_user(secret: bytes, rule: str) -> None:
    for secrets in (secret, bytearray(secret)):
        with pytest.raises(InvalidClaimsError) as caught:
            issue_users(ACCOUNT, ["a"], TEMPLATE, derive_from=secrets)  # type: ignore[arg-type]  # bytearray, too
        assert code(caught) == rule
        assert repr(secret) not in str(caught.value)


def test_a_secret_of_1024_bytes_is_one() -> None:
    assert next(issue_users(ACCOUNT, ["a"], TEMPLATE, derive_from=SECRET * 32)).name == "a"


@pytest.mark.parametrize("generations", [["a"], {"a": "1"}, {"a": True}, {1: 1}, {"a": 1.0}], ids=repr)
def test_generations_map_names_to_numbers(generations: Any) -> None:  # noqa: ANN401  # the wrong types are the point
    with pytest.raises(TypeError, match="generations"):
        issue_users(ACCOUNT, ["a"], TEMPLATE, derive_from=SECRET, generations=generations)


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_generation_has_64_bits(number: int) -> None:
    with pytest.raises(InvalidClaimsError):
        issue_users(ACCOUNT, ["a"], TEMPLATE, derive_from=SECRET, generations={"a": number})


def test_generations_go_with_a_secret_and_a_secret_goes_without_entropy() -> None:
    with pytest.raises(TypeError, match="derive_from"):
        issue_users(ACCOUNT, ["a"], TEMPLATE, generations={"a": 1})
    with pytest.raises(TypeError, match="entropy"):
        issue_users(ACCOUNT, ["a"], TEMPLATE, derive_from=SECRET, entropy=lambda size: bytes(size))


def test_a_derivation_shows_and_pickles_nothing() -> None:
    derivation = Derivation(SECRET, "account", ACCOUNT_KEY)
    assert repr(derivation) == "<Derivation>"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(derivation)
    with pytest.raises(TypeError):
        vars(derivation)


@pytest.mark.parametrize("name", ["\ud800", "", 5], ids=["a surrogate", "empty", "a number"])
def test_a_name_that_is_none_is_refused_in_a_derived_run_as_in_another(name: Any) -> None:  # noqa: ANN401  # wrong type
    refusals = []
    for keywords in ({}, {"derive_from": SECRET}):
        with pytest.raises((InvalidClaimsError, TypeError)) as caught:
            next(issue_users(ACCOUNT, [name], TEMPLATE, **keywords))  # type: ignore[arg-type]  # of several types
        refusals.append((caught.type, str(caught.value)))
    assert refusals[0] == refusals[1]


def test_accounts_derive_identity_and_signing_key_apart() -> None:
    (account,) = issue_accounts(OPERATOR, ["t-1"], AccountTemplate(keep_identity=True), derive_from=SECRET)
    seeds = {
        purpose: KeyPair(KeyType.ACCOUNT, by_hand(SECRET, "operator", OPERATOR.public, purpose, 0, "t-1"))
        for purpose in ("account", "account-signing-key")
    }
    assert (account.key, *account.signing_keys) == (seeds["account"], seeds["account-signing-key"])


def test_a_name_derives_one_signing_key_and_not_more() -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        issue_accounts(OPERATOR, ["t-1"], AccountTemplate(signing_keys=2), derive_from=SECRET)
    assert code(caught) == "derived-signing-keys"
    (account,) = issue_accounts(OPERATOR, ["t-1"], AccountTemplate(signing_keys=0), derive_from=SECRET)
    assert account.signing_keys == ()
