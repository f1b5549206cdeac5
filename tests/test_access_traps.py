"""What surprises people about servers, one example each: a real server and `natscreds.access` do the same.

A script is what a connection does, line by line, and what comes of it. `+ SUB a q` and `- PUB a` are commands that are
taken or refused, `UNSUB a` lets go; `> a.b` is a message that another user sends and that arrives, `! a.b` one that
does not; a last word is the reply.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from access_arena import UNLIMITED, Home, forge, sign
from nats_wire import Wire, connect
from server_says import Presented

from natscreds import KeyPair, Operator
from natscreds.access import Access, Session, Subscription
from natscreds.testing import NatsServer

Said = dict[str, Any]


class Place(NamedTuple):
    """A server, and an account of each sort."""

    server: NatsServer
    operator: Operator
    homes: dict[str, Home]


DEFAULTS = {"pub": {"allow": ["d"]}, "sub": {"allow": ["d"]}}
ROLES: dict[str, Said] = {
    "device": {"pub": {"allow": ["devices.{{name()}}.>"]}, "sub": {"allow": ["told.{{name()}}"]}},
    "queued": {"sub": {"allow": ["k q1", "t.{{name()}}", "t.{{name()}} q1"]}},
    "queued, plain": {"sub": {"allow": ["k q1"]}},
    "queued, denying": {"sub": {"deny": ["k q1", "t.{{name()}}"]}},
    "tagged": {"pub": {"allow": ["a", "{{tag(team)}}.x", "{{tag(no)}}.x"]}},
    "denying": {"pub": {"deny": ["{{tag(team)}}.x"]}},
    "absent": {"pub": {"allow": ["{{tag(no)}}"]}},
    "twice": {"pub": {"allow": ["{{tag(t)}}.{{tag(t)}}"]}},
    "two spellings": {"pub": {"allow": ["{{tag(t)}}.{{ tag(t) }}"]}},
    "shouting": {"pub": {"allow": ["{{NAME()}}", "{{TAG(team)}}", "{{tag(TEAM)}}"]}},
    "unknown": {"pub": {"allow": ["{{nobody()}}"]}},
    "unclosed": {"pub": {"allow": ["{{name()", "{name()}", "{{}}"]}},
    "open": {},
    "limited": {"subs": 1},
    "lists": {"pub": {"allow": [], "deny": ["x"]}},
}


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    operator = Operator.create("acme")
    homes = {
        "plain": forge(operator, "plain", {}, list(ROLES.values())),
        "defaults": forge(operator, "defaults", {"default_permissions": DEFAULTS}, list(ROLES.values())),
        "mapped": forge(
            operator,
            "mapped",
            {
                "mappings": {
                    "a": [{"subject": "b"}],
                    "w": [{"subject": "x", "weight": 50}, {"subject": "y", "weight": 50}],
                    "g": [{"subject": "_GR_.x"}],
                    "r.*": [{"subject": "s.$1"}],
                }
            },
        ),
        "narrow": forge(operator, "narrow", {"limits": {**UNLIMITED, "conn": -1, "subs": 2}}),
    }
    system = operator.system_account
    assert system is not None
    pair = system.signing_keys[0]
    assert isinstance(pair, KeyPair)
    with NatsServer(operator, [home.jwt for home in homes.values()]) as server:
        homes["system"] = Home(system.jwt, system.public, (pair,))
        yield Place(server, operator, homes)


class Trap(NamedTuple):
    """Who it is, and what comes of it."""

    what: str
    said: Said
    script: str
    home: str = "plain"
    role: str = ""
    name: str = "d-1"
    tags: tuple[str, ...] = ()


TRAPS = [
    # which set applies
    Trap("nothing said is everything allowed", {}, "+ PUB a | + SUB > | + PUB $SYS.x | + PUB $JS.API.x | + PUB _R_.x"),
    Trap("defaults apply whole", {}, "+ PUB d | - PUB a | + SUB d | - SUB a", "defaults"),
    Trap("one word and no default applies", {"sub": {"allow": ["a"]}}, "+ PUB a | + SUB a | - SUB d", "defaults"),
    Trap("leave to answer and no default applies", {"resp": {"max": 1}}, "- PUB d | + SUB a", "defaults"),
    Trap("empty lists are nothing said", {"pub": {"allow": [], "deny": []}}, "+ PUB d | - PUB a", "defaults"),
    Trap("an empty role has the defaults", {}, "+ PUB d | - PUB a", "defaults", "open"),
    # what a server installs of the lists
    Trap("an empty allow-list alone is none", {"pub": {"allow": []}}, "+ PUB a"),
    Trap(
        "an empty allow-list beside subscribe lists is none", {"pub": {"allow": []}, "sub": {"deny": ["b"]}}, "+ PUB a"
    ),
    Trap(
        "an empty allow-list beside a deny list allows nothing",
        {"pub": {"allow": [], "deny": ["x"]}},
        "- PUB a | - PUB x",
    ),
    Trap("in a role too", {}, "- PUB a | - PUB x", role="lists"),
    Trap("an empty subscribe allow-list is none", {"sub": {"allow": [], "deny": ["x"]}}, "+ SUB a | - SUB x"),
    Trap("leave to answer publishes nothing else", {"resp": {"max": 1}}, "- PUB a | + SUB a"),
    Trap("nor beside a deny list", {"resp": {"max": 1}, "pub": {"deny": ["x"]}}, "- PUB a | - PUB x"),
    Trap("an allow entry with > inside allows nothing", {"pub": {"allow": ["a.>.b"]}}, "- PUB a.x.b | - PUB c"),
    Trap("a deny entry with > inside denies nothing", {"pub": {"deny": ["a.>.b"]}}, "+ PUB a.x.b | + PUB a.>.b"),
    Trap("a publish deny entry ends at white space", {"pub": {"deny": ["a\tb"]}}, "- PUB a | + PUB b"),
    Trap("a publish allow entry with white space is lost", {"pub": {"allow": ["a\tb"]}}, "- PUB a | - PUB b"),
    Trap("a tab parts subject and queue", {"sub": {"allow": ["a\tq"]}}, "- SUB a | + SUB a q | - SUB a r"),
    # the matching relation
    Trap(
        "a star in an allow entry admits > there, and then more is heard",
        {"sub": {"allow": ["foo.*"]}},
        "+ SUB foo.> | > foo.a.b | - SUB foo.*.* | - SUB foo.*.> | - SUB >",
    ),
    Trap("a star alone admits everything", {"sub": {"allow": ["*"]}}, "+ SUB > | > a.b.c"),
    Trap(
        "a star in a deny entry refuses > there",
        {"sub": {"deny": ["foo.*", "*"]}},
        "- SUB foo.> | - SUB > | + SUB bar.>",
    ),
    Trap(
        "a star in a publish entry admits wildcards",
        {"pub": {"allow": ["foo.*"]}},
        "+ PUB foo.* | + PUB foo.> | - PUB foo.a.b",
    ),
    Trap(
        "a wildcard goes past a deny entry", {"pub": {"deny": ["foo.bar"]}}, "- PUB foo.bar | + PUB foo.* | + PUB foo.>"
    ),
    Trap("> needs a token", {"pub": {"allow": ["foo.>"]}}, "- PUB foo | + PUB foo.a | + PUB foo.a.b | + PUB foo.>"),
    Trap("a star inside a word is a letter", {"pub": {"allow": ["a*", "*b"]}}, "+ PUB a* | - PUB ab | + PUB *b"),
    Trap("letters are not folded", {"pub": {"allow": ["A"]}}, "+ PUB A | - PUB a"),
    Trap("an empty token under an allow-list", {"pub": {"allow": [">"]}}, "- PUB a..b | - PUB a. | - PUB .a"),
    Trap("an empty token under a deny list", {"pub": {"deny": [">"]}}, "+ PUB a..b | + PUB a. | - PUB a"),
    # publishing
    Trap("permission is asked for where a mapping leads", {"pub": {"allow": ["b"]}}, "+ PUB a | + PUB b", "mapped"),
    Trap("and not where it starts", {"pub": {"allow": ["a", "r.*"]}}, "- PUB a | - PUB r.x", "mapped"),
    Trap("a mapping keeps its wildcards", {"pub": {"allow": ["s.x"]}}, "+ PUB r.x | - PUB r.y", "mapped"),
    Trap("a mapping does not lead into what is reserved", {}, "- PUB g", "mapped"),
    Trap("gateway subjects are reserved", {}, "- PUB _GR_.x | - PUB $GR.x | + PUB _GR_. | + PUB $GR. | + PUB _GR_"),
    Trap(
        "leave to publish does not help there", {"pub": {"allow": [">"]}}, "- PUB _GR_.x | - PUB $GR.x | - PUB $NRG.x"
    ),
    Trap("raft subjects are reserved", {}, "- PUB $NRG.x | - PUB $NRG. | + PUB $NRG"),
    Trap("but not from the system account", {}, "+ PUB $NRG.x | - PUB _GR_.x", "system"),
    Trap(
        "a reply needs no permission",
        {"pub": {"allow": ["a"]}},
        "+ PUB a b | + PUB a a..b | + PUB a > | + PUB a $NRG.x",
    ),
    Trap(
        "but some replies are reserved",
        {},
        "- PUB a _R_. | - PUB a _R_.x | - PUB a $JS.ACK.x | + PUB a $JS.ACK. | - PUB a _GR_.x | - PUB a $GR.x",
    ),
    # subscribing
    Trap(
        "a queue that is named shuts out others",
        {"sub": {"allow": ["foo", "foo q1"]}},
        "+ SUB foo | + SUB foo q1 | - SUB foo q2",
    ),
    Trap("no queue named admits all", {"sub": {"allow": ["foo"]}}, "+ SUB foo | + SUB foo q1"),
    Trap(
        "a queue named alone shuts out plain ones",
        {"sub": {"allow": ["foo q1"]}},
        "- SUB foo | + SUB foo q1 | - SUB foo q2",
    ),
    Trap("a plain deny entry refuses queues", {"sub": {"deny": ["foo"]}}, "- SUB foo | - SUB foo q1"),
    Trap(
        "even beside one for a queue", {"sub": {"deny": ["foo", "foo q1"]}}, "- SUB foo | - SUB foo q1 | - SUB foo q2"
    ),
    Trap(
        "a deny entry for a queue refuses that alone",
        {"sub": {"deny": ["foo q1"]}},
        "+ SUB foo | - SUB foo q1 | + SUB foo q2",
    ),
    Trap(
        "queues by pattern",
        {"sub": {"allow": ["a v.*", "b >", "c *x.*"]}},
        "+ SUB a v.x | + SUB a v.* | - SUB a v.> | - SUB a v | + SUB b any.thing | + SUB c y.z | - SUB b",
    ),
    Trap("the system's queue is reserved", {}, "- SUB a _sys_ | + SUB a _sys"),
    Trap("a malformed subject is refused without permissions", {}, "- SUB a..b | - SUB a.>.b | - SUB .a"),
    Trap("and with them", {"sub": {"allow": [">"]}}, "- SUB a..b | - SUB a.>.b"),
    Trap("a queue's name may be anything", {}, "+ SUB a q..x | + SUB a >"),
    Trap("an inbox needs leave like all else", {"sub": {"allow": ["a"]}}, "- SUB _INBOX.x.>"),
    # deliveries
    Trap("what is denied is left out of a wildcard", {"sub": {"deny": ["a.b"]}}, "+ SUB a.* | ! a.b | > a.c"),
    Trap(
        "a queue subscription has deliveries filtered too", {"sub": {"deny": ["a.b q"]}}, "+ SUB a.* q | ! a.b | > a.c"
    ),
    Trap("but not of another queue", {"sub": {"deny": ["a.b q"]}}, "+ SUB a.* r | > a.b | > a.c"),
    Trap(
        "filtering stays when the subscription is gone",
        {"sub": {"deny": ["*.b"]}},
        "+ SUB a.> | UNSUB a.> | + SUB a.x.> | > a.x.b | ! a.b",
    ),
    Trap("allow-lists play no part", {"sub": {"allow": ["a.*"], "deny": ["z"]}}, "+ SUB a.> | > a.b.c"),
    Trap("no filter without a meeting", {"sub": {"deny": ["z.>"]}}, "+ SUB a.* | > a.b"),
    Trap("wildcards sent are letters", {}, "+ SUB a.b | ! a.* | + SUB a.* | > a.* | > a.>"),
    # limits
    Trap("the account's limit counts", {}, "+ SUB a | + SUB b | - SUB c | UNSUB a | + SUB c", "narrow"),
    Trap("the smaller limit counts", {"subs": 1}, "+ SUB a | - SUB a | + PUB a", "narrow"),
    Trap("a role's limit counts", {}, "+ SUB a | - SUB b", role="limited"),
    # answers
    Trap("one request, one answer", {"resp": {"max": 0}}, "+ SUB a | - PUB r | > a r | + PUB r | - PUB r"),
    Trap("a reply asked for twice is burnt", {"resp": {"max": 1}}, "+ SUB a | > a r | > a r | - PUB r"),
    Trap("of two answers one is left then", {"resp": {"max": 2}}, "+ SUB a | > a r | > a r | + PUB r | - PUB r"),
    Trap("and none after three", {"resp": {"max": 2}}, "+ SUB a | > a r | > a r | > a r | - PUB r"),
    Trap("and one again after four", {"resp": {"max": 1}}, "+ SUB a | > a r | > a r | > a r | + PUB r | - PUB r"),
    Trap("two subscriptions hear it twice", {"resp": {"max": 1}}, "+ SUB a | + SUB * | > a r | - PUB r"),
    Trap("an answer goes past a deny entry", {"resp": {"max": 1}, "pub": {"deny": ["r"]}}, "+ SUB a | > a r | + PUB r"),
    Trap("an answer has the very subject", {"resp": {"max": 1}}, "+ SUB a | > a r.* | - PUB r.x | + PUB r.*"),
    Trap("an answer is not sent where it is reserved", {"resp": {"max": 9}}, "+ SUB a | > a $NRG.x | - PUB $NRG.x"),
    Trap("too late is too late", {"resp": {"max": -1, "ttl": 1}}, "+ SUB a | > a r | - PUB r"),
    Trap("without an end", {"resp": {"max": -1, "ttl": -1}}, "+ SUB a | > a r | + PUB r | + PUB r | + PUB r"),
    Trap(
        "what may be published costs no answer",
        {"resp": {"max": 1}, "pub": {"allow": ["r"]}},
        "+ SUB a | > a r | + PUB r | + PUB r",
    ),
    # roles
    Trap("a role is filled in", {}, "+ PUB devices.d-1.x | - PUB devices.d-2.x | + SUB told.d-1", role="device"),
    Trap("a name widens a role", {}, "+ PUB devices.d-2.x | + SUB told.>", role="device", name="*"),
    Trap("a name of dots too", {}, "+ PUB devices.a.b.x | - PUB devices.a.x", role="device", name="a.b"),
    Trap("a name that is no token is lost", {}, "- PUB devices.x.y | - SUB told.x", role="device", name="x y"),
    Trap("no name at all", {}, "- PUB devices.x | - PUB devices..x", role="device", name=""),
    Trap(
        "queues are lost where something is filled in", {}, "- SUB k q1 | + SUB t.d-1 | + SUB t.d-1 q2", role="queued"
    ),
    Trap("and kept where nothing is", {}, "+ SUB k q1 | - SUB k q2", role="queued, plain"),
    Trap("a missing tag is left out", {}, "+ PUB a | + PUB blue.x | - PUB x", role="tagged", tags=("team:blue",)),
    Trap("tags are compared as they stand", {}, "- PUB blue.x | - PUB X.x", role="tagged", tags=("TEAM:X",)),
    Trap("a tag's value is subject syntax", {}, "+ PUB any.x", role="tagged", tags=("team:*",)),
    Trap("what comes to nothing allows nothing", {}, "- PUB a | - PUB a..b", role="absent"),
    Trap(
        "the same call has the same value", {}, "+ PUB a.a | + PUB b.b | - PUB a.b", role="twice", tags=("t:a", "t:b")
    ),
    Trap("another spelling has others", {}, "+ PUB a.a | + PUB a.b", role="two spellings", tags=("t:a", "t:b")),
    Trap(
        "names of functions fold, prefixes do not",
        {},
        "+ PUB d-1 | + PUB blue | + PUB red",
        role="shouting",
        tags=("team:blue", "tag(team:red"),
    ),
    Trap("what is not closed is text", {}, "+ PUB {{name() | + PUB {name()} | - PUB d-1", role="unclosed"),
]


def made(place: Place, trap: Trap) -> tuple[Home, Presented]:
    home = place.homes[trap.home]
    if trap.role:
        signer = home.roles[list(ROLES).index(trap.role)]
        return home, sign(home, signer, trap.said, name=trap.name, tags=trap.tags)
    return home, sign(home, home.signers[0], UNLIMITED | trap.said, name=trap.name)


@pytest.mark.parametrize("trap", TRAPS, ids=[trap.what.replace(" ", "-") for trap in TRAPS])
def test_a_trap_is_told_as_the_server_sets_it(place: Place, trap: Trap) -> None:
    home, user = made(place, trap)
    other = sign(home, home.signers[0], {"pub": {"allow": [">"]}, **UNLIMITED})
    rules = Access(operator=place.operator, account=home.jwt, user=user.jwt)
    session = rules.session()
    assert rules.connect()
    with connect(place.server.url, user, echo=False) as wire, connect(place.server.url, other) as telling:
        assert wire.ok(), wire.error
        for at, line in enumerate(trap.script.split(" | ")):
            step(wire, telling, rules, session, line, at)


def step(wire: Wire, telling: Wire, rules: Access, session: Session, line: str, at: int) -> None:
    """Do one line of a script on either side, and compare both with what it says."""
    match line.split(" "):
        case ["+" | "-" as sign_, "PUB", subject, *reply]:
            assert (wire.publish(subject, reply=reply[0] if reply else None) is None) is (sign_ == "+"), line
            assert session.publish(subject, *reply, at=at).verdict is (sign_ == "+"), line
            assert rules.publish(subject, *reply).verdict in (sign_ == "+", None), line
        case ["+" | "-" as sign_, "SUB", subject, *queue]:
            assert (wire.subscribe(subject, *queue) is None) is (sign_ == "+"), line
            decision = session.subscribe(subject, *queue)
            assert decision.verdict is (sign_ == "+"), line
            alone = rules.subscribe(subject, *queue)
            assert alone.verdict is decision.verdict or decision.reason.code == "subscriptions-exceeded", line
        case ["UNSUB", subject, *queue]:
            wire.batch(
                [b"UNSUB %d" % (1 + session.subscriptions.index(Subscription(subject, queue[0] if queue else None)))]
            )
            session.unsubscribe(subject, *queue)
        case [">" | "!" as sign_, subject, *reply]:
            before = len(wire.messages())
            assert telling.publish(subject, reply=reply[0] if reply else None) is None
            assert (len(wire.messages()) > before) is (sign_ == ">"), line
            assert session.receives(subject, alone=True).verdict is (sign_ == ">"), line
            assert bool(session.deliver(subject, *reply, at=at)) is (sign_ == ">"), line
        case _:
            raise AssertionError(f"a line of a script is a command or a message, got {line}")


TRACED = [
    Trap("a trace needs permission", {"pub": {"allow": ["a"]}}, "- b | + a | + b..c | + a.> | + * | - b"),
    Trap("where it goes, not where that is mapped", {"pub": {"allow": ["b", "y"]}}, "+ b | - w | - x", "mapped"),
    Trap("what is reserved is", {}, "- _GR_.x | - $NRG.x | + _GR_."),
    Trap("a trace is no answer, nor what it went to any more", {"pub": {"allow": ["a"]}, "resp": {"max": 5}}, "- r"),
]


@pytest.mark.parametrize("trap", TRACED, ids=[trap.what.replace(" ", "-") for trap in TRACED])
def test_a_trace_is_told_as_the_server_takes_it(place: Place, trap: Trap) -> None:
    home, user = made(place, trap)
    other = sign(home, home.signers[0], {"pub": {"allow": [">"]}, **UNLIMITED})
    rules = Access(operator=place.operator, account=home.jwt, user=user.jwt)
    session = rules.session()
    assert session.subscribe("ask")
    with connect(place.server.url, user, headers=True) as wire, connect(place.server.url, other) as telling:
        wire.subscribe("ask")
        telling.publish("ask", reply="r")
        wire.messages()
        session.deliver("ask", "r")
        for sign_, subject in (line.split(" ") for line in trap.script.split(" | ")):
            header = f"NATS/1.0\r\nNats-Trace-Dest: {subject}\r\n\r\n"
            sent = f"HPUB a {len(header)} {len(header)}\r\n{header}".encode()
            assert (wire.batch([sent]) == [[]]) is (sign_ == "+"), subject
            assert rules.publish("a", trace_to=subject).verdict is (sign_ == "+"), subject
            assert session.publish("a", trace_to=subject).verdict is (sign_ == "+"), subject
        assert (wire.publish("r") is None) is session.publish("r").verdict


SHUT_OUT = [
    Trap("an empty list is not nothing for a role", {"src": []}, "role-and-permissions", role="open"),
    Trap("nor an empty allow-list", {"pub": {"allow": []}}, "role-and-permissions", role="open"),
    Trap("nor the usual limits", {"subs": -1}, "role-and-permissions", role="open"),
    Trap("a missing tag in a deny list", {}, "role-does-not-resolve", role="denying"),
    Trap("a queue in a deny list that is filled in", {}, "role-does-not-resolve", role="queued, denying"),
    Trap("a function that nobody knows", {}, "role-does-not-resolve", role="unknown"),
    Trap("two words where it publishes", {"pub": {"deny": ["a b"]}}, "user-invalid"),
    Trap("two spaces in a row", {"sub": {"allow": ["a  q"]}}, "user-invalid"),
    Trap("connection types that nobody knows", {"allowed_connection_types": ["PIGEON"]}, "connection-types-unknown"),
    Trap("a user that may hold no subscription", {"subs": 0}, "no-subscriptions"),
    Trap(
        "a token that does not fit into a line", {"pub": {"allow": [f"a.{at:03}" for at in range(300)]}}, "connect-line"
    ),
]


@pytest.mark.parametrize("trap", SHUT_OUT, ids=[trap.what.replace(" ", "-") for trap in SHUT_OUT])
def test_a_user_is_shut_out_as_the_server_does(place: Place, trap: Trap) -> None:
    home, user = made(place, trap)
    rules = Access(operator=place.operator, account=home.jwt, user=user.jwt)
    with connect(place.server.url, user) as wire:
        assert trap.script == "no-subscriptions" or not wire.ok()
        assert wire.wait_closed()
    for decision in (rules.connect(), rules.publish("a"), rules.subscribe("a")):
        assert (decision.verdict, decision.reason.code) == (False, trap.script)


LET_IN: list[Said] = [
    {"pub": {}, "sub": {}},
    {"src": None, "times": None},
    {"subs": 0, "bearer_token": False, "times_location": ""},
]


@pytest.mark.parametrize("said", LET_IN, ids=str)
def test_a_user_of_a_role_is_let_in_that_says_nothing(place: Place, said: Said) -> None:
    home, user = made(place, Trap("", said, "", role="open"))
    with connect(place.server.url, user) as wire:
        assert wire.ok()
    assert Access(operator=place.operator, account=home.jwt, user=user.jwt).connect()
