"""Secrets leave by name only: what chain objects show, what serialisers find in them, what errors tell."""

import copy
import json
import pickle
import pprint
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import msgspec
import pytest
from chain_parts import T, pair_of
from leaks import holds, told

from natscreds import Account, Creds, KeyPair, KeyType, Operator, User, UserTemplate, issue_users
from natscreds.errors import CredsError, MalformedError, MissingKeyError, NatsCredsError, NkeyError, WrongKeyTypeError

OPERATOR = Operator.create("acme", issued_at=T)
ACCOUNT = OPERATOR.add_role(OPERATOR.create_account("orders", issued_at=T), "device", publish=["a"])
USER = ACCOUNT.create_user("svc-1", publish=["a"], private_inbox=True)
CREDS = USER.creds
USERS = issue_users(ACCOUNT, ["a"], UserTemplate())
next(USERS)

SECRETS = [
    USER.seed,
    *(pair_of(key).seed for key in (*OPERATOR.signers, *ACCOUNT.signers)),
]
RAW = [KeyPair.parse(seed)._secret for seed in SECRETS]

HOLDERS: dict[str, object] = {
    "Operator": OPERATOR,
    "Account": ACCOUNT,
    "User": USER,
    "Creds": CREDS,
    "Role": ACCOUNT.roles["device"],
    "Mint": ACCOUNT.mint(),
    "Users": USERS,
    "roles": ACCOUNT.roles,
    "signers": ACCOUNT.signers,
    "arguments for nats-py": CREDS.nats_py(),
}


def leaks(text: str) -> bool:
    return any(holds(text, seed) for seed in SECRETS) or any(repr(raw)[2:-1] in text for raw in RAW)


@pytest.fixture(params=list(HOLDERS.values()), ids=list(HOLDERS))
def holder(request: pytest.FixtureRequest) -> object:
    found: object = request.param
    return found


# --- what is shown


@pytest.mark.parametrize("show", [repr, str, ascii, "{}".format, pprint.pformat])
def test_what_is_shown_holds_no_secret(holder: object, show: Callable[[object], str]) -> None:
    assert not leaks(show(holder))
    assert not leaks(show([holder, {"a": holder}]))


@pytest.mark.parametrize("name", ["Operator", "Account", "User", "Creds", "Role"])
def test_what_is_shown_is_the_public_key(name: str) -> None:
    shown: Any = HOLDERS[name]
    assert shown.public in repr(shown)


def test_a_name_is_shown_without_control_characters() -> None:
    for shown in (Operator.create("a\x1b[2J"), OPERATOR.create_account("a\nb"), ACCOUNT.create_user("a\u202eb")):
        assert repr(shown).isprintable()
        assert repr(shown).isascii()


@pytest.mark.parametrize("name", ["Operator", "Account", "User", "Creds", "Role", "Mint"])
def test_there_is_no_dictionary_to_look_into(name: str) -> None:
    with pytest.raises(TypeError):
        vars(HOLDERS[name])
    assert not hasattr(HOLDERS[name], "__dict__")
    assert not hasattr(HOLDERS[name], "__rich_repr__")


@pytest.mark.parametrize("name", ["Operator", "Account", "User", "Creds", "Role", "Mint"])
@pytest.mark.parametrize(
    "write",
    [
        json.dumps,
        msgspec.json.encode,
        msgspec.msgpack.encode,
        msgspec.to_builtins,
        msgspec.structs.asdict,
        asdict,
        list,
    ],
    ids=["json", "msgspec", "msgpack", "builtins", "structs", "dataclasses", "list"],
)
def test_serialisers_and_iteration_find_nothing(name: str, write: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError) as caught:
        write(HOLDERS[name])
    assert not any(leaks(text) for text in told(caught.value))


def test_json_that_falls_back_to_text_writes_no_secret(holder: object) -> None:
    assert not leaks(json.dumps({"it": [1]} | {"that": holder}, default=str))
    assert not leaks(json.dumps({"that": holder}, default=repr))


@pytest.mark.parametrize("attribute", ["claims", "problems", "jwt"])
def test_what_is_public_of_a_chain_holds_no_secret(attribute: str) -> None:
    for item in (OPERATOR, ACCOUNT, USER):
        assert not leaks(repr(getattr(item, attribute)))


# --- pickling and copying


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ["Operator", "Account", "Role", "Mint"])
def test_holders_of_signing_keys_are_not_pickled(name: str, protocol: int) -> None:
    with pytest.raises(TypeError, match="KeyPair") as caught:
        pickle.dumps(HOLDERS[name], protocol)
    assert not any(leaks(text) for text in told(caught.value))


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_users_and_creds_pickle_with_their_seed(protocol: int) -> None:
    user = pickle.loads(pickle.dumps(USER, protocol))  # noqa: S301  # our own pickle
    assert (user, user.seed, user.name, user.private_inbox) == (USER, USER.seed, "svc-1", True)
    assert user.creds.nats_py()["inbox_prefix"] == f"_INBOX.{USER.public}"
    creds = pickle.loads(pickle.dumps(CREDS, protocol))  # noqa: S301  # our own pickle
    assert (creds, creds.text) == (CREDS, CREDS.text)


def test_a_user_without_seed_pickles_without_one() -> None:
    user = ACCOUNT.create_user("svc-2", key=USER.public)
    again = pickle.loads(pickle.dumps(user))  # noqa: S301  # our own pickle
    assert (again, again.key) == (user, None)


def test_what_pickles_says_so_in_its_first_line() -> None:
    assert "ickles" in (User.__doc__ or "").splitlines()[0]
    assert "ickles" in (Creds.__reduce__.__doc__ or "").splitlines()[0]


def test_an_account_that_holds_no_key_pair_pickles() -> None:
    bare = Account.load(ACCOUNT.jwt)
    assert pickle.loads(pickle.dumps(bare)).claims == ACCOUNT.claims  # noqa: S301  # our own pickle


@pytest.mark.parametrize("name", ["Operator", "Account", "Role", "Mint"])
def test_holders_of_signing_keys_are_not_copied_deep(name: str) -> None:
    with pytest.raises(TypeError):
        copy.deepcopy(HOLDERS[name])


# --- errors


def mistakes() -> Iterator[tuple[str, str, Callable[[], object]]]:
    """Yield what went wrong, the secret that was near, and the call."""
    user, operator_seed = USER.seed, pair_of(OPERATOR.signing_keys[0]).seed
    account_seed = pair_of(ACCOUNT.signing_keys[0]).seed
    spoiled = account_seed[:20] + ("A" if account_seed[20] != "A" else "B") + account_seed[21:]
    stranger = KeyPair.generate(KeyType.ACCOUNT).seed
    yield "seed of another type", user, lambda: Account.load(ACCOUNT.jwt, [user])
    yield "seed of another account", stranger, lambda: Account.load(ACCOUNT.jwt, [stranger])
    yield "seed with a slip", spoiled, lambda: Account.load(ACCOUNT.jwt, [spoiled])
    yield "seed in lower case", account_seed, lambda: Account.load(ACCOUNT.jwt, [account_seed.lower()])
    yield "seed with a line end", account_seed, lambda: Account.load(ACCOUNT.jwt, [account_seed + "\n"])
    yield "seed as bytes with a slip", spoiled, lambda: Account.load(ACCOUNT.jwt, [spoiled.encode()])
    yield "seed that is not text", account_seed, lambda: Account.load(ACCOUNT.jwt, [account_seed[:-1] + "\udcff"])
    yield "seed where several are meant", account_seed, lambda: Account.load(ACCOUNT.jwt, account_seed)
    yield "operator seed for an account", operator_seed, lambda: Account.load(ACCOUNT.jwt, [operator_seed])
    yield "account seed for an operator", account_seed, lambda: Operator.load(OPERATOR.jwt, [account_seed])
    yield "seed as a token", user, lambda: Account.load(user)
    yield "seed as an operator", operator_seed, lambda: Account.load(ACCOUNT.jwt, operator=operator_seed)
    yield "seed as a user", user, lambda: User.load(user)
    yield "seed as whom to revoke", user, lambda: OPERATOR.revoke(ACCOUNT, user)
    yield "seed as a public key", user, lambda: ACCOUNT.create_user("a", key=user)
    yield "seed as an identity", account_seed, lambda: OPERATOR.create_account("a", key=account_seed)
    yield "seed as a role's key", account_seed, lambda: OPERATOR.add_role(ACCOUNT, "r", key=account_seed)
    yield "seed of another user", user, lambda: User.load(ACCOUNT.create_user("b").jwt, key=user)
    yield "seed of another type as a user's", account_seed, lambda: User.load(USER.jwt, key=account_seed)
    yield "signer of another account", stranger, lambda: ACCOUNT.create_user("a", signer=stranger)
    yield "signer with a slip", spoiled, lambda: ACCOUNT.create_user("a", signer=spoiled)
    yield "creds of another user", user, lambda: Creds(ACCOUNT.create_user("b").jwt, user)
    yield "creds as a token", user, lambda: User.load(CREDS.text)
    yield "creds as a key", user, lambda: ACCOUNT.create_user("a", key=CREDS.text)


@pytest.mark.parametrize(("secret", "call"), [pytest.param(*rest, id=what) for what, *rest in mistakes()])
def test_an_error_tells_no_secret(secret: str, call: Callable[[], object]) -> None:
    with pytest.raises((NatsCredsError, TypeError)) as caught:
        call()
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    for text in told(caught.value):
        assert not holds(text, secret)


def test_what_goes_wrong_with_a_seed_has_its_own_name() -> None:
    expected = {
        "seed of another type": WrongKeyTypeError,
        "seed with a slip": NkeyError,
        "seed as a token": MalformedError,
        "seed of another user": CredsError,
        "seed where several are meant": TypeError,
    }
    for what, _, call in mistakes():
        if what in expected:
            with pytest.raises(expected[what]):
                call()


def test_no_seed_to_give_names_the_public_key() -> None:
    user = ACCOUNT.create_user("svc-2", key=USER.public)
    for ask in (lambda: user.seed, lambda: user.creds):
        with pytest.raises(MissingKeyError, match=USER.public):
            ask()


def test_an_error_with_a_user_in_its_arguments_shows_no_secret() -> None:
    error = ValueError("went wrong", USER, ACCOUNT, OPERATOR, CREDS)
    assert not leaks("".join(traceback.format_exception(error)))


# --- equality


def test_equality_asks_for_no_secret() -> None:
    bare = User.load(USER.jwt)
    assert bare == USER
    assert hash(bare) == hash(USER)
