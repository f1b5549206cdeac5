"""The rules of one user, compiled: what a decision without history and a session both ask."""

from collections.abc import Callable
from typing import Final

from natscreds.access._mappings import Mappings
from natscreds.access._permissions import Publishing, Subscribing
from natscreds.access.decision import Decision, Reason, no, unknown
from natscreds.claims import Permissions
from natscreds.subjects import has_wildcards, is_valid

__all__ = ["Compiled"]

_SYSTEM_GROUP: Final = no("reserved-queue", "servers keep the queue group _sys_ for themselves")
_INVALID: Final = no("invalid-subject", "a subscription has no empty token, and > is its last")
_CANNOT_TELL: Final = unknown("mapping-function", "the subject is mapped by a function that is not followed here")


class Compiled:
    """What a connection may do.

    Attributes:
        permissions: The lists a server has for it; `None` is no restriction at all.
        max_subscriptions: Subscriptions it may hold at once; -1 is no limit.
        publishing: The publish lists.
        subscribing: The subscribe lists.
        mappings: The account's.
    """

    __slots__ = ("mappings", "max_subscriptions", "permissions", "publishing", "subscribing")

    def __init__(
        self, permissions: Permissions | None, *, mappings: Mappings, max_subscriptions: int, system: bool
    ) -> None:
        self.permissions = permissions
        self.max_subscriptions = max_subscriptions
        self.publishing = Publishing(permissions, system=system)
        self.subscribing = Subscribing(permissions)
        self.mappings = mappings

    def trace(self, subject: str) -> Decision | None:
        """Return what refuses a message whose trace goes to *subject*; it is not mapped, and no answer to anything."""
        if not is_valid(subject) or has_wildcards(subject):  # servers overlook such a header
            return None
        decision = self.publishing.decide(subject, None, lambda _, refusal: refusal)
        return decision if decision.verdict is False else None

    def publish(self, subject: str, reply: str | None, refused: Callable[[str, Decision], Decision]) -> Decision:
        """Decide about a *subject* as a client sends it; *refused* has the last word where the lists refuse."""
        decisions = [
            _CANNOT_TELL if to is None else self.publishing.decide(to, reply, refused)
            for to in self.mappings.destinations(subject)
        ]
        first, *others = decisions
        if all(decision.verdict is first.verdict for decision in others):
            if all(decision.reason.code == first.reason.code for decision in others):
                return first
            told = f"wherever the account maps {subject!a}: {first.reason.sentence}, and so on"
            return Decision(first.verdict, Reason(code="mapping-agreed", sentence=told))
        return unknown("mapping-weighted", f"the account maps {subject!a} by chance or by cluster, and that decides")

    def subscribe(self, subject: str, queue: str | None) -> Decision:
        """Decide about a subscription, whatever the connection holds already."""
        decision = self.subscribing.decide(subject, queue)
        if decision.verdict is False:
            return decision
        if queue == "_sys_":
            return _SYSTEM_GROUP
        return decision if is_valid(subject) else _INVALID
