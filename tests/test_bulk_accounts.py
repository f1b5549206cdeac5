"""Many accounts of one operator: the engine of users, with tokens, identities and signing keys."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from chain_parts import Remote, code, pair_of

from natscreds import Account, AccountTemplate, Operator, UserTemplate, issue_accounts, issue_users, verify_chain
from natscreds.bulk import Accounts
from natscreds.claims import AccountLimits
from natscreds.errors import InvalidClaimsError, MissingKeyError, UntrustedIssuerError

OPERATOR = Operator.create("acme")
STRICT = Operator.create("strict", strict=True)
NAMES = [f"t-{number}" for number in range(8)]
SECRET = bytes(range(32))
NOW = OPERATOR.claims.iat

KEYWORDS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "jetstream": {"jetstream": True},
    "limits": {"limits": {"conn": 5}},
    "all limits": {"limits": AccountLimits(conn=5, subs=7)},
    "no signing key": {"signing_keys": 0},
    "three signing keys": {"signing_keys": 3},
    "description": {"description": "tenant"},
    "tags": {"tags": {"zone": "eu"}},
    "expiry": {"expires_in": timedelta(days=1)},
    "moment of expiry": {"expires_at": 4_000_000_000},
}


class Numbers:
    """Bytes that count up, so that two ways of making keys give the same ones."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, size: int) -> bytes:
        self.asked += 1
        return self.asked.to_bytes(size, "big")


@pytest.mark.parametrize("what", KEYWORDS)
@pytest.mark.parametrize("keep", [True, False], ids=["identity kept", "identity let go"])
def test_a_template_applied_to_one_name_is_create_account(what: str, keep: bool) -> None:
    keywords = {**KEYWORDS[what], "keep_identity": keep}
    (one,) = issue_accounts(OPERATOR, ["a"], AccountTemplate(**keywords), issued_at=NOW, entropy=Numbers())
    other = OPERATOR.create_account("a", issued_at=NOW, entropy=Numbers(), **keywords)
    assert (one.jwt, one.claims, one.key, one.signers) == (other.jwt, other.claims, other.key, other.signers)
    assert (one.key is not None) is keep


def test_accounts_come_in_the_order_of_their_names_with_keys_of_their_own() -> None:
    accounts = issue_accounts(OPERATOR, NAMES, AccountTemplate())
    assert isinstance(accounts, Accounts)
    assert len(accounts) == 8
    made = list(accounts)
    assert [account.name for account in made] == NAMES
    assert len({account.public for account in made} | {key.public for one in made for key in one.signers}) == 16
    assert all(account.claims.iat == accounts.issued_at for account in made)


def test_identities_are_let_go_unless_asked_for() -> None:
    assert next(issue_accounts(OPERATOR, ["a"], AccountTemplate())).key is None
    kept = next(issue_accounts(OPERATOR, ["a"], AccountTemplate(keep_identity=True)))
    assert pair_of(kept.key).public == kept.public


@pytest.mark.parametrize("operator", [OPERATOR, STRICT], ids=["plain", "strict"])
@pytest.mark.parametrize("workers", [None, 2])
def test_their_users_are_what_servers_would_take(operator: Operator, workers: int | None) -> None:
    for account in issue_accounts(operator, NAMES, AccountTemplate(), workers=workers, chunk_size=3):
        (user,) = issue_users(account, ["a"], UserTemplate(publish=["a"]))
        assert verify_chain(operator=operator, account=account, user=user).user == user.claims


@pytest.mark.parametrize("template", [AccountTemplate(), AccountTemplate(keep_identity=True, signing_keys=1)])
def test_processes_issue_what_this_one_would(template: AccountTemplate) -> None:
    here, there = (
        [
            (account.name, account.jwt, account.key, [pair_of(key).seed for key in account.signing_keys])
            for account in issue_accounts(
                OPERATOR, NAMES, template, derive_from=SECRET, issued_at=NOW, workers=workers, chunk_size=3
            )
        ]
        for workers in (None, 1)
    )
    assert here == there


def test_a_signer_that_lives_elsewhere_signs_accounts_here() -> None:
    signer = Remote(pair_of(OPERATOR.signing_keys[0]))
    accounts = list(issue_accounts(OPERATOR, NAMES[:3], AccountTemplate(), signer=signer))
    assert [account.claims.iss for account in accounts] == [signer.public] * 3
    with pytest.raises(TypeError, match="function"):
        issue_accounts(OPERATOR, NAMES, AccountTemplate(), signer=signer, workers=1)


def test_what_is_wrong_with_the_job_is_told_before_the_first_account() -> None:
    with pytest.raises(MissingKeyError):
        issue_accounts(Operator.load(OPERATOR.jwt), NAMES, AccountTemplate())
    with pytest.raises(UntrustedIssuerError):
        issue_accounts(OPERATOR, NAMES, AccountTemplate(), signer=STRICT.signing_keys[0])
    with pytest.raises(TypeError, match="AccountTemplate"):
        issue_accounts(OPERATOR, NAMES, UserTemplate())  # type: ignore[arg-type]  # the wrong type is the point


@pytest.mark.parametrize(
    ("keywords", "rule"),
    [
        ({"signing_keys": -1}, "no-signing-key"),
        ({"expires_in": timedelta(0)}, "expires-too-soon"),
        ({"expires_in": timedelta(1), "expires_at": 4_000_000_000}, "expires-twice"),
        ({"tags": ["Zone:eu"]}, "tag-bent"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_template_that_means_nothing_is_refused_when_it_is_made(keywords: dict[str, Any], rule: str) -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        AccountTemplate(**keywords)
    assert code(caught) == rule


@pytest.mark.parametrize("keywords", [{"signing_keys": True}, {"signing_keys": "1"}, {"jetstream": 1}, {"tags": "a"}])
def test_a_template_takes_the_right_types(keywords: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        AccountTemplate(**keywords)


def test_a_name_stands_once_and_is_a_name() -> None:
    accounts = issue_accounts(OPERATOR, ["a", "b", "a"], AccountTemplate())
    assert [next(accounts).name, next(accounts).name] == ["a", "b"]
    with pytest.raises(InvalidClaimsError) as caught:
        next(accounts)
    assert code(caught) == "name-repeated"
    for row, rule in (("", "name-empty"), ({"name": "a", "x": "y"}, "field-unknown"), ({"x": "y"}, "field-missing")):
        with pytest.raises(InvalidClaimsError) as caught:
            next(issue_accounts(OPERATOR, [row], AccountTemplate()))
        assert code(caught) == rule


def test_accounts_are_issued_when_they_are_asked_for() -> None:
    taken: list[str] = []

    def names() -> Iterator[str]:
        for name in NAMES:
            taken.append(name)
            yield name

    accounts = issue_accounts(OPERATOR, names(), AccountTemplate())
    assert taken == []
    next(accounts)
    assert taken == NAMES[:1]
    accounts.close()
    assert list(accounts) == []


def test_the_operator_can_be_a_text_where_a_signer_is_given() -> None:
    signer = pair_of(OPERATOR.signing_keys[0]).seed
    (account,) = issue_accounts(OPERATOR.jwt, ["a"], AccountTemplate(), signer=signer)
    assert isinstance(account, Account)
    assert account.claims.iss in OPERATOR.claims.nats.signing_keys
