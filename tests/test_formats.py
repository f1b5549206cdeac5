"""Networks, times, zones, versions and numbers, decided as Go's libraries decide them for the reference.

Tables come first, each with what is just not allowed; then laws, which break one step of a sound text; then a real
server, whose own Go decides which of the same texts, and of the URLs, a user or an account may hold.
"""

import functools
import ipaddress
import json
import re
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import property_profiles  # noqa: F401
import pytest
from format_cases import (
    BAD_INFO,
    GOOD_INFO,
    LONG,
    NETWORKS,
    NO_NETWORKS,
    NO_TIMES,
    NO_ZONES,
    NO_ZONES_HERE,
    TIMES,
    ZONES,
    shown,
)
from hypothesis import example, given
from hypothesis import strategies as st
from nats_wire import connect
from signed_chain import SignedAccount, SignedOperator, SignedUser

from natscreds.claims._formats import (
    _is_spelled_so,
    go_number,
    is_network,
    is_server_version,
    is_time_of_day,
    is_time_zone,
)
from natscreds.testing import NatsServer


@pytest.mark.parametrize("text", NETWORKS, ids=shown)
def test_a_network_is_an_address_and_a_length(text: str) -> None:
    assert is_network(text)


@pytest.mark.parametrize("text", NO_NETWORKS, ids=shown)
def test_what_is_no_network_is_told(text: str) -> None:
    assert not is_network(text)


@pytest.mark.parametrize("text", TIMES, ids=shown)
def test_a_time_of_day_is_hours_minutes_and_seconds(text: str) -> None:
    assert is_time_of_day(text)


@pytest.mark.parametrize("text", NO_TIMES, ids=shown)
def test_what_is_no_time_of_day_is_told(text: str) -> None:
    assert not is_time_of_day(text)


@pytest.mark.parametrize("text", ZONES, ids=shown)
def test_a_time_zone_is_an_iana_name(text: str) -> None:
    assert is_time_zone(text)


@pytest.mark.parametrize("text", [*NO_ZONES, *NO_ZONES_HERE], ids=shown)
def test_what_is_no_time_zone_is_told(text: str) -> None:
    assert not is_time_zone(text)


@pytest.fixture
def zone_files(tmp_path: Path) -> Iterator[Path]:
    """An empty directory of zone files, the only one; what the package tzdata holds is still found."""

    def forget() -> None:
        zoneinfo.ZoneInfo.clear_cache()
        _is_spelled_so.cache_clear()

    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    forget()
    yield tmp_path
    zoneinfo.reset_tzpath(to=before)
    forget()


ZONE_FILE = b"TZif" + bytes(16) + b"".join(n.to_bytes(4) for n in (0, 0, 0, 0, 1, 4)) + bytes(6) + b"UTC\0"


def test_a_time_zone_is_spelled_as_its_file_where_files_answer_to_any_case(zone_files: Path) -> None:
    # A file system that ignores case: it finds every spelling and lists one. Links to directories are not listed.
    (zone_files / "Mars").mkdir()
    for name in ("Olympus", "olympus", "oLYMPUS", "OLYMPUS"):
        (zone_files / "Mars" / name).write_bytes(ZONE_FILE)
    for name in ("mars", "mARS", "MARS"):
        (zone_files / name).symlink_to("Mars")
    assert is_time_zone("Mars/Olympus")
    assert [name for name in ("mars/olympus", "mARS/oLYMPUS", "MARS/OLYMPUS") if is_time_zone(name)] == []


def test_a_file_that_holds_no_zone_is_none(zone_files: Path) -> None:
    (zone_files / "Venus").write_bytes(ZONE_FILE)
    (zone_files / "Moon").write_text("made of cheese")
    assert is_time_zone("Venus")
    assert not is_time_zone("Moon")


def test_a_zone_file_counts_although_it_is_not_listed(zone_files: Path) -> None:
    (zone_files / "posix").mkdir()
    (zone_files / "posix" / "Venus").write_bytes(ZONE_FILE)
    assert "posix/Venus" not in zoneinfo.available_timezones()
    assert is_time_zone("posix/Venus")


@pytest.mark.parametrize("name", ["Venus.Maat", "Venus Maat", "Venus\\Maat", "V\u00e9nus"])
def test_a_zone_file_of_a_name_that_is_none_everywhere_does_not_count(zone_files: Path, name: str) -> None:
    (zone_files / name).write_bytes(ZONE_FILE)
    assert not is_time_zone(name)


@pytest.mark.usefixtures("zone_files")
def test_without_zone_data_only_utc_and_local_are_known() -> None:
    names = {*ZONES, *NO_ZONES} - {"UTC", "Local"}
    known = zoneinfo.available_timezones()  # none, unless the package tzdata is installed
    assert {name for name in names if is_time_zone(name)} == names & known
    assert is_time_zone("UTC")
    assert is_time_zone("Local")


@pytest.mark.parametrize(
    "text", ["0.0.0", "2.10.0", "+1.2.3", "01.2.3", "9223372036854775807.0.0", "1.2.-0", f"{LONG}1.2.3"], ids=shown
)
def test_a_server_version_is_three_whole_numbers(text: str) -> None:
    assert is_server_version(text)


@pytest.mark.parametrize(
    "text",
    [
        "1.2",
        "1.2.3.4",
        "1.2.3-rc",
        "v1.2.3",
        "-1.2.3",
        "1..3",
        "1.2. 3",
        "9223372036854775808.0.0",
        "1_0.2.3",
        "++1.2.3",
        "+.2.3",
        "",
        "1.2." + "9" * 5_000,
        "\u0661.2.3",
    ],
)
def test_what_is_no_server_version_is_told(text: str) -> None:
    assert not is_server_version(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-2.5, "-2.5"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1e-6, "0.000001"),
        (9.99e-7, "9.99e-7"),
        (1.5e300, "1.5e+300"),
        (0.1, "0.1"),
        (123456789012345680000.0, "123456789012345680000"),
        (5e-324, "5e-324"),
        (-1.25e-9, "-1.25e-9"),
    ],
)
def test_numbers_are_written_as_go_writes_them(value: float, text: str) -> None:
    assert go_number(value) == text


def bent(sound: st.SearchStrategy[str], alphabet: str) -> st.SearchStrategy[str]:
    """Sound texts with one to three characters put in, taken out or exchanged."""

    def step(text: str, at: int, size: int, put: str) -> str:
        at %= len(text) + 1
        return text[:at] + put + text[at + size :]

    steps = st.tuples(st.integers(0, 50), st.integers(0, 1), st.sampled_from(["", *alphabet]))
    return st.builds(
        lambda text, taken: functools.reduce(lambda now, how: step(now, *how), taken, text),
        sound,
        st.lists(steps, min_size=1, max_size=3),
    )


def python_takes(text: str) -> bool:
    """Tell whether ipaddress reads *text*, of what it reads only an address without a zone and digits."""
    address, _, length = text.partition("/")
    if not (length.isascii() and length.isdigit()) or "%" in address:
        return False
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


networks = st.one_of(
    st.builds("{}/{}".format, st.ip_addresses(v=4), st.integers(0, 32)),
    st.builds("{}/{}".format, st.ip_addresses(v=6), st.integers(0, 128)),
    st.builds("{0.exploded}/{1}".format, st.ip_addresses(v=6), st.integers(0, 128)),
    st.builds(
        "::{}:{}/{}".format, st.sampled_from(["1", "1:2", "ffff", "1:2:3:4:5"]), st.ip_addresses(v=4), st.just(96)
    ),
)


@given(networks)
def test_every_address_and_length_is_a_network(text: str) -> None:
    assert is_network(text)


@given(bent(networks, "0123456789aF:./%+- "))
def test_a_bent_network_is_one_if_python_takes_it(text: str) -> None:
    assert is_network(text) == python_takes(text)


TIME = re.compile(r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.,][0-9]+)?")


@given(bent(st.times().map(str), "0123456789:., +Z"))
def test_a_bent_time_of_day_is_one_if_it_has_the_shape(text: str) -> None:
    assert is_time_of_day(text) == (TIME.fullmatch(text) is not None)


numbers = st.integers(-(2**64), 2**64)


@given(numbers, numbers, numbers)
def test_a_version_holds_numbers_of_63_bits(major: int, minor: int, update: int) -> None:
    assert is_server_version(f"{major}.{minor}.{update}") == all(0 <= n < 2**63 for n in (major, minor, update))


LISTED = zoneinfo.available_timezones() | {"UTC", "Local"}


@given(bent(st.sampled_from(ZONES), "abzEUTC019/+-_. \\\x00\u00e9"))
def test_a_bent_time_zone_is_one_if_it_is_listed(text: str) -> None:
    assert is_time_zone(text) == (text in LISTED)


NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?(?:e(?:-[1-9][0-9]*|\+[1-9][0-9]+))?")


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1e21)
@example(1e-6)
def test_a_number_is_written_short_and_reads_back_the_same(value: float) -> None:
    text = go_number(value)
    assert NUMBER.fullmatch(text)
    assert float(json.loads(text)) == value
    assert ("e" in text) == (value != 0 and not 1e-6 <= abs(value) < 1e21)


# A server decides the same of all these tables: a user that may not be is not admitted, nor is the user of an account
# that may not be.

EVER = [{"start": "00:00:00", "end": "23:59:59"}, {"start": "23:00:00", "end": "01:00:00"}]
PLACES = {
    "info_url": (GOOD_INFO, BAD_INFO),
    "src": (NETWORKS, NO_NETWORKS),
    "times": (TIMES, NO_TIMES),
    "times_location": (ZONES, NO_ZONES),
}
CASES = [
    (place, text, sound)
    for place, tables in PLACES.items()
    for table, sound in zip(tables, (True, False), strict=True)
    for text in table
    if text and (place == "info_url" or len(text) < 1_000)  # an empty text is none, and a CONNECT line has 4096 bytes
]


class Door:
    """A server that knows an account for every URL, and another account whose users hold all the rest."""

    def __init__(self) -> None:
        self.operator = SignedOperator()
        self.account = self.operator.account()
        self.described = {
            text: SignedAccount(self.operator.signing_key, info_url=text)
            for place, text, _ in CASES
            if place == "info_url"
        }
        self.server = NatsServer(self.operator, [self.account, *self.described.values()])

    def user(self, place: str, text: str) -> SignedUser:
        """Return a user who is admitted wherever *text* is sound, whatever it means."""
        if place == "info_url":
            return self.described[text].user()
        if place == "src":
            return self.account.user(src=[text, "0.0.0.0/0"])
        if place == "times":
            return self.account.user(times=[{"start": text, "end": text}, *EVER])
        return self.account.user(times_location=text)


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    door = Door()
    with door.server:
        yield door


@pytest.mark.parametrize(("place", "text", "sound"), CASES, ids=lambda value: ascii(value)[:40])
def test_a_server_decides_the_same(door: Door, place: str, text: str, sound: bool) -> None:
    with connect(door.server.url, door.user(place, text)) as wire:
        assert wire.error == ("" if sound else "Authorization Violation")
