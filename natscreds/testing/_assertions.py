"""Assertions about what a server would allow, which say why when they fail.

They ask `natscreds.access`. Where nobody can tell from the tokens, both an assertion and its opposite fail.
"""

from collections.abc import Callable, Iterable
from difflib import SequenceMatcher
from typing import NoReturn

from natscreds.access import Access, Decision, Session
from natscreds.access.rules import ConnectionType
from natscreds.chain.moments import Moment
from natscreds.errors import VerificationError

__all__ = [
    "assert_can_connect",
    "assert_can_publish",
    "assert_can_receive",
    "assert_can_subscribe",
    "assert_cannot_connect",
    "assert_cannot_publish",
    "assert_cannot_receive",
    "assert_cannot_subscribe",
]


def assert_can_publish(rules: Access, subject: str, *, reply: str | None = None) -> None:
    """Fail unless the user may publish to *subject*.

    Args:
        rules: What the user may do.
        subject: One word, taken as it stands.
        reply: The message's reply subject.

    Raises:
        AssertionError: A server would refuse it, or nobody can tell; the message says why, and which entry comes
            nearest.
        TypeError: Not texts.
        ValueError: Not one word each.
    """
    __tracebackhide__ = True
    decision = _rules(rules).publish(subject, reply)
    if decision.verdict is not True:
        _fail(
            f"{rules.user} can publish to {subject!a}", decision, _nearest(decision, rules, "publish", "allow", subject)
        )


def assert_cannot_publish(rules: Access, subject: str, *, reply: str | None = None, because: str | None = None) -> None:
    """Fail if the user may publish to *subject*.

    Args:
        rules: What the user may do.
        subject: One word, taken as it stands.
        reply: The message's reply subject.
        because: The code of the reason that the refusal must have.

    Raises:
        AssertionError: A server would allow it, refuse it for another reason, or nobody can tell.
        TypeError: Not texts.
        ValueError: Not one word each.
    """
    __tracebackhide__ = True
    decision = _rules(rules).publish(subject, reply)
    if not _refused(decision, because):
        told = f"{rules.user} cannot publish to {subject!a}{_because(because)}"
        _fail(told, decision, _denied(decision, rules, "publish", subject))


def assert_can_subscribe(rules: Access, subject: str, *, queue: str | None = None) -> None:
    """Fail unless the user may subscribe to *subject*.

    Args:
        rules: What the user may do.
        subject: One word; wildcards count as they stand.
        queue: The queue group, if it is to be in one.

    Raises:
        AssertionError: A server would refuse it, or nobody can tell; the message says why, and which entry comes
            nearest.
        TypeError: Not texts.
        ValueError: Not one word each.
    """
    __tracebackhide__ = True
    decision = _rules(rules).subscribe(subject, queue)
    if decision.verdict is not True:
        told = f"{rules.user} can subscribe to {subject!a}{_group(queue)}"
        _fail(told, decision, _nearest(decision, rules, "subscribe", "allow", _entry(subject, queue)))


def assert_cannot_subscribe(
    rules: Access, subject: str, *, queue: str | None = None, because: str | None = None
) -> None:
    """Fail if the user may subscribe to *subject*.

    Args:
        rules: What the user may do.
        subject: One word; wildcards count as they stand.
        queue: The queue group, if it is to be in one.
        because: The code of the reason that the refusal must have.

    Raises:
        AssertionError: A server would allow it, refuse it for another reason, or nobody can tell.
        TypeError: Not texts.
        ValueError: Not one word each.
    """
    __tracebackhide__ = True
    decision = _rules(rules).subscribe(subject, queue)
    if not _refused(decision, because):
        told = f"{rules.user} cannot subscribe to {subject!a}{_group(queue)}{_because(because)}"
        _fail(told, decision, _denied(decision, rules, "subscribe", _entry(subject, queue)))


def assert_can_connect(
    rules: Access,
    *,
    now: Moment | None = None,
    connection_type: ConnectionType = "STANDARD",
    address: str | None = None,
    signs: bool = True,
    proxied: bool = False,
    connections: int | None = None,
    pinned_accounts: Iterable[str] | None = None,
    server_zone: str | None = None,
) -> None:
    """Fail unless a server lets the user in.

    Args:
        rules: What the user may do.
        now: As for `Access.connect`, and so are all others.
        connection_type: How the client comes.
        address: The IP address it comes from.
        signs: Whether it signs the server's nonce.
        proxied: Whether it comes through a trusted proxy.
        connections: How many connections the account has already.
        pinned_accounts: The server's pinned accounts.
        server_zone: The server's time zone.

    Raises:
        AssertionError: A server would refuse the user, or nobody can tell; the message says why.
        TypeError: As `Access.connect`.
        ValueError: As `Access.connect`.
    """
    __tracebackhide__ = True
    decision = _rules(rules).connect(
        now=now,
        connection_type=connection_type,
        address=address,
        signs=signs,
        proxied=proxied,
        connections=connections,
        pinned_accounts=pinned_accounts,
        server_zone=server_zone,
    )
    if decision.verdict is not True:
        _fail(f"{rules.user} can connect", decision)


def assert_cannot_connect(
    rules: Access,
    *,
    now: Moment | None = None,
    connection_type: ConnectionType = "STANDARD",
    address: str | None = None,
    signs: bool = True,
    proxied: bool = False,
    connections: int | None = None,
    pinned_accounts: Iterable[str] | None = None,
    server_zone: str | None = None,
    because: str | None = None,
) -> None:
    """Fail if a server lets the user in.

    Args:
        rules: What the user may do.
        now: As for `Access.connect`, and so are all others but the last.
        connection_type: How the client comes.
        address: The IP address it comes from.
        signs: Whether it signs the server's nonce.
        proxied: Whether it comes through a trusted proxy.
        connections: How many connections the account has already.
        pinned_accounts: The server's pinned accounts.
        server_zone: The server's time zone.
        because: The code of the reason that the refusal must have.

    Raises:
        AssertionError: A server would let the user in, refuse it for another reason, or nobody can tell.
        TypeError: As `Access.connect`.
        ValueError: As `Access.connect`.
    """
    __tracebackhide__ = True
    decision = _rules(rules).connect(
        now=now,
        connection_type=connection_type,
        address=address,
        signs=signs,
        proxied=proxied,
        connections=connections,
        pinned_accounts=pinned_accounts,
        server_zone=server_zone,
    )
    if not _refused(decision, because):
        _fail(f"{rules.user} cannot connect{_because(because)}", decision)


def assert_can_receive(session: Session, subject: str, *, alone: bool = False) -> None:
    """Fail unless a message delivered as *subject* reaches the connection.

    Args:
        session: The connection, with the subscriptions it has made.
        subject: As for `Session.receives`.
        alone: No other connection is in this one's queue groups.

    Raises:
        AssertionError: It would not get there, or nobody can tell; the message says why.
    """
    __tracebackhide__ = True
    decision = _session(session).receives(subject, alone=alone)
    if decision.verdict is not True:
        _fail(f"the connection can receive {subject!a}", decision, _listening(session, subject))


def assert_cannot_receive(session: Session, subject: str, *, alone: bool = False, because: str | None = None) -> None:
    """Fail if a message delivered as *subject* reaches the connection.

    Args:
        session: The connection, with the subscriptions it has made.
        subject: As for `Session.receives`.
        alone: No other connection is in this one's queue groups.
        because: The code of the reason that it must have.

    Raises:
        AssertionError: It would get there, not for another reason, or nobody can tell.
    """
    __tracebackhide__ = True
    decision = _session(session).receives(subject, alone=alone)
    if not _refused(decision, because):
        _fail(f"the connection cannot receive {subject!a}{_because(because)}", decision)


def _rules(rules: Access) -> Access:
    if not isinstance(rules, Access):
        raise TypeError(f"rules is natscreds.access.Access, got {type(rules).__name__}")
    return rules


def _session(session: Session) -> Session:
    if not isinstance(session, Session):
        raise TypeError(f"a session is what Access.session() gives, got {type(session).__name__}")
    return session


def _refused(decision: Decision, because: str | None) -> bool:
    return decision.verdict is False and because in (None, decision.reason.code)


def _because(code: str | None) -> str:
    return "" if code is None else f", because of {code}"


def _group(queue: str | None) -> str:
    return "" if queue is None else f" in queue group {queue!a}"


def _fail(expected: str, decision: Decision, *more: str) -> NoReturn:
    """Raise the error that tells what was expected, what decides, and *more*."""
    __tracebackhide__ = True
    answer = {True: "a server allows it", False: "a server refuses it", None: "nobody can tell from the tokens"}
    reason = decision.reason
    lines = [f"expected: {expected}", f"but {answer[decision.verdict]}: {reason.sentence} [{reason.code}]"]
    if reason.entry is not None:
        lines.append(f"decided by: {reason.entry}")
    raise AssertionError("\n  ".join([*lines, *filter(None, more)]))


def _nearest(decision: Decision, rules: Access, verb: str, which: str, asked: str) -> str:
    """Return the line that tells which entry of a list is nearest to what was asked."""
    try:
        permissions = rules.permissions
    except VerificationError:  # the decision has said that no server takes this user
        return ""
    if permissions is None:
        return "nearest entry: none, the user is not restricted"
    direction = permissions.pub if verb == "publish" else permissions.sub
    entries = direction.allow if which == "allow" else direction.deny
    if entries:
        return f"nearest entry of the {verb} {which} list: {min(entries, key=_distance_to(asked))}"
    if decision.reason.entry is not None and which == "allow":
        return ""
    return f"nearest entry: none, {'there is no' if entries is None else 'nothing is in the'} {verb} {which} list"


def _denied(decision: Decision, rules: Access, verb: str, asked: str) -> str:
    """Return the line that tells which deny entry is nearest to what is allowed, and should not be."""
    return _nearest(decision, rules, verb, "deny", asked) if decision.verdict is True else ""


def _entry(subject: str, queue: str | None) -> str:
    return subject if queue is None else f"{subject} {queue}"


def _listening(session: Session, subject: str) -> str:
    entries = [held.subject for held in session.subscriptions]
    if not entries:
        return "nearest subscription: none, the connection has none"
    return f"nearest subscription: {min(entries, key=_distance_to(subject))}"


def _distance_to(asked: str) -> Callable[[str], tuple[int, float]]:
    """Return what tells how far an entry is from *asked*: tokens that differ, then how unlike the texts are."""
    yours = asked.split(".")

    def distance(entry: str) -> tuple[int, float]:
        mine = entry.split(".")
        if mine[-1] == ">" and len(mine) <= len(yours):
            mine = [*mine[:-1], *yours[len(mine) - 1 :]]
        differing = sum(one not in ("*", other) for one, other in zip(mine, yours, strict=False))
        return differing + abs(len(mine) - len(yours)), -SequenceMatcher(None, entry, asked).ratio()

    return distance
