"""Where a server finds accounts: the resolver's part of a configuration.

nats-server 2.15 reads every text with the letters `mem` in it, in any case, as the memory resolver, a URL of
`members.example.com` too. It asks a URL resolver for `<URL>/<account key>`.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from os import PathLike

from natscreds.errors import Problem
from natscreds.nkeys import PublicKey
from natscreds.server._text import block, duration, is_loopback, path_text, quoted

__all__ = ["Resolver"]

_KINDS = ("memory", "full", "cache")
_URL = re.compile(r"https?://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~%/-]*)?")
_SHORTEST_WAIT = timedelta(milliseconds=1)


class Resolver:
    """What a configuration says of its resolver, checked.

    Attributes:
        kind: `memory`, `full`, `cache` or `url`.
        url: Where a URL resolver asks; else empty.
    """

    __slots__ = ("_limit", "_settings", "kind", "url")

    def __init__(
        self,
        resolver: str,
        *,
        directory: str | PathLike[str] | None,
        allow_delete: bool,
        limit: int | None,
        interval: timedelta | None,
        ttl: timedelta | None,
        timeout: timedelta | None,
    ) -> None:
        """Check the keywords of `natscreds.server.config`, and that each has a meaning for this resolver.

        Raises:
            TypeError: A value of another type.
            ValueError: An unknown resolver, a keyword that it does not have, or one that it needs.
        """
        if not isinstance(resolver, str):
            raise TypeError(f"resolver is a text, got {type(resolver).__name__}")
        if not isinstance(allow_delete, bool):
            raise TypeError(f"allow_delete is True or False, got {type(allow_delete).__name__}")
        self.url = "" if resolver in _KINDS else _checked_url(resolver)
        self.kind = "url" if self.url else resolver
        given: Mapping[str, object] = {
            "directory": directory,
            "allow_delete": allow_delete or None,
            "limit": limit,
            "interval": interval,
            "ttl": ttl,
            "timeout": timeout,
        }
        known = {
            "full": ("directory", "allow_delete", "limit", "interval", "timeout"),
            "cache": ("directory", "limit", "ttl", "timeout"),
        }.get(self.kind, ())
        for keyword, value in given.items():
            if value is not None and keyword not in known:
                raise ValueError(f"{keyword} has no meaning for the {self.kind} resolver")
        self._limit = limit
        self._settings: list[str] = []
        if not known:
            return
        if directory is None:
            raise ValueError(f'the {self.kind} resolver keeps accounts in a directory: give directory="…"')
        self._settings += [f"type: {self.kind}", f"dir: {quoted(path_text(directory, 'a directory'))}"]
        if self.kind == "full":
            self._settings.append(f"allow_delete: {'true' if allow_delete else 'false'}")
        if limit is not None:
            if not isinstance(limit, int) or isinstance(limit, bool):
                raise TypeError(f"limit is an int, got {type(limit).__name__}")
            if not 0 < limit < 1 << 63:
                raise ValueError(f"limit is how many accounts the directory may hold, at least 1, got {limit}")
            self._settings.append(f"limit: {limit}")
        if interval is not None:
            self._settings.append(f"interval: {quoted(duration(interval, 'interval'))}")
        if ttl is not None:
            self._settings.append(f"ttl: {quoted(duration(ttl, 'ttl'))}")
        if timeout is not None:
            self._settings.append(f"timeout: {quoted(duration(timeout, 'timeout', least=_SHORTEST_WAIT))}")

    def lines(self, preload: Mapping[PublicKey, str]) -> list[str]:
        """Return the lines of the configuration, with the accounts that are known from the start; with a URL none.

        Raises:
            ValueError: More accounts than the limit, of which nats-server would lose some, and say nothing.
        """
        if self._limit is not None and self._limit < len(preload):
            raise ValueError(f"limit is at least the number of accounts given, {len(preload)}, got {self._limit}")
        if self.url:
            return [f"resolver: {quoted(f'URL({self.url})')}"]
        head = ["resolver: MEMORY"] if self.kind == "memory" else block("resolver:", self._settings)
        return head + block("resolver_preload:", (f"{quoted(key)}: {quoted(preload[key])}" for key in sorted(preload)))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Warnings: what servers take, and is perhaps not meant."""
        found = _URL.fullmatch(self.url)
        if found is None or self.url.startswith("https:") or is_loopback(found["host"]):
            return ()
        told = "whoever answers in the place of this URL may give older accounts, without revocations: use https"
        return (Problem(path="resolver", severity="warning", code="resolver-without-tls", message=told),)


def _checked_url(text: str) -> str:
    """Return the URL of a resolver if a server would ask it."""
    if not text.startswith(("http://", "https://")):
        raise ValueError(f'a resolver is "memory", "full", "cache" or an http or https URL, got {text!r}')
    if not _URL.fullmatch(text):
        raise ValueError(f"a resolver's URL has a host and a path, and neither user, query nor blanks, got {text!r}")
    if "mem" in text.lower():
        raise ValueError(f"nats-server takes a URL with the letters 'mem' for the memory resolver, got {text!r}")
    return text
