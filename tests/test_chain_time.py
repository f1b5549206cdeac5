"""Time in the chain: whole seconds, given or from the clock; `iat` moves forward; expiry is what was asked."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple, cast

import pytest
from chain_parts import T, code

from natscreds import Account, Operator, User, UserTemplate, issue_users, tokens, verify_chain
from natscreds.claims import AccountClaims
from natscreds.errors import InvalidClaimsError, RevokedError

YEAR = timedelta(days=365)

OPERATOR = Operator.create("acme", issued_at=T)
ACCOUNT = OPERATOR.create_account("orders", issued_at=T)
USER = ACCOUNT.create_user("svc-1", issued_at=T)


class Door(NamedTuple):
    """One place that takes `issued_at`, and gives the `iat` it wrote. What it writes lies above T."""

    name: str
    make: Callable[..., int]


DOORS = [
    Door("Operator.create", lambda **k: Operator.create("acme", **k).claims.iat),
    Door("Operator.replace", lambda **k: OPERATOR.replace(OPERATOR.claims, **k).claims.iat),
    Door("create_account", lambda **k: OPERATOR.create_account("orders", **k).claims.iat),
    Door("reissue an account", lambda **k: OPERATOR.reissue(ACCOUNT, **k).claims.iat),
    Door("revoke", lambda **k: OPERATOR.revoke(ACCOUNT, USER, **k).claims.iat),
    Door("add_role", lambda **k: OPERATOR.add_role(ACCOUNT, "r", publish=["a"], **k).claims.iat),
    Door("adopt", lambda **k: OPERATOR.adopt(ACCOUNT.jwt, **k).claims.iat),
    Door("create_user", lambda **k: ACCOUNT.create_user("svc-2", **k).claims.iat),
    Door("reissue a user", lambda **k: ACCOUNT.reissue(USER, **k).claims.iat),
    Door("issue_users", lambda **k: next(issue_users(ACCOUNT, ["a"], UserTemplate(), **k)).claims.iat),
]
FORWARD = {"Operator.replace", "reissue an account", "revoke", "add_role"}
"""Doors through which `iat` moves strictly forward."""


@pytest.fixture(params=DOORS, ids=lambda door: door.name)
def door(request: pytest.FixtureRequest) -> Door:
    return cast("Door", request.param)


def now() -> int:
    return int(time.time())


def first(template: UserTemplate, issued_at: int | None) -> User:
    return next(issue_users(ACCOUNT, ["a"], template, issued_at=issued_at))


# --- issued_at


def test_without_a_moment_the_clock_is_read(door: Door) -> None:
    before = now()
    assert before <= door.make() <= now()
    assert before <= door.make(issued_at=None) <= now()


def test_a_moment_in_seconds_is_written(door: Door) -> None:
    assert door.make(issued_at=T + 5) == T + 5


def test_a_moment_with_a_time_zone_is_written_in_seconds_rounded_down(door: Door) -> None:
    aware = datetime.fromtimestamp(T + 5, UTC) + timedelta(microseconds=999_999)
    assert door.make(issued_at=aware) == T + 5
    assert door.make(issued_at=aware.astimezone(timezone(timedelta(hours=-7)))) == T + 5


def test_a_moment_without_time_zone_is_refused(door: Door) -> None:
    with pytest.raises(ValueError, match="naive"):
        door.make(issued_at=datetime.fromtimestamp(T + 5))  # the naive one is the point


@pytest.mark.parametrize("value", [0, -1, 10**10, T * 1000, 2**63], ids=str)
def test_a_moment_out_of_range_is_refused(door: Door, value: int) -> None:
    with pytest.raises(ValueError, match="issued_at lies between 1 and 9999999999"):
        door.make(issued_at=value)


@pytest.mark.parametrize("value", [True, False, 1.0, str(T), timedelta(1)], ids=repr)
def test_a_moment_of_another_type_is_refused(door: Door, value: object) -> None:
    with pytest.raises(TypeError, match="issued_at"):
        door.make(issued_at=value)


def test_a_moment_may_lie_a_minute_ahead_of_the_clock_and_no_more(door: Door) -> None:
    ahead = now() + 55
    assert door.make(issued_at=ahead) == ahead
    with pytest.raises(InvalidClaimsError) as caught:
        door.make(issued_at=now() + 120)
    assert code(caught) == "issued-ahead"
    with pytest.raises(InvalidClaimsError):
        door.make(issued_at=9_999_999_999)


@pytest.mark.parametrize("second", [T, T - 1, 1])
@pytest.mark.parametrize("forward", [door for door in DOORS if door.name in FORWARD], ids=lambda door: door.name)
def test_a_moment_not_after_the_old_tokens_is_refused_where_iat_moves_forward(forward: Door, second: int) -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        forward.make(issued_at=second)
    assert code(caught) == "issued-too-early"


# --- iat of accounts and operators


def test_signing_an_account_again_in_one_second_moves_iat_on() -> None:
    account = OPERATOR.create_account("orders")
    seconds = [account.claims.iat]
    account = OPERATOR.reissue(account)
    seconds.append(account.claims.iat)
    account = OPERATOR.add_role(account, "r", publish=["a"])
    seconds.append(account.claims.iat)
    account = OPERATOR.revoke(account, "*")
    seconds.append(account.claims.iat)
    account = OPERATOR.reissue(account, account.claims.replace(description="shop"))
    seconds.append(account.claims.iat)
    assert seconds == sorted(set(seconds))
    assert seconds[-1] <= now() + 4


def test_signing_an_operator_again_in_one_second_moves_iat_on() -> None:
    operator = Operator.create("acme")
    again = operator.replace(operator.claims)
    assert operator.claims.iat < again.claims.iat <= now() + 1


def test_an_account_from_the_far_future_is_not_signed_again() -> None:
    ahead = tokens.sign(ACCOUNT.claims, OPERATOR.signing_keys[0], issued_at=now() + 3600)
    for step in (OPERATOR.reissue, lambda text: OPERATOR.revoke(text, "*")):
        with pytest.raises(InvalidClaimsError) as caught:
            step(ahead)
        assert code(caught) == "issued-ahead"


def test_an_account_is_signed_at_most_a_minute_ahead() -> None:
    account = OPERATOR.create_account("orders", issued_at=now() + 58)
    with pytest.raises(InvalidClaimsError) as caught:  # noqa: PT012  # one of the steps crosses the line
        for _ in range(10):
            account = OPERATOR.reissue(account)
    assert code(caught) == "issued-ahead"
    assert account.claims.iat <= now() + 60


# --- expiry

EXPIRING = [
    Door("create_account", lambda **k: OPERATOR.create_account("orders", **k).claims.exp),
    Door("create_user", lambda **k: ACCOUNT.create_user("svc-2", **k).claims.exp),
    Door("reissue a user", lambda **k: ACCOUNT.reissue(USER, **k).claims.exp),
    Door("issue_users", lambda issued_at=None, **k: first(UserTemplate(**k), issued_at).claims.exp),
]


@pytest.fixture(params=EXPIRING, ids=lambda door: door.name)
def expiring(request: pytest.FixtureRequest) -> Door:
    return cast("Door", request.param)


@pytest.mark.parametrize(
    ("life", "seconds"),
    [
        (timedelta(seconds=1), 1),
        (timedelta(seconds=1, microseconds=1), 2),
        (timedelta(seconds=1.5), 2),
        (timedelta(hours=8), 28_800),
        (timedelta(days=30), 2_592_000),
    ],
    ids=str,
)
def test_the_expiry_is_the_second_of_issuing_and_the_life_rounded_up(
    expiring: Door, life: timedelta, seconds: int
) -> None:
    assert expiring.make(expires_in=life, issued_at=T) == T + seconds


def test_the_expiry_counts_from_the_clock_without_a_moment(expiring: Door) -> None:
    before = now()
    assert before + 60 <= expiring.make(expires_in=timedelta(minutes=1)) <= now() + 60


def test_an_expiry_can_be_a_moment(expiring: Door) -> None:
    assert expiring.make(expires_at=T + 60, issued_at=T) == T + 60
    late = datetime.fromtimestamp(T + 60, UTC) + timedelta(microseconds=1)
    assert expiring.make(expires_at=late, issued_at=T) == T + 60


def test_an_expiry_lies_after_the_second_of_issuing(expiring: Door) -> None:
    for second in (T, T - 1):
        with pytest.raises(InvalidClaimsError) as caught:
            expiring.make(expires_at=second, issued_at=T)
        assert code(caught) == "expires-before-issued"


def test_an_expiry_in_the_past_is_fine_only_where_the_moment_was_given(expiring: Door) -> None:
    assert expiring.make(expires_in=timedelta(seconds=1), issued_at=T) == T + 1
    with pytest.raises(InvalidClaimsError) as caught:
        expiring.make(expires_at=T + 1)
    assert code(caught) in {"expires-before-issued", "expires-in-the-past"}


def test_an_expiry_said_twice_is_refused(expiring: Door) -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        expiring.make(expires_in=timedelta(hours=1), expires_at=T + 3600, issued_at=T)
    assert code(caught) == "expires-twice"


@pytest.mark.parametrize("life", [timedelta(0), timedelta(seconds=-1), timedelta(milliseconds=999)], ids=str)
def test_a_life_under_a_second_is_refused_and_never_means_for_ever(expiring: Door, life: timedelta) -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        expiring.make(expires_in=life, issued_at=T)
    assert code(caught) == "expires-too-soon"


@pytest.mark.parametrize("life", [300 * YEAR, timedelta.max], ids=str)
def test_a_life_that_overflows_a_servers_timer_is_refused(expiring: Door, life: timedelta) -> None:
    with pytest.raises(ValueError, match="expiry lies between"):
        expiring.make(expires_in=life, issued_at=T)


def test_a_life_of_years_is_no_problem(expiring: Door) -> None:
    assert expiring.make(expires_in=200 * YEAR, issued_at=T) == T + 200 * 365 * 86_400


def test_a_renewed_user_expires_when_it_did_unless_told() -> None:
    user = ACCOUNT.create_user("svc-2", expires_in=timedelta(hours=1))
    assert ACCOUNT.reissue(user).claims.exp == user.claims.exp
    assert ACCOUNT.reissue(USER).claims.exp == 0


def test_an_expired_user_is_not_renewed_by_accident() -> None:
    user = ACCOUNT.create_user("svc-2", expires_in=timedelta(hours=1), issued_at=T)
    with pytest.raises(InvalidClaimsError) as caught:
        ACCOUNT.reissue(user)
    assert code(caught) == "expires-in-the-past"
    assert ACCOUNT.reissue(user, expires_in=timedelta(hours=1)).claims.exp > now()


def test_a_user_is_not_renewed_in_the_second_it_expires() -> None:
    user = ACCOUNT.create_user("svc-2", expires_at=T + 60, issued_at=T)
    assert ACCOUNT.reissue(user, issued_at=T + 59).claims.exp == T + 60
    for second in (T + 60, T + 61):
        with pytest.raises(InvalidClaimsError) as caught:
            ACCOUNT.reissue(user, issued_at=second)
        assert code(caught) == "expires-in-the-past"


# --- not_before


def test_the_start_of_validity_is_never_set_unless_asked() -> None:
    users = [USER, ACCOUNT.reissue(USER), next(issue_users(ACCOUNT, ["a"], UserTemplate()))]
    assert [user.claims.nbf for user in users] == [0, 0, 0]
    assert ACCOUNT.claims.nbf == OPERATOR.claims.nbf == 0


def test_the_start_of_validity_is_a_moment() -> None:
    assert ACCOUNT.create_user("svc-2", not_before=T + 5).claims.nbf == T + 5
    assert ACCOUNT.create_user("svc-2", not_before=datetime.fromtimestamp(T, UTC)).claims.nbf == T
    for value in (0, -1, T * 1000):
        with pytest.raises(ValueError, match="not_before"):
            ACCOUNT.create_user("svc-2", not_before=value)
    with pytest.raises(TypeError, match="not_before"):
        ACCOUNT.create_user("svc-2", not_before=True)


# --- revoking, and being let in again


def admitted(account: Account, user: User) -> bool:
    """Tell whether a server holding this account token lets the user in."""
    try:
        verify_chain(operator=OPERATOR, account=account, user=user, now=now())
    except RevokedError:
        return False
    return True


@pytest.mark.parametrize("how", ["user", "token", "key"])
def test_revoking_reaches_the_token_meant(how: str) -> None:
    user = ACCOUNT.create_user("svc-2")
    whom: dict[str, User | str] = {"user": user, "token": user.jwt, "key": user.public}
    revoked = OPERATOR.revoke(ACCOUNT, whom[how])
    assert not admitted(revoked, user)
    assert admitted(ACCOUNT, user)
    assert revoked.claims.is_revoked(user.public, issued_at=user.claims.iat)


@pytest.mark.parametrize("how", ["user", "token"])
def test_revoking_reaches_a_token_from_the_near_future(how: str) -> None:
    user = ACCOUNT.create_user("svc-2", issued_at=now() + 50)
    revoked = OPERATOR.revoke(ACCOUNT, user if how == "user" else user.jwt)
    assert revoked.claims.nats.revocations == {user.public: user.claims.iat}
    assert not admitted(revoked, user)


def test_revoking_without_a_moment_writes_the_clock() -> None:
    before = now()
    (until,) = OPERATOR.revoke(ACCOUNT, USER).claims.nats.revocations.values()
    assert before <= until <= now()


def test_a_revoked_user_made_again_in_that_second_is_let_in() -> None:
    user = ACCOUNT.create_user("svc-2")
    revoked = OPERATOR.revoke(ACCOUNT, user)
    for again in (revoked.create_user("svc-2", key=user.key), revoked.reissue(user, reinstate=True)):
        assert again.claims.iat > revoked.claims.nats.revocations[user.public]
        assert admitted(revoked, again)


def test_revoke_and_let_in_and_revoke_in_one_second_ends_revoked() -> None:
    account, user = ACCOUNT, ACCOUNT.create_user("svc-2")
    for _ in range(5):
        account = OPERATOR.revoke(account, user)
        assert not admitted(account, user)
        user = account.create_user("svc-2", key=user.key)
        assert admitted(account, user)
    for last in (user, user.jwt, user.public, "*"):
        assert not admitted(OPERATOR.revoke(account, last), user)


def test_revoking_everybody_reaches_who_was_let_in_again_in_that_second() -> None:
    user = ACCOUNT.create_user("svc-2")
    revoked = OPERATOR.revoke(ACCOUNT, user)
    again = revoked.create_user("svc-2", key=user.key)
    everybody = OPERATOR.revoke(revoked, "*")
    assert everybody.claims.is_revoked(again.public, issued_at=again.claims.iat)


def test_revoking_everybody_and_letting_in_and_revoking_one_ends_revoked() -> None:
    everybody = OPERATOR.revoke(ACCOUNT, "*")
    user = everybody.create_user("svc-2")
    assert admitted(everybody, user)
    for whom in (user, user.jwt, user.public, "*"):
        assert not admitted(OPERATOR.revoke(everybody, whom), user)


def test_revoking_everybody_reaches_everybody_issued_before() -> None:
    users = [ACCOUNT.create_user(name) for name in ("a", "b")]
    everybody = OPERATOR.revoke(ACCOUNT, "*")
    assert [admitted(everybody, user) for user in (USER, *users)] == [False] * 3


def test_revoking_everybody_does_not_follow_an_entry_that_locks_one_out_for_long() -> None:
    locked = OPERATOR.revoke(ACCOUNT, USER, at=now() + 100_000, future=True)
    assert OPERATOR.revoke(locked, "*").claims.nats.revocations["*"] <= now()


def test_new_users_lie_above_the_revocation_of_everybody() -> None:
    everybody = OPERATOR.revoke(ACCOUNT, "*")
    floor = everybody.claims.nats.revocations["*"]
    assert everybody.create_user("a").claims.iat > floor
    assert [user.claims.iat > floor for user in issue_users(everybody, ["a", "b"], UserTemplate())] == [True, True]


def test_a_moment_that_the_account_revokes_is_refused() -> None:
    account = OPERATOR.reissue(ACCOUNT, ACCOUNT.claims.revoke("*", at=T + 10))
    for make in (
        lambda: account.create_user("a", issued_at=T + 10),
        lambda: issue_users(account, ["a"], UserTemplate(), issued_at=T + 10),
        lambda: account.reissue(USER, reinstate=True, issued_at=T + 10),
    ):
        with pytest.raises(InvalidClaimsError) as caught:
            make()
        assert code(caught) == "issued-too-early"
    assert account.create_user("a", issued_at=T + 11).claims.iat == T + 11


def test_nobody_is_issued_under_a_revocation_of_the_far_future() -> None:
    account = OPERATOR.revoke(ACCOUNT, "*", at=now() + 3600, future=True)
    for make in (
        lambda: account.create_user("a"),
        lambda: issue_users(account, ["a"], UserTemplate()),
        lambda: account.reissue(USER, reinstate=True),
    ):
        with pytest.raises(InvalidClaimsError) as caught:
            make()
        assert code(caught) == "issued-ahead"


def test_a_revocation_ahead_of_the_clock_is_said_aloud() -> None:
    ahead = now() + 3600
    with pytest.raises(InvalidClaimsError) as caught:
        OPERATOR.revoke(ACCOUNT, USER, at=ahead)
    assert code(caught) == "revoked-ahead"
    assert OPERATOR.revoke(ACCOUNT, USER, at=ahead, future=True).claims.nats.revocations == {USER.public: ahead}


def test_a_revocation_at_this_very_second_is_not_ahead() -> None:
    second = now()
    assert OPERATOR.revoke(ACCOUNT, USER, at=second).claims.nats.revocations == {USER.public: second}


def test_a_revocation_at_a_moment_writes_that_moment() -> None:
    assert OPERATOR.revoke(ACCOUNT, USER, at=T).claims.nats.revocations == {USER.public: T}
    aware = datetime.fromtimestamp(T, UTC)
    assert OPERATOR.revoke(ACCOUNT, "*", at=aware).claims.nats.revocations == {"*": T}


@pytest.mark.parametrize("at", [0, -1, T * 1000, True, 1.5, "now"], ids=repr)
def test_a_revocation_is_at_a_sound_moment(at: Any) -> None:  # noqa: ANN401  # the wrong types are the point
    with pytest.raises((ValueError, TypeError), match="at "):
        OPERATOR.revoke(ACCOUNT, USER, at=at)


def test_a_later_revocation_is_never_taken_back_by_an_earlier_one() -> None:
    account = OPERATOR.revoke(ACCOUNT, USER, at=T + 100)
    assert OPERATOR.revoke(account, USER, at=T).claims.nats.revocations == {USER.public: T + 100}
    claims = account.claims.revoke("*", at=T + 50).revoke("*", at=T)
    assert claims.nats.revocations["*"] == T + 50


def test_a_token_of_the_second_revoked_is_revoked_and_of_the_next_is_not() -> None:
    claims: AccountClaims = ACCOUNT.claims.revoke(USER.public, at=T)
    asked = [claims.is_revoked(USER.public, issued_at=second) for second in (T - 1, T, T + 1)]
    assert asked == [True, True, False]
    everybody = ACCOUNT.claims.revoke("*", at=T)
    assert [everybody.is_revoked(USER.public, issued_at=second) for second in (T, T + 1)] == [True, False]


def test_taking_a_revocation_back_lets_old_tokens_in_again() -> None:
    revoked = OPERATOR.revoke(ACCOUNT, USER)
    cleared = OPERATOR.reissue(revoked, revoked.claims.unrevoke(USER.public))
    assert admitted(cleared, USER)


def test_compacting_drops_only_what_the_entry_for_everybody_covers() -> None:
    other = ACCOUNT.create_user("other").public
    claims = ACCOUNT.claims.revoke(USER.public, at=T).revoke(other, at=T + 2).revoke("*", at=T + 1).compact()
    assert claims.nats.revocations == {other: T + 2, "*": T + 1}


def test_a_renewed_user_is_not_older_than_it_was() -> None:
    user = ACCOUNT.create_user("svc-2", issued_at=now() + 50)
    again = ACCOUNT.reissue(user)
    assert again.claims.iat >= user.claims.iat
    assert not admitted(OPERATOR.revoke(ACCOUNT, again), user)
    with pytest.raises(InvalidClaimsError) as caught:
        ACCOUNT.reissue(user, issued_at=user.claims.iat - 1)
    assert code(caught) == "issued-too-early"
