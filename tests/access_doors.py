"""Accounts and users drawn for one question alone: does a server let the user in, and why not?

Moments lie far from now on either side, so nothing waits and no clock is touched.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from access_arena import ALL, UNLIMITED
from access_draws import Draws
from server_says import Presented

from natscreds import KeyPair, KeyType, Operator
from natscreds.envelope import seal_token
from natscreds.testing import NatsServer

__all__ = ["Door", "Doors", "Guest"]

LONG = 2_000
"""Seconds: far enough from now for any clock."""

LOST = KeyPair.generate(KeyType.USER)
"""A user whose key is revoked in one of the accounts."""

NETWORKS = ["127.0.0.0/8", "127.0.0.1/32", "10.0.0.0/8", "0.0.0.0/0", "::/0", "::ffff:127.0.0.0/104", "::1/128"]
NETWORKS += ["::ffff:0.0.0.0/95", "127.0.0.1/33", "127.0.0.1", "nowhere"]
TYPES = ["STANDARD", "standard", "WEBSOCKET", "MQTT", "IN_PROCESS", "LEAFNODE", "CARRIER_PIGEON", ""]
ZONES = ["UTC", "Asia/Tokyo", "America/New_York", "Nowhere/Land"]


class Door(NamedTuple):
    """An account on a server.

    Attributes:
        operator: Whom the server trusts.
        jwt: The account.
        public: Its key.
        keys: Identity and signing key.
        roles: The keys of roles.
    """

    server: NatsServer
    operator: Operator
    jwt: str
    public: str
    keys: tuple[KeyPair, KeyPair]
    roles: tuple[KeyPair, ...]


class Guest(NamedTuple):
    """Somebody at a door."""

    door: Door
    user: Presented
    signs: bool


class Doors:
    """Two servers, of a strict operator and of another, with the same sorts of accounts."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.doors: list[Door] = []
        stranger = KeyPair.generate(KeyType.OPERATOR)
        for strict in (False, True):
            operator = Operator.create("acme", strict=strict)
            identity = operator.key
            assert identity is not None
            made = [
                self._account(operator, "plain"),
                self._account(operator, "no-bearer", limits={"disallow_bearer": True}),
                self._account(operator, "full", limits={"conn": 0}),
                self._account(operator, "mute", limits={"subs": 0}),
                self._account(operator, "revoking", revocations={LOST.public: now - LONG}),
                self._account(operator, "revoking-all", revocations={"*": now - LONG, LOST.public: now - 3 * LONG}),
                self._account(operator, "expired", exp=now - LONG),
                self._account(operator, "alive", exp=now + LONG, nbf=now - LONG),
                self._account(operator, "early", nbf=now + LONG),
                self._account(operator, "invalid", imports=[{"subject": "a", "type": "stream"}]),
                self._account(operator, "dropping", default_permissions={"sub": {"deny": ["a.>.b"]}}),
                self._account(operator, "foreign", signer=stranger),
                self._account(operator, "by-identity", signer=identity),
            ]
            assert operator.system_account is not None
            told = [*made, (operator.system_account.public, operator.system_account.jwt)]
            preload = "".join(f'  "{one[0]}": "{one[1]}"\n' for one in told)
            server = NatsServer(operator, debug=True, extra=f"resolver_preload: {{\n{preload}}}\n")
            self.doors += [Door(server, operator, jwt, public, keys, roles) for public, jwt, keys, roles in made]

    @classmethod
    @contextmanager
    def open(cls) -> Iterator["Doors"]:
        """Start both servers."""
        doors = cls(int(time.time()))
        servers = list({id(door.server): door.server for door in doors.doors}.values())
        try:
            for server in servers:
                server.start()
            yield doors
        finally:
            for server in servers:
                server.stop()

    def _account(
        self,
        operator: Operator,
        name: str,
        *,
        signer: KeyPair | None = None,
        limits: Mapping[str, object] | None = None,
        **said: Any,  # noqa: ANN401  # members of the token
    ) -> tuple[str, str, tuple[KeyPair, KeyPair], tuple[KeyPair, ...]]:
        """Sign an account as it stands; *said* are members of `nats`, but for `exp` and `nbf`."""
        identity, plain = (KeyPair.generate(KeyType.ACCOUNT) for _ in range(2))
        templates: list[dict[str, Any]] = [
            {},
            {"bearer_token": True},
            {"src": ["127.0.0.0/8"]},
            {"src": ["10.0.0.0/8", "nowhere", "127.0.0.0/8"]},
            {"src": ["127.0.0.0/8", "nowhere"]},
            {"times": self.times(ZoneInfo("Asia/Tokyo"), 1), "times_location": "Asia/Tokyo"},
            {"times": self.times(ZoneInfo("UTC"), -1), "times_location": "UTC"},
            {"times": [{"start": "nine", "end": "five"}], "times_location": "UTC"},
            {"allowed_connection_types": ["PIGEON"]},
            {"allowed_connection_types": ["PIGEON", "standard"]},
            {"allowed_connection_types": ["WEBSOCKET"]},
            {"proxy_required": True},
            {"pub": {"deny": ["{{tag(team)}}"]}},
            {"sub": {"allow": ["{{nobody()}}"]}},
            {"sub": {"allow": ["{{name()}}"], "deny": ["x.{{name()}}"]}},
            {"subs": 0},
            {"subs": 1},
        ]
        roles = tuple(KeyPair.generate(KeyType.ACCOUNT) for _ in templates)
        scopes = [
            {"kind": "user_scope", "key": key.public, "role": key.public, "template": template}
            for key, template in zip(roles, templates, strict=True)
        ]
        times: dict[str, Any] = {member: said.pop(member) for member in ("exp", "nbf") if member in said}
        body: dict[str, Any] = {
            "limits": ALL | dict[str, Any](limits or {}),
            "signing_keys": [plain.public, *scopes],
            "type": "account",
            "version": 2,
            **said,
        }
        key = operator.signing_keys[0] if signer is None else signer
        token: dict[str, Any] = {
            "iat": self.now,
            "iss": key.public,
            "name": name,
            "sub": identity.public,
            "nats": body,
            **times,
        }
        return identity.public, seal_token(json.dumps(token).encode(), key), (identity, plain), roles

    def times(self, zone: ZoneInfo, sign: int) -> list[dict[str, str]]:
        """Return a range around now, or (*sign* -1) one that now is not in."""
        here = datetime.fromtimestamp(self.now, UTC).astimezone(zone)
        before, after = (f"{here + sign * timedelta(hours=hours):%H:%M:%S}" for hours in (-2, 2))
        return [{"start": before, "end": after}]

    def guest(self, draws: Draws) -> Guest:
        """Draw somebody: sound in most ways, so that what is wrong meets alone."""
        draw = draws.random
        door = self.doors[draw.choice((0, 0, 0, 0, 1, 13, 13, 13, 13, 14))]
        if draws.chance(0.5):
            door = draw.choice(self.doors)
        signer = door.keys[1]
        said: dict[str, Any] = {"issuer_account": door.public, **UNLIMITED}
        odd: list[dict[str, Any]] = [{"src": []}, {"pub": {}}, {"subs": -1}, {"times": []}, {"src": None}]
        odd.append({"sub": {"allow": []}})
        if draws.chance(0.35):
            signer = draw.choice(door.roles)
            said = {"issuer_account": door.public}
            if draws.chance(0.15):
                said |= draw.choice(odd)
            if draws.chance(0.7):
                said["tags"] = ["team:blue"]
        elif draws.chance(0.2):
            signer = door.keys[0]
            if draws.chance(0.5):
                del said["issuer_account"]
        elif draws.chance(0.04):
            signer = KeyPair.generate(KeyType.ACCOUNT)
        if "subs" in said:
            said |= self._odd(draws)
        key = LOST if draws.chance(0.1) else KeyPair.generate(KeyType.USER)
        token: dict[str, Any] = {"iat": self.now - draw.choice((0, 0, 0, LONG, LONG - 1, LONG + 1, 2 * LONG))}
        token |= {"iss": signer.public, "name": draw.choice(("u", "u", "a.b", "")), "sub": key.public}
        if draws.chance(0.15):
            token["exp"] = self.now + draw.choice((LONG, LONG, -LONG, -1_000_000_000 - self.now))
        if draws.chance(0.08):
            token["nbf"] = self.now + draw.choice((LONG, -LONG, -LONG))
        if draws.chance(0.02):
            del token["iat"]
        if draws.chance(0.03):
            token["sub"] = "nobody"
        token["nats"] = {**said, "type": "user", "version": 2}
        signs = not draws.chance(0.25 if said.get("bearer_token") else 0.05)
        return Guest(
            door, Presented(seal_token(json.dumps(token).encode(), signer), key.seed if signs else None), signs
        )

    def _odd(self, draws: Draws) -> dict[str, Any]:
        """Return members of a user that a connection may fail for."""
        draw = draws.random
        said: dict[str, Any] = {}
        if draws.chance(0.3):
            said["bearer_token"] = True
        if draws.chance(0.15):
            said["src"] = draw.sample(NETWORKS[:-3], draw.choice((0, 1, 2, 3)))
            if draws.chance(0.1):
                said["src"].append(draw.choice(NETWORKS))
        if draws.chance(0.15):
            zone = draw.choice(ZONES)
            place = ZoneInfo("UTC" if zone.startswith("Nowhere") else zone)
            said["times"] = draw.choice(
                ([], self.times(place, 1), self.times(place, -1), [{"start": "00:00:00", "end": "00:00:00"}])
            )
            said["times_location"] = zone
        if draws.chance(0.15):
            said["allowed_connection_types"] = draw.sample(TYPES, draw.choice((0, 1, 2)))
        if draws.chance(0.05):
            said["proxy_required"] = True
        if draws.chance(0.05):
            said |= draw.choice(
                (
                    {"pub": {"allow": ["a q"]}},
                    {"sub": {"deny": ["a..b"]}},
                    {"sub": {"allow": ["a  b"]}},
                    {"issuer_account": "nobody"},
                )
            )
        if draws.chance(0.03):
            said["subs"] = draw.choice((0, -2, 1))
        return said
