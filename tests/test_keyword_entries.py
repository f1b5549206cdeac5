"""What stands in the lists of the friendly keywords: subjects, networks, times, kinds of connection."""

from typing import cast

import pytest
from keyword_ways import WAYS, Way, refused

from natscreds.claims import Permission, TimeRange
from natscreds.errors import InvalidClaimsError


@pytest.fixture(params=WAYS, ids=lambda way: way.name)
def way(request: pytest.FixtureRequest) -> Way:
    return cast("Way", request.param)


@pytest.fixture(params=WAYS[:2], ids=lambda way: way.name)
def user_way(request: pytest.FixtureRequest) -> Way:
    return cast("Way", request.param)


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
