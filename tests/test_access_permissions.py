"""The lists that `natscreds.access` says a server installs, and those that the server itself tells."""

import random
from typing import Any

from access_arena import UNLIMITED, Arena, draw_life, sign
from access_draws import Draws
from nats_wire import connect
from property_profiles import PROFILE
from server_says import ASK, Listener

from natscreds.access import Access
from natscreds.claims import Permissions

Lists = tuple[dict[str, set[str]], dict[str, int] | None]

WANTED = {"smoke": 20, "quick": 150, "deep": 3_000}[PROFILE]


def test_a_server_installs_the_lists_that_are_told() -> None:
    seed, compared, unrestricted = random.SystemRandom().randrange(2**40), 0, 0
    heard = {"pub": {"deny": [">"]}, "sub": {"allow": ["heard.>"]}, **UNLIMITED}
    with Arena.open(Draws(seed, also=ASK)) as arena:
        listeners: dict[str, Listener] = {}
        while compared < WANTED:
            seed += 1
            life = draw_life(arena, Draws(seed, also=ASK))
            rules = Access(operator=arena.operator.jwt, account=life.home.jwt, user=life.user.jwt)
            if not rules.connect(now=arena.now, address="127.0.0.1") or not rules.publish(ASK).verdict:
                continue
            if life.home.public not in listeners:
                user = sign(life.home, life.home.signers[0], heard)
                listeners[life.home.public] = Listener(arena.server.url, user)
            with connect(arena.server.url, life.user) as wire:
                told = listeners[life.home.public].info(wire)
            assert told is not None
            assert normal(told.get("permissions")) == said(rules.permissions), f"seed {seed}"
            compared += 1
            unrestricted += rules.permissions is None
        for listener in listeners.values():
            listener.close()
    assert 0 < unrestricted < WANTED


def normal(told: dict[str, Any] | None) -> Lists | None:
    """Return permissions as a server tells them, each entry once; an empty list looks there like none."""
    if told is None:
        return None
    lists = {
        f"{long} {name}": set(entries)
        for long in ("publish", "subscribe")
        for name, entries in told[long].items()
        if entries
    }
    return lists, told.get("responses")


def said(permissions: Permissions | None) -> Lists | None:
    """Return *permissions* the same way."""
    if permissions is None:
        return None
    held = {
        "publish allow": permissions.pub.allow,
        "publish deny": permissions.pub.deny,
        "subscribe allow": permissions.sub.allow,
        "subscribe deny": permissions.sub.deny,
    }
    resp = permissions.resp
    return (
        {name: set(entries) for name, entries in held.items() if entries},
        None if resp is None else {"max": resp.max, "ttl": resp.ttl},
    )
