"""Where and when a user may connect: networks, and parts of the day."""

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime

from natscreds.access.decision import Decision, no, unknown
from natscreds.claims import TimeRange, is_network, is_time_of_day, is_time_zone

__all__ = ["address_decision", "read_address", "times_decision"]


def read_address(address: str) -> tuple[int, int]:
    """Return the bits of an IP address and how many they are; IPv4 told as IPv6 is IPv4.

    Raises:
        ValueError: It is none.
    """
    fault = False
    read: ipaddress.IPv4Address | ipaddress.IPv6Address | None = None
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        fault = True
    if fault or read is None or "%" in address:
        raise ValueError(f"an address is an IP address without a zone, got {address!a}")
    value, size = int(read), read.max_prefixlen
    return (value & 0xFFFFFFFF, 32) if size == 128 and value >> 32 == 0xFFFF else (value, size)


def _holds(network: str, bits: int, size: int) -> bool:
    """Tell whether a sound *network* holds the address."""
    text, _, length_text = network.partition("/")
    read, length = ipaddress.ip_address(text), int(length_text)
    base, base_size = int(read), read.max_prefixlen
    if base_size == 128 and length >= 96 and base >> 32 == 0xFFFF:
        base, base_size, length = base & 0xFFFFFFFF, 32, length - 96
    return base_size == size and base >> (size - length) == bits >> (size - length)


def address_decision(networks: Iterable[str], address: str | None, connection_type: str) -> Decision | None:
    """Return what keeps a client of that *address* out, `None` if nothing does."""
    held = tuple(networks)
    if not held:
        return None
    told = f"the user connects from {', '.join(map(ascii, held))}"
    if address is None or connection_type == "IN_PROCESS":
        return unknown("address-unknown", f"{told}, and from where is not given")
    bits, size = read_address(address)
    for network in held:
        if not is_network(network):
            return no("address", f"servers let nobody in when they meet {network!a}, which is no network")
        if _holds(network, bits, size):
            return None
    return no("address", f"{told}, not from {address}")


def times_decision(times: Iterable[TimeRange], location: str, server_zone: str | None, now: int) -> Decision | None:
    """Return what keeps a client out at *now*, `None` if nothing does. An empty *location* is the server's."""
    held = tuple(times)
    if not held:
        return None
    told = ", ".join(f"{one.start!a} to {one.end!a}" for one in held)
    zone = server_zone if location in ("", "Local") else location
    if zone is None:
        return unknown("zone-unknown", f"the user connects from {told} where the server is, which is not given")
    if not is_time_zone(zone):
        return no("times", f"there is no time zone {zone!a}")
    for one in held:
        if not (is_time_of_day(one.start) and is_time_of_day(one.end)):
            return no("times", f"servers let nobody in when they meet {one.start!a} to {one.end!a}, which is no range")
        start, end = (_moment(text, zone, now) for text in (one.start, one.end))
        if (start < now < end) if start <= end else (now < end or now > start):
            return None
    return no("times", f"the user connects from {told} in {zone!a}")


def _moment(time_of_day: str, zone: str, now: int) -> float:
    """Return the second of that *time_of_day* on the day of *now*."""
    import zoneinfo  # loaded by who limits times

    place = UTC if zone == "UTC" else zoneinfo.ZoneInfo(zone)
    today = datetime.fromtimestamp(now, place)
    hour, minute, second = (int(part[:2]) for part in time_of_day.split(":"))
    return datetime(today.year, today.month, today.day, hour, minute, second, tzinfo=place).timestamp()
