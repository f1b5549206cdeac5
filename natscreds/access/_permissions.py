"""The permission lists of one connection: what a server installs of them, and how it decides by them.

Where lists are absent and where they are empty is not the same, and not alike in both directions: `installed` spells
out what nats-server 2.15 makes of each. Everything here is static: what depends on messages delivered before is the
session's.
"""

from collections.abc import Callable
from typing import Final

from natscreds import subjects
from natscreds.access._entries import Entries
from natscreds.access.decision import Decision, Reason, no, yes
from natscreds.claims import Permission, Permissions, ResponsePermission, UserPermissionLimits

__all__ = ["Publishing", "Subscribing", "installed"]

RESPONSES: Final = 1
"""Answers to each request where a user may answer and nothing says how many."""

RESPONSE_TTL: Final = 120_000_000_000
"""Nanoseconds for them, where nothing says how long."""

CALLOUT_REQUESTS: Final = "$SYS.REQ.USER.AUTH"
"""What users of an account with auth callout never publish to."""

# What is refused when something follows; of the replies, `_R_.` alone too.
_GATEWAY: Final = ("_GR_.", "$GR.")
_ACKS: Final = ("$JS.ACK.", *_GATEWAY)
_REPLIES: Final = ("_R_.", *_ACKS)

_UNRESTRICTED: Final = yes("unrestricted", "there are no permissions, so everything is allowed")
_NOT_DENIED: Final = yes("not-denied", "there is no allow-list, and no deny entry matches")
_NOT_ALLOWED: Final = no("not-allowed", "no entry of the allow-list matches")
_ANSWERS_ONLY: Final = no("not-allowed", "only answers may be published: there is no allow-list beside allow_responses")
_NO_EMPTY_TOKEN: Final = no("not-allowed", "a subject with an empty token matches no entry of the allow-list")
_RESERVED: Final = no("reserved-subject", "servers keep subjects under _GR_. and $GR. for themselves")
_RAFT: Final = no("reserved-subject", "only the system account publishes under $NRG.")
_RESERVED_REPLY: Final = no(
    "reserved-reply", "servers keep replies under _R_., $JS.ACK., _GR_. and $GR. for themselves"
)


def installed(said: UserPermissionLimits | Permissions, *, callout: bool) -> Permissions | None:
    """Return the lists that a server has for a connection that is told *said*; `None` is no restriction at all.

    Entries it cannot read are left out, and what it adds is there.

    Args:
        said: Permissions, the account's default ones where the user has none.
        callout: Whether the account has auth callout.
    """
    if said.resp is None and said.pub.empty and said.sub.empty:
        if not callout:
            return None
        return Permissions(pub=Permission(deny=(CALLOUT_REQUESTS,)))
    publish = None if said.pub.empty else said.pub.allow
    if publish is not None:
        publish = tuple(entry for entry in publish if subjects.is_valid(entry))
    elif said.resp is not None:
        publish = ()
    denied = [entry for entry in map(_denied, said.pub.deny or ()) if entry]
    if callout:
        denied.append(CALLOUT_REQUESTS)
    subscribe = None if not said.sub.allow else _readable(said.sub.allow)
    resp = said.resp
    if resp is not None:
        resp = ResponsePermission(max=resp.max or RESPONSES, ttl=resp.ttl or RESPONSE_TTL)
    return Permissions(
        pub=Permission(allow=publish, deny=tuple(denied) or None),
        sub=Permission(allow=subscribe, deny=_readable(said.sub.deny or ()) or None),
        resp=resp,
    )


def _denied(entry: str) -> str:
    """Return the subject that a publish deny entry denies; white space ends it."""
    if subjects.is_valid(entry):
        return entry
    read = subjects.split_queue(entry)
    return read.subject if read else ""


def _readable(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Return subscribe entries as a server tells them."""
    return tuple(" ".join(filter(None, read)) for entry in entries if (read := subjects.split_queue(entry)))


class Publishing:
    """The publish lists, compiled."""

    __slots__ = ("_allow", "_deny", "_otherwise", "_system")

    def __init__(self, permissions: Permissions | None, *, system: bool) -> None:
        """Compile the lists; *system* is whether they are of a user of the system account."""
        lists = Permission() if permissions is None else permissions.pub
        self._system = system
        self._allow: Entries[Decision] | None = None
        self._deny: Entries[Decision] | None = None
        self._otherwise = _UNRESTRICTED if permissions is None else _NOT_DENIED
        if lists.allow is not None:
            self._allow = Entries()
            self._otherwise = _NOT_ALLOWED
            if not lists.allow and permissions is not None and permissions.resp is not None:
                self._otherwise = _ANSWERS_ONLY
            for entry in lists.allow:
                self._allow.add(entry, yes("allowed", f"the publish entry {entry!a} allows it", entry))
        if lists.deny:
            self._deny = Entries()
            for entry in lists.deny:
                self._deny.add(entry, no("denied", f"the publish entry {entry!a} denies it", entry))

    def decide(self, subject: str, reply: str | None, refused: Callable[[str, Decision], Decision]) -> Decision:
        """Decide about a *subject* that is mapped already; *refused* has the last word where the lists refuse it."""
        if subject.startswith(_GATEWAY) and subject not in _GATEWAY:
            return _RESERVED
        decision = self.lists(subject)
        if decision.verdict is False:
            decision = refused(subject, decision)
            if decision.verdict is False:
                return decision
        if subject.startswith("$NRG.") and not self._system:
            return _RAFT
        if reply is not None and reply.startswith(_REPLIES) and reply not in _ACKS:
            return _RESERVED_REPLY
        return decision

    def lists(self, subject: str) -> Decision:
        """Decide by the lists alone."""
        tokens = subject.split(".")
        if "" in tokens:
            return self._otherwise if self._allow is None else _NO_EMPTY_TOKEN
        decision = self._otherwise
        if self._allow is not None:
            found = self._allow.first(tokens)
            if found is None:
                return decision
            decision = found
        if self._deny is not None:
            found = self._deny.first(tokens)
            return decision if found is None else found
        return decision


class _Said:
    """What the entries of one list say of one subject: without a queue, and by queue."""

    __slots__ = ("plain", "queues")

    def __init__(self) -> None:
        self.plain: Decision | None = None
        self.queues: dict[str, Decision] = {}


class _List:
    """One subscribe list, compiled."""

    __slots__ = ("_entries", "subjects")

    def __init__(self, entries: tuple[str, ...], verdict: bool) -> None:
        self._entries: Entries[_Said] = Entries()
        self.subjects: list[str] = []
        code, does = ("allowed", "allows") if verdict else ("denied", "denies")
        for entry in entries:
            subject, _, queue = entry.partition(" ")
            self.subjects.append(subject)
            said = self._entries.add(subject, _Said())
            told = Reason(code=code, sentence=f"the subscribe entry {entry!a} {does} it", entry=entry)
            if not queue:
                said.plain = said.plain or Decision(verdict, told)
            else:
                said.queues.setdefault(queue, Decision(verdict, told))

    def look_up(self, subject: str) -> tuple[Decision | None, dict[str, Decision]]:
        """Return what a matching entry without a queue says, and what those with one say."""
        tokens = subject.split(".")
        plain: Decision | None = None
        queues: dict[str, Decision] = {}
        if "" not in tokens:
            for said in self._entries.every(tokens):
                plain = said.plain if plain is None else plain
                if said.queues:
                    queues |= said.queues
        return plain, queues


class Subscribing:
    """The subscribe lists, compiled."""

    __slots__ = ("_allow", "_deny", "_otherwise")

    def __init__(self, permissions: Permissions | None) -> None:
        lists = Permission() if permissions is None else permissions.sub
        self._allow = None if lists.allow is None else _List(lists.allow, True)
        self._deny = _List(lists.deny, False) if lists.deny else None
        self._otherwise = _UNRESTRICTED if permissions is None else _NOT_DENIED

    def decide(self, subject: str, queue: str | None) -> Decision:
        """Decide whether the lists let a subscription in."""
        decision = self._otherwise
        if self._allow is not None:
            plain, queues = self._allow.look_up(subject)
            decision = _NOT_ALLOWED if plain is None else plain
            if queue is not None and queues:
                decision = _of_queue(queue, queues) or _not_allowed_queue(queue)
            if decision.verdict is False:
                return decision
        if self._deny is not None:
            plain, queues = self._deny.look_up(subject)
            denied = plain if plain is not None or queue is None else _of_queue(queue, queues)
            return decision if denied is None else denied
        return decision

    def arms(self, subject: str, queue: str | None) -> bool:
        """Tell whether a subscription that the lists let in has deliveries filtered from now on."""
        if self._deny is None or (queue is None and not _is_wide(subject)):
            return False
        return any(subjects.overlaps(subject, denied) for denied in self._deny.subjects)

    def filters(self, subject: str, queue: str | None) -> Decision | None:
        """Return what keeps a message from a subscription once deliveries are filtered; `None` if nothing does."""
        if self._deny is None:
            return None
        plain, queues = self._deny.look_up(subject)
        return plain if plain is not None or queue is None else _of_queue(queue, queues)


def _of_queue(queue: str, said: dict[str, Decision]) -> Decision | None:
    """Return what an entry says whose queue is *queue*, or holds a wildcard and covers it."""
    for name, decision in said.items():
        if queue == name or (_is_wide(name) and subjects.is_subset(queue, name)):
            return decision
    return None


def _not_allowed_queue(queue: str) -> Decision:
    return no("not-allowed-queue", f"entries of the allow-list match, but none that names a queue names {queue!a}")


def _is_wide(subject: str) -> bool:
    """Tell whether a token is a wildcard; unlike the reference's rule, a `>` anywhere counts."""
    return not {"*", ">"}.isdisjoint(subject.split("."))
