"""Networks, times, zones, URLs, versions and numbers, decided as Go's libraries decide them for the reference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from natscreds.claims._addresses import is_ipv6
from natscreds.claims._formats import (
    go_number,
    info_url_fault,
    is_network,
    is_server_version,
    is_time_of_day,
    is_time_zone,
    server_url_fault,
    service_url_fault,
)
from natscreds.claims._url import read_url

NETWORKS = [
    "10.0.0.0/8",
    "192.168.1.7/32",
    "1.2.3.4/0",
    "1.2.3.4/08",
    "1.2.3.4/0000000008",
    "::/0",
    "fe80::1/64",
    "1::8/128",
    "1:2:3:4:5:6:7:8/1",
    "::ffff:1.2.3.4/96",
    "1:2:3:4:5:6:1.2.3.4/1",
    "2001:db8::/32",
    "ABCD::/16",
]
NO_NETWORKS = [
    "",
    "/",
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "::/129",
    "10.0.0.0/255.0.0.0",
    "10.0.0/8",
    "01.2.3.4/8",
    "1.2.3.4/+8",
    "1.2.3.4/ 8",
    " 1.2.3.4/8",
    "1.2.3.4 /8",
    "256.1.1.1/8",
    "fe80::1%eth0/64",
    "1::2::3/8",
    ":::/8",
    "1:2:3:4:5:6:7/8",
    "1:2:3:4:5:6:7:8:9/8",
    "12345::/8",
    "1:2:3:4:5:6:7::8/8",
    "1.2.3.4/8/8",
    "\uff11.2.3.4/8",
    "1.2.3.4/\u0668",
    "::1.2.3.400/8",
    "1.2.3.4::/8",
]


@pytest.mark.parametrize("text", NETWORKS)
def test_a_network_is_an_address_and_a_length(text: str) -> None:
    assert is_network(text)


@pytest.mark.parametrize("text", NO_NETWORKS)
def test_what_is_no_network_is_told(text: str) -> None:
    assert not is_network(text)


TIMES = ["00:00:00", "1:02:03", "23:59:59", "12:34:56.789", "12:34:56,1"]
NO_TIMES = [
    "",
    "24:00:00",
    "01:02",
    "01:2:03",
    "01:02:3",
    "01:60:00",
    "01:00:60",
    " 01:02:03",
    "01:02:03 ",
    "01:02:03Z",
    "001:02:03",
    "01:02:03.",
    "01:02:03.x",
    "\u0661:02:03",
    "-1:02:03",
    "01:02:03:04",
]


@pytest.mark.parametrize("text", TIMES)
def test_a_time_of_day_is_hours_minutes_and_seconds(text: str) -> None:
    assert is_time_of_day(text)


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_time_of_day_is_told(text: str) -> None:
    assert not is_time_of_day(text)


@pytest.mark.parametrize("text", ["UTC", "Local", "Europe/Berlin", "America/New_York", "EST"])
def test_a_time_zone_is_an_iana_name(text: str) -> None:
    assert is_time_zone(text)


@pytest.mark.parametrize(
    "text", ["", "Nowhere/None", "../UTC", "/etc/localtime", "\\UTC", "Europe", "zone.tab", "Europe/Berlin\x00", "é"]
)
def test_what_is_no_time_zone_is_told(text: str) -> None:
    assert not is_time_zone(text)


@pytest.mark.parametrize("text", ["0.0.0", "2.10.0", "+1.2.3", "01.2.3", "9223372036854775807.0.0", "1.2.-0"])
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
        "\u0661.2.3",
    ],
)
def test_what_is_no_server_version_is_told(text: str) -> None:
    assert not is_server_version(text)


GOOD_INFO = [
    "http://h",
    "x://y",
    "a.b+c-d://h",
    "http://exa_mple",
    "http://é.com",
    "http://[fe80::1%25en0]/",
    "http://x?%zz",
    "http://h:80/p",
    "http://u:p@h",
]
BAD_INFO = [
    "foo",
    "foo:bar",
    "mailto:a@b",
    "http://",
    "//host/x",
    "http:///x",
    "http://user@/x",
    "http://:80",
    "http://a:port",
    "http://a b",
    "http://%zz",
    "http://x/%zz",
    "http://x#%zz",
    "%",
    " http://x",
    "1http://x",
    "://x",
    "http://[::1",
    "http://h\n",
    "http://h\x7f",
    "http://[1.2.3.4]",
    "http://a[::1]",
    "http://a%20b",
    "http://u ser@h",
    "http://u%zz@h",
]


@pytest.mark.parametrize("text", GOOD_INFO)
def test_a_url_for_people_has_a_protocol_and_a_host(text: str) -> None:
    assert info_url_fault(text) == ""


@pytest.mark.parametrize("text", BAD_INFO)
def test_what_is_no_url_for_people_is_told(text: str) -> None:
    assert info_url_fault(text) != ""


GOOD_SERVICE = [
    "nats://h:4222",
    "NATS://h",
    "nats:",
    "nats:h:4222",
    "nats://",
    "nats://h?x=1",
    "nats://h#f",
    "nats://a,b",
    "nats://h:99999",
    "nats://[::1]:4222",
    "nats://::1:4222",
    "tls://h",
    "ws://h",
    "wss://h",
]
BAD_SERVICE = {
    "http://h": "begins with one of",
    "h:4222": "begins with one of",
    "localhost:4222": "begins with one of",
    "127.0.0.1:4222": "no URL",
    "nats://h/": "no path",
    "nats://h:port": "no URL",
    " nats://h": "no URL",
    "nats://h ": "no URL",
    "nats://@h": "credentials",
    "nats://u:p@h": "credentials",
}


@pytest.mark.parametrize("text", GOOD_SERVICE)
def test_a_service_url_names_a_server(text: str) -> None:
    assert service_url_fault(text) == ""


@pytest.mark.parametrize(("text", "rule"), BAD_SERVICE.items())
def test_what_is_no_service_url_is_told(text: str, rule: str) -> None:
    assert rule in service_url_fault(text)


@pytest.mark.parametrize("text", ["https://user:pass@h/jwt/v1?x=1&y=2", "x:", "foo:bar"])
def test_an_account_server_url_has_a_protocol(text: str) -> None:
    assert server_url_fault(text) == ""


@pytest.mark.parametrize(
    ("text", "rule"), [("h/x", "protocol"), ("//h", "protocol"), ("%", "no URL"), ("://h", "no URL")]
)
def test_an_account_server_url_without_a_protocol_is_told(text: str, rule: str) -> None:
    assert rule in server_url_fault(text)


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


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_written_reads_back_the_same(value: float) -> None:
    assert float(go_number(value)) == value


@given(st.ip_addresses(v=6))
def test_every_ipv6_address_is_one(address: object) -> None:
    assert is_ipv6(str(address))


@given(st.text())
def test_any_text_is_a_url_or_none(text: str) -> None:
    url = read_url(text)
    assert url is None or isinstance(url.scheme, str)
