"""Chains whose keys everybody knows: the same in every run, marked, and refused wherever something lasts."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import property_profiles  # noqa: F401  # how long properties search
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats_wire import connect

from natscreds import Account, KeyPair, KeyType, Operator, User, UserTemplate, issue_users, tokens, verify_chain
from natscreds.chain import THROWAWAY_TAG, is_throwaway, refuse_throwaway
from natscreds.creds import Creds
from natscreds.envelope import seal_token
from natscreds.errors import InvalidClaimsError, ThrowAwayError, VerificationError
from natscreds.server import config, fragment, write_resolver_directory
from natscreds.testing import NatsCluster, NatsServer, TrustChain
from natscreds.writers import write_directory

SECOND = 1_790_000_000

CHAIN = TrustChain.throwaway(seed=1, issued_at=SECOND)
OPERATOR, ORDERS = CHAIN.operator, CHAIN.accounts["orders"]
USER = CHAIN.users["orders"]["svc-1"]
REAL = Operator.create("acme")


def system(operator: Operator) -> Account:
    assert operator.system_account is not None
    return operator.system_account


def everything(chain: TrustChain) -> list[str]:
    """Return every token of the chain, and every seed."""
    users = [user for members in chain.users.values() for user in members.values()]
    held: list[Operator | Account | User] = [chain.operator, system(chain.operator), *chain.accounts.values(), *users]
    keys = [chain.operator.key, *chain.operator.signing_keys]
    for account in (system(chain.operator), *chain.accounts.values()):
        keys += [account.key, *account.signing_keys]
    seeds = [key.seed for key in keys if isinstance(key, KeyPair)]
    return [*(thing.jwt for thing in held), *seeds, *(user.seed for user in users)]


# --- the same in every run


def test_the_same_number_and_second_give_the_same_bytes() -> None:
    again = TrustChain.throwaway(seed=1, issued_at=SECOND)
    assert everything(again) == everything(CHAIN)
    assert len(everything(CHAIN)) == len(set(everything(CHAIN))) == 8 + 2 + 3 * 2 + 4


def test_the_keys_are_those_of_every_version() -> None:
    assert CHAIN.operator.public == "ODNMK6ES4DJMW2FZ6ORHJUNYM7KWEYYZT6JO3LTMJBE23Y7LTGI5252B"
    assert ORDERS.public == "AAT2CHOJP44XRCHP65H3HHHXFFIKPQOKCCBUHXIJHV6OAK6ZJUNKEPQ6"
    assert USER.public == "UBNGAASUHMCCEP5TYS6HY46MBYMQOJ7TBFTGGJWMAPWPDCY2EKUELNBC"
    assert tokens.parse(USER.jwt).claims.jti == "FCMGHQOO7QUOO2E36KE4WZPSZFVH35EMS724FPJFVGQXNGHMKVJQ"


def test_another_second_changes_tokens_and_no_key() -> None:
    later = TrustChain.throwaway(seed=1, issued_at=SECOND + 1)
    both = set(everything(later)) & set(everything(CHAIN))
    assert all(text.startswith("S") for text in both)
    assert len(both) == 2 + 3 * 2 + 4
    assert later.issued_at == later.operator.claims.iat == SECOND + 1


@pytest.mark.parametrize("seed", [0, 2, -1, 1 << 80])
def test_another_number_is_another_chain(seed: int) -> None:
    assert not set(everything(TrustChain.throwaway(seed, issued_at=SECOND))) & set(everything(CHAIN))


def test_a_key_depends_on_its_own_name_only() -> None:
    other = TrustChain.throwaway(accounts=["more", "orders"], users=["svc-9", "svc-1"], issued_at=SECOND)
    assert other.accounts["orders"].jwt == ORDERS.jwt
    assert other.users["orders"]["svc-1"].jwt == USER.jwt
    assert other.users["more"]["svc-1"].public != USER.public


def test_names_that_run_into_each_other_have_keys_of_their_own() -> None:
    chain = TrustChain.throwaway(accounts=["a", "a b"], users=["b c", "c"], issued_at=SECOND)
    assert len({user.public for members in chain.users.values() for user in members.values()}) == 4


def test_what_is_made_further_is_the_same_too() -> None:
    def further(chain: TrustChain) -> list[str]:
        entropy, second = chain.entropy, chain.issued_at
        account = chain.operator.create_account("late", issued_at=second, entropy=entropy("late"))
        account = chain.operator.add_role(
            account, "device", publish=["a"], issued_at=second + 1, entropy=entropy("role")
        )
        user = account.create_user("d-1", role="device", issued_at=second + 1, entropy=entropy("d-1"))
        return [account.jwt, user.jwt, user.seed]

    assert further(CHAIN) == further(TrustChain.throwaway(seed=1, issued_at=SECOND))
    assert CHAIN.entropy("a")(32) == CHAIN.entropy("a")(32) != CHAIN.entropy("b")(32)
    draws = CHAIN.entropy("a")
    assert draws(32) != draws(32)


def test_a_label_gives_nothing_that_the_chain_has_already() -> None:
    made = KeyPair.generate(KeyType.OPERATOR, entropy=CHAIN.entropy("operator"))
    assert made.public != OPERATOR.public


def test_without_a_second_the_clock_is_asked_once() -> None:
    chain = TrustChain.throwaway()
    said = [tokens.parse(text).claims for text in everything(chain) if text.startswith("ey")]
    assert {claims.iat for claims in said} == {chain.issued_at}


def test_the_chain_holds_together() -> None:
    for strict in (True, False):
        chain = TrustChain.throwaway(strict=strict, jetstream=True)
        for name, account in chain.accounts.items():
            assert account.claims.nats.limits.jetstream_enabled
            for user in chain.users[name].values():
                verify_chain(operator=chain.operator.jwt, account=account.jwt, user=user.jwt)
        assert chain.operator.claims.nats.strict_signing_key_usage is strict
    assert chain.operator.name == "THROW-AWAY"
    assert repr(chain) == f"<TrustChain THROW-AWAY 1 {chain.operator.public}>"


def test_users_may_what_the_template_says() -> None:
    chain = TrustChain.throwaway(template=UserTemplate(publish=["{name}.>"], private_inbox=True), users=["a"])
    user = chain.users["billing"]["a"]
    assert user.claims.nats.pub.allow == ("a.>",)
    assert user.creds.nats_py()["inbox_prefix"] == f"_INBOX.{user.public}"


@pytest.mark.parametrize("seed", ["1", 1.0, True, None], ids=repr)
def test_a_seed_is_a_number(seed: Any) -> None:  # noqa: ANN401  # the wrong types
    with pytest.raises(TypeError, match="seed"):
        TrustChain.throwaway(seed)


def test_a_template_is_one_and_its_role_must_exist() -> None:
    with pytest.raises(TypeError, match="UserTemplate"):
        TrustChain.throwaway(template={"publish": ["a"]})  # type: ignore[arg-type]
    with pytest.raises(InvalidClaimsError, match="no role"):
        TrustChain.throwaway(template=UserTemplate(role="device"))
    with pytest.raises(TypeError, match="label"):
        CHAIN.entropy(b"a")  # type: ignore[arg-type]


# --- marked


def marked() -> dict[str, Operator | Account | User]:
    """Return what bears the mark, by how it came to it."""
    operator = OPERATOR
    late = operator.create_account("late")
    role = operator.add_role(late, "device", publish=["devices.{{name()}}"])
    adopted = REAL.adopt(ORDERS.jwt)
    [bulk] = issue_users(late, ["b-1"], UserTemplate(publish=["{name}"], tags=["a:b"]))
    return {
        "the operator": operator,
        "its system account": system(operator),
        "an account": ORDERS,
        "a user": USER,
        "an account made later": late,
        "an account reissued": operator.reissue(late, late.claims.replace(description="x")),
        "an account revoking": operator.revoke(late, "*"),
        "an account with a role": role,
        "an account of another operator": adopted,
        "an operator replaced": operator.replace(operator.claims.replace(strict_signing_key_usage=True)),
        "a user made later": ORDERS.create_user("x", publish=["a"], tags=["team:blue"]),
        "a user of a role": role.create_user("x", role="device"),
        "a user reissued": ORDERS.reissue(USER),
        "a user among many": bulk,
        "a user of an account read from text": Account.load(ORDERS.jwt, [ORDERS.signing_keys[0]]).create_user("x"),
        "a user of the system account": system(operator).create_user("sys"),
    }


@pytest.mark.parametrize("how", marked())
def test_whatever_comes_of_it_bears_the_mark(how: str) -> None:
    thing = marked()[how]
    assert list(thing.claims.nats.tags).count(THROWAWAY_TAG) == 1
    assert is_throwaway(thing)
    assert is_throwaway(thing.jwt)
    with pytest.raises(
        ThrowAwayError, match=rf"^{thing.claims.kind} {thing.public} is of a throw-away chain"
    ) as caught:
        refuse_throwaway(thing)
    assert isinstance(caught.value, VerificationError)


def test_the_tags_that_were_asked_for_stay_in_front() -> None:
    assert marked()["a user made later"].claims.nats.tags == ("team:blue", THROWAWAY_TAG)
    assert marked()["a user among many"].claims.nats.tags == ("a:b", THROWAWAY_TAG)


def unmarked() -> dict[str, object]:
    orders = REAL.create_account("orders", tags=["natscreds:throwaway-no-more", "xnatscreds:throwaway"])
    named = orders.create_user(THROWAWAY_TAG, publish=["a"], tags=["natscreds:throw-away"])
    return {
        "an operator": REAL,
        "an account with tags much like it": orders,
        "a user of that name": named,
        "its creds": named.creds.text,
        "no token": f"eyJ.{base64.urlsafe_b64encode(THROWAWAY_TAG.encode()).decode()}.x",
        "a text": "x",
        "nothing": "",
        "something else": object(),
    }


@pytest.mark.parametrize("what", unmarked())
def test_nothing_else_bears_the_mark(what: str) -> None:
    thing = unmarked()[what]
    assert not is_throwaway(thing)
    refuse_throwaway(thing)


@given(
    before=st.binary(max_size=9), after=st.binary(max_size=9), others=st.lists(st.text("ab", min_size=1), max_size=4)
)
def test_the_mark_is_found_wherever_it_stands_in_a_token(before: bytes, after: bytes, others: list[str]) -> None:
    """Three characters of base64 carry four bytes' bits in three ways; the quick look knows all three."""
    pair = KeyPair.generate(KeyType.ACCOUNT, entropy=CHAIN.entropy("signer"))
    said = {
        "iat": SECOND,
        "iss": pair.public,
        "name": before.hex(),
        "sub": USER.public,
        "nats": {"tags": [*others, THROWAWAY_TAG, after.hex()], "type": "user", "version": 2},
    }
    text = seal_token(json.dumps(said).encode(), pair)
    assert is_throwaway(text)
    assert is_throwaway(f"-----BEGIN NATS USER JWT-----\n{text}\n------END NATS USER JWT------\n")
    said["nats"] = {"tags": [*others, "natscreds:throwawaz"], "type": "user", "version": 2}
    assert not is_throwaway(seal_token(json.dumps(said).encode(), pair))


# --- refused


class OnlyCreds:
    """A user as a program of its own may have it."""

    name = "x"

    def __init__(self, user: User) -> None:
        self.creds = user.creds


@pytest.mark.parametrize("user", [USER, OnlyCreds(USER)], ids=["user", "creds"])
def test_a_directory_takes_none_of_its_users(user: User, tmp_path: Path) -> None:
    good = REAL.create_account("orders").create_user("good", publish=["a"])
    with pytest.raises(ThrowAwayError, match=f"user {USER.public}"):
        write_directory([good, user], tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").glob("*.creds")] == ["good.creds"]


@pytest.mark.parametrize("write", [config, fragment])
def test_no_configuration_is_written_for_it(write: Callable[..., str]) -> None:
    real = REAL.create_account("orders")
    refused: list[tuple[Any, list[Any], str]] = [
        (OPERATOR, [], f"operator {OPERATOR.public}"),
        (OPERATOR, [ORDERS], f"operator {OPERATOR.public}"),
        (REAL, [real, REAL.adopt(ORDERS.jwt)], f"account {ORDERS.public}"),
        (REAL, [REAL.adopt(ORDERS.jwt).jwt], f"account {ORDERS.public}"),
    ]
    for operator, accounts, told in refused:
        with pytest.raises(ThrowAwayError, match=told):
            write(operator, accounts)
    with pytest.raises(ThrowAwayError, match=f"operator {OPERATOR.public}"):
        write(OPERATOR.jwt, system_account=system(OPERATOR).jwt)
    assert write(REAL, [real])


def test_no_resolvers_directory_is_written_for_it(tmp_path: Path) -> None:
    good = REAL.create_account("good")
    with pytest.raises(ThrowAwayError, match=f"operator {OPERATOR.public}"):
        write_resolver_directory([good], tmp_path / "out", operator=OPERATOR)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ThrowAwayError, match=f"account {ORDERS.public}"):
        write_resolver_directory([good, REAL.adopt(ORDERS.jwt)], tmp_path / "out", operator=REAL)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{good.public}.jwt"]


def test_a_system_account_of_it_is_refused_too() -> None:
    foreign = Operator.create("acme", system_account=False)
    with pytest.raises(ThrowAwayError, match=f"account {ORDERS.public}"):
        config(foreign, system_account=foreign.adopt(ORDERS.jwt))


def test_a_server_of_the_kit_takes_it() -> None:
    with NatsServer(OPERATOR, CHAIN.accounts.values()) as server:
        with connect(server.url, USER) as client:
            assert client.ok()
        late = OPERATOR.create_account("late")
        server.update(late)
        with connect(server.url, late.create_user("x")) as client:
            assert client.ok()
    assert NatsCluster(OPERATOR, CHAIN.accounts.values()).servers[0].configuration


def test_a_file_for_a_program_under_test_can_be_written(tmp_path: Path) -> None:
    USER.creds.write(tmp_path / "x.creds")
    assert Creds.read(tmp_path / "x.creds") == USER.creds
