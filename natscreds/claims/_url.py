r"""URLs as the reference reads them, which is how Go's net/url does: stricter than Python's, and in places laxer.

- What follows the first `#` is the fragment: anything, but each `%` begins an escape, `%` and two hexadecimal digits.
- Before it no control character stands anywhere (0x00 to 0x1F, 0x7F).
- A scheme is a letter, then letters, digits, `+ - .`, ended by `:`; case does not matter. A `:` in front is wrong, and
  without a scheme the first path segment has no colon.
- What follows the first `?` is the query: anything at all.
- What follows a scheme and does not begin with `/` is opaque: it has neither host nor path (`nats:h:4222`).
- `//` begins user, host and port, up to the next `/`. The last `@` ends the user.
- A user is ASCII letters, digits and ``- . _ : ~ ! $ & ' ( ) * + , ; = @``, and escapes.
- A host has no blank and none of ``\ ^ ` { | }``; characters beyond ASCII stand as they are, or as escapes. No other
  escape but `%25` is allowed in it.
- In brackets, an IPv6 address, with a zone after `%25` if there is one; in a zone, escapes are for what may stand in a
  host, and for a blank. No bracket opens later.
- A port is `:` and digits, as many as one likes, or none. It begins at the host's last colon; under `http` and `https`
  at its first, so there is only one (Go 1.26 and what is built with it, nats-server 2.15 for one, refuse the account).
- In a path, every `%` begins an escape; all else is allowed.
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
        hostname: As written, without port and brackets.
        path: As written; empty for an opaque URL.
    """

    scheme: str
    user: bool
    hostname: str
    path: str


class _NotAUrlError(Exception):
    """The text is no URL."""


def read_url(text: str) -> Url | None:
    """Return the parts of *text*, or `None` if the reference takes it for no URL."""
    whole, _, fragment = text.partition("#")
    try:
        _check_escapes(fragment)
        return _read(whole)
    except _NotAUrlError:
        return None


def _read(text: str) -> Url:
    """Read a URL without fragment."""
    if any(character < " " or character == "\x7f" for character in text):
        raise _NotAUrlError
    scheme, rest = _split_scheme(text)
    rest = rest.partition("?")[0]
    if not rest.startswith("/"):
        if scheme:
            return Url(scheme, False, "", "")
        if ":" in rest.partition("/")[0]:
            raise _NotAUrlError
    user, hostname = False, ""
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
        info, at, host = authority.rpartition("@")
        user = bool(at)
        if not _IN_USER.issuperset(info):
            raise _NotAUrlError
        _check_escapes(info)
        hostname = _read_host(host, one_colon=scheme in ("http", "https"))
    _check_escapes(rest)
    return Url(scheme, user, hostname, rest)


def _split_scheme(text: str) -> tuple[str, str]:
    scheme, colon, rest = text.partition(":")
    if colon and not scheme:
        raise _NotAUrlError
    if colon and scheme[0] in _LETTERS and _IN_SCHEME.issuperset(scheme):
        return scheme.lower(), rest
    return "", text


def _read_host(host: str, *, one_colon: bool) -> str:
    """Return the host name of *host*, which may end in a port."""
    if "[" in host[1:]:
        raise _NotAUrlError
    if host.startswith("["):
        name, closed, port = host[1:].rpartition("]")
        if not closed:
            raise _NotAUrlError
        _check_bracketed(name)
    else:
        at = host.find(":") if one_colon else host.rfind(":")
        name, port = (host[:at], host[at:]) if at >= 0 else (host, "")
        _check_host(name)
    if port and (port[0] != ":" or not _DIGITS.issuperset(port[1:])):
        raise _NotAUrlError
    return name


def _check_bracketed(name: str) -> None:
    address, percent, zone = name.partition("%25")
    if not is_ipv6(address) or (percent and not zone):
        raise _NotAUrlError
    _check_characters(zone)
    for escape in _check_escapes(zone):
        if escape != "25" and chr(int(escape, 16)) not in _IN_HOST | {" "}:
            raise _NotAUrlError


def _check_host(name: str) -> None:
    _check_characters(name)
    if any(escape[0] in "01234567" and escape != "25" for escape in _check_escapes(name)):
        raise _NotAUrlError


def _check_characters(text: str) -> None:
    """Check what stands unescaped in a host or a zone."""
    if any(character < "\x80" and character not in _IN_HOST and character != "%" for character in text):
        raise _NotAUrlError


def _check_escapes(text: str) -> list[str]:
    """Return the two digits of every escape, as written."""
    escapes = [part[:2] for part in text.split("%")[1:]]
    if not all(len(escape) == 2 and _HEX.issuperset(escape) for escape in escapes):
        raise _NotAUrlError
    return escapes
