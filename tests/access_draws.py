"""Users, permissions and questions drawn at random, so that rules of servers meet each other often.

An alphabet of few tokens makes entries and subjects collide; lists are absent, empty or filled, which servers tell
apart. Everything is drawn from one `random.Random`, so that its seed tells the whole story.
"""

import random
from typing import Any

__all__ = ["Draws"]

LITERALS = ["a", "b", "c"]
LOOKALIKES = ["*a", "a*", "a>", ">a", "A"]
QUEUES = ["q1", "q2", "q.a", "q.a.b", "q.*", "q.>", "*", ">", "*x.a", "*x.*", "_sys_", "q..a", "x.a"]
PARTING = [" "] * 40 + ["\t", "\u2003", "\v", "  ", "\x1c"]
NAMES = ["a", "b", "c", "a.b", "*", ">", "", "x y", "{{subject()}}", "{{tag(t)}}"]
TAGS = ["t:a", "t:b", "t:c", "u:a", "t:a.b", "t:*", "t:>", "T:x", "t:", "t:a:b", "u:x y", "u:{{name()}}"]
CALLS = [
    "{{name()}}",
    "{{tag(t)}}",
    "{{ tag(t) }}",
    "{{tag(u)}}",
    "{{account-name()}}",
    "{{account-tag(r)}}",
    "a{{name()}}",
]
RESPONSES = [
    {"max": 0, "ttl": 0},
    {"max": 1, "ttl": 0},
    {"max": 2, "ttl": -1},
    {"max": 3, "ttl": 10**15},
    {"max": -1, "ttl": 0},
]
RESPONSES += [{"max": 1, "ttl": 1}, {"max": -1, "ttl": 1}, {}]
RESERVED = [
    "_GR_.x",
    "$GR.x",
    "_GR_.",
    "$GR.",
    "_GR_",
    "$NRG.x",
    "$NRG.",
    "$NRG",
    "_R_.x",
    "$SYS.x",
    "$JS.API.x",
    "_INBOX.a",
]
REPLIES = ["_R_.", "_R_.x", "_R_", "$JS.ACK.", "$JS.ACK.x", "$JS.ACK", "_GR_.", "_GR_.x", "$GR.", "$GR.x", "a..b", ">"]


class Draws:
    """What one seed draws.

    With *also*, every list of subjects that may be published to holds that one too.
    """

    def __init__(self, seed: int, *, also: str = "") -> None:
        self._also = also
        self.random = random.Random(seed)  # noqa: S311  # no secrets here

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def subject(self, *, calls: float = 0.0) -> str:
        """Return a subject with or without wildcards; now and then one that is not valid."""
        draw = self.random
        words: list[str] = []
        for _ in range(draw.choice((1, 1, 2, 2, 2, 3, 3, 4))):
            at = draw.random()
            if at < calls:
                words.append(draw.choice(CALLS))
            elif at < calls + 0.18:
                words.append("*")
            elif at < calls + 0.23:
                words.append(draw.choice(LOOKALIKES))
            else:
                words.append(draw.choice(LITERALS))
        if self.chance(0.2):
            words[-1] = ">"
        if self.chance(0.02):
            words.insert(draw.randrange(len(words) + 1), draw.choice(("", ">")))
        return ".".join(words)

    def literal(self) -> str:
        """Return a subject that messages are sent to: mostly without wildcards."""
        draw = self.random
        if self.chance(0.1):
            return self.subject()
        words = [draw.choice(LITERALS) for _ in range(draw.choice((1, 1, 2, 2, 2, 3, 3, 4)))]
        if self.chance(0.05):
            words[draw.randrange(len(words))] = draw.choice(LOOKALIKES)
        return ".".join(words)

    def entries(self, *, queues: bool, calls: float = 0.0) -> list[str] | None:
        """Return the entries of one list, which may be absent or empty."""
        at = self.random.random()
        if at < 0.4:
            return None
        if at < 0.46:
            return []
        found: list[str] = []
        for _ in range(self.random.choice((1, 1, 2, 2, 3, 4))):
            entry = self.subject(calls=calls)
            if ".." in f".{entry}." and self.chance(0.8):  # servers refuse the user for these
                entry = entry.replace("..", ".").strip(".") or "a"
            if queues and self.chance(0.3):
                if self.chance(0.3):
                    found.append(entry)
                entry += self.random.choice(PARTING) + self.random.choice(QUEUES).replace("..", ".")
            elif self.chance(0.03):
                entry += self.random.choice("\t\v") + "b"
            found.append(entry)
        return found

    def permissions(self, *, calls: float = 0.0) -> dict[str, Any]:
        """Return `pub`, `sub` and `resp` as they stand in a token."""
        said: dict[str, Any] = {}
        for direction in ("pub", "sub"):
            lists = {
                "allow": self.entries(queues=direction == "sub", calls=calls),
                "deny": self.entries(queues=direction == "sub", calls=calls / 4),
            }
            if self.chance(0.35):  # deliveries are filtered where there is no allow-list
                lists["allow"] = None
            if direction == "pub" and lists["allow"] and self._also:
                lists["allow"].append(self._also)
            held = {name: entries for name, entries in lists.items() if entries is not None}
            if held or self.chance(0.5):
                said[direction] = held
        if self.chance(0.25):
            said["resp"] = self.random.choice(RESPONSES)
        return said

    def subscription(self) -> tuple[str, str | None]:
        """Return a subject, and a queue or none."""
        return self.subject(), self.random.choice(QUEUES) if self.chance(0.4) else None

    def publication(self) -> tuple[str, str | None]:
        """Return a subject, and a reply or none."""
        subject = (
            self.random.choice(RESERVED)
            if self.chance(0.04)
            else self.subject()
            if self.chance(0.4)
            else self.literal()
        )
        if not self.chance(0.15):
            return subject, None
        return subject, self.random.choice(REPLIES) if self.chance(0.5) else self.literal()
