"""Texts inside claims, decided as the reference decides: networks, times, zones, URLs, versions, numbers.

Python's own parsers are laxer (`ipaddress`, `int`), stricter or simply other (`strptime`, `urllib`), so the rules are
spelled out here.
"""

from decimal import Decimal
from functools import lru_cache

from natscreds.claims._addresses import is_ipv4, is_ipv6, is_number
from natscreds.claims._url import read_url

__all__ = [
    "go_number",
    "info_url_fault",
    "is_network",
    "is_server_version",
    "is_time_of_day",
    "is_time_zone",
    "server_url_fault",
    "service_url_fault",
]

SERVICE_SCHEMES = ("nats", "tls", "ws", "wss")

_DIGITS = frozenset("0123456789")
_IN_ZONE = _DIGITS | frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-_/")


def is_network(text: str) -> bool:
    """Tell whether *text* is `address/length`: a dotted quad or an IPv6 address, and digits; host bits may be set."""
    address, slash, length = text.partition("/")
    if not slash:
        return False
    if is_ipv4(address):
        return is_number(length, 32)
    return is_ipv6(address) and is_number(length, 128)


def is_time_of_day(text: str) -> bool:
    """Tell whether *text* is `HH:MM:SS`; the hour may have one digit, and a fraction may follow `.` or `,`."""
    hour, _, rest = text.partition(":")
    minute, _, rest = rest.partition(":")
    second, fraction = rest[:2], rest[2:]
    if len(hour) > 2 or len(minute) != 2 or len(second) != 2:
        return False
    if not (is_number(hour, 23) and is_number(minute, 59) and is_number(second, 59)):
        return False
    return not fraction or (fraction[0] in ".," and len(fraction) > 1 and _DIGITS.issuperset(fraction[1:]))


def is_time_zone(text: str) -> bool:
    """Tell whether *text* names a time zone of this system's zone data: an IANA name as it is spelled there.

    `UTC` and `Local` are always known. Without the system's zone data and without PyPI's `tzdata` nothing else is, so
    every other name is refused.
    """
    if text in ("UTC", "Local"):
        return True
    if not _IN_ZONE.issuperset(text) or text[:1] in ("", "/"):
        return False
    return _is_zone(text) and _is_spelled_so(text)


def _is_zone(name: str) -> bool:
    """Tell whether zone data is found under that *name*; the file system has its say about case."""
    import zoneinfo  # loaded by who limits times

    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such file, no zone data or no plain path, a directory
        return False
    return True


@lru_cache(maxsize=64)
def _is_spelled_so(name: str) -> bool:
    """Tell whether a zone that was found has that very *name*: some file systems find `europe/berlin` too.

    Those find every other spelling as well, and only then are names compared: the list of all takes long to make.
    """
    import zoneinfo  # loaded by who limits times

    return not _is_zone(name.swapcase()) or name in zoneinfo.available_timezones()


def is_server_version(text: str) -> bool:
    """Tell whether *text* is `major.minor.update`, each a whole number of 64 bits that is not negative."""
    parts = text.split(".")
    return len(parts) == 3 and all(_is_count(part) for part in parts)


def _is_count(text: str) -> bool:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not digits or not _DIGITS.issuperset(digits):
        return False
    bare = digits.lstrip("0")  # before int(), which refuses thousands of digits
    return not bare or (text[0] != "-" and len(bare) <= 19 and int(bare) < 2**63)


def server_url_fault(text: str) -> str:
    """Return what is wrong with an account server's URL, nothing if it is sound."""
    url = read_url(text)
    if url is None:
        return "this is no URL"
    return "" if url.scheme else "a URL begins with its protocol"


def service_url_fault(text: str) -> str:
    """Return what is wrong with an operator service's URL, nothing if it is sound."""
    url = read_url(text)
    if url is None:
        return "this is no URL"
    if url.user:
        return "credentials do not stand in a service's URL"
    if url.path:
        return "a service's URL has no path"
    return "" if url.scheme in SERVICE_SCHEMES else f"a service's URL begins with one of {', '.join(SERVICE_SCHEMES)}"


def info_url_fault(text: str) -> str:
    """Return what is wrong with a URL for people, nothing if it is sound."""
    url = read_url(text)
    if url is None:
        return "this is no URL"
    return "" if url.scheme and url.hostname else "a URL has a protocol and a host"


def go_number(value: float) -> str:
    """Return a finite *value* as Go writes it into JSON: shortest, whole numbers bare, exponents only far from 1."""
    size = abs(value)
    if size != 0 and (size < 1e-6 or size >= 1e21):
        sign, digits, exponent = Decimal(repr(value)).as_tuple()
        text = "".join(map(str, digits)).rstrip("0")
        power = int(exponent) + len(digits) - 1
        mantissa = text[0] + (f".{text[1:]}" if len(text) > 1 else "")
        return f"{'-' if sign else ''}{mantissa}e{'+' if power > 0 else '-'}{abs(power)}"
    text = format(Decimal(repr(value)), "f")
    return text.removesuffix(".0")
