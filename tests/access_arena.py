"""A real server and the evaluator, asked the same about users drawn at random.

One seed is one user's life: it connects, subscribes, hears messages, publishes, answers, lets subscriptions go, and
does it again. Every answer of the server is compared with what was foretold, and counted.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from access_draws import NAMES, TAGS, Draws
from nats_wire import Wire, connect
from server_says import Presented

from natscreds import KeyPair, KeyType, Operator
from natscreds.access import Access, Decision, Session, Subscription
from natscreds.envelope import seal_token
from natscreds.testing import NatsServer

__all__ = ["CHECKS", "Arena", "Life", "MismatchError", "draw_life", "forge", "live", "sign"]

CHECKS = (
    *("admitted", "not admitted", "published", "not published"),
    *("subscribed", "not subscribed", "delivered", "not delivered"),
)
"""What counts as a check: an answer of the server, compared with what was foretold."""

UNLIMITED: dict[str, Any] = {"subs": -1, "data": -1, "payload": -1}
ALL: dict[str, Any] = {"imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1, **UNLIMITED}
MAPPINGS = {
    "a": [{"subject": "b"}],
    "a.a": [{"subject": "c.c", "weight": 100}],
    "a.b": [{"subject": "c", "weight": 50}, {"subject": "b", "weight": 50}],
    "b.*": [{"subject": "a.$1"}],
    "b.*.*": [{"subject": "c.$2.x.$1"}],
    "c.*.a": [{"subject": "{{wildcard(1)}}.c"}],
    "c.b.>": [{"subject": "a.>"}],
    "c.c": [{"subject": "a.b", "weight": 30}],
    "_x": [{"subject": "_GR_.x"}],
}
COMPLAINTS = {
    "mapping-agreed": "Permissions Violation for Publish",
    "reserved-reply": "Permissions Violation for Publish with Reply of",
    "invalid-subject": "Invalid Subject",
    "subscriptions-exceeded": "maximum subscriptions exceeded",
}


class MismatchError(AssertionError):
    """A server did what was not foretold."""


class Home(NamedTuple):
    """An account of the arena, and the keys that sign its users; a role's name is that of its key."""

    jwt: str
    public: str
    signers: tuple[KeyPair, ...]
    roles: tuple[KeyPair, ...] = ()
    mapped: bool = False


class Arena:
    """A running server, its accounts, and in each of them somebody who may publish everything."""

    def __init__(self, server: NatsServer, operator: Operator, homes: list[Home]) -> None:
        self.server = server
        self.operator = operator
        self.homes = homes
        self.now = int(time.time())
        self._tellers: dict[str, Wire] = {}

    @classmethod
    @contextmanager
    def open(cls, draws: Draws, *, roles: int = 16, homes: int = 12) -> Iterator["Arena"]:
        """Start a server with accounts drawn."""
        operator = Operator.create("acme")
        made = [forge(operator, "plain", {}), forge(operator, "mapped", {"mappings": MAPPINGS}, mapped=True)]
        for at in range(homes):
            defaults = draws.permissions() if at % 2 else {}
            templates = [draws.permissions(calls=0.25) for _ in range(roles)]
            for template in templates:
                if draws.chance(0.1):
                    template["subs"] = draws.random.choice((3, 8))
            made.append(forge(operator, f"home-{at}", {"default_permissions": defaults}, templates))
        with NatsServer(operator, [home.jwt for home in made]) as server:
            arena = cls(server, operator, made)
            try:
                yield arena
            finally:
                for wire in arena._tellers.values():
                    wire.close()

    def teller(self, home: Home) -> Wire:
        """Return the connection of somebody in *home* who may publish everything, kept open."""
        if home.public not in self._tellers:
            user = sign(home, home.signers[0], {"pub": {"allow": [">"]}, "sub": {"deny": [">"]}, **UNLIMITED})
            self._tellers[home.public] = connect(self.server.url, user, echo=False)
            assert self._tellers[home.public].ok()
        return self._tellers[home.public]


def forge(
    operator: Operator,
    name: str,
    said: Mapping[str, object],
    templates: list[dict[str, Any]] | None = None,
    *,
    mapped: bool = False,
) -> Home:
    """Sign an account as it stands, which the library itself would not do."""
    identity, plain = (KeyPair.generate(KeyType.ACCOUNT) for _ in range(2))
    roles = tuple(KeyPair.generate(KeyType.ACCOUNT) for _ in templates or ())
    keys: list[object] = [plain.public]
    for key, template in zip(roles, templates or (), strict=True):
        keys.append({"kind": "user_scope", "key": key.public, "role": key.public, "template": template})
    body = {
        "limits": ALL,
        "signing_keys": keys,
        "tags": ["r:eu", "r:a.b", "s:a"],
        **said,
        "type": "account",
        "version": 2,
    }
    signer = operator.signing_keys[0]
    token = {"iat": int(time.time()), "iss": signer.public, "name": name, "sub": identity.public, "nats": body}
    return Home(seal_token(json.dumps(token).encode(), signer), identity.public, (plain, identity), roles, mapped)


def sign(
    home: Home,
    signer: KeyPair,
    said: Mapping[str, object],
    *,
    name: str = "u",
    tags: tuple[str, ...] = (),
    **members: object,
) -> Presented:
    """Sign a user of *home* as it stands."""
    key = KeyPair.generate(KeyType.USER)
    body = {"issuer_account": home.public, "tags": tags, **said, "type": "user", "version": 2}
    token = {"iat": int(time.time()), "iss": signer.public, "name": name, "sub": key.public, "nats": body, **members}
    return Presented(seal_token(json.dumps(token).encode(), signer), key.seed)


class Life(NamedTuple):
    """A user as drawn."""

    home: Home
    user: Presented
    said: dict[str, Any]


def draw_life(arena: Arena, draws: Draws) -> Life:
    """Draw somebody, of a role or not."""
    draw = draws.random
    home = arena.homes[0] if draws.chance(0.55) else draw.choice(arena.homes)
    if home.roles and draws.chance(0.7):
        tags = tuple(draw.sample(TAGS, draw.choice((0, 1, 2, 4))))
        said: dict[str, Any] = {}
        return Life(home, sign(home, draw.choice(home.roles), said, name=draw.choice(NAMES), tags=tags), said)
    said = {**UNLIMITED, **(draws.permissions() if draws.chance(0.9) else {})}
    if draws.chance(0.1):
        said["subs"] = draw.choice((2, 5, 9))
    return Life(home, sign(home, draw.choice(home.signers), said), said)


def live(arena: Arena, seed: int) -> Counter[str]:
    """Let one user live, and return what was compared.

    Raises:
        MismatchError: The server did what was not foretold.
    """
    draws = Draws(seed)
    seen: Counter[str] = Counter()
    life = draw_life(arena, draws)
    try:
        rules = Access(operator=arena.operator.jwt, account=life.home.jwt, user=life.user.jwt)
        admitted = rules.connect(now=arena.now, address="127.0.0.1")
        with connect(arena.server.url, life.user, echo=False) as wire:
            _compare(wire.ok(), admitted, wire.error, "connect")
            seen["admitted" if admitted else "not admitted"] += 1
            if wire.ok():
                _rounds(arena, draws, life, rules, wire, seen)
    except MismatchError as mismatch:
        told = f"seed {seed}: {mismatch}; {life.said} {_body(life.user.jwt)} {_body(life.home.jwt)}"
        raise MismatchError(told) from None
    return seen


def _rounds(arena: Arena, draws: Draws, life: Life, rules: Access, wire: Wire, seen: Counter[str]) -> None:
    draw, session = draws.random, rules.session()
    held: dict[int, Subscription] = {}
    replies: list[str] = []
    for at in range(1, draw.choice((2, 3, 4))):
        start = at * 1000
        asked = [draws.subscription() for _ in range(draw.choice((1, 3, 8, 16)))]
        commands = [_sub(subject, queue, start + place) for place, (subject, queue) in enumerate(asked)]
        for place, ((subject, queue), complaints) in enumerate(zip(asked, wire.batch(commands), strict=True)):
            alone, decision = rules.subscribe(subject, queue), session.subscribe(subject, queue)
            _compare(not complaints, decision, " ".join(complaints), f"SUB {subject} {queue}")
            if decision.reason.code != "subscriptions-exceeded" and alone.verdict != decision.verdict:
                raise MismatchError(f"SUB {subject} {queue}: without history {alone}, with it {decision}")
            seen["subscribed" if decision else "not subscribed"] += 1
            if decision:
                held[start + place] = Subscription(subject, queue)
        if not life.home.mapped:
            told = [draws.literal() for _ in range(draw.choice((8, 16)))]
            _deliver(arena.teller(life.home), draws, wire, told, session, held, replies, at, seen)
        _publish(draws, rules, session, wire, replies, at, seen)
        gone = draw.sample(sorted(held), len(held) // 2)
        wire.batch([b"UNSUB %d" % sid for sid in gone])
        for sid in gone:
            session.unsubscribe(*held.pop(sid))
    wire.batch([b"UNSUB %d" % sid for sid in held])  # or the next one's queue groups are not its own


def _deliver(
    teller: Wire,
    draws: Draws,
    wire: Wire,
    told: list[str],
    session: Session,
    held: dict[int, Subscription],
    replies: list[str],
    at: int,
    seen: Counter[str],
) -> None:
    """Have messages sent, and compare who got them."""
    sent: list[tuple[str, str | None]] = []
    for subject in told:
        reply = draws.random.choice((f"r.{draws.random.randrange(6)}", draws.literal())) if draws.chance(0.5) else None
        sent.append((subject, reply))
        replies += [reply] if reply else []
    before = len(wire.received)
    teller.batch([_pub(subject, reply, str(place)) for place, (subject, reply) in enumerate(sent)])
    wire.messages()
    got: dict[int, list[str]] = {place: [] for place in range(len(sent))}
    for sid, _, payload in wire.received[before:]:
        got[int(payload)].append(_receiver(held[sid]))
    for place, (subject, reply) in enumerate(sent):
        expected = sorted(_receiver(one) for one in session.deliver(subject, reply, at=at))
        if expected != sorted(got[place]):
            raise MismatchError(f"MSG {subject} {reply}: foretold {expected}, got {sorted(got[place])}, holding {held}")
        if session.receives(subject, alone=True).verdict is not bool(expected):
            raise MismatchError(f"MSG {subject}: {session.receives(subject, alone=True)}, got {expected}")
        seen["delivered" if expected else "not delivered"] += 1
        seen["filtered"] += session.receives(subject, alone=True).reason.code == "denied"


def _publish(
    draws: Draws, rules: Access, session: Session, wire: Wire, replies: list[str], at: int, seen: Counter[str]
) -> None:
    """Publish, answers too."""
    asked = [draws.publication() for _ in range(draws.random.choice((16, 24)))]
    if replies:
        asked += [(draws.random.choice(replies), draws.publication()[1]) for _ in range(12)]
    for (subject, reply), complaints in zip(
        asked, wire.batch([_pub(subject, reply, "") for subject, reply in asked]), strict=True
    ):
        alone, decision = rules.publish(subject, reply), session.publish(subject, reply, at=at + 0.5)
        if decision.indeterminate:
            seen["indeterminate"] += 1
            continue
        _compare(not complaints, decision, " ".join(complaints), f"PUB {subject} {reply}")
        if alone.verdict not in (None, decision.verdict):
            raise MismatchError(f"PUB {subject} {reply}: without history {alone}, with it {decision}")
        seen["published" if decision else "not published"] += 1
        seen["answers"] += decision.reason.code == "response"
        seen["answers refused"] += decision.reason.code in ("response-spent", "response-late")


def _receiver(held: Subscription) -> str:
    """Return who got a message: a server chooses any member of a queue group."""
    return held.subject if held.queue is None else f"group {held.queue}"


def _sub(subject: str, queue: str | None, sid: int) -> bytes:
    return f"SUB {subject} {queue} {sid}".encode() if queue else f"SUB {subject} {sid}".encode()


def _pub(subject: str, reply: str | None, payload: str) -> bytes:
    return f"PUB {subject} {reply or ''} {len(payload)}\r\n{payload}".encode()


def _compare(allowed: bool, decision: Decision, complaint: str, what: str) -> None:
    """Compare what a server did with what was foretold, and what it complained of with the reason."""
    if decision.verdict is not allowed:
        raise MismatchError(f"{what}: the server said {complaint or 'nothing'}, foretold {decision}")
    if what == "connect" or allowed:
        return
    verb = "Publish to" if what.startswith("PUB") else "Subscription to"
    expected = COMPLAINTS.get(decision.reason.code, f"Permissions Violation for {verb}")
    if not complaint.startswith(expected):
        raise MismatchError(f"{what}: the server said {complaint}, foretold {decision}")


def _body(jwt: str) -> str:
    import base64

    chunk = jwt.split(".")[1]
    return base64.urlsafe_b64decode(chunk + "=" * (-len(chunk) % 4)).decode()
