"""What a real server says about a connection: why it refused it, and which permissions it installed."""

import json
import re
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from nats_wire import CredsLike, Wire, connect

from natscreds import subjects
from natscreds.claims import UserPermissionLimits
from natscreds.testing import NatsServer

__all__ = ["ASK", "Installed", "Listener", "Presented", "reason", "would_install"]

ASK = "$SYS.REQ.USER.INFO"
"""Where a user asks what it may do."""

Entries = tuple[str, ...] | None
Installed = dict[str, tuple[Entries, Entries]]
"""`pub` and `sub`: allow and deny, sorted, each entry once, None where there is none."""


class Presented(NamedTuple):
    """What a client shows: a token, and the seed it answers the nonce with, if any."""

    jwt: str
    seed: str | None


def reason(server: NatsServer, wire: Wire) -> str:
    """Return why *server*, started with `debug=True`, refused *wire*: its own words from the log."""
    mark = re.compile(rf" - cid:{wire.info['client_id']} - (.*)")
    until = time.monotonic() + 5
    while time.monotonic() < until:
        said = [found[1] for line in server.log.splitlines() if (found := mark.search(line))]
        if any(words.startswith("Client connection closed") for words in said):
            return " | ".join(words for words in said if not words.startswith("Client connection"))
        time.sleep(0.002)
    raise AssertionError("the server tells why it closed a connection")


class Listener:
    """A connection that hears what the server answers to others of its account: they need no inbox for that."""

    def __init__(self, url: str, creds: CredsLike) -> None:
        self._wire = connect(url, creds)
        self._asked = 0
        assert self._wire.ok(), self._wire.error
        assert self._wire.subscribe("heard.>") is None

    def close(self) -> None:
        self._wire.close()

    def info(self, wire: Wire) -> dict[str, Any] | None:
        """Return what the server knows about the user of *wire*; None if it may not publish the question."""
        self._asked += 1
        reply = f"heard.{self._asked}"
        if wire.publish(ASK, reply=reply) is not None:
            return None
        until = time.monotonic() + 5
        while time.monotonic() < until:
            for subject, _, payload in reversed(self._wire.messages()):
                if subject == reply:
                    data: dict[str, Any] = json.loads(payload)["data"]
                    return data
        raise AssertionError("the server answers who asks about itself")

    def installed(self, wire: Wire) -> Installed | None:
        """Return the permission lists that the server installed for *wire*; None if it may not ask."""
        data = self.info(wire)
        if data is None:
            return None
        said = data.get("permissions", {})
        return {
            short: (_sorted(said.get(long, {}).get("allow")), _sorted(said.get(long, {}).get("deny")))
            for short, long in (("pub", "publish"), ("sub", "subscribe"))
        }


def would_install(limits: UserPermissionLimits) -> Installed:
    """Return the lists that *limits* say, as a server would tell them: it drops entries it cannot read."""
    return {
        "pub": (_subjects(limits.pub.allow), _subjects(limits.pub.deny)),
        "sub": (_with_queues(limits.sub.allow), _with_queues(limits.sub.deny)),
    }


def _subjects(entries: Entries) -> Entries:
    return _sorted(entry for entry in entries or () if subjects.is_valid(entry))


def _with_queues(entries: Entries) -> Entries:
    return _sorted(" ".join(filter(None, read)) for entry in entries or () if (read := subjects.split_queue(entry)))


def _sorted(entries: Iterable[str] | None) -> Entries:
    return tuple(sorted(set(entries or ()))) or None
