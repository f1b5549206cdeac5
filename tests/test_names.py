"""Names, tags and rows that reach a subject: each is one literal token there, whoever chose it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from natscreds import Account, Operator, User, UserTemplate, issue_users, subjects, tokens, verify_chain
from natscreds.claims import UserPermissionLimits
from natscreds.errors import InvalidClaimsError, NatsCredsError

OPERATOR = Operator.create("acme")
ACCOUNT = OPERATOR.create_account("orders")

NO_TOKENS = {
    "dot": "a.b",
    "star": "*",
    "star inside": "a*",
    "tail": ">",
    "tail inside": "a>",
    "opening brace": "a{",
    "closing brace": "a}",
    "placeholder": "{public}",
    "role function": "{{subject()}}",
    "blank": "a b",
    "blank alone": " ",
    "tab": "a\tb",
    "line end": "a\n",
    "no-break space": "a\u00a0b",
    "em space": "a\u2003",
    "line separator": "a\u2028",
    "ideographic space": "\u3000",
    "nul": "a\0b",
    "escape": "\x1b",
    "delete": "\x7f",
    "c1 control": "a\x9f",
    "lone surrogate": "a\udcff",
    "129 bytes": "a" * 129,
    "130 bytes in 65 characters": "ä" * 65,
}
TOKENS = ["d-1", "A", "a,b", "a:b", "gerät", "设备", "a$b", "a_b", "@", "'\"", "%s", "a" * 128, "ä" * 64, "-1", "\\"]
LISTS = ["publish", "subscribe", "deny_publish", "deny_subscribe"]


def codes(error: InvalidClaimsError) -> list[str]:
    return [problem.code for problem in error.problems]


def refused(call: Callable[..., object], *arguments: object, **keywords: object) -> list[str]:
    with pytest.raises(InvalidClaimsError) as caught:
        call(*arguments, **keywords)
    return codes(caught.value)


def entries(limits: UserPermissionLimits, keyword: str) -> tuple[str, ...]:
    direction = limits.pub if keyword.endswith("publish") else limits.sub
    return (direction.deny if keyword.startswith("deny") else direction.allow) or ()


def with_role(account: Account = ACCOUNT, **keywords: Any) -> Account:  # noqa: ANN401  # keywords of several types
    return OPERATOR.add_role(account, "device", **keywords)


def granted(account: Account, user: User) -> UserPermissionLimits:
    """Return what a server gives the user, role templates filled in."""
    limits = verify_chain(operator=OPERATOR, account=account, user=user).permissions
    assert limits is not None
    return limits


# --- {name} and {public} in the subjects of users


@pytest.mark.parametrize("keyword", LISTS)
@pytest.mark.parametrize("name", NO_TOKENS.values(), ids=NO_TOKENS)
def test_a_name_that_is_no_token_does_not_reach_a_subject(name: str, keyword: str) -> None:
    keywords: dict[str, Any] = {keyword: ["devices.{name}.>"]}
    assert refused(ACCOUNT.create_user, name, **keywords)[0] in {"not-one-token", "name-not-text"}
    assert refused(next, issue_users(ACCOUNT, [name], UserTemplate(**keywords)))[0] in {
        "not-one-token",
        "name-not-text",
    }


@pytest.mark.parametrize("keyword", LISTS)
@pytest.mark.parametrize("name", TOKENS, ids=ascii)
def test_a_name_that_is_a_token_stands_in_a_subject_as_it_is(name: str, keyword: str) -> None:
    keywords: dict[str, Any] = {keyword: ["devices.{name}.>"]}
    user = ACCOUNT.create_user(name, **keywords)
    assert entries(user.claims.nats, keyword) == (f"devices.{name}.>",)


@pytest.mark.parametrize(
    "name", [name for name in NO_TOKENS.values() if name.isprintable() and "\udcff" not in name], ids=ascii
)
def test_a_name_that_reaches_no_subject_may_be_anything(name: str) -> None:
    assert ACCOUNT.create_user(name, publish=["devices.>"]).claims.name == name


@pytest.mark.parametrize("name", ["", "\ud800"], ids=ascii)
def test_a_name_is_some_text_whatever_it_is_for(name: str) -> None:
    assert refused(ACCOUNT.create_user, name, publish=["a"]) in (["name-empty"], ["name-not-text"])
    assert refused(next, issue_users(ACCOUNT, [name], UserTemplate(publish=["a"])))


@pytest.mark.parametrize("name", [None, 1, b"d-1", ["d-1"]], ids=repr)
def test_a_name_is_a_str(name: Any) -> None:  # noqa: ANN401  # the wrong types are the point
    with pytest.raises(TypeError):
        ACCOUNT.create_user(name, publish=["a"])
    with pytest.raises(TypeError):
        next(issue_users(ACCOUNT, [name], UserTemplate(publish=["a"])))


@pytest.mark.parametrize("name", ["$SYS", "$JS", "_INBOX", "_", "$"])
@pytest.mark.parametrize("keyword", LISTS)
def test_a_name_in_front_does_not_begin_like_a_servers_subject(name: str, keyword: str) -> None:
    keywords: dict[str, Any] = {keyword: ["{name}.>"]}
    assert refused(ACCOUNT.create_user, name, **keywords) == ["not-one-token"]
    inside: dict[str, Any] = {keyword: ["a.{name}.>", "a{name}"]}
    assert entries(ACCOUNT.create_user(name, **inside).claims.nats, keyword) == (f"a.{name}.>", f"a{name}")


def test_the_strictest_place_of_a_name_counts() -> None:
    assert refused(ACCOUNT.create_user, "$SYS", publish=["a.{name}", "{name}.a"]) == ["not-one-token"]
    assert refused(ACCOUNT.create_user, "$SYS", publish=["{name}.a", "a.{name}"]) == ["not-one-token"]


def test_a_name_may_be_a_part_of_a_token_and_stand_twice() -> None:
    user = ACCOUNT.create_user("d", publish=["x{name}y.{name}{name}"])
    assert user.claims.nats.pub.allow == ("xdy.dd",)


@pytest.mark.parametrize("entry", ["a*{name}", "a.{name}>", "a.*{name}.b"])
def test_a_wildcard_next_to_a_name_is_part_of_a_literal_token(entry: str) -> None:
    allow = ACCOUNT.create_user("d", publish=[entry]).claims.nats.pub.allow
    assert allow == (entry.replace("{name}", "d"),)
    assert not subjects.has_wildcards(allow[0])


def test_a_name_as_a_queue_is_one_token_too() -> None:
    assert ACCOUNT.create_user("q", subscribe=["a {name}"]).claims.nats.sub.allow == ("a q",)
    for name in ("*", ">", "a.b", "q r"):
        assert refused(ACCOUNT.create_user, name, subscribe=["a {name}"]) == ["not-one-token"]


def test_a_public_key_stands_in_a_subject() -> None:
    user = ACCOUNT.create_user("*", publish=["u.{public}.>"])
    assert user.claims.nats.pub.allow == (f"u.{user.public}.>",)


UNKNOWN = [
    "{names}",
    "{Name}",
    "{ name }",
    "{}",
    "{0}",
    "{name.__class__}",
    "{name!r}",
    "{name:>10}",
    "{public[0]}",
    "{name()}",
    "{subject()}",
    "{",
    "}",
    "{name",
    "name}",
    "}{name}",
    "{name}}",
    "{{name}",
    "{n{name}}",
    "{site}",
]


@pytest.mark.parametrize("keyword", LISTS)
@pytest.mark.parametrize("text", UNKNOWN)
def test_any_other_brace_is_refused_when_the_template_is_made(text: str, keyword: str) -> None:
    keywords: dict[str, Any] = {keyword: [f"a.{text}.>"]}
    assert refused(UserTemplate, **keywords) == ["placeholder"]


@pytest.mark.parametrize("entry", ["a.{name", "{name", "a.{", "{public", "a.{}", "{"])
@pytest.mark.parametrize("keyword", [*LISTS, "tags"])
def test_a_brace_that_is_not_closed_is_refused_when_the_template_is_made(entry: str, keyword: str) -> None:
    keywords: dict[str, Any] = {keyword: [entry]}
    assert refused(UserTemplate, **keywords) == ["placeholder"]


@pytest.mark.parametrize("keyword", LISTS)
@pytest.mark.parametrize("text", ["{{name()}}", "{{subject()}}", "{{tag(a)}}", "{{name}}", "{{{name}}}", "{{}}"])
def test_a_role_function_outside_a_role_is_refused_with_a_hint(text: str, keyword: str) -> None:
    keywords: dict[str, Any] = {keyword: [f"a.{text}.>"]}
    with pytest.raises(InvalidClaimsError, match=r"only under a role"):
        UserTemplate(**keywords)


@pytest.mark.parametrize("keyword", LISTS)
@pytest.mark.parametrize(
    "text",
    ["{name}", "{public}", "{name()}", "{subject()}", "{", "}", "{{name()}", "{name()}}", "{{}}", "{{{name()}}}"],
)
def test_a_users_placeholder_in_a_role_is_refused_with_a_hint(text: str, keyword: str) -> None:
    keywords: dict[str, Any] = {keyword: [f"a.{text}.>"]}
    with pytest.raises(InvalidClaimsError, match=r"placeholder") as caught:
        with_role(**keywords)
    assert "{{name()}}" in str(caught.value)


@pytest.mark.parametrize("text", ["{{names()}}", "{{tag}}", "{{tag(a}}", "{{ TAG(a) }}", "{{Name()}}", "{{name( )}}"])
def test_a_function_that_servers_do_not_know_is_refused_in_a_role(text: str) -> None:
    assert refused(with_role, publish=[f"a.{text}.>"]) == ["placeholder"]


def test_what_a_value_holds_is_not_replaced_again() -> None:
    account = ACCOUNT
    template = UserTemplate(publish=["a"], tags=["x:{a}", "y:{b}"], fields=["a", "b"])
    user = next(issue_users(account, [{"name": "d", "a": "{b}", "b": "{a}"}], template))
    assert user.claims.nats.tags == ("x:{b}", "y:{a}")


# --- dotted names


@pytest.mark.parametrize("name", ["a.b", "a.b.c", "a", "a.$b", "a._b"])
def test_dots_are_opted_into(name: str) -> None:
    user = ACCOUNT.create_user(name, publish=["devices.{name}.>"], dotted_names=True)
    assert user.claims.nats.pub.allow == (f"devices.{name}.>",)


@pytest.mark.parametrize(
    "name", [".", "a.", ".a", "a..b", "a.*", "a.>", "*", ">", "a.b c", "a.{", "a\t.b", "a." + "b" * 127, "ä." * 43]
)
def test_dots_are_all_that_is_opted_into(name: str) -> None:
    assert refused(ACCOUNT.create_user, name, publish=["devices.{name}.>"], dotted_names=True) == ["not-one-token"]


def test_a_dotted_name_in_front_does_not_begin_like_a_servers_subject() -> None:
    for name in ("$SYS.a", "_INBOX.a"):
        assert refused(ACCOUNT.create_user, name, publish=["{name}.>"], dotted_names=True) == ["not-one-token"]


@pytest.mark.parametrize("value", [0, 1, None, "yes"], ids=repr)
def test_dotted_names_is_true_or_false(value: Any) -> None:  # noqa: ANN401  # the wrong types are the point
    with pytest.raises(TypeError):
        UserTemplate(publish=["a.{name}"], dotted_names=value)


# --- under a role


@pytest.mark.parametrize("keyword", LISTS)
@pytest.mark.parametrize("name", NO_TOKENS.values(), ids=NO_TOKENS)
def test_a_name_that_is_no_token_does_not_reach_a_roles_subject(name: str, keyword: str) -> None:
    keywords: dict[str, Any] = {keyword: ["devices.{{name()}}.>"]}
    account = with_role(**keywords)
    assert refused(account.create_user, name, role="device")[0] in {"not-one-token", "name-not-text"}
    assert refused(next, issue_users(account, [name], UserTemplate(role="device")))[0] in {
        "not-one-token",
        "name-not-text",
    }


@pytest.mark.parametrize("name", TOKENS, ids=ascii)
def test_a_name_under_a_role_gives_what_the_role_says_for_it(name: str) -> None:
    account = with_role(publish=["devices.{{name()}}.>"])
    user = account.create_user(name, role="device")
    assert granted(account, user).pub.allow == (f"devices.{name}.>",)


def test_a_name_that_the_role_does_not_mention_may_be_anything() -> None:
    account = with_role(publish=["devices.{{subject()}}.>", "{{account-subject()}}"])
    user = account.create_user("*", role="device")
    assert granted(account, user).pub.allow == (f"devices.{user.public}.>", account.public)


@pytest.mark.parametrize("name", ["$SYS", "_INBOX"])
def test_a_name_in_front_of_a_roles_subject_does_not_begin_like_a_servers(name: str) -> None:
    assert refused(with_role(publish=["{{name()}}.>"]).create_user, name, role="device") == ["not-one-token"]
    assert with_role(publish=["a.{{name()}}"]).create_user(name, role="device").name == name


def test_a_roles_function_with_blanks_inside_guards_as_well() -> None:
    assert refused(with_role(publish=["d.{{ name() }}.>"]).create_user, "*", role="device") == ["not-one-token"]


@pytest.mark.parametrize("value", [value for value in NO_TOKENS.values() if value == value.strip()], ids=ascii)
def test_a_tag_that_is_no_token_does_not_reach_a_roles_subject(value: str) -> None:
    account = with_role(publish=["teams.{{tag(team)}}.>"])
    for tags in ([f"team:{value}"], {"team": value}, ["team:fine", f"team:{value}"]):
        assert refused(account.create_user, "d-1", role="device", tags=tags)[0] in {
            "not-one-token",
            "name-not-text",
            "placeholder",
        }


def test_a_tag_that_the_role_does_not_mention_may_hold_dots_and_stars() -> None:
    account = with_role(publish=["teams.{{tag(team)}}.>"])
    user = account.create_user("d-1", role="device", tags=["team:blue", "note:a.b *"])
    assert granted(account, user).pub.allow == ("teams.blue.>",)


def test_every_value_of_a_tag_is_given_and_guarded() -> None:
    account = with_role(publish=["teams.{{tag(team)}}.>"])
    user = account.create_user("d-1", role="device", tags=["team:blue", "team:red"])
    assert granted(account, user).pub.allow == ("teams.blue.>", "teams.red.>")


def test_a_tag_without_value_does_not_reach_a_subject() -> None:
    account = with_role(publish=["teams.{{tag(team)}}.>"])
    assert refused(account.create_user, "d-1", role="device", tags=["team:"]) == ["not-one-token"]


def test_without_the_tag_an_allow_entry_is_gone_and_nothing_else_opens() -> None:
    account = with_role(publish=["teams.{{tag(team)}}.>"])
    limits = granted(account, account.create_user("d-1", role="device"))
    assert (limits.pub.allow, limits.pub.deny) == (None, (">",))


def test_without_the_tag_of_a_deny_entry_the_user_is_not_made() -> None:
    account = with_role(publish=["a.>"], deny_publish=["a.{{tag(team)}}"])
    assert refused(account.create_user, "d-1", role="device") == ["role-does-not-resolve"]


def test_a_tag_name_with_a_colon_is_looked_up_whole() -> None:
    account = with_role(publish=["t.{{tag(a:b)}}"])
    user = account.create_user("d-1", role="device", tags=["a:b:c"])
    assert granted(account, user).pub.allow == ("t.c",)
    assert refused(account.create_user, "d-1", role="device", tags=["a:b:*"]) == ["not-one-token"]


@pytest.mark.parametrize("value", ["*", ">", "a.b", "a b"])
def test_an_accounts_tag_that_is_no_token_does_not_reach_a_roles_subject(value: str) -> None:
    account = with_role(OPERATOR.create_account("o", tags=[f"region:{value}"]), publish=["r.{{account-tag(region)}}.>"])
    assert refused(account.create_user, "d-1", role="device") == ["not-one-token"]


def test_an_accounts_tag_reaches_a_roles_subject() -> None:
    account = with_role(OPERATOR.create_account("o", tags={"region": "eu"}), publish=["r.{{account-tag(region)}}.>"])
    assert granted(account, account.create_user("d-1", role="device")).pub.allow == ("r.eu.>",)


@pytest.mark.parametrize("name", ["*", ">", "a.b", "acme orders", "$SYS"])
def test_an_accounts_name_that_is_no_token_does_not_reach_a_roles_subject(name: str) -> None:
    account = with_role(OPERATOR.create_account(name), publish=["{{account-name()}}.>"])
    assert refused(account.create_user, "d-1", role="device") == ["not-one-token"]


@pytest.mark.parametrize("text", ["{{unheard()}}", "{{name}}", "{{{name()}}}"])
def test_a_foreign_roles_unknown_function_makes_no_users(text: str) -> None:
    account = with_role(publish=["a"])
    scope = account.claims.scopes[0].with_template(pub={"allow": [f"d.{text}"]})
    claims = account.claims.with_signing_key(scope)
    written_elsewhere = tokens.sign(claims, OPERATOR.signing_keys[0], issued_at=account.claims.iat, check=False)
    foreign = Account.load(written_elsewhere, account.signers, operator=OPERATOR)
    assert refused(foreign.create_user, "d-1", role="device") == ["role-does-not-resolve"]


def test_a_role_name_and_tag_may_be_dotted_where_that_is_opted_into() -> None:
    account = with_role(publish=["d.{{name()}}.{{tag(t)}}"])
    user = account.create_user("a.b", role="device", tags=["t:c.d"], dotted_names=True)
    assert granted(account, user).pub.allow == ("d.a.b.c.d",)
    for name in ("a.*", "a.>", "a..b", ".", "*"):
        assert refused(account.create_user, name, role="device", tags=["t:c"], dotted_names=True) == ["not-one-token"]


def test_a_user_is_guarded_again_when_it_is_signed_again() -> None:
    account = with_role(publish=["a"])
    user = account.create_user("*", role="device")
    scope = account.claims.scopes[0].with_template(pub={"allow": ["d.{{name()}}.>"]})
    account = OPERATOR.reissue(account, account.claims.with_signing_key(scope))
    assert refused(account.reissue, user) == ["not-one-token"]


def test_a_user_with_a_dotted_name_can_be_signed_again() -> None:
    account = with_role(publish=["d.{{name()}}.>"])
    user = account.create_user("a.b", role="device", dotted_names=True)
    assert account.reissue(user).name == "a.b"


# --- tags


def test_tags_are_texts_or_pairs() -> None:
    assert ACCOUNT.create_user("d", tags=["team:blue", "plain"]).claims.nats.tags == ("team:blue", "plain")
    assert ACCOUNT.create_user("d", tags={"team": "blue", "a": "b:c"}).claims.nats.tags == ("team:blue", "a:b:c")


@pytest.mark.parametrize("tag", ["Team:blue", "team:Blue", " a", "a ", "a\n", "ÄRGER", "", "a\ud800"], ids=ascii)
def test_a_tag_that_the_reference_would_bend_is_refused(tag: str) -> None:
    for make in (ACCOUNT.create_user, OPERATOR.create_account, Operator.create):
        assert refused(make, "d", tags=[tag]) in (["tag-bent"], ["name-empty"], ["name-not-text"])


@pytest.mark.parametrize("tags", [{"": "a"}, {"a:b": "c"}, {"a": ""}, {"A": "b"}, {"a": "B"}, {"a": "b "}], ids=str)
def test_keys_and_values_of_tags_are_checked(tags: dict[str, str]) -> None:
    assert refused(ACCOUNT.create_user, "d", tags=tags)[0] in {"tag-key", "tag-empty", "tag-bent"}


def test_a_name_in_a_tag_is_filled_in() -> None:
    assert ACCOUNT.create_user("d-1", tags=["device:{name}"]).claims.nats.tags == ("device:d-1",)


@pytest.mark.parametrize("name", ["Device", "a ", "\u212a"], ids=ascii)
def test_a_name_that_a_tag_would_bend_is_refused(name: str) -> None:
    assert refused(ACCOUNT.create_user, name, tags=["device:{name}"]) == ["tag-bent"]


@pytest.mark.parametrize("tags", [["{name}"], ["{name}:x"], {"{name}": "x"}, ["a{name}"]], ids=str)
def test_a_name_does_not_choose_the_key_of_a_tag(tags: Any) -> None:  # noqa: ANN401  # lists and mappings
    assert refused(ACCOUNT.create_user, "team:admin", tags=tags) == ["tag-key"]


def test_a_name_with_a_colon_may_be_the_value_of_a_tag() -> None:
    assert ACCOUNT.create_user("team:admin", tags=["is:{name}"]).claims.nats.tags == ("is:team:admin",)


@pytest.mark.parametrize("tag", ["a:{nobody}", "a:{", "a:}", "{{name()}}", "a:{name.x}", "id:{public}"])
def test_other_braces_in_tags_are_refused_when_the_template_is_made(tag: str) -> None:
    assert refused(UserTemplate, tags=[tag]) == ["placeholder"]


@pytest.mark.parametrize("name", ["*", ">", "a.b"])
def test_a_name_does_not_come_in_through_a_tag_of_a_role(name: str) -> None:
    account = with_role(publish=["t.{{tag(device)}}.>"])
    assert refused(account.create_user, name, role="device", tags=["device:{name}"]) == ["not-one-token"]
    template = UserTemplate(role="device", tags=["device:{name}"])
    assert refused(next, issue_users(account, [name], template)) == ["not-one-token"]


# --- rows


SITES = UserTemplate(publish=["sites.{site}.{name}.>"], subscribe=["a.>"], deny_subscribe=["{site}.a"], fields=["site"])


@pytest.mark.parametrize("value", NO_TOKENS.values(), ids=NO_TOKENS)
def test_a_column_that_is_no_token_does_not_reach_a_subject(value: str) -> None:
    assert refused(next, issue_users(ACCOUNT, [{"name": "d", "site": value}], SITES)) == ["not-one-token"]


@pytest.mark.parametrize("value", ["", "$SYS", "_INBOX"])
def test_a_column_in_front_of_a_subject_is_no_servers(value: str) -> None:
    assert refused(next, issue_users(ACCOUNT, [{"name": "d", "site": value}], SITES)) == ["not-one-token"]


def test_a_row_does_not_choose_the_public_key() -> None:
    template = UserTemplate(publish=["u.{public}.>"])
    assert refused(next, issue_users(ACCOUNT, [{"name": "d", "public": "U"}], template)) == ["field-unknown"]


def test_a_row_for_a_field_called_name_or_public_changes_nothing() -> None:
    template = UserTemplate(publish=["u.{public}.{name}"], fields=["name", "public"])
    user = next(issue_users(ACCOUNT, ["d"], template))
    assert user.claims.nats.pub.allow == (f"u.{user.public}.d",)


# --- laws

ANY_NAME = st.text(st.characters(codec=None), max_size=140) | st.text(".*>{}$_ \t\u00a0abUNAME()", max_size=12)


@given(name=ANY_NAME)
@example("*")
@example("a\x85b")
@example("{{subject()}}")
@settings(deadline=None)
def test_no_name_makes_a_template_wider_than_one_token(name: str) -> None:
    """A name or tag that ends up in a subject is one token: the subject keeps its count of tokens and of wildcards."""
    try:
        user = ACCOUNT.create_user(name, publish=["a.{name}.>"], subscribe=["a.{name}.b q"])
    except NatsCredsError:
        return
    (allow,) = user.claims.nats.pub.allow or ()
    (queued,) = user.claims.nats.sub.allow or ()
    assert allow.split(".") == ["a", name, ">"]
    assert subjects.wildcard_count(allow) == 0
    assert subjects.split_queue(queued) == (f"a.{name}.b", "q")


@given(name=ANY_NAME, tag=ANY_NAME)
@example("*", "x")
@example("x", ">")
@settings(deadline=None)
def test_no_name_or_tag_makes_a_role_wider_than_one_token(name: str, tag: str) -> None:
    """The same where the server fills the names in."""
    account = ROLE
    try:
        user = account.create_user(name, role="device", tags=[f"t:{tag}"])
    except NatsCredsError:
        return
    assert granted(account, user).pub.allow == (f"a.{name}.{tag}.>",)
    assert not {"*", ">", ""} & {name, tag}
    assert "." not in name + tag


ROLE = with_role(publish=["a.{{name()}}.{{tag(t)}}.>"])
