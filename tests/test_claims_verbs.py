"""Claims are values: each verb gives another one, and leaves the one it was asked of as it was."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import property_profiles  # noqa: F401  # chooses the profile
import pytest
from hypothesis import given
from hypothesis import strategies as st
from token_forge import ACCOUNT, OPERATOR, USER, key

from natscreds.claims import (
    LATEST,
    AccountClaims,
    Export,
    Import,
    OperatorClaims,
    Permission,
    Scope,
    Template,
    UserClaims,
    WeightedMapping,
    encode,
    seconds,
)
from natscreds.errors import InvalidClaimsError, NkeyError, WrongKeyTypeError
from natscreds.nkeys import KeyType

ACCOUNTS = [key(KeyType.ACCOUNT, str(number)).public for number in range(4)]
USERS = [key(KeyType.USER, str(number)).public for number in range(4)]
OPERATORS = [key(KeyType.OPERATOR, str(number)).public for number in range(4)]

FULL = (
    AccountClaims(name="orders", sub=ACCOUNT.public)
    .replace(tags=["a"], limits={"conn": 5}, trace={"dest": "t"}, default_permissions={"pub": {"deny": ["d"]}})
    .with_signing_key(ACCOUNTS[0])
    .with_signing_key(Scope(key=ACCOUNTS[1], role="r"))
    .with_export(Export(subject="a", type="stream"))
    .with_import(Import(subject="b", account=ACCOUNTS[2], type="service"))
    .with_mapping("c", "d")
    .revoke(USERS[0], at=5)
)
FULL_OPERATOR = OperatorClaims(sub=OPERATOR.public).with_signing_key(OPERATORS[0])

VERBS: dict[str, Callable[[AccountClaims], AccountClaims]] = {
    "replace": lambda claims: claims.replace(name="x", tags=["b"], limits={"conn": 6}),
    "with_signing_key": lambda claims: claims.with_signing_key(ACCOUNTS[2]),
    "with_signing_key, a role": lambda claims: claims.with_signing_key(Scope(key=ACCOUNTS[0])),
    "without_signing_key": lambda claims: claims.without_signing_key(ACCOUNTS[1]),
    "with_export": lambda claims: claims.with_export(Export(subject="a", type="stream", name="x")),
    "without_export": lambda claims: claims.without_export("a"),
    "with_import": lambda claims: claims.with_import(Import(subject="x", account=ACCOUNTS[2], type="stream")),
    "without_import": lambda claims: claims.without_import("b", account=ACCOUNTS[2]),
    "with_mapping": lambda claims: claims.with_mapping("c", "e"),
    "without_mapping": lambda claims: claims.without_mapping("c"),
    "revoke": lambda claims: claims.revoke(USERS[0], at=6),
    "revoke everybody": lambda claims: claims.revoke("*", at=7),
    "unrevoke": lambda claims: claims.unrevoke(USERS[0]),
    "compact": lambda claims: claims.revoke("*", at=9).compact(),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())
def test_a_verb_gives_other_claims_and_leaves_the_old_ones(verb: Callable[[AccountClaims], AccountClaims]) -> None:
    before = encode(FULL)
    after = verb(FULL)
    assert after != FULL
    assert encode(after) != before
    assert encode(FULL) == before


@given(st.lists(st.sampled_from(list(VERBS)), max_size=8))
def test_no_sequence_of_verbs_changes_what_was_there(names: list[str]) -> None:
    seen = [(FULL, encode(FULL))]
    for name in names:
        after = VERBS[name](seen[-1][0])
        seen.append((after, encode(after)))
    for claims, written in seen:
        assert encode(claims) == written


def test_a_signing_key_is_there_once_and_the_new_one_counts() -> None:
    claims = AccountClaims().with_signing_key(ACCOUNTS[0]).with_signing_key(ACCOUNTS[1])
    role = Scope(key=ACCOUNTS[0], role="r")
    claims = claims.with_signing_key(role)
    assert claims.nats.signing_keys == (ACCOUNTS[1], role)
    assert (claims.plain_signing_keys, claims.scopes) == ((ACCOUNTS[1],), (role,))
    assert (claims.scope(ACCOUNTS[0]), claims.scope(ACCOUNTS[1]), claims.scope(ACCOUNTS[2])) == (role, None, None)
    assert claims.with_signing_key(ACCOUNTS[0]).nats.signing_keys == (ACCOUNTS[1], ACCOUNTS[0])
    assert claims.without_signing_key(ACCOUNTS[0]).nats.signing_keys == (ACCOUNTS[1],)
    assert claims.without_signing_key(ACCOUNTS[3]) == claims


@pytest.mark.parametrize(
    ("wrong", "error"),
    [("acme", NkeyError), (ACCOUNTS[0].lower(), NkeyError), (USER.public, WrongKeyTypeError),
     (OPERATOR.public, WrongKeyTypeError), (Scope(key="acme"), NkeyError), (Scope(), NkeyError),
     (Scope(key=USER.public), WrongKeyTypeError)],
    ids=["a word", "lower case", "user", "operator", "a role of a word", "a role of nothing", "a role of a user"],
)  # fmt: skip
def test_an_account_takes_signing_keys_of_accounts_alone(wrong: str | Scope, error: type[Exception]) -> None:
    with pytest.raises(error):
        AccountClaims().with_signing_key(wrong)


def test_an_operators_signing_keys_come_and_go() -> None:
    claims = FULL_OPERATOR.with_signing_key(OPERATORS[1]).with_signing_key(OPERATORS[0])
    assert claims.nats.signing_keys == (OPERATORS[0], OPERATORS[1])
    assert claims.trusted_keys == (OPERATOR.public, OPERATORS[0], OPERATORS[1])
    assert claims.replace(strict_signing_key_usage=True).trusted_keys == (OPERATORS[0], OPERATORS[1])
    assert claims.without_signing_key(OPERATORS[0]).nats.signing_keys == (OPERATORS[1],)
    assert FULL_OPERATOR.nats.signing_keys == (OPERATORS[0],)
    for wrong, error in (("acme", NkeyError), (ACCOUNTS[0], WrongKeyTypeError)):
        with pytest.raises(error):
            claims.with_signing_key(wrong)


def test_an_export_is_replaced_by_one_of_its_subject_and_type() -> None:
    stream, service = Export(subject="a", type="stream"), Export(subject="a", type="service")
    claims = AccountClaims().with_export(stream).with_export(service)
    assert claims.nats.exports == (stream, service)
    named = Export(subject="a", type="stream", name="n")
    assert claims.with_export(named).nats.exports == (service, named)
    assert claims.without_export("a").nats.exports == ()
    assert claims.without_export("b") == claims


def test_an_import_is_replaced_by_one_of_its_place() -> None:
    one = Import(subject="a", account=ACCOUNTS[0], type="stream")
    others = [
        Import(subject="a", account=ACCOUNTS[1], type="stream"),
        Import(subject="a", account=ACCOUNTS[0], type="service"),
        Import(subject="a", account=ACCOUNTS[0], type="stream", local_subject="l"),
    ]
    claims = AccountClaims().with_import(one)
    for other in others:
        claims = claims.with_import(other)
    assert claims.nats.imports == (one, *others)
    named = Import(subject="a", account=ACCOUNTS[0], type="stream", name="n")
    assert claims.with_import(named).nats.imports == (*others, named)
    assert claims.without_import("a", account=ACCOUNTS[0]).nats.imports == (others[0],)
    assert claims.without_import("b", account=ACCOUNTS[0]) == claims


def test_a_mapping_takes_subjects_and_weights() -> None:
    weighted = WeightedMapping(subject="c", weight=40)
    claims = AccountClaims().with_mapping("a", "b", weighted).with_mapping("d", "e")
    assert claims.nats.mappings == {"a": (WeightedMapping(subject="b"), weighted), "d": (WeightedMapping(subject="e"),)}
    assert claims.with_mapping("a", "x").nats.mappings["a"] == (WeightedMapping(subject="x"),)
    assert list(claims.without_mapping("a").nats.mappings) == ["d"]
    assert claims.without_mapping("x") == claims


def test_a_role_gets_another_template() -> None:
    scope = Scope(key=ACCOUNTS[0], role="r", template=Template(pub=Permission(allow=("a",)), payload=5))
    after = scope.with_template(pub={"deny": ["b"]}, subs=7)
    assert after.template == Template(pub=Permission(allow=("a",), deny=("b",)), subs=7, payload=5)
    assert (after.key, after.role) == (scope.key, scope.role)
    assert scope.template.subs == -1
    with pytest.raises(TypeError, match="Template has no member 'sbus'"):
        scope.with_template(sbus=7)
    with pytest.raises(TypeError, match="takes several"):
        scope.with_template(pub={"allow": "a.>"})
    with pytest.raises(InvalidClaimsError):
        scope.with_template(subs="7")


def test_a_user_belongs_to_its_issuer_or_to_the_account_it_names() -> None:
    claims = UserClaims(iss=ACCOUNTS[0])
    assert claims.account == ACCOUNTS[0]
    assert claims.replace(issuer_account=ACCOUNTS[1]).account == ACCOUNTS[1]


# Revocation, of accounts and of exports.

Revoking = AccountClaims | Export
revoking = pytest.mark.parametrize(
    ("holder", "keys"), [(AccountClaims(), USERS), (Export(subject="a"), ACCOUNTS)], ids=["account", "export"]
)


def entries(holder: Revoking) -> Mapping[str, int]:
    return holder.nats.revocations if isinstance(holder, AccountClaims) else holder.revocations


@revoking
def test_the_same_second_is_revoked_and_the_next_is_not(holder: Revoking, keys: list[str]) -> None:
    after = holder.revoke(keys[0], at=5)
    assert [after.is_revoked(keys[0], issued_at=second) for second in (4, 5, 6)] == [True, True, False]
    assert not after.is_revoked(keys[1], issued_at=4)
    assert not holder.is_revoked(keys[0], issued_at=4)


@revoking
def test_revoking_everybody_reaches_everybody(holder: Revoking, keys: list[str]) -> None:
    after = holder.revoke("*", at=5).revoke(keys[0], at=7)
    assert [after.is_revoked(keys[1], issued_at=second) for second in (5, 6)] == [True, False]
    assert [after.is_revoked(keys[0], issued_at=second) for second in (5, 7, 8)] == [True, True, False]


@revoking
def test_a_later_entry_stays(holder: Revoking, keys: list[str]) -> None:
    for key_ in (keys[0], "*"):
        after = holder.revoke(key_, at=9).revoke(key_, at=5)
        assert entries(after) == {key_: 9}
        assert entries(after.revoke(key_, at=11)) == {key_: 11}


@revoking
def test_unrevoking_forgets_one_entry(holder: Revoking, keys: list[str]) -> None:
    after = holder.revoke(keys[0], at=5).revoke(keys[1], at=6).unrevoke(keys[0])
    assert entries(after) == {keys[1]: 6}
    assert after.unrevoke(keys[2]) == after


def test_compacting_drops_what_the_entry_for_everybody_covers() -> None:
    claims = AccountClaims()
    for at, name in enumerate(USERS[:3], start=4):
        claims = claims.revoke(name, at=at)
    assert claims.compact() == claims
    assert entries(claims.revoke("*", at=5).compact()) == {USERS[2]: 6, "*": 5}
    assert entries(claims.revoke("*", at=3).compact()) == {**entries(claims), "*": 3}


@given(st.dictionaries(st.sampled_from([*USERS, "*"]), st.integers(1, 9)), st.integers(1, 10), st.sampled_from(USERS))
def test_compacting_revokes_as_before(revocations: dict[str, int], issued_at: int, name: str) -> None:
    claims = AccountClaims().replace(revocations=revocations)
    compacted = claims.compact()
    assert compacted.is_revoked(name, issued_at=issued_at) == claims.is_revoked(name, issued_at=issued_at)
    assert len(entries(compacted)) <= len(revocations)


@revoking
@pytest.mark.parametrize("wrong", ["", "acme", "**", " *"])
def test_only_keys_are_revoked(holder: Revoking, keys: list[str], wrong: str) -> None:
    with pytest.raises(NkeyError):
        holder.revoke(wrong, at=5)
    with pytest.raises(NkeyError):
        holder.revoke(keys[0].lower(), at=5)
    with pytest.raises(WrongKeyTypeError):
        holder.revoke(OPERATOR.public, at=5)
    with pytest.raises(WrongKeyTypeError):
        holder.revoke(ACCOUNTS[0] if keys is USERS else USERS[0], at=5)


# Moments.

MOMENTS: dict[str, Callable[[Any], object]] = {
    "revoke": lambda at: FULL.revoke("*", at=at),
    "is_revoked": lambda at: FULL.is_revoked(USERS[1], issued_at=at),
    "an export's revoke": lambda at: Export().revoke("*", at=at),
    "an export's is_revoked": lambda at: Export().revoke("*", at=5).is_revoked("*", issued_at=at),
    "seconds": lambda at: seconds(at, "at"),
}
moments = pytest.mark.parametrize("take", MOMENTS.values(), ids=MOMENTS.keys())


@moments
@pytest.mark.parametrize(
    "wrong",
    [0, -1, LATEST, 1_700_000_000_000, datetime(2023, 11, 14), datetime.max.replace(tzinfo=UTC)],
    ids=["zero", "negative", "too far", "milliseconds", "naive", "year 9999"],
)
def test_a_moment_out_of_range_is_a_value_error(take: Callable[[Any], object], wrong: object) -> None:
    with pytest.raises(ValueError, match="seconds"):
        take(wrong)


@moments
@pytest.mark.parametrize(
    "wrong", [True, False, 5.0, "5", None, timedelta(5), datetime(2023, 11, 14, tzinfo=UTC).date()], ids=repr
)
def test_what_is_no_moment_is_a_type_error(take: Callable[[Any], object], wrong: object) -> None:
    with pytest.raises(TypeError, match="whole seconds or an aware datetime"):
        take(wrong)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2286, 1, 1)), st.integers(-720, 720))
def test_an_aware_datetime_is_its_second_rounded_down(moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    whole = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    assert seconds(aware, "at") == whole
    assert entries(AccountClaims().revoke("*", at=aware)) == {"*": whole}
