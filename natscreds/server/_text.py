"""What stands in a configuration file of nats-server: quoted texts, addresses, paths, durations.

The server reads no variables and no comments inside a quoted text. An unquoted `2m` is the number 2000000 and an
unquoted `$HOME` a variable, so nothing that comes from outside stands without quotes.
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from ipaddress import ip_address
from os import PathLike, fspath

__all__ = ["address", "block", "duration", "is_loopback", "path_text", "quoted", "word"]

_HOST = re.compile(r"[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?\]")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
# C0, C1, the two separators that end a line for some readers, and what has no UTF-8.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MICROSECOND = timedelta(microseconds=1)
_LONGEST = timedelta(days=100 * 365)  # servers count nanoseconds in 63 bits: 292 years


def quoted(text: str) -> str:
    """Return *text* as a quoted string of nats-server's configuration language.

    Raises:
        ValueError: It holds a control character, or has no UTF-8.
    """
    if _CONTROL.search(text):
        raise ValueError(f"a text in a configuration has no control characters, got {text!a}")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def block(head: str, lines: Iterable[str]) -> list[str]:
    """Return *lines*, indented, between *head* with its brace and the brace's end."""
    return [f"{head} {{".lstrip(), *(f"  {line}" for line in lines), "}"]


def address(value: object, keyword: str) -> str:
    """Return *value* if a server would take it as it is meant: `HOST:PORT`.

    Raises:
        ValueError: It is something else.
    """
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not _HOST.fullmatch(host):
        raise ValueError(f'{keyword} is "HOST:PORT" with the host spelled out, got {value!r}')
    if port != "-1" and not (_PORT.fullmatch(port) and int(port) < 1 << 16):
        # nats-server reads port 0 as 4222
        raise ValueError(f"a port is 1 to 65535, or -1 for a free one, got {port!r}")
    return f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Tell whether what listens on this host, as it stands in an address, is reached from the same machine only."""
    host = host.strip("[]")
    if host.lower() == "localhost":
        return True
    try:
        found = ip_address(host)
    except ValueError:
        return False
    return found.is_loopback


def path_text(path: str | PathLike[str], what: str) -> str:
    """Return the text of *path* if it can stand in a configuration.

    Raises:
        TypeError: It is no text.
        ValueError: It is empty or holds a control character.
    """
    text: object = fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"{what} is a path of text, got {type(text).__name__}")
    if not text:
        raise ValueError(f"{what} has a name, got ''")
    if _CONTROL.search(text):
        raise ValueError(f"{what} in a configuration has no control characters, got {text!r}")
    return text


def word(value: object, keyword: str) -> str:
    """Return *value* if it is one word that begins with a letter or digit.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise ValueError(f"{keyword} has letters, digits, '.', '_' and '-' only, got {value!a}")
    return value


def duration(value: object, keyword: str, *, least: timedelta = timedelta(seconds=1)) -> str:
    """Return *value* as Go writes durations: `90s`, `1900ms`.

    Raises:
        TypeError: No timedelta.
        ValueError: Less than *least*, or more than a hundred years.
    """
    if not isinstance(value, timedelta):
        raise TypeError(f"{keyword} is a timedelta, got {type(value).__name__}")
    if not least <= value <= _LONGEST:
        raise ValueError(f"{keyword} is at least {least} and at most a hundred years, got {value}")
    count = value // _MICROSECOND
    for size, unit in ((1_000_000, "s"), (1_000, "ms")):
        if count % size == 0:
            return f"{count // size}{unit}"
    return f"{count}us"
