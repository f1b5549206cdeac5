"""The quick way of issuing many users against the plain one: equal bytes, equal refusals, for whatever is asked."""

import contextlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import property_profiles  # noqa: F401  # sets how long properties search
import pytest
from chain_parts import Remote, T, pair_of
from hypothesis import example, given
from hypothesis import strategies as st

from natscreds import Account, KeyPair, KeyType, Operator, User, UserTemplate
from natscreds.chain.press import Press, Row, name_in
from natscreds.errors import InvalidClaimsError, NatsCredsError

OPERATOR = Operator.create("acme", issued_at=T)
PLAIN = OPERATOR.create_account("orders", tags={"zone": "eu"}, issued_at=T)
ACCOUNT = PLAIN
for _name, _publish in {
    "fixed": ["a.>"],
    "named": ["devices.{{name()}}.>", "x.{{subject()}}"],
    "tagged": ["teams.{{tag(team)}}.{{name()}}"],
    "housed": ["{{account-name()}}.{{account-tag(zone)}}.{{account-subject()}}"],
}.items():
    ACCOUNT = OPERATOR.add_role(ACCOUNT, _name, publish=_publish, private_inbox=_name != "fixed", issued_at=None)

Outcome = tuple[list[tuple[str, str, str, str, bool]], tuple[str, str] | None]


def said(user: User) -> tuple[str, str, str, str, bool]:
    return user.name, user.jwt, user.public, user.creds.text, user.private_inbox


def told(error: BaseException) -> tuple[str, str]:
    return type(error).__name__, str(error) if isinstance(error, NatsCredsError) else ""


def plainly(account: Account, template: UserTemplate, rows: list[Row], seeds: bytes, *, exp: int = 0) -> Outcome:
    """Issue one after the other by `Mint.issue`, until one is refused."""
    mint = account.mint(role=template.role)
    made: list[tuple[str, str, str, str, bool]] = []
    for at, row in enumerate(rows):
        pair = KeyPair(KeyType.USER, seeds[32 * at : 32 * at + 32])
        columns: Mapping[str, str] | None = None if isinstance(row, str) else row
        try:
            user = mint.issue(template, name_in(row), pair.public, pair, second=T, exp=exp, row=columns, check=at == 0)
        except Exception as error:
            return made, told(error)
        made.append(said(user))
    return made, None


def pressed(account: Account, template: UserTemplate, rows: list[Row], seeds: bytes, *, exp: int = 0) -> Outcome:
    """Issue all by one press."""
    users, error = Press(account.mint(role=template.role), template, second=T, exp=exp).issue(rows, seeds)
    return [said(user) for user in users], None if error is None else told(error)


def seeds_for(rows: list[Row]) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in range(1, len(rows) + 1))


ODD = [
    "a.b",
    "a b",
    '"',
    "\\",
    "<&>",
    "é",
    "\u2028",
    "😀",
    "%s",
    "%",
    "{name}",
    "}",
    "",
    "\ud800",
    "$x",
    "_x",
    "*",
    ">",
]
TEXTS = st.one_of(
    st.from_regex(r"[a-z0-9-]{1,12}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9@:+=~_$-]{1,130}", fullmatch=True),
    st.sampled_from([*ODD, "x" * 127, "x" * 128, "x" * 129, "é" * 64, "é" * 65]),
    st.text(max_size=6),
)
PLACES = [
    "{name}",
    "{public}",
    "a",
    "{name}.{public}",
    "x-{name}",
    "{site}",
    "{site}.{name}.>",
    "%d.{site}",
    "é.{name}",
]
TAGS = ["team:blue", "name:{name}", "site:{site}", "{site}", "{name}:{site}", "100%"]


@st.composite
def templates(draw: st.DrawFn) -> UserTemplate:
    """Return a template of any kind; those that mean nothing are drawn again."""
    tags = draw(st.lists(st.sampled_from(TAGS), max_size=3, unique=True))
    keywords: dict[str, Any] = {"tags": tags, "fields": ["site"]}
    if draw(st.booleans()):
        keywords["role"] = draw(st.sampled_from(["fixed", "named", "tagged", "housed"]))
    else:
        places = st.lists(st.sampled_from(PLACES), max_size=3)
        for keyword in ("publish", "subscribe", "deny_publish", "deny_subscribe"):
            if draw(st.booleans()):
                keywords[keyword] = draw(places)
        keywords["private_inbox"] = draw(st.booleans())
        keywords["bearer"] = draw(st.booleans())
        keywords["max_payload"] = draw(st.sampled_from([None, -1, 0, 4096]))
        keywords["sources"] = draw(st.sampled_from([None, ["10.0.0.0/8"]]))
        keywords["times"] = draw(st.sampled_from([None, [("08:00:00", "17:00:00")]]))
    keywords["dotted_names"] = draw(st.booleans())
    keywords["expires_in"] = draw(st.sampled_from([None, timedelta(hours=1)]))
    keywords["not_before"] = draw(st.sampled_from([None, T]))
    try:
        return UserTemplate(**keywords)
    except InvalidClaimsError:
        return UserTemplate(publish=["{name}.{site}"], tags=tags, fields=["site"])


ROWS: st.SearchStrategy[list[Row]] = st.lists(
    st.one_of(TEXTS, st.fixed_dictionaries({"name": TEXTS, "site": TEXTS}), st.fixed_dictionaries({"name": TEXTS})),
    min_size=1,
    max_size=6,
)
SOUND_ROWS: st.SearchStrategy[list[Row]] = st.lists(
    st.builds(
        lambda name, site: {"name": name, "site": site},
        st.from_regex(r"[a-z0-9-]{1,12}", fullmatch=True),
        st.from_regex(r"[a-z0-9]{1,6}", fullmatch=True),
    ),
    min_size=1,
    max_size=6,
)


@given(template=templates(), rows=st.one_of(ROWS, SOUND_ROWS), signing=st.booleans())
@example(template=UserTemplate(), rows=["a", "b"], signing=True)
@example(template=UserTemplate(publish=["{name}"]), rows=["a", "b", "*", "c"], signing=True)
def test_the_quick_way_gives_the_bytes_and_refusals_of_the_plain_one(
    template: UserTemplate, rows: list[Row], signing: bool
) -> None:
    account = ACCOUNT if signing or template.role else Account.load(PLAIN.jwt, [pair_of(PLAIN.key)])
    seeds = seeds_for(rows)
    exp = T + 3600 if template.expires_in else 0
    assert pressed(account, template, rows, seeds, exp=exp) == plainly(account, template, rows, seeds, exp=exp)


FAST = {
    "own permissions": UserTemplate(publish=["devices.{name}.>"], private_inbox=True, expires_in=timedelta(days=1)),
    "nothing said": UserTemplate(),
    "a field": UserTemplate(publish=["{site}.{name}"], fields=["site"]),
    "tags": UserTemplate(tags=["name:{name}", "site:x"]),
    "a role": UserTemplate(role="fixed"),
    "a role with the name": UserTemplate(role="named"),
    "a role with tags of the template": UserTemplate(role="tagged", tags=["team:blue"]),
    "a percent sign": UserTemplate(publish=["100%.%s.{name}"], subscribe=["%(x)s"]),
}


@pytest.mark.parametrize("what", FAST)
def test_ordinary_templates_go_the_quick_way(what: str) -> None:
    rows: list[Row] = [{"name": f"d-{number}", "site": "x"} for number in range(40)]
    template = FAST[what]
    if "site" not in template.fields:
        rows = [f"d-{number}" for number in range(40)]
    press = Press(ACCOUNT.mint(role=template.role), template, second=T, exp=0)
    users, error = press.issue(rows, seeds_for(rows))
    assert (len(users), error, press.fast) == (40, None, True)
    assert [said(user) for user in users] == plainly(ACCOUNT, template, rows, seeds_for(rows))[0]


def test_a_signer_that_is_no_key_pair_goes_the_plain_way() -> None:
    signer = Remote(pair_of(ACCOUNT.signing_keys[0]))
    press = Press(ACCOUNT.mint(signer=signer), UserTemplate(), second=T, exp=0)
    users, error = press.issue(["a", "b"], seeds_for(["a", "b"]))
    assert (len(users), error, press.fast, signer.signed) == (2, None, False, 2)


def test_tags_that_decide_over_a_role_go_the_plain_way() -> None:
    template = UserTemplate(role="tagged", tags=["team:{site}"], fields=["site"])
    rows: list[Row] = [{"name": "a", "site": "x"}, {"name": "b", "site": "a.b"}]
    press = Press(ACCOUNT.mint(role="tagged"), template, second=T, exp=0)
    users, error = press.issue(rows, seeds_for(rows))
    assert [user.name for user in users] == ["a"]
    assert isinstance(error, InvalidClaimsError)
    assert not press.fast


def test_two_tags_that_become_one_are_written_once() -> None:
    template = UserTemplate(tags=["k:{name}", "k:{site}"], fields=["site"])
    rows: list[Row] = [{"name": "a", "site": "b"}, {"name": "c", "site": "c"}, {"name": "d", "site": "e"}]
    users, error = Press(ACCOUNT.mint(), template, second=T, exp=0).issue(rows, seeds_for(rows))
    assert error is None
    assert [user.claims.nats.tags for user in users] == [("k:a", "k:b"), ("k:c",), ("k:d", "k:e")]


def test_a_press_whose_quick_way_differs_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from natscreds.chain import press as room

    real = room._cut
    monkeypatch.setattr(room, "_cut", lambda text, stem: real(text.replace("devices", "devise"), stem))
    template = FAST["own permissions"]
    rows: list[Row] = ["a", "b", "c"]
    press = Press(ACCOUNT.mint(), template, second=T, exp=T + 9)
    users, error = press.issue(rows, seeds_for(rows))
    assert (error, press.fast) == (None, False)
    assert [said(user) for user in users] == plainly(ACCOUNT, template, rows, seeds_for(rows), exp=T + 9)[0]


def test_rows_are_several() -> None:
    press = Press(ACCOUNT.mint(), UserTemplate(), second=T, exp=0)
    with pytest.raises(TypeError, match="several"):
        press.issue("ab", bytes(64))


@given(template=templates(), row=ROWS.map(lambda rows: rows[0]))
def test_what_check_lets_through_is_issued_and_what_it_refuses_is_not(template: UserTemplate, row: Row) -> None:
    press = Press(ACCOUNT.mint(role=template.role), template, second=T, exp=0)
    with contextlib.suppress(Exception):
        press.check("first")
    refused = None
    try:
        press.check(row)
    except Exception as error:
        refused = told(error)
    made, error_told = plainly(ACCOUNT, template, [row], seeds_for([row]))
    if refused is not None:
        assert (made, error_told) == ([], refused)
    elif not made:  # what only the whole claims tell, the same for every user of the template
        assert error_told is not None
        assert error_told[0] == "InvalidClaimsError"


SPELLINGS = [
    *(f"{character}x" for character in map(chr, range(0x180))),
    *(f"x{character}" for character in map(chr, range(0x180))),
    *("x" * size for size in (127, 128, 129, 130, 300)),
    *("é" * size for size in (63, 64, 65, 128, 129)),
    "\u2028", "\u2029", "a\u2028", "\ud800", "\U0001f600", "\u017f", "\u212a",
]  # fmt: skip


@pytest.mark.parametrize(
    "template",
    [
        UserTemplate(publish=["{name}.x", "x.{name}"]),
        UserTemplate(publish=["x.{name}"], dotted_names=True),
        UserTemplate(),
        UserTemplate(tags=["k:{name}"]),
        UserTemplate(role="named"),
        UserTemplate(role="fixed"),
    ],
    ids=["first in a subject", "in a subject", "nowhere", "in a tag", "in a role", "beside a role"],
)
def test_every_character_and_length_of_a_name_is_written_or_refused_as_the_plain_way_does(
    template: UserTemplate,
) -> None:
    press = Press(ACCOUNT.mint(role=template.role), template, second=T, exp=0)
    press.issue(["first"], bytes(32))
    assert press.fast
    seed = (7).to_bytes(32, "big")
    for name in SPELLINGS:
        users, error = press.issue([name], seed)
        wanted = plainly(ACCOUNT, template, ["first", name], bytes(32) + seed)
        assert ([said(one) for one in users], None if error is None else told(error)) == (wanted[0][1:], wanted[1])
