"""Many users in one process: an iterator with a length, in order, lazy, in constant memory."""

import gc
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import count, islice
from typing import Any, cast

import pytest
from chain_parts import Remote, T, code, pair_of

from natscreds import Account, KeyPair, KeyType, Operator, User, UserTemplate, issue_users, tokens, verify_chain
from natscreds.bulk import Users
from natscreds.claims import UserClaims
from natscreds.errors import InvalidClaimsError, MissingKeyError, RevokedError, UntrustedIssuerError

OPERATOR = Operator.create("acme", issued_at=T)
ACCOUNT = OPERATOR.create_account("orders", issued_at=T)
TEMPLATE = UserTemplate(publish=["devices.{name}.>"], private_inbox=True)
NAMES = [f"d-{number}" for number in range(10)]


class Entropy:
    """Bytes that tell how often they were asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, size: int) -> bytes:
        self.asked.append(size)
        return len(self.asked).to_bytes(size, "big")


class Unsized:
    """An iterable without a length that tells how many names were taken."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.taken = 0

    def __iter__(self) -> Iterator[str]:
        for name in self.names:
            self.taken += 1
            yield name


def names_of(users: Users) -> list[str]:
    return [user.name for user in users]


# --- an iterator, lazy, in order


def test_users_come_in_the_order_of_their_names() -> None:
    assert names_of(issue_users(ACCOUNT, NAMES, TEMPLATE)) == NAMES
    assert names_of(issue_users(ACCOUNT, reversed(NAMES), TEMPLATE)) == NAMES[::-1]


def test_users_are_an_iterator_and_not_just_iterable() -> None:
    users = issue_users(ACCOUNT, NAMES, TEMPLATE)
    assert isinstance(users, Iterator)
    assert iter(users) is users
    assert next(users).name == "d-0"
    assert names_of(users) == NAMES[1:]
    with pytest.raises(StopIteration):
        next(users)


def test_nothing_is_issued_before_the_first_next() -> None:
    entropy = Entropy()
    names = Unsized(NAMES)
    signer = Remote(pair_of(ACCOUNT.signing_keys[0]))
    users = issue_users(ACCOUNT, names, TEMPLATE, entropy=entropy, signer=signer)
    bool(users)
    iter(users)
    assert (entropy.asked, names.taken, signer.signed) == ([], 0, 0)
    next(users)
    assert (entropy.asked, names.taken, signer.signed) == ([32], 1, 1)


def test_a_user_is_issued_when_it_is_asked_for_and_none_ahead() -> None:
    entropy = Entropy()
    names = Unsized(NAMES)
    users = issue_users(ACCOUNT, names, TEMPLATE, entropy=entropy)
    for done in range(1, 11):
        next(users)
        assert (len(entropy.asked), names.taken) == (done, done)


def test_entropy_is_asked_once_for_each_user_for_32_bytes() -> None:
    entropy = Entropy()
    users = list(issue_users(ACCOUNT, NAMES, TEMPLATE, entropy=entropy))
    assert entropy.asked == [32] * 10
    seeds = [KeyPair(KeyType.USER, number.to_bytes(32, "big")).seed for number in range(1, 11)]
    assert [user.seed for user in users] == seeds


def test_endless_names_are_no_matter() -> None:
    users = issue_users(ACCOUNT, (f"d-{number}" for number in count()), TEMPLATE)
    assert [user.name for user in islice(users, 3)] == ["d-0", "d-1", "d-2"]
    users.close()


# --- its length and its truth


@pytest.mark.parametrize(
    "make", [list, tuple, set, frozenset, dict.fromkeys(NAMES).keys], ids=["list", "tuple", "set", "frozenset", "keys"]
)
def test_the_length_is_how_many_will_be_issued(make: Callable[..., Any]) -> None:
    names = make() if make not in (list, tuple, set, frozenset) else make(NAMES)
    users = issue_users(ACCOUNT, names, TEMPLATE)
    assert len(users) == 10
    assert len(list(users)) == 10


def test_the_length_is_fixed() -> None:
    users = issue_users(ACCOUNT, NAMES, TEMPLATE)
    lengths = [len(users)]
    for _ in users:
        lengths.append(len(users))
    users.close()
    assert {*lengths, len(users)} == {10}


def test_names_without_length_make_users_without_length() -> None:
    users = issue_users(ACCOUNT, iter(NAMES), TEMPLATE)
    with pytest.raises(TypeError, match="no length"):
        len(users)
    assert len(list(users)) == 10


@pytest.mark.parametrize("names", [[], NAMES, iter([]), iter(NAMES)], ids=["none", "some", "unsized none", "unsized"])
def test_the_truth_is_always_true(names: Any) -> None:  # noqa: ANN401  # names of several types
    users = issue_users(ACCOUNT, names, TEMPLATE)
    assert bool(users) is True
    list(users)
    assert bool(users) is True


def test_no_names_make_no_users() -> None:
    users = issue_users(ACCOUNT, [], TEMPLATE)
    assert (len(users), list(users)) == (0, [])


# --- skipping


def test_skipped_names_are_not_issued_and_do_not_count() -> None:
    entropy = Entropy()
    users = issue_users(ACCOUNT, NAMES, TEMPLATE, entropy=entropy).skip(["d-0", "d-7", "nobody"])
    assert len(users) == 8
    assert names_of(users) == [name for name in NAMES if name not in ("d-0", "d-7")]
    assert len(entropy.asked) == 8


def test_skipping_gives_the_users_back_and_adds_up() -> None:
    users = issue_users(ACCOUNT, NAMES, TEMPLATE)
    assert users.skip(["d-0"]) is users
    users.skip(iter(["d-1"])).skip({"d-1"})
    assert len(users) == 8
    assert names_of(users) == NAMES[2:]


def test_rows_are_skipped_by_their_name() -> None:
    users = issue_users(ACCOUNT, [{"name": name} for name in NAMES], TEMPLATE).skip(NAMES[:9])
    assert (len(users), names_of(users)) == (1, ["d-9"])


def test_names_without_length_are_skipped_too() -> None:
    users = issue_users(ACCOUNT, iter(NAMES), TEMPLATE).skip(NAMES[:8])
    assert names_of(users) == ["d-8", "d-9"]


def test_skipping_all_leaves_none() -> None:
    users = issue_users(ACCOUNT, NAMES, TEMPLATE).skip(NAMES)
    assert (len(users), bool(users), list(users)) == (0, True, [])


def test_skipping_comes_before_the_first_next() -> None:
    users = issue_users(ACCOUNT, NAMES, TEMPLATE)
    next(users)
    with pytest.raises(RuntimeError):
        users.skip(["d-5"])


# --- closing


def test_closing_ends_the_run() -> None:
    entropy = Entropy()
    users = issue_users(ACCOUNT, NAMES, TEMPLATE, entropy=entropy)
    next(users)
    users.close()
    users.close()
    assert list(users) == []
    assert len(entropy.asked) == 1


def test_closing_before_the_first_next_issues_nothing() -> None:
    entropy = Entropy()
    users = issue_users(ACCOUNT, NAMES, TEMPLATE, entropy=entropy)
    users.close()
    assert (list(users), entropy.asked) == ([], [])


def test_leaving_a_with_block_closes() -> None:
    with issue_users(ACCOUNT, NAMES, TEMPLATE) as users:
        assert next(users).name == "d-0"
    assert list(users) == []


def test_an_error_in_a_with_block_closes_and_goes_on() -> None:
    users = issue_users(ACCOUNT, NAMES, TEMPLATE)

    def fail() -> None:
        with users:
            next(users)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(users) == []


# --- names and rows


@pytest.mark.parametrize("again", ["d-0", {"name": "d-0"}], ids=["name", "row"])
@pytest.mark.parametrize("far", [1, 3_000])
def test_a_name_stands_once_in_a_run(again: Any, far: int) -> None:  # noqa: ANN401  # a name or a row
    between = [f"x-{number}" for number in range(far)] if far > 1 else []
    users = issue_users(ACCOUNT, ["d-0", *between, again, "d-1"], UserTemplate())
    assert next(users).name == "d-0"
    for _ in between:
        next(users)
    with pytest.raises(InvalidClaimsError) as caught:
        next(users)
    assert code(caught) == "name-repeated"


def test_no_name_is_taken_for_another() -> None:
    names = [f"{left}{right}" for left in ("", "a", "aa", "A", "ä") for right in range(800)]
    assert len(names_of(issue_users(ACCOUNT, names, UserTemplate()))) == 4_000


def test_a_name_skipped_may_stand_twice() -> None:
    assert names_of(issue_users(ACCOUNT, ["a", "b", "a"], TEMPLATE).skip(["a"])) == ["b"]


def test_rows_fill_the_fields_of_a_template() -> None:
    template = UserTemplate(publish=["{site}.{name}.>"], tags=["site:{site}"], fields=["site"])
    rows = [{"name": "a", "site": "x"}, {"site": "y", "name": "b"}]
    users = list(issue_users(ACCOUNT, rows, template))
    assert [user.claims.nats.pub.allow for user in users] == [("x.a.>",), ("y.b.>",)]
    assert [user.claims.nats.tags for user in users] == [("site:x",), ("site:y",)]
    assert [user.name for user in users] == ["a", "b"]


def test_names_and_rows_can_be_mixed() -> None:
    assert names_of(issue_users(ACCOUNT, ["a", {"name": "b"}], TEMPLATE)) == ["a", "b"]


def test_a_row_without_name_is_refused() -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        next(issue_users(ACCOUNT, [{"site": "x"}], UserTemplate(fields=["site"])))
    assert code(caught) == "field-missing"


@pytest.mark.parametrize("row", ["a", {"name": "a"}], ids=["name", "row"])
@pytest.mark.parametrize("where", ["publish", "deny_subscribe", "tags"])
def test_a_row_without_a_field_that_is_needed_is_refused(row: Any, where: str) -> None:  # noqa: ANN401  # name or row
    keywords: dict[str, Any] = {"subscribe": ["a"], where: ["s:{site}"]}
    with pytest.raises(InvalidClaimsError) as caught:
        next(issue_users(ACCOUNT, [row], UserTemplate(fields=["site"], **keywords)))
    assert code(caught) == "field-missing"


@pytest.mark.parametrize("template", [TEMPLATE, UserTemplate()], ids=["with fields", "without"])
@pytest.mark.parametrize("column", ["site", "public", "", "Name"])
def test_a_column_that_is_no_field_is_refused(template: UserTemplate, column: str) -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        next(issue_users(ACCOUNT, [{"name": "a", column: "b"}], template))
    assert code(caught) == "field-unknown"


@pytest.mark.parametrize("value", [1, None, b"x", ["x"]], ids=repr)
def test_a_row_holds_texts(value: Any) -> None:  # noqa: ANN401  # the wrong types are the point
    template = UserTemplate(publish=["{site}"], fields=["site"])
    with pytest.raises(TypeError):
        next(issue_users(ACCOUNT, [{"name": "a", "site": value}], template))
    with pytest.raises(TypeError):
        next(issue_users(ACCOUNT, [{"name": value}], UserTemplate()))


@pytest.mark.parametrize("names", [{"name": "a", "site": "b"}, {"a": {"name": "a"}}], ids=["a row", "rows by name"])
def test_a_single_row_is_no_list_of_names(names: Any) -> None:  # noqa: ANN401  # the wrong type is the point
    with pytest.raises(TypeError, match="several"):
        issue_users(ACCOUNT, names, TEMPLATE)


@pytest.mark.parametrize("names", [None, 5, ACCOUNT], ids=["None", "5", "account"])
def test_what_is_no_iterable_is_no_list_of_names(names: Any) -> None:  # noqa: ANN401  # the wrong types are the point
    with pytest.raises(TypeError):
        next(issue_users(ACCOUNT, names, TEMPLATE))


@pytest.mark.parametrize("template", [None, {"publish": ["a"]}, "a", UserTemplate], ids=repr)
def test_a_template_is_a_template(template: Any) -> None:  # noqa: ANN401  # the wrong types are the point
    with pytest.raises(TypeError, match="template"):
        issue_users(ACCOUNT, NAMES, template)


# --- what is wrong with the job is told before it starts


def test_a_template_that_does_not_fit_the_account_is_refused_before_the_first_user() -> None:
    with pytest.raises(InvalidClaimsError, match="role-unknown"):
        issue_users(ACCOUNT, NAMES, UserTemplate(role="device"))
    account = OPERATOR.add_role(ACCOUNT, "device", publish=["a"], key=KeyPair.generate(KeyType.ACCOUNT).public)
    with pytest.raises(MissingKeyError):
        issue_users(account, NAMES, UserTemplate(role="device"))


@pytest.mark.parametrize(
    ("keywords", "told"),
    [
        ({"expires_in": timedelta(hours=1), "expires_at": T + 3600}, "expires-twice"),
        ({"expires_in": timedelta(0)}, "expires-too-soon"),
        ({"bearer": True}, "bearer-without-expiry"),
        ({"publish": ["a..b"]}, "entry-servers-drop"),
        ({"publish": ["{site}"]}, "placeholder"),
        ({"tags": ["Team:blue"]}, "tag-bent"),
        ({"tags": ["id:{public}"]}, "placeholder"),
        ({"role": "device", "publish": ["a"]}, "role-and-permissions"),
        ({"role": ""}, "name-empty"),
        ({"max_subscriptions": 0}, "limit-too-small"),
        ({"allow_responses": 1}, "responses-without-subscribe"),
        ({"sources": ["here"]}, "not-a-network"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_template_that_means_nothing_is_refused_when_it_is_made(keywords: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        UserTemplate(**keywords)
    assert code(caught) == told


def test_an_account_without_keys_is_refused_before_the_first_user() -> None:
    for account in (ACCOUNT.jwt, Account.load(ACCOUNT.jwt)):
        with pytest.raises(MissingKeyError):
            issue_users(account, NAMES, TEMPLATE)


def test_a_signer_that_is_not_the_accounts_is_refused_before_the_first_user() -> None:
    with pytest.raises(UntrustedIssuerError):
        issue_users(ACCOUNT, NAMES, TEMPLATE, signer=KeyPair.generate(KeyType.ACCOUNT))


def test_an_expiry_that_is_past_is_refused_before_the_first_user() -> None:
    with pytest.raises(InvalidClaimsError, match="expires-"):
        issue_users(ACCOUNT, NAMES, UserTemplate(expires_at=T))


def test_a_moment_that_the_account_revokes_is_refused_before_the_first_user() -> None:
    account = OPERATOR.reissue(ACCOUNT, ACCOUNT.claims.revoke("*", at=T + 9))
    with pytest.raises(InvalidClaimsError, match="issued-too-early"):
        issue_users(account, NAMES, TEMPLATE, issued_at=T + 9)
    assert issue_users(account, NAMES, TEMPLATE, issued_at=T + 10).issued_at == T + 10


def test_an_account_and_a_signer_can_be_texts() -> None:
    seed = pair_of(ACCOUNT.signing_keys[0]).seed
    (user,) = issue_users(ACCOUNT.jwt, ["a"], TEMPLATE, signer=seed)
    assert verify_chain(operator=OPERATOR, account=ACCOUNT, user=user).user == user.claims


# --- what is issued


def test_all_users_are_of_one_second_and_one_expiry() -> None:
    template = UserTemplate(publish=["a"], expires_in=timedelta(days=1))
    users = issue_users(ACCOUNT, NAMES, template, issued_at=T)
    assert users.issued_at == T
    claims = [user.claims for user in users]
    assert {one.iat for one in claims} == {T}
    assert {one.exp for one in claims} == {T + 86_400}


def test_users_are_what_servers_would_take() -> None:
    account = OPERATOR.add_role(ACCOUNT, "device", publish=["d.{{name()}}"])
    for template in (TEMPLATE, UserTemplate(role="device")):
        for user in issue_users(account, NAMES, template):
            found = verify_chain(operator=OPERATOR, account=account, user=user)
            assert found.user == user.claims
            assert user.creds.public == user.claims.sub == user.public


def test_every_user_has_a_key_and_token_of_its_own() -> None:
    users = list(issue_users(ACCOUNT, NAMES, TEMPLATE))
    assert len({user.public for user in users}) == len({user.jwt for user in users}) == 10


def test_a_key_that_the_account_revokes_is_not_issued_again() -> None:
    def entropy(size: int) -> bytes:
        return bytes(size - 1) + b"\1"

    stolen = ACCOUNT.create_user("a", entropy=entropy, issued_at=T)
    account = OPERATOR.revoke(ACCOUNT, stolen)
    with pytest.raises(RevokedError) as caught:
        next(issue_users(account, ["a"], TEMPLATE, entropy=entropy))
    assert stolen.public in str(caught.value)


def test_the_job_tells_one_run_from_another() -> None:
    one, other = (issue_users(ACCOUNT, NAMES, TEMPLATE) for _ in range(2))
    assert one.job != other.job


def test_a_template_can_be_used_again_and_with_other_accounts() -> None:
    other = OPERATOR.create_account("other")
    for account in (ACCOUNT, other, ACCOUNT):
        users = list(issue_users(account, ["a", "b"], TEMPLATE))
        assert [user.claims.account for user in users] == [account.public] * 2
        assert [user.claims.nats.pub.allow for user in users] == [("devices.a.>",), ("devices.b.>",)]


def test_one_users_name_does_not_leak_into_the_next() -> None:
    template = UserTemplate(publish=["{a}.{name}"], subscribe=["{b}.{name}"], tags=["t:{a}"], fields=["a", "b"])
    rows = [{"name": "n1", "a": "a1", "b": "b1"}, {"name": "n2", "a": "a2", "b": "b2"}]
    first, second = (user.claims.nats for user in issue_users(ACCOUNT, rows, template))
    assert (first.pub.allow, first.sub.allow, first.tags) == (("a1.n1",), ("b1.n1",), ("t:a1",))
    assert (second.pub.allow, second.sub.allow, second.tags) == (("a2.n2",), ("b2.n2",), ("t:a2",))


def test_a_name_that_does_not_fit_ends_the_run() -> None:
    users = issue_users(ACCOUNT, ["a", "*", "b"], TEMPLATE)
    assert next(users).name == "a"
    with pytest.raises(InvalidClaimsError, match="not-one-token"):
        next(users)
    assert list(users) == []


# --- progress


@pytest.mark.parametrize(
    ("names", "last"), [(NAMES, (10, 10)), (iter(NAMES), (10, None)), ([], (0, 0))], ids=["some", "unsized", "none"]
)
def test_progress_is_told_at_the_end(names: Iterable[str], last: tuple[int, int | None]) -> None:
    told: list[tuple[int, int | None]] = []
    list(issue_users(ACCOUNT, names, TEMPLATE, on_progress=lambda done, total: told.append((done, total))))
    assert told[-1] == last


def test_progress_counts_what_is_issued_and_not_what_is_skipped() -> None:
    told: list[tuple[int, int | None]] = []
    users = issue_users(ACCOUNT, NAMES, TEMPLATE, on_progress=lambda done, total: told.append((done, total)))
    list(users.skip(NAMES[:4]))
    assert told[-1] == (6, 6)


def test_progress_only_rises_and_is_not_told_for_each_user() -> None:
    told: list[int] = []
    names = [f"d-{number}" for number in range(2_000)]
    list(issue_users(ACCOUNT, names, UserTemplate(), on_progress=lambda done, _: told.append(done)))
    assert told == sorted(told)
    assert told[-1] == 2_000
    assert len(told) < 200


def test_progress_that_raises_ends_the_run() -> None:
    def broken(done: int, total: int | None) -> None:
        raise ZeroDivisionError(done, total)

    with pytest.raises(ZeroDivisionError):
        list(issue_users(ACCOUNT, NAMES, TEMPLATE, on_progress=broken))


def test_progress_is_not_told_before_the_first_user() -> None:
    told: list[int] = []
    users = issue_users(ACCOUNT, NAMES, TEMPLATE, on_progress=lambda done, _: told.append(done))
    len(users)
    users.skip(["d-0"])
    assert told == []


# --- memory


def peak(number: int, make: Callable[[Iterator[str]], Any]) -> int:
    """Return how many bytes were in use at once, at most, while that many users were issued."""
    names = make(f"device-{at:07d}" for at in range(number))
    gc.collect()
    tracemalloc.start()
    try:
        for user in issue_users(ACCOUNT, names, TEMPLATE):
            assert user.name
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("make", [list, iter], ids=["a list", "a generator"])
def test_memory_does_not_grow_with_the_users(make: Callable[[Iterator[str]], Any]) -> None:
    peak(100, make)
    few, many = peak(300, make), peak(3_000, make)
    # 48 MiB for a million, which is 50 bytes each: what tells a name that came twice, and no users.
    assert (many - few) / 2_700 < 50


def test_users_given_away_are_not_kept() -> None:
    tracked = [type(user) for user in gc.get_objects() if isinstance(user, User)]
    users = issue_users(ACCOUNT, [f"d-{number}" for number in range(400)], TEMPLATE)
    for _ in islice(users, 390):
        pass
    gc.collect()
    left = [user for user in gc.get_objects() if isinstance(user, User)]
    assert len(left) <= len(tracked) + 128  # as many as are made at once


# --- claims are read when they are asked for


def test_claims_are_read_from_the_token_when_asked_for() -> None:
    user = next(issue_users(ACCOUNT, ["a"], TEMPLATE))
    assert user.claims is user.claims
    assert user.claims == tokens.verify(user.jwt, UserClaims).claims


def test_nothing_is_signed_for_an_argument_that_is_not_there() -> None:
    with pytest.raises(TypeError):
        cast("Any", issue_users)(ACCOUNT, NAMES, TEMPLATE, workers_=2)
    with pytest.raises(TypeError):
        cast("Any", issue_users)(ACCOUNT, NAMES, TEMPLATE, T)
