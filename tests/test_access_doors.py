"""Who is let in, and why not: `natscreds.access` beside a real server, and its reasons beside the server's log."""

import random
import re
import time
from collections import Counter

from access_doors import Doors, Guest
from access_draws import Draws
from nats_wire import connect
from property_profiles import PROFILE

from natscreds.access import Access, Decision
from natscreds.testing import NatsServer

GUESTS = {"smoke": 150, "quick": 1_200, "deep": 50_000}[PROFILE]

LOGGED = {
    "user-undecodable": "Authentication requires a user JWT",
    "proxy-required": "proxy connection required",
    "user-expired": "User JWT no longer valid",
    "user-not-yet-valid": "User JWT no longer valid",
    "user-invalid": "User JWT no longer valid",
    "account-other": "Account JWT lookup error",
    "account-issuer": "Account JWT lookup error",
    "account-expired": "Account JWT lookup error",
    "account-not-yet-valid": "Account JWT lookup error",
    "account-invalid": "Account JWT lookup error",
    "issuer-unknown": "User JWT issuer is not known",
    "role-and-permissions": "scoped users require no permissions or limits set",
    "role-does-not-resolve": "User JWT generated invalid permissions",
    "bearer-disallowed": "Account does not allow bearer tokens",
    "connection-types-unknown": "connection types",
    "connection-type": "Connection type not allowed",
    "signature-missing": "Signature missing",
    "user-key": "User nkey not valid",
    "revoked": "User authentication revoked",
    "address": "Bad src Ip",
    "times": "Outside connect times",
    "connections-exceeded": "maximum account active connections exceeded",
    "no-subscriptions": "Maximum Subscriptions Exceeded",
    "expires-at-once": "Authentication Expired",
}
"""What a server's log says for each reason."""


def test_a_server_lets_in_whom_it_was_foretold_to_and_says_the_same_of_others() -> None:
    seed, seen = random.SystemRandom().randrange(2**40), Counter[str]()
    turned_away: dict[tuple[int, int], tuple[int, Decision]] = {}
    with Doors.open() as doors:
        for at in range(seed, seed + GUESTS):
            guest = doors.guest(Draws(at))
            decision = foretell(doors, guest)
            with connect(guest.door.server.url, guest.user) as wire:
                if decision.reason.code in ("no-subscriptions", "expires-at-once") and wire.ok():
                    assert wire.wait_closed(), f"seed {at}: {decision}"
                assert wire.ok() is bool(decision), f"seed {at}: {wire.error}, foretold {decision}"
                seen[decision.reason.code] += 1
                if not decision:
                    turned_away[id(guest.door.server), wire.info["client_id"]] = at, decision
        for server in {id(door.server): door.server for door in doors.doors}.values():
            here = {cid: told for (where, cid), told in turned_away.items() if where == id(server)}
            logged = read_log(server, set(here))
            for cid, (at, decision) in here.items():
                assert LOGGED[decision.reason.code] in logged[cid], f"seed {at}: {decision}, logged {logged[cid]}"
    print(f"{GUESTS:,} connections compared, none differs: {dict(sorted(seen.items()))}")
    assert seen["accepted"] > GUESTS / 5
    if PROFILE != "smoke":
        assert set(LOGGED) - {"user-undecodable", "account-other"} <= set(seen)


def foretell(doors: Doors, guest: Guest) -> Decision:
    rules = Access(operator=guest.door.operator, account=guest.door.jwt, user=guest.user.jwt)
    return rules.connect(now=doors.now, address="127.0.0.1", signs=guest.signs, connections=0)


def read_log(server: NatsServer, wanted: set[int]) -> dict[int, str]:
    """Return what was logged about each connection, once all that is *wanted* about closed ones is there."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        found: dict[int, str] = {}
        for cid, words in re.findall(r" - cid:(\d+) - (.*)", server.log):
            found[int(cid)] = f"{found.get(int(cid), '')} | {words}"
        if all("Client connection closed" in found.get(cid, "") for cid in wanted):
            return found
        time.sleep(0.01)
    raise AssertionError("the server tells why it closed a connection")
