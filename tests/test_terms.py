"""What the users of one run have in common, and what a credential that is found is to a run."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from natscreds import Account, Creds, KeyPair, KeyType, Operator, User, UserTemplate, issue_users
from natscreds.bulk import Row, Users
from natscreds.chain import Terms, Verdict

OPERATOR = Operator.create("acme")
ACCOUNT = OPERATOR.add_role(OPERATOR.create_account("orders", signing_keys=2), "device", publish=["d.{{name()}}.>"])
OTHER = OPERATOR.create_account("other")
TEMPLATE = UserTemplate(publish=["devices.{name}.>"], expires_in=timedelta(hours=1), tags=["site:{name}"])
SECRET = bytes(range(32))
NOW = ACCOUNT.claims.iat + 1


def fleet(
    account: Account = ACCOUNT,
    template: UserTemplate = TEMPLATE,
    names: Iterable[Row] = ("a", "b"),
    **keywords: Any,  # noqa: ANN401  # keywords of several types
) -> Users:
    return issue_users(account, names, template, **keywords)


def found(user: User) -> Creds:
    return Creds.parse(user.creds.text)


# --- terms


def test_two_runs_of_one_kind_have_equal_terms() -> None:
    again = UserTemplate(tags=["site:{name}"], publish=["devices.{name}.>"], expires_in=timedelta(minutes=60))
    assert fleet().terms == fleet(template=again, names=["c"]).terms
    assert fleet().job != fleet().job


@pytest.mark.parametrize(
    ("member", "make"),
    [
        ("account", lambda: fleet(OTHER)),
        ("issuer", lambda: fleet(signer=ACCOUNT.signing_keys[1])),
        ("role", lambda: fleet(template=UserTemplate(role="device"))),
        ("template", lambda: fleet(template=UserTemplate(publish=["x.{name}"]))),
        ("derived", lambda: fleet(derive_from=SECRET)),
        ("generations", lambda: fleet(derive_from=SECRET, generations={"a": 1})),
        ("issued_at", lambda: fleet(issued_at=NOW)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_kind_of_run_differs_in(member: str, make: Any) -> None:  # noqa: ANN401  # a function
    assert getattr(make().terms, member) != getattr(fleet().terms, member)


@pytest.mark.parametrize(
    "keywords",
    [
        {"publish": ["a"]},
        {"subscribe": ["a"]},
        {"publish": ["a"], "deny_publish": ["a.b"]},
        {"publish": ["a"], "private_inbox": True},
        {"max_payload": 5},
        {"expires_in": timedelta(seconds=5)},
        {"expires_at": 4_000_000_000},
        {"not_before": NOW},
        {"tags": ["a:b"]},
        {"role": "device"},
        {"role": "other"},
        {"dotted_names": True},
        {"fields": ["site"]},
    ],
    ids=lambda keywords: ", ".join(keywords),
)
def test_whatever_a_template_says_is_in_its_digest(keywords: dict[str, Any]) -> None:
    assert UserTemplate(**keywords).digest != UserTemplate().digest
    assert UserTemplate(**keywords).digest == UserTemplate(**keywords).digest


def test_generations_of_zero_are_no_difference() -> None:
    one, other = (fleet(derive_from=SECRET, generations=numbers).terms for numbers in ({"a": 0}, None))
    assert one == other


def test_terms_hold_no_secret_and_read_back() -> None:
    terms = fleet(derive_from=SECRET, generations={"a": 1}, issued_at=NOW).terms
    text = msgspec.json.encode(terms)
    assert msgspec.json.decode(text, type=Terms) == terms
    assert SECRET.hex().encode() not in text


# --- verdicts


def test_a_run_keeps_what_a_run_with_equal_terms_issued() -> None:
    for keywords in ({}, {"issued_at": NOW}, {"derive_from": SECRET}):
        for user in fleet(**keywords):
            assert fleet(**keywords).verdict(user.name, found(user)) is Verdict.KEEP


def test_a_role_keeps_its_own() -> None:
    template = UserTemplate(role="device", tags=["a:b"])
    user = next(fleet(template=template))
    assert fleet(template=template).verdict("a", found(user)) is Verdict.KEEP
    assert fleet().verdict("a", found(user)) is Verdict.FOREIGN


def test_another_name_account_issuer_or_permission_is_foreign() -> None:
    mine = fleet()
    assert mine.verdict("b", found(next(fleet()))) is Verdict.FOREIGN
    for other in (
        fleet(OTHER),
        fleet(signer=ACCOUNT.signing_keys[1]),
        fleet(template=UserTemplate(publish=["devices.{name}.>"])),
        fleet(template=UserTemplate(publish=["devices.{name}.>"], expires_in=timedelta(hours=1))),
        fleet(template=UserTemplate(publish=["x.{name}"], expires_in=timedelta(hours=1), tags=["site:{name}"])),
    ):
        assert mine.verdict("a", found(next(other))) is Verdict.FOREIGN


def test_another_expiry_is_foreign() -> None:
    user = next(fleet(template=UserTemplate(publish=["devices.{name}.>"], expires_in=timedelta(hours=2))))
    template = UserTemplate(publish=["devices.{name}.>"], expires_in=timedelta(hours=1))
    assert fleet(template=template).verdict("a", found(user)) is Verdict.FOREIGN


def test_an_expiry_is_counted_from_the_second_given() -> None:
    user = next(fleet(issued_at=NOW))
    assert fleet(issued_at=NOW).verdict("a", found(user)) is Verdict.KEEP
    assert fleet(issued_at=NOW - 1).verdict("a", found(user)) is Verdict.FOREIGN
    assert fleet().verdict("a", found(user)) is Verdict.KEEP


def test_what_has_expired_is_stale() -> None:
    template = UserTemplate(publish=["devices.{name}.>"], expires_in=timedelta(seconds=1))
    user = next(fleet(template=template, issued_at=NOW - 100))
    assert fleet(template=template).verdict("a", found(user)) is Verdict.STALE


@pytest.mark.parametrize("whom", ["user", "*"])
def test_what_is_revoked_is_stale(whom: str) -> None:
    user = next(fleet())
    account = OPERATOR.revoke(ACCOUNT, user if whom == "user" else "*")
    assert fleet(account).verdict("a", found(user)) is Verdict.STALE


def test_a_signature_that_does_not_hold_is_stale_for_the_same_name_and_foreign_for_another() -> None:
    user = next(fleet())
    head, body, signature = user.jwt.split(".")
    forged = Creds(f"{head}.{body}.{'A' * 86}", user.seed)
    assert fleet().verdict("a", forged) is Verdict.STALE
    assert fleet().verdict("b", forged) is Verdict.FOREIGN
    assert signature


def test_a_derived_run_keeps_its_own_keys_only() -> None:
    drawn, derived = next(fleet()), next(fleet(derive_from=SECRET))
    run = fleet(derive_from=SECRET)
    assert run.verdict("a", found(derived)) is Verdict.KEEP
    assert run.verdict("a", found(drawn)) is Verdict.FOREIGN
    assert fleet(derive_from=SECRET[::-1]).verdict("a", found(derived)) is Verdict.FOREIGN
    account = OPERATOR.revoke(ACCOUNT, derived)
    raised = fleet(account, derive_from=SECRET, generations={"a": 1})
    assert raised.verdict("a", found(derived)) is Verdict.STALE


def test_rows_are_compared_with_what_is_written() -> None:
    template = UserTemplate(publish=["{site}.{name}"], fields=["site"])
    rows = [{"name": "a", "site": "x"}, {"name": "b", "site": "y"}]
    user = next(fleet(template=template, names=rows))
    assert fleet(template=template, names=rows).verdict("a", found(user)) is Verdict.KEEP
    moved = [{"name": "a", "site": "z"}]
    assert fleet(template=template, names=moved).verdict("a", found(user)) is Verdict.FOREIGN
    with pytest.raises(TypeError, match="list"):
        fleet(template=template, names=iter(rows)).verdict("a", found(user))


def test_a_sound_token_of_another_kind_of_issuer_is_foreign() -> None:
    stranger = KeyPair.generate(KeyType.ACCOUNT)
    account = Operator.create("b").create_account("orders", key=stranger)
    user = account.create_user("a", publish=["devices.a.>"])
    assert fleet().verdict("a", found(user)) is Verdict.FOREIGN


def test_what_has_expired_for_another_name_is_not_this_runs_to_replace() -> None:
    template = UserTemplate(publish=["devices.{name}.>"], expires_in=timedelta(seconds=1))
    user = next(fleet(template=template, issued_at=NOW - 100))
    assert fleet(template=template).verdict("b", found(user)) is Verdict.FOREIGN


def test_a_signature_that_does_not_hold_is_foreign_for_another_account() -> None:
    user = next(fleet(OTHER))
    forged = Creds(f"{user.jwt.rpartition('.')[0]}.{'A' * 86}", user.seed)
    assert fleet().verdict("a", forged) is Verdict.FOREIGN
