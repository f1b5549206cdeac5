r"""URLs as the reference reads them, which is how Go's net/url does: stricter than Python's, and in places laxer.

- A control character anywhere is wrong; so is a `%` that two hexadecimal digits do not follow, in user, host, path or
  fragment (a query may hold anything).
- A scheme is a letter, then letters, digits, `+ - .`, ended by `:`; without one, the first path segment has no colon.
- What follows a scheme and does not begin with `/` is opaque: it has neither host nor path (`nats:h:4222`).
- A host has no blank and none of ``\ ^ ` { | }``; `%` escapes in it stand for bytes outside ASCII. In brackets it is an
  IPv6 address, with a zone after `%25`. A port is digits, or nothing.
- A user part has letters, digits and ``- . _ : ~ ! $ & ' ( ) * + , ; = % @``.
"""

from typing import NamedTuple

from natscreds.claims._addresses import is_ipv6

__all__ = ["Url", "read_url"]

_HEX = frozenset("0123456789abcdefABCDEF")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DIGITS = frozenset("0123456789")
_IN_SCHEME = _LETTERS | _DIGITS | frozenset("+-.")
_IN_USER = _LETTERS | _DIGITS | frozenset("-._:~!$&'()*+,;=%@")
_IN_HOST = _LETTERS | _DIGITS | frozenset("-._~!$&'()*+,;=:[]<>\"")


class Url(NamedTuple):
    """The parts that rules ask about.

    Attributes:
        scheme: In lower case; empty if there is none.
        user: There is a user part, even an empty one.
        hostname: Without port and brackets.
        path: Empty for an opaque URL.
    """

    scheme: str
    user: bool
    hostname: str
    path: str


class _NotAUrlError(Exception):
    """The text is no URL."""


def read_url(text: str) -> Url | None:
    """Return the parts of *text*, or `None` if the reference takes it for no URL."""
    if any(character < " " or character == "\x7f" for character in text):
        return None
    try:
        whole, _, fragment = text.partition("#")
        _check_escapes(fragment)
        return _read(whole)
    except _NotAUrlError:
        return None


def _read(text: str) -> Url:
    if text == "*":
        return Url("", False, "", "*")
    scheme, rest = _split_scheme(text)
    rest = rest.partition("?")[0]
    if not rest.startswith("/"):
        if scheme:
            return Url(scheme, False, "", "")
        if ":" in rest.partition("/")[0]:
            raise _NotAUrlError
    user, hostname = False, ""
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
        info, at, host = authority.rpartition("@")
        user = bool(at)
        hostname = _read_host(host)
        if not _IN_USER.issuperset(info):
            raise _NotAUrlError
        _check_escapes(info.replace(":", "", 1))
        if ":" in info:
            _check_escapes(info.partition(":")[0])
            _check_escapes(info.partition(":")[2])
    _check_escapes(rest)
    return Url(scheme, user, hostname, rest)


def _split_scheme(text: str) -> tuple[str, str]:
    for at, character in enumerate(text):
        if character == ":":
            if at == 0:
                raise _NotAUrlError
            return text[:at].lower(), text[at + 1 :]
        if character not in _IN_SCHEME or (at == 0 and character not in _LETTERS):
            break
    return "", text


def _check_escapes(text: str) -> None:
    for part in text.split("%")[1:]:
        if len(part) < 2 or part[0] not in _HEX or part[1] not in _HEX:
            raise _NotAUrlError


def _read_host(host: str) -> str:
    """Return the host name of *host*, which may end in a port."""
    if host.rfind("[") > 0:
        raise _NotAUrlError
    if host.startswith("["):
        inside, closed, port = host[1:].rpartition("]")
        if not closed:
            raise _NotAUrlError
        _check_port(port)
        address, percent, zone = inside.partition("%25")
        _check_host(address)
        _check_zone(percent + zone)
        _check_bracketed(_unescaped(address), _unescaped(percent + zone))
        return _unescaped(inside)
    name, colon, port = host.rpartition(":")
    if not colon:
        name = host
    _check_port(colon + port if colon else "")
    _check_host(name)
    return _unescaped(name)


def _check_port(port: str) -> None:
    if port and (port[0] != ":" or not _DIGITS.issuperset(port[1:])):
        raise _NotAUrlError


def _check_host(host: str) -> None:
    _check_escapes(host)
    for part in host.split("%")[1:]:
        if part[0] in "01234567" and part[:2] != "25":
            raise _NotAUrlError
    if any(character < "\x80" and character not in _IN_HOST and character != "%" for character in host):
        raise _NotAUrlError


def _check_zone(zone: str) -> None:
    _check_escapes(zone)
    for part in zone.split("%")[1:]:
        code = chr(int(part[:2], 16))
        if part[:2] != "25" and code != " " and code not in _IN_HOST:
            raise _NotAUrlError
    if any(character < "\x80" and character not in _IN_HOST and character != "%" for character in zone):
        raise _NotAUrlError


def _check_bracketed(address: str, zone: str) -> None:
    """Refuse what is no IPv6 address in brackets."""
    if not is_ipv6(address) or zone == "%":
        raise _NotAUrlError


def _unescaped(text: str) -> str:
    """Return *text*, whose escapes are sound, without them; what they stand for is asked by nobody here."""
    parts = text.split("%")
    return parts[0] + "".join(chr(int(part[:2], 16)) + part[2:] for part in parts[1:])
