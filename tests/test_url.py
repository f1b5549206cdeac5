"""URLs, read as Go's net/url reads them for the reference: tables, and laws that break one step of a sound URL."""

import property_profiles  # noqa: F401
import pytest
from format_cases import BAD_INFO, BAD_SERVICE, GOOD_INFO, GOOD_SERVICE, shown
from hypothesis import given
from hypothesis import strategies as st

from natscreds.claims._formats import info_url_fault, server_url_fault, service_url_fault
from natscreds.claims._url import Url, read_url


@pytest.mark.parametrize("text", GOOD_INFO, ids=shown)
def test_a_url_for_people_has_a_protocol_and_a_host(text: str) -> None:
    assert info_url_fault(text) == ""


@pytest.mark.parametrize("text", BAD_INFO, ids=shown)
def test_what_is_no_url_for_people_is_told(text: str) -> None:
    assert info_url_fault(text) != ""


@pytest.mark.parametrize("text", GOOD_SERVICE, ids=shown)
def test_a_service_url_names_a_server(text: str) -> None:
    assert service_url_fault(text) == ""


@pytest.mark.parametrize(("text", "rule"), BAD_SERVICE.items(), ids=shown)
def test_what_is_no_service_url_is_told(text: str, rule: str) -> None:
    assert rule in service_url_fault(text)


@pytest.mark.parametrize("text", ["https://user:pass@h/jwt/v1?x=1&y=2", "x:", "foo:bar"])
def test_an_account_server_url_has_a_protocol(text: str) -> None:
    assert server_url_fault(text) == ""


@pytest.mark.parametrize(
    ("text", "rule"),
    [("h/x", "protocol"), ("//h", "protocol"), ("///[", "protocol"), ("%", "no URL"), ("://h", "no URL")],
)
def test_an_account_server_url_without_a_protocol_is_told(text: str, rule: str) -> None:
    assert rule in server_url_fault(text)


plain = st.characters(min_codepoint=0x20, exclude_characters="#?%\x7f", exclude_categories=["Cs"])
parts = st.fixed_dictionaries(
    {
        "scheme": st.from_regex(r"[A-Za-z][A-Za-z0-9+.-]*", fullmatch=True),
        "user": st.text("aZ0-._:~!$&'()*+,;=@", min_size=1),
        "host": st.text("aZ0-._~!$&'()*+,;=<>\"\u00e9\u0661", min_size=1),
        "port": st.text("0123456789"),
        "path": st.text(plain).map("/{}".format),
        "query": st.text(plain),
        "fragment": st.text().map(lambda text: text.replace("%", "")),
    }
)
WRONG_IN = {
    "scheme": " _%\u00e9\x1f",
    "user": ' "<>[]^\u00e9\x7f',
    "host": " \\^`{|}[\x00",
    "port": "a-+ \u0661\x7f",
    "path": "\x00\n\x1f\x7f",
    "query": "\x00\n\x1f\x7f",
}
WRONG_ESCAPES = {
    "user": ("%g1",),
    "host": ("%2", "%41", "%00", "%7f", "%zz"),
    "path": ("%-",),
    "fragment": ("%zz", "%1g"),
}
wrong = st.sampled_from(
    [(part, text) for table in (WRONG_IN, WRONG_ESCAPES) for part, texts in table.items() for text in texts]
)


def joined(part: dict[str, str]) -> str:
    return "{scheme}://{user}@{host}:{port}{path}?{query}#{fragment}".format_map(part)


@given(parts)
def test_a_url_is_read_as_its_parts(part: dict[str, str]) -> None:
    assert read_url(joined(part)) == Url(part["scheme"].lower(), True, part["host"], part["path"])


@given(parts, wrong, st.integers(0, 50))
def test_a_url_with_one_wrong_character_is_none(part: dict[str, str], step: tuple[str, str], at: int) -> None:
    name, text = step
    at = min(max(at, name == "path"), len(part[name]))  # in front of the path is the port
    broken = part | {name: part[name][:at] + text + (part[name][at:] if text != "%2" else "")}
    assert read_url(joined(broken)) is None


@given(st.text(st.sampled_from("a:/?#[]@%25 \u00e9\n")))
def test_any_text_is_a_url_or_none(text: str) -> None:
    url = read_url(text)
    assert url is None or (url.scheme in text.lower() and url.hostname in text and url.path in text)
