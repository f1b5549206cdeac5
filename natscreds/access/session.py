"""One connection and what it did before: subscriptions, deliveries, leave to answer."""

from typing import Final, NamedTuple

from natscreds import subjects
from natscreds.access._compiled import Compiled
from natscreds.access._words import check_word
from natscreds.access.decision import Decision, no, unknown, yes

__all__ = ["Session", "Subscription"]

_NO_SUBSCRIPTION: Final = no("no-subscription", "no subscription of this connection covers it")
_EMPTY_TOKEN: Final = no("not-routed", "a subject with an empty token reaches nobody")
_GRANTED: Final = yes("response", "it answers a request that named it as its reply")
_SPENT: Final = no("response-spent", "the request that named it is answered as often as it may be")
_LATE: Final = no("response-late", "the request that named it came too long ago")
_MAY_SPEND: Final = unknown("response-grant", "it may answer a request, if the account's mappings send it there")


class Subscription(NamedTuple):
    """A subscription as it was accepted.

    Attributes:
        subject: What it listens to.
        queue: Its queue group; `None` without one.
    """

    subject: str
    queue: str | None


class _Grant:
    """Leave to answer one reply subject."""

    __slots__ = ("count", "since")

    def __init__(self, since: float) -> None:
        self.count = 0
        self.since = since


class Session:
    """A connection that was let in, from its first subscription on.

    Seconds (*at*) are of any clock that does not go backwards; only their differences count.

    Attributes:
        subscriptions: What it listens to, in order of subscribing.
        filtered: Whether the server looks at each delivery from now on, because some subscription may meet a deny
            entry. It stays so after that subscription is gone.
    """

    def __init__(self, rules: Compiled) -> None:
        """Begin; `Access.session` is the usual way."""
        self._rules = rules
        self._grants: dict[str, _Grant] = {}
        self._shut: set[str] = set()
        self.subscriptions: list[Subscription] = []
        self.filtered = False

    def subscribe(self, subject: str, queue: str | None = None) -> Decision:
        """Decide whether a further subscription is let in, and hold it if it is.

        Raises:
            TypeError: Not a text.
            ValueError: Not one word: no client can send it.
        """
        check_word(subject, "a subject")
        if queue is not None:
            check_word(queue, "a queue group")
        decision = self._rules.subscribing.decide(subject, queue)
        if decision.verdict is False:
            return decision
        self.filtered = self.filtered or self._rules.subscribing.arms(subject, queue)
        decision = self._rules.subscribe(subject, queue)
        if decision.reason.code == "reserved-queue":
            return decision
        most = self._rules.max_subscriptions
        if most != -1 and len(self.subscriptions) >= most:
            return no("subscriptions-exceeded", f"the connection holds {most} subscriptions already")
        if decision.verdict:
            self.subscriptions.append(Subscription(subject, queue))
        return decision

    def unsubscribe(self, subject: str, queue: str | None = None) -> None:
        """Let go of a subscription.

        Raises:
            ValueError: There is none of that subject and queue.
        """
        held = Subscription(subject, queue)
        if held not in self.subscriptions:
            raise ValueError(f"a subscription that is let go of is held, {subject!a} is not")
        self.subscriptions.remove(held)

    def receives(self, subject: str, *, via: str | None = None, alone: bool = False) -> Decision:
        """Decide whether a message delivered as *subject* reaches this connection.

        Args:
            subject: The subject in front of the subscriber: after mappings, and with the importer's name.
            via: The subject it is sent to, where that is another: a JetStream message keeps the stream's subject, and
                comes by an inbox. It is the former that a deny entry keeps out.
            alone: No other connection is in this one's queue groups. Otherwise the server may choose another member,
                and nobody can tell.
        """
        check_word(subject, "a subject")
        if via is not None:
            check_word(via, "a subject it is sent to")
        sent_to = subject if via is None else via
        if "" in sent_to.split("."):
            return _EMPTY_TOKEN
        found: Decision = _NO_SUBSCRIPTION
        for held in self.subscriptions:
            if not subjects.matches(held.subject, sent_to):
                continue
            told = f"the subscription to {held.subject!a} covers it"
            kept = self._kept_from(subject, held)
            if kept is not None:
                found = kept if found.verdict is False else found
            elif held.queue is None or alone:
                return yes("delivered", told, held.subject)
            else:
                found = unknown("queue-group", f"{told}, but another member of group {held.queue!a} may get it")
        return found

    def deliver(self, subject: str, reply: str | None = None, *, at: float = 0.0) -> tuple[Subscription, ...]:
        """Take a message, as if no other connection were in this one's queue groups.

        Args:
            subject: As for `receives`.
            reply: The message's reply subject, which the user may have leave to answer then.
            at: When, in seconds.

        Returns:
            The subscriptions that get it: each of several that cover it, and one of each queue group.
        """
        check_word(subject, "a subject")
        if reply is not None:
            check_word(reply, "a reply subject")
        got: list[Subscription] = []
        groups: set[str] = set()
        for held in self.subscriptions:
            if not subjects.matches(held.subject, subject) or self._kept_from(subject, held) is not None:
                continue
            if held.queue is not None:
                if held.queue in groups:
                    continue
                groups.add(held.queue)
            got.append(held)
            if reply is not None:
                self._note(reply, at)
        return tuple(got)

    def publish(
        self, subject: str, reply: str | None = None, *, trace_to: str | None = None, at: float = 0.0
    ) -> Decision:
        """Decide about a message that is sent now; an answer counts.

        Args:
            subject: One word.
            reply: The message's own reply subject.
            trace_to: The subject in the header `Nats-Trace-Dest`. Where it is refused, servers remember that, and do
                not take it for an answer any more.
            at: When, in seconds.
        """
        check_word(subject, "a subject")
        if reply is not None:
            check_word(reply, "a reply subject")
        if trace_to is not None:
            check_word(trace_to, "a subject of traces")
            refusal = self._rules.trace(trace_to)
            if refusal is not None:
                self._shut.add(trace_to)
                return refusal

        def spend(to: str, refusal: Decision) -> Decision:
            return self._spend(to, refusal, at)

        def look(to: str, refusal: Decision) -> Decision:
            return _MAY_SPEND if to in self._grants and to not in self._shut else refusal

        alone = len(self._rules.mappings.destinations(subject)) == 1
        return self._rules.publish(subject, reply, spend if alone else look)

    def _kept_from(self, subject: str, held: Subscription) -> Decision | None:
        return self._rules.subscribing.filters(subject, held.queue) if self.filtered else None

    def _note(self, reply: str, at: float) -> None:
        """Note leave to answer, unless the user may publish there right now: to ask that costs an answer."""
        permissions = self._rules.permissions
        if permissions is None or permissions.resp is None:
            return
        refusal = self._rules.publishing.lists(reply)
        if refusal.verdict is False and not self._spend(reply, refusal, at).verdict:
            self._grants[reply] = _Grant(at)

    def _spend(self, subject: str, refusal: Decision, at: float) -> Decision:
        """Take one answer off the leave to answer *subject*, if there is one."""
        permissions, grant = self._rules.permissions, self._grants.get(subject)
        if permissions is None or permissions.resp is None or grant is None or subject in self._shut:
            return refusal
        grant.count += 1
        if 0 < permissions.resp.max < grant.count:
            del self._grants[subject]
            return _SPENT
        if 0 < permissions.resp.ttl < (at - grant.since) * 1e9:
            del self._grants[subject]
            return _LATE
        return _GRANTED
