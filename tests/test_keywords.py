"""The friendly keywords of `create_user`, `UserTemplate` and `add_role`: every row and column of their table."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest
from keyword_ways import ACCOUNT, OPERATOR, SEED, WAYS, T, Way, entropy, payload, refused

from natscreds import Account, KeyPair, KeyType, User, UserTemplate, issue_users
from natscreds.claims import Permission, ResponsePermission
from natscreds.errors import InvalidClaimsError, MissingKeyError

NOTHING = Permission(deny=(">",))
NOT_SAID = Permission()


def codes(item: User | Account) -> set[str]:
    return {problem.code for problem in item.problems}


@pytest.fixture(params=WAYS, ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Way:
    return cast("Way", request.param)


@pytest.fixture(params=WAYS[:2], ids=lambda way: way.name)
def user_way(request: pytest.FixtureRequest) -> Way:
    return cast("Way", request.param)


# --- publish, subscribe

DIRECTIONS = {"publish": "pub", "subscribe": "sub"}
OTHER = {"publish": "subscribe", "subscribe": "publish"}


@pytest.mark.parametrize("keyword", DIRECTIONS)
def test_a_direction_that_is_none_is_not_said(way: Way, keyword: str) -> None:
    limits = way(**{keyword: None})
    assert (limits.pub, limits.sub, limits.resp) == (NOT_SAID, NOT_SAID, None)


@pytest.mark.parametrize("keyword", DIRECTIONS)
@pytest.mark.parametrize("said", [["a.>"], [], [">"]], ids=["some", "nothing", "everything"])
def test_once_one_direction_is_given_the_other_is_nothing(way: Way, keyword: str, said: list[str]) -> None:
    limits = way(**{OTHER[keyword]: said})
    assert getattr(limits, DIRECTIONS[keyword]) == NOTHING


def test_once_responses_are_given_a_direction_not_said_is_nothing(way: Way) -> None:
    assert way(subscribe=["svc.>"], allow_responses=1).pub == NOTHING


@pytest.mark.parametrize("keyword", DIRECTIONS)
def test_an_empty_direction_is_nothing_and_written_as_a_deny_of_all(way: Way, keyword: str) -> None:
    assert getattr(way(**{keyword: []}), DIRECTIONS[keyword]) == NOTHING
    assert way.wire(**{keyword: []})[DIRECTIONS[keyword]] == {"deny": [">"]}


@pytest.mark.parametrize("keyword", DIRECTIONS)
def test_an_empty_direction_makes_the_other_nothing_too(way: Way, keyword: str) -> None:
    limits = way(**{keyword: []})
    assert (limits.pub, limits.sub) == (NOTHING, NOTHING)


@pytest.mark.parametrize("keyword", DIRECTIONS)
def test_a_direction_is_exactly_what_is_listed(way: Way, keyword: str) -> None:
    assert getattr(way(**{keyword: ["b.*", "a.>"]}), DIRECTIONS[keyword]) == Permission(allow=("b.*", "a.>"))


@pytest.mark.parametrize("keyword", DIRECTIONS)
def test_everything_is_spelled_with_a_wildcard(way: Way, keyword: str) -> None:
    assert getattr(way(**{keyword: [">"]}), DIRECTIONS[keyword]) == Permission(allow=(">",))


@pytest.mark.parametrize("keyword", ["publish", "subscribe", "deny_publish", "deny_subscribe"])
@pytest.mark.parametrize("value", [0, -1, True, 1.5], ids=repr)
def test_a_number_is_no_list_of_subjects(way: Way, keyword: str, value: object) -> None:
    with pytest.raises(TypeError):
        way(**{keyword: value})


@pytest.mark.parametrize("keyword", ["publish", "subscribe", "deny_publish", "deny_subscribe"])
@pytest.mark.parametrize("value", ["a.>", b"a.>", bytearray(b"a.>"), [b"a.>"], [None], [["a"]]], ids=repr)
def test_only_lists_of_text_are_lists_of_subjects(way: Way, keyword: str, value: object) -> None:
    with pytest.raises(TypeError, match=keyword):
        way(**{keyword: value})


@pytest.mark.parametrize("keyword", ["publish", "subscribe"])
@pytest.mark.parametrize("make", [tuple, set, iter, dict.fromkeys], ids=["tuple", "set", "iterator", "keys"])
def test_any_iterable_of_subjects_will_do(way: Way, keyword: str, make: Callable[[list[str]], Any]) -> None:
    assert getattr(way(**{keyword: make(["a.>"])}), DIRECTIONS[keyword]).allow == ("a.>",)


def test_a_subject_given_twice_is_written_once(way: Way) -> None:
    assert way(publish=["a", "b", "a"]).pub.allow == ("a", "b")


# --- deny_publish, deny_subscribe, sources, times, tags, connection_types

RULES = {
    "deny_publish": ("pub", NOT_SAID),
    "deny_subscribe": ("sub", NOT_SAID),
    "sources": ("src", None),
    "times": ("times", None),
    "connection_types": ("allowed_connection_types", None),
}


@pytest.mark.parametrize("value", [None, []], ids=["None", "[]"])
@pytest.mark.parametrize("keyword", RULES)
def test_none_and_an_empty_list_are_no_rule(way: Way, keyword: str, value: object) -> None:
    member, meant = RULES[keyword]
    assert getattr(way(**{keyword: value}), member) == meant
    assert way.wire(**{keyword: value}).get(member, {}) == {}


@pytest.mark.parametrize("value", [None, [], {}], ids=["None", "[]", "{}"])
def test_no_tags_are_no_rule(user_way: Way, value: object) -> None:
    assert user_way.user(tags=value).claims.nats.tags == ()
    assert "tags" not in user_way.wire(tags=value)


@pytest.mark.parametrize("value", [0, -1, "STANDARD", b"STANDARD"], ids=repr)
@pytest.mark.parametrize("keyword", ["sources", "times", "connection_types"])
def test_a_rule_is_a_list(way: Way, keyword: str, value: object) -> None:
    with pytest.raises(TypeError):
        way(**{keyword: value})


@pytest.mark.parametrize("value", [0, -1, "team:blue", b"team:blue", [1], {"team": 1}], ids=repr)
def test_tags_are_texts_or_a_mapping(user_way: Way, value: object) -> None:
    with pytest.raises(TypeError):
        user_way.user(tags=value)


@pytest.mark.parametrize("empty", ["deny_publish", "deny_subscribe"])
def test_an_empty_deny_list_does_not_close_the_directions(way: Way, empty: str) -> None:
    limits = way(**{empty: []})
    assert (limits.pub, limits.sub) == (NOT_SAID, NOT_SAID)


def test_deny_lists_alone_leave_everything_else_open_and_are_warned_of() -> None:
    user = ACCOUNT.create_user("d-1", deny_publish=["admin.>"], expires_in=timedelta(hours=1))
    assert user.claims.nats.pub == Permission(deny=("admin.>",))
    assert user.claims.nats.sub == NOT_SAID
    assert codes(user) == {"deny-only"}


def test_a_user_without_any_permission_is_warned_of() -> None:
    assert codes(ACCOUNT.create_user("d-1", expires_in=timedelta(hours=1))) == {"user-unrestricted"}


@pytest.mark.parametrize("keyword", ["publish", "subscribe"])
def test_a_user_who_may_do_nothing_is_not_called_unrestricted(keyword: str) -> None:
    user = ACCOUNT.create_user("d-1", expires_in=timedelta(hours=1), **cast("Any", {keyword: []}))
    assert codes(user) == set()


def test_deny_entries_stand_beside_what_is_allowed(way: Way) -> None:
    limits = way(publish=["a.>"], deny_publish=["a.b"], subscribe=["c.>"], deny_subscribe=["c.d", "c.e q"])
    assert limits.pub == Permission(allow=("a.>",), deny=("a.b",))
    assert limits.sub == Permission(allow=("c.>",), deny=("c.d", "c.e q"))


def test_deny_entries_of_a_direction_that_is_nothing_still_leave_nothing(way: Way) -> None:
    limits = way(publish=[], deny_publish=["a.b"], deny_subscribe=["c"])
    assert (limits.pub, limits.sub) == (NOTHING, NOTHING)


# --- private_inbox


def test_a_private_inbox_is_added_to_what_may_be_subscribed(user_way: Way) -> None:
    user = user_way.user(subscribe=["a.>"], private_inbox=True)
    assert user.claims.nats.sub.allow == ("a.>", f"_INBOX.{user.public}.>")


def test_a_roles_private_inbox_is_its_users_own() -> None:
    template = WAYS[2](subscribe=["a.>"], private_inbox=True)
    assert template.sub.allow == ("a.>", "_INBOX.{{subject()}}.>")


def test_a_private_inbox_alone_is_all_that_may_be_subscribed_and_nothing_published(way: Way) -> None:
    limits = way(private_inbox=True)
    assert limits.pub == NOTHING
    assert limits.sub.deny is None
    assert len(limits.sub.allow or ()) == 1


def test_a_private_inbox_is_added_where_subscribing_is_nothing(user_way: Way) -> None:
    user = user_way.user(subscribe=[], private_inbox=True)
    assert user.claims.nats.sub == Permission(allow=(f"_INBOX.{user.public}.>",))


def test_a_private_inbox_stands_once_if_it_was_listed_too(user_way: Way) -> None:
    user = user_way.user(subscribe=["_INBOX.{public}.>"], private_inbox=True)
    assert user.claims.nats.sub.allow == (f"_INBOX.{user.public}.>",)


def test_creds_of_a_private_inbox_carry_its_prefix(user_way: Way) -> None:
    user = user_way.user(publish=["a"], private_inbox=True)
    assert user.creds.nats_py().get("inbox_prefix") == f"_INBOX.{user.public}"


def test_creds_under_a_role_with_a_private_inbox_carry_its_prefix() -> None:
    account = OPERATOR.add_role(ACCOUNT, "r", publish=["a"], private_inbox=True)
    for user in (account.create_user("d-1", role="r"), next(issue_users(account, ["d-1"], UserTemplate(role="r")))):
        assert user.creds.nats_py().get("inbox_prefix") == f"_INBOX.{user.public}"


def test_creds_without_a_private_inbox_carry_no_prefix(user_way: Way) -> None:
    assert "inbox_prefix" not in user_way.user(publish=["a"], subscribe=["_INBOX.>"]).creds.nats_py()


def test_without_a_private_inbox_nothing_is_added(way: Way) -> None:
    assert way(subscribe=["a"], private_inbox=False).sub.allow == ("a",)
    assert way(private_inbox=False).sub == NOT_SAID


@pytest.mark.parametrize("keyword", ["private_inbox", "bearer", "proxy_required"])
@pytest.mark.parametrize("value", [0, 1, -1, [], "yes"], ids=repr)
def test_a_switch_is_true_or_false(way: Way, keyword: str, value: object) -> None:
    with pytest.raises(TypeError, match=keyword):
        way(**{keyword: value})


# --- allow_responses, response_ttl


@pytest.mark.parametrize("value", [None, 0], ids=["None", "0"])
def test_no_responses_are_not_written_at_all(way: Way, value: int | None) -> None:
    assert way(subscribe=["a"], allow_responses=value).resp is None
    assert "resp" not in way.wire(subscribe=["a"], allow_responses=value)


def test_responses_of_minus_one_are_unlimited(way: Way) -> None:
    assert way(subscribe=["a"], allow_responses=-1).resp == ResponsePermission(max=-1, ttl=0)


@pytest.mark.parametrize("value", [1, 7])
def test_responses_are_counted(way: Way, value: int) -> None:
    assert way(subscribe=["a"], allow_responses=value).resp == ResponsePermission(max=value, ttl=0)


def test_fewer_responses_than_unlimited_mean_nothing(way: Way) -> None:
    refused(way, "limit-too-small", subscribe=["a"], allow_responses=-2)


@pytest.mark.parametrize("value", [True, False, 1.0, "1", []], ids=repr)
def test_responses_are_an_int(way: Way, value: object) -> None:
    with pytest.raises(TypeError, match="allow_responses"):
        way(subscribe=["a"], allow_responses=value)


@pytest.mark.parametrize("subscribe", [None, []], ids=["None", "[]"])
@pytest.mark.parametrize("value", [1, -1])
def test_responses_need_something_to_subscribe_to(way: Way, subscribe: object, value: int) -> None:
    refused(way, "responses-without-subscribe", subscribe=subscribe, allow_responses=value)
    refused(way, "responses-without-subscribe", subscribe=subscribe, allow_responses=value, private_inbox=True)


@pytest.mark.parametrize("value", [None, timedelta(0)], ids=["None", "0"])
def test_no_response_ttl_is_the_servers(way: Way, value: timedelta | None) -> None:
    assert way(subscribe=["a"], allow_responses=1, response_ttl=value).resp == ResponsePermission(max=1, ttl=0)


def test_a_response_ttl_of_minus_one_is_unlimited(way: Way) -> None:
    assert way(subscribe=["a"], allow_responses=1, response_ttl=-1).resp == ResponsePermission(max=1, ttl=-1)


def test_a_response_ttl_is_written_in_nanoseconds(way: Way) -> None:
    given = timedelta(seconds=2, microseconds=5)
    assert way(subscribe=["a"], allow_responses=1, response_ttl=given).resp == ResponsePermission(
        max=1, ttl=2_000_005_000
    )


@pytest.mark.parametrize("value", [2, 1.5, "2s", True, False], ids=repr)
def test_a_response_ttl_is_a_timedelta(way: Way, value: object) -> None:
    with pytest.raises(TypeError, match="response_ttl"):
        way(subscribe=["a"], allow_responses=1, response_ttl=value)


@pytest.mark.parametrize("value", [timedelta(seconds=-1), timedelta(days=-400)], ids=str)
def test_a_negative_response_ttl_is_refused(way: Way, value: timedelta) -> None:
    refused(way, "limit-too-small", subscribe=["a"], allow_responses=1, response_ttl=value)


def test_a_response_ttl_that_overflows_a_server_is_refused(way: Way) -> None:
    refused(way, "number-too-large", subscribe=["a"], allow_responses=1, response_ttl=timedelta(days=110_000))


@pytest.mark.parametrize("value", [timedelta(seconds=1), -1], ids=repr)
@pytest.mark.parametrize("count", [None, 0])
def test_a_response_ttl_goes_with_responses(way: Way, count: int | None, value: object) -> None:
    refused(way, "ttl-without-responses", subscribe=["a"], allow_responses=count, response_ttl=value)


# --- max_subscriptions, max_payload, max_data

LIMITS = {"max_subscriptions": "subs", "max_payload": "payload", "max_data": "data"}


@pytest.mark.parametrize("keyword", LIMITS)
def test_a_users_limit_of_none_is_no_limit(user_way: Way, keyword: str) -> None:
    assert getattr(user_way(**{keyword: None}), LIMITS[keyword]) == -1
    assert user_way.wire(**{keyword: None})[LIMITS[keyword]] == -1


@pytest.mark.parametrize("keyword", LIMITS)
@pytest.mark.parametrize("value", [None, -1])
def test_a_roles_limit_of_none_is_no_limit_and_may_be_left_out(keyword: str, value: int | None) -> None:
    assert getattr(WAYS[2](**{keyword: value}), LIMITS[keyword]) == -1
    assert WAYS[2].wire(**{keyword: value}).get(LIMITS[keyword], -1) == -1


@pytest.mark.parametrize("keyword", LIMITS)
def test_a_limit_of_minus_one_is_no_limit(way: Way, keyword: str) -> None:
    assert getattr(way(**{keyword: -1}), LIMITS[keyword]) == -1


def test_a_user_without_limits_has_none(user_way: Way) -> None:
    limits = user_way(publish=["a"])
    assert (limits.subs, limits.payload, limits.data) == (-1, -1, -1)


def test_a_user_under_a_role_says_no_limit() -> None:
    account = OPERATOR.add_role(ACCOUNT, "r", publish=["a"])
    nats = payload(account.create_user("d-1", role="r").jwt)["nats"]
    assert not {"subs", "payload", "data"} & set(nats)


@pytest.mark.parametrize("keyword", LIMITS)
def test_a_limit_is_written_as_given(way: Way, keyword: str) -> None:
    assert getattr(way(**{keyword: 1024}), LIMITS[keyword]) == 1024


def test_zero_subscriptions_are_refused(way: Way) -> None:
    refused(way, "limit-too-small", max_subscriptions=0)


@pytest.mark.parametrize("keyword", ["max_payload", "max_data"])
def test_zero_bytes_can_be_said_of_a_user(user_way: Way, keyword: str) -> None:
    assert getattr(user_way(**{keyword: 0}), LIMITS[keyword]) == 0


@pytest.mark.parametrize("keyword", ["max_payload", "max_data"])
def test_zero_bytes_cannot_be_said_of_a_role_where_zero_is_no_limit(keyword: str) -> None:
    refused(WAYS[2], "limit-too-small", **{keyword: 0})


@pytest.mark.parametrize("keyword", LIMITS)
@pytest.mark.parametrize("value", [-2, -(2**63), -(2**70)], ids=str)
def test_a_limit_below_minus_one_is_refused(way: Way, keyword: str, value: int) -> None:
    refused(way, "limit-too-small", **{keyword: value})


@pytest.mark.parametrize("keyword", LIMITS)
def test_a_limit_of_more_than_63_bits_is_refused(way: Way, keyword: str) -> None:
    refused(way, "number-too-large", **{keyword: 2**63})


@pytest.mark.parametrize("keyword", LIMITS)
@pytest.mark.parametrize("value", [True, False, 1.0, "1", []], ids=repr)
def test_a_limit_is_an_int(way: Way, keyword: str, value: object) -> None:
    with pytest.raises(TypeError, match=keyword):
        way(**{keyword: value})


# --- expires_in, expires_at


@pytest.mark.parametrize("keyword", ["expires_in", "expires_at"])
def test_an_expiry_of_none_is_never_with_a_warning(user_way: Way, keyword: str) -> None:
    user = user_way.user(publish=["a"], **{keyword: None})
    assert user.claims.exp == 0
    assert "exp" not in payload(user.jwt)
    assert codes(user) == {"no-expiry"}


def test_an_expiry_takes_the_warning_away(user_way: Way) -> None:
    assert codes(user_way.user(publish=["a"], expires_in=timedelta(days=1))) == set()


@pytest.mark.parametrize(
    "value", [timedelta(0), timedelta(microseconds=1), timedelta(seconds=-1), timedelta(days=-1)], ids=str
)
def test_an_expiry_in_less_than_a_second_is_refused(user_way: Way, value: timedelta) -> None:
    refused(user_way.user, "expires-too-soon", expires_in=value)


@pytest.mark.parametrize("value", [0, -1, 3600, 1.5, "8h", []], ids=repr)
def test_expires_in_is_a_timedelta(user_way: Way, value: object) -> None:
    with pytest.raises(TypeError, match="expires_in"):
        user_way.user(expires_in=value)


@pytest.mark.parametrize("value", [0, -1, 10**10, T * 1000], ids=str)
def test_expires_at_is_in_seconds_that_servers_can_count(user_way: Way, value: int) -> None:
    with pytest.raises(ValueError, match="expires_at lies between 1 and 9999999999"):
        user_way.user(expires_at=value)


@pytest.mark.parametrize("value", [True, 1.5, "1", [], timedelta(hours=1)], ids=repr)
def test_expires_at_is_a_moment(user_way: Way, value: object) -> None:
    with pytest.raises(TypeError, match="expires_at"):
        user_way.user(expires_at=value)


def test_an_expiry_is_said_once(user_way: Way) -> None:
    refused(user_way.user, "expires-twice", expires_in=timedelta(hours=1), expires_at=T + 3600)


# --- bearer, proxy_required, key, issued_at, entropy


@pytest.mark.parametrize("keyword", ["bearer", "proxy_required"])
def test_switches_not_given_are_off(way: Way, keyword: str) -> None:
    member = {"bearer": "bearer_token"}.get(keyword, keyword)
    assert getattr(way(), member) is False
    assert getattr(way(**{keyword: None}), member) is False
    assert member not in way.wire()


def test_a_bearer_user_needs_an_expiry(user_way: Way) -> None:
    refused(user_way.user, "bearer-without-expiry", bearer=True)


@pytest.mark.parametrize("expiry", [{"expires_in": timedelta(hours=1)}, {"expires_at": T + 3600}], ids=str)
def test_a_bearer_user_with_an_expiry_is_made(user_way: Way, expiry: dict[str, Any]) -> None:
    claims = user_way.user(bearer=True, **expiry).claims
    assert (claims.nats.bearer_token, claims.exp) == (True, T + 3600)


def test_users_of_a_bearer_role_need_an_expiry() -> None:
    account = OPERATOR.add_role(ACCOUNT, "r", publish=["a"], bearer=True)
    refused(account.create_user, "bearer-without-expiry", name="d-1", role="r")
    with pytest.raises(InvalidClaimsError, match="bearer-without-expiry"):
        next(issue_users(account, ["d-1"], UserTemplate(role="r")))
    user = account.create_user("d-1", role="r", expires_in=timedelta(hours=1))
    endless = User(user.jwt, name=user.name, public=user.public, key=user.key)
    assert account.reissue(endless, expires_in=timedelta(hours=2)).claims.exp


def test_only_proxies_admit_where_that_is_asked(way: Way) -> None:
    assert way(proxy_required=True).proxy_required is True


def test_without_a_key_every_user_has_a_new_one() -> None:
    one, other = ACCOUNT.create_user("d-1", key=None), ACCOUNT.create_user("d-1")
    assert one.public != other.public
    assert KeyPair.parse(one.seed).public == one.public


def test_a_key_pair_is_the_users_key() -> None:
    pair = KeyPair.generate(KeyType.USER)
    user = ACCOUNT.create_user("d-1", key=pair)
    assert (user.public, user.claims.sub, user.seed) == (pair.public, pair.public, pair.seed)


def test_of_a_public_key_there_are_no_creds() -> None:
    public = KeyPair.generate(KeyType.USER).public
    user = ACCOUNT.create_user("d-1", key=public)
    assert (user.public, user.key) == (public, None)
    with pytest.raises(MissingKeyError):
        user.seed  # noqa: B018
    with pytest.raises(MissingKeyError):
        user.creds  # noqa: B018


def test_a_role_of_a_public_key_is_not_held() -> None:
    public = KeyPair.generate(KeyType.ACCOUNT).public
    account = OPERATOR.add_role(ACCOUNT, "r", publish=["a"], key=public)
    assert (account.roles["r"].public, account.roles["r"].key) == (public, None)
    with pytest.raises(MissingKeyError):
        account.create_user("d-1", role="r")


def test_entropy_makes_the_key() -> None:
    pair = KeyPair(KeyType.USER, SEED)
    assert ACCOUNT.create_user("d-1", entropy=entropy).seed == pair.seed
    assert next(issue_users(ACCOUNT, ["d-1"], UserTemplate(), entropy=entropy)).seed == pair.seed


def test_entropy_makes_a_roles_key() -> None:
    account = OPERATOR.add_role(ACCOUNT, "r", publish=["a"], entropy=entropy)
    assert account.roles["r"].public == KeyPair(KeyType.ACCOUNT, SEED).public


def test_entropy_of_none_is_the_systems() -> None:
    make = cast("Any", None)
    assert ACCOUNT.create_user("d-1", entropy=make).public != ACCOUNT.create_user("d-1", entropy=make).public
    roles = [OPERATOR.add_role(ACCOUNT, "r", publish=["a"], entropy=make).roles["r"].public for _ in range(2)]
    assert roles[0] != roles[1]
    users = list(issue_users(ACCOUNT, ["a", "b"], UserTemplate(), entropy=make))
    assert users[0].public != users[1].public
