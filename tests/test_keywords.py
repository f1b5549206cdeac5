"""The friendly keywords of `create_user`, `UserTemplate` and `add_role`: every row and column of their table."""

import inspect
import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest

from natscreds import Account, KeyPair, KeyType, Operator, User, UserTemplate, issue_users
from natscreds.claims import Permission, ResponsePermission, Template, TimeRange, UserPermissionLimits
from natscreds.errors import InvalidClaimsError, MissingKeyError

T = 1_700_000_000
SEED = bytes(range(32))
NOTHING = Permission(deny=(">",))
NOT_SAID = Permission()

OPERATOR = Operator.create("acme")
ACCOUNT = OPERATOR.create_account("orders")


def entropy(size: int) -> bytes:
    return SEED[:size]


def payload(jwt: str) -> dict[str, Any]:
    chunk = jwt.split(".")[1]
    return cast("dict[str, Any]", json.loads(urlsafe_b64decode(chunk + "=" * (-len(chunk) % 4))))


def codes(item: User | Account) -> set[str]:
    return {problem.code for problem in item.problems}


class Way:
    """One of the three places that take the keywords; calling it gives what they mean."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def is_role(self) -> bool:
        return self.name == "add_role"

    def user(self, **keywords: Any) -> User:  # noqa: ANN401  # keywords of several types
        if self.name == "create_user":
            return ACCOUNT.create_user("d-1", issued_at=T, **keywords)
        return next(issue_users(ACCOUNT, ["d-1"], UserTemplate(**keywords), issued_at=T))

    def __call__(self, **keywords: Any) -> UserPermissionLimits:  # noqa: ANN401  # keywords of several types
        if self.is_role:
            return OPERATOR.add_role(ACCOUNT, "r", **keywords).roles["r"].template
        return self.user(**keywords).claims.nats

    def wire(self, **keywords: Any) -> dict[str, Any]:  # noqa: ANN401  # keywords of several types
        """Return the JSON object that holds the permissions."""
        if self.is_role:
            scopes = payload(OPERATOR.add_role(ACCOUNT, "r", **keywords).jwt)["nats"]["signing_keys"]
            return cast("dict[str, Any]", next(key for key in scopes if isinstance(key, dict))["template"])
        return cast("dict[str, Any]", payload(self.user(**keywords).jwt)["nats"])


WAYS = [Way("create_user"), Way("UserTemplate"), Way("add_role")]


@pytest.fixture(params=WAYS, ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Way:
    return cast("Way", request.param)


@pytest.fixture(params=WAYS[:2], ids=lambda way: way.name)
def user_way(request: pytest.FixtureRequest) -> Way:
    return cast("Way", request.param)


def refused(call: Callable[..., object], code: str, **keywords: Any) -> None:  # noqa: ANN401  # keywords of several types
    """Assert that the keywords are refused, for the reason that has this code and no other."""
    with pytest.raises(InvalidClaimsError) as caught:
        call(**keywords)
    assert [problem.code for problem in caught.value.problems] == [code]


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
    with pytest.raises(TypeError, match="tags"):
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


# --- entries that servers drop or read otherwise

DROPPED = {
    "empty": "",
    "blank": " ",
    "dot at the end": "a.",
    "dot in front": ".a",
    "empty token": "a..b",
    "> not last": "a.>.b",
    "tab": "a\tb",
    "line end": "a\n",
    "carriage return": "a\r",
    "vertical tab": "a\vb",
    "form feed": "a\fb",
    "no-break space": "a\u00a0b",
    "next line": "a\u0085b",
    "em space": "a\u2003b",
    "line separator": "a\u2028b",
    "blank in front": " a",
    "blank behind": "a ",
    "two blanks": "a  q",
    "three words": "a q r",
    "dotless queue rule": "a q.",
    "comma": "a,b",
    "comma in a queue": "a q,r",
    "lone surrogate": "a\ud800",
}


@pytest.mark.parametrize("keyword", ["publish", "subscribe", "deny_publish", "deny_subscribe"])
@pytest.mark.parametrize("entry", DROPPED.values(), ids=DROPPED)
def test_an_entry_that_servers_drop_or_reread_is_refused(way: Way, keyword: str, entry: str) -> None:
    with pytest.raises(InvalidClaimsError) as caught:
        way(**{keyword: ["fine", entry]})
    assert caught.value.problems[0].code in {"entry-servers-drop", "entry-with-comma", "name-not-text"}


@pytest.mark.parametrize("keyword", ["publish", "deny_publish"])
def test_publishing_knows_no_queues(way: Way, keyword: str) -> None:
    refused(way, "entry-with-blank", **{keyword: ["a q"]})


@pytest.mark.parametrize("keyword", ["subscribe", "deny_subscribe"])
def test_subscribing_knows_queues(way: Way, keyword: str) -> None:
    limits = way(subscribe=["a q"], deny_subscribe=["b.> v.*"])
    assert limits.sub == Permission(allow=("a q",), deny=("b.> v.*",))


def test_queues_beside_a_role_function_are_refused_because_servers_drop_them() -> None:
    refused(WAYS[2], "queue-in-template-list", subscribe=["a q", "b.{{name()}}"])
    refused(WAYS[2], "queue-in-template-list", subscribe=["b.{{name()}} q"])


def test_blanks_inside_a_role_function_are_no_queue() -> None:
    assert WAYS[2](publish=["d.{{ name() }}.>"]).pub.allow == ("d.{{ name() }}.>",)


# --- sources, times, times_location, connection_types


def test_networks_are_written_as_given(way: Way) -> None:
    assert way(sources=["10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32"]).src == (
        "10.0.0.0/8",
        "2001:db8::/32",
        "192.0.2.7/32",
    )


@pytest.mark.parametrize(
    "network",
    ["10.0.0.1", "10.0.0.0/33", "10.0.0.0/255.0.0.0", "10.0.0.0/-1", "10/8", "", "example.com/8", " 10.0.0.0/8"],
)
def test_what_is_no_network_is_refused(way: Way, network: str) -> None:
    refused(way, "not-a-network", sources=[network])


@pytest.mark.parametrize(
    "item",
    [("08:00:00", "17:30:00"), ["08:00:00", "17:30:00"], TimeRange(start="08:00:00", end="17:30:00")],
    ids=["tuple", "list", "TimeRange"],
)
def test_times_are_pairs(way: Way, item: object) -> None:
    limits = way(times=[item], times_location="Europe/Berlin")
    assert limits.times == (TimeRange(start="08:00:00", end="17:30:00"),)
    assert limits.times_location == "Europe/Berlin"


@pytest.mark.parametrize("moment", ["", "8", "08:00", "24:00:00", "08:60:00", "08:00:60", "08:0:00", "٠٨:00:00"])
def test_what_is_no_time_of_day_is_refused(way: Way, moment: str) -> None:
    refused(way, "not-a-time-of-day", times=[("00:00:00", moment)])
    refused(way, "not-a-time-of-day", times=[(moment, "12:00:00")])


@pytest.mark.parametrize("item", ["08", ("08:00:00",), ("a", "b", "c"), (1, 2), None, {"start": "08:00:00"}], ids=repr)
def test_times_of_other_shapes_are_refused(way: Way, item: object) -> None:
    with pytest.raises(TypeError, match="times"):
        way(times=[item])


@pytest.mark.parametrize("location", ["", "Europe/Atlantis", "Local", "../etc", "/etc/passwd", "Europe"])
def test_what_is_no_time_zone_is_refused(way: Way, location: str) -> None:
    refused(way, "unknown-time-zone", times=[("08:00:00", "17:00:00")], times_location=location)


def test_a_time_zone_goes_with_times(way: Way) -> None:
    refused(way, "location-without-times", times_location="Europe/Berlin")


@pytest.mark.parametrize("kind", ["STANDARD", "WEBSOCKET", "LEAFNODE", "LEAFNODE_WS", "MQTT", "MQTT_WS", "IN_PROCESS"])
def test_connection_types_are_written_as_given(way: Way, kind: str) -> None:
    assert way(connection_types=[kind]).allowed_connection_types == (kind,)


@pytest.mark.parametrize("kind", ["standard", "TCP", "", "STANDARD "])
def test_an_unknown_connection_type_is_refused(way: Way, kind: str) -> None:
    refused(way, "unknown-connection-type", connection_types=["STANDARD", kind])


# --- role= with anything of one's own

OWN: dict[str, Any] = {
    "publish": ["a"],
    "publish nothing": [],
    "subscribe": ["a"],
    "deny_publish": ["a"],
    "deny_publish nothing": [],
    "deny_subscribe": ["a"],
    "private_inbox": True,
    "allow_responses": 1,
    "allow_responses none": 0,
    "response_ttl": timedelta(seconds=1),
    "max_subscriptions": 1,
    "max_payload": 1,
    "max_payload none": 0,
    "max_payload unlimited": -1,
    "max_data": 1,
    "sources": ["10.0.0.0/8"],
    "times": [("08:00:00", "17:00:00")],
    "times_location": "Europe/Berlin",
    "connection_types": ["STANDARD"],
    "bearer": True,
    "proxy_required": True,
}


@pytest.mark.parametrize("own", OWN)
def test_a_role_says_it_all(user_way: Way, own: str) -> None:
    refused(
        user_way.user, "role-and-permissions", role="r", expires_in=timedelta(hours=1), **{own.split()[0]: OWN[own]}
    )


def test_every_keyword_of_a_role_is_among_those_that_users_of_one_may_not_give() -> None:
    told = set(inspect.signature(Operator.add_role).parameters)
    shared = told - {"self", "account", "name", "description", "key", "signer", "issued_at", "entropy"}
    assert shared == {own.split()[0] for own in OWN}


# --- the three signatures, and that they mean the same

WHO_AND_WHEN = {"tags", "expires_in", "expires_at", "not_before", "role", "dotted_names"}
ONE_USER = {"self", "name", "key", "signer", "issued_at", "entropy"}


def parameters(call: Callable[..., object]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(call).parameters)


def test_create_user_takes_the_keywords_of_a_template_and_what_is_of_one_user_only() -> None:
    one, many = parameters(Account.create_user), parameters(UserTemplate.__init__)
    assert set(one) - set(many) == ONE_USER - {"self"}
    assert set(many) - set(one) == {"fields"}


def test_add_role_takes_the_keywords_of_a_template_that_are_permissions() -> None:
    role, many = parameters(Operator.add_role), parameters(UserTemplate.__init__)
    assert set(many) - set(role) == WHO_AND_WHEN | {"fields"}
    assert set(role) - set(many) == {"account", "name", "description", "key", "signer", "issued_at", "entropy"}


@pytest.mark.parametrize("call", [Account.create_user, Operator.add_role], ids=lambda call: call.__name__)
def test_shared_keywords_have_one_type_one_default_and_one_order(call: Callable[..., object]) -> None:
    mine, many = parameters(call), parameters(UserTemplate.__init__)
    shared = [name for name in mine if name in many and name != "self"]
    assert shared == [name for name in many if name in mine and name != "self"]
    assert [str(mine[name]) for name in shared] == [str(many[name]) for name in shared]
    assert {mine[name].kind for name in shared} == {inspect.Parameter.KEYWORD_ONLY}


SETS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "publish": {"publish": ["a.>", "b"]},
    "nothing to publish": {"publish": []},
    "subscribe": {"subscribe": ["a.>", "b q"], "deny_subscribe": ["a.b"]},
    "deny only": {"deny_publish": ["a"], "deny_subscribe": ["b"]},
    "inbox": {"publish": ["a"], "private_inbox": True},
    "responses": {"subscribe": ["svc"], "allow_responses": 2, "response_ttl": timedelta(seconds=3)},
    "limits": {"max_subscriptions": 5, "max_payload": 512, "max_data": 4096},
    "places": {"sources": ["10.0.0.0/8"], "connection_types": ["STANDARD", "MQTT"], "proxy_required": True},
    "times": {"times": [("08:00:00", "17:00:00")], "times_location": "Europe/Berlin"},
    "who and when": {
        "publish": ["d.{name}.>", "u.{public}"],
        "tags": {"site": "x"},
        "expires_in": timedelta(seconds=90, microseconds=1),
        "not_before": T + 5,
        "bearer": True,
    },
    "dots": {"publish": ["d.{name}.>"], "dotted_names": True, "expires_at": T + 60},
}


@pytest.mark.parametrize("keywords", SETS.values(), ids=SETS)
def test_a_template_applied_to_one_name_is_create_user_byte_for_byte(keywords: dict[str, Any]) -> None:
    one = ACCOUNT.create_user("d-1", entropy=entropy, issued_at=T, **keywords)
    many = next(issue_users(ACCOUNT, ["d-1"], UserTemplate(**keywords), entropy=entropy, issued_at=T))
    assert (many.jwt, many.creds.text) == (one.jwt, one.creds.text)
    assert (many.name, many.public, many.private_inbox) == (one.name, one.public, one.private_inbox)


def test_a_template_with_a_role_applied_to_one_name_is_create_user_byte_for_byte() -> None:
    account = OPERATOR.add_role(ACCOUNT, "r", publish=["d.{{name()}}.{{tag(site)}}"], private_inbox=True)
    keywords: dict[str, Any] = {"role": "r", "tags": ["site:x"], "expires_at": T + 60}
    one = account.create_user("d-1", entropy=entropy, issued_at=T, **keywords)
    many = next(issue_users(account, ["d-1"], UserTemplate(**keywords), entropy=entropy, issued_at=T))
    assert many.jwt == one.jwt
    assert (many.private_inbox, one.private_inbox) == (True, True)


@pytest.mark.parametrize("keywords", [SETS[name] for name in list(SETS)[:10]], ids=list(SETS)[:10])
def test_a_role_grants_what_create_user_grants_for_the_same_keywords(keywords: dict[str, Any]) -> None:
    public = KeyPair(KeyType.USER, SEED).public
    user = ACCOUNT.create_user("d-1", entropy=entropy, **keywords).claims.nats
    role = WAYS[2](**keywords)

    def spelled(permission: Permission) -> Permission:
        allow = permission.allow and tuple(entry.replace("{{subject()}}", public) for entry in permission.allow)
        return Permission(allow=allow, deny=permission.deny)

    for member in Template.__struct_fields__:
        mine, theirs = getattr(role, member), getattr(user, member)
        assert (spelled(mine) if isinstance(mine, Permission) else mine) == theirs, member
