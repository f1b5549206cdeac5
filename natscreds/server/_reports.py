"""What happened to each account on each server: the values that a `ResolverClient` returns."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from natscreds.errors import ServerError
from natscreds.nkeys import PublicKey

__all__ = [
    "Answer",
    "ListReport",
    "LookupReport",
    "Outcome",
    "PullReport",
    "Report",
    "Server",
    "State",
    "SyncReport",
]

State = Literal["done", "unchanged", "refused", "failed"]

_SHOWN = 5


class Server(msgspec.Struct, frozen=True, order=True):
    """A server, as it names itself in a ping.

    Attributes:
        id: Its public nkey, new at each start.
        name: Its configured name, or the id.
    """

    id: str
    name: str

    def __str__(self) -> str:
        return self.name or self.id


class Answer(msgspec.Struct, frozen=True):
    """What one server said about one account.

    Attributes:
        server: Who.
        code: 200, or 500; 0 is no answer.
        text: The server's own text, `""` without an answer.
    """

    server: Server
    code: int
    text: str

    @property
    def ok(self) -> bool:
        """Whether the server agreed. That alone says little: servers agree to untrusted and expired tokens too."""
        return self.code == 200

    def __str__(self) -> str:
        return f"{self.server}: {self.text if self.code else 'no answer'}"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to one account.

    Attributes:
        account: Its public nkey.
        state: `done`: every server confirmed, and asked again they hold what they should. `unchanged`: nothing had to
            be done. `refused`: nothing was sent. `failed`: some server did not confirm; others may have.
        code: A stable, short name of what is wrong, such as `rollback`; `""` where nothing is.
        reason: A sentence for people.
        answers: What each server said, or did not say.
        held: The second (`iat`) of the token that each server held before, 0 for none, in no order; empty where nobody
            was asked.
    """

    account: PublicKey
    state: State
    code: str = ""
    reason: str = ""
    answers: tuple[Answer, ...] = ()
    held: tuple[int, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the servers are as they should be."""
        return self.state in ("done", "unchanged")

    def __str__(self) -> str:
        words = f"{self.account}: {self.state}"
        words += f", {self.reason}" if self.reason else ""
        told = "; ".join(str(answer) for answer in self.answers if not answer.ok)
        return f"{words} ({told})" if told else words


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to each account, and which servers were there.

    Attributes:
        outcomes: By the accounts' public nkeys.
        servers: Those that a ping found: all of them are asked, and waited for.
        unknown: Ids of servers that answered without having been found. Their answers do not count.
        absent: How many servers fewer the ping found than the client was told there are.
        garbled: How many replies could not be read.
    """

    outcomes: Mapping[str, Outcome]
    servers: tuple[Server, ...] = ()
    unknown: tuple[str, ...] = ()
    absent: int = 0
    garbled: int = 0

    @property
    def ok(self) -> bool:
        """Whether every account is `done` or `unchanged` and no server was missed."""
        return not self.absent and all(outcome.ok for outcome in self.outcomes.values())

    @property
    def done(self) -> tuple[PublicKey, ...]:
        """The accounts that all servers confirmed."""
        return self._in_state("done")

    @property
    def unchanged(self) -> tuple[PublicKey, ...]:
        """The accounts for which nothing had to be done."""
        return self._in_state("unchanged")

    @property
    def refused(self) -> tuple[PublicKey, ...]:
        """The accounts that were not sent."""
        return self._in_state("refused")

    @property
    def failed(self) -> tuple[PublicKey, ...]:
        """The accounts that some server did not confirm."""
        return self._in_state("failed")

    @property
    def silent(self) -> tuple[Server, ...]:
        """The servers that did not answer for some account."""
        owed = {answer.server for outcome in self.outcomes.values() for answer in outcome.answers if answer.code == 0}
        return tuple(sorted(owed))

    def raise_for_failures(self) -> None:
        """Return nothing if `ok`.

        Raises:
            ServerError: It is not; the text has the reasons, and the servers' own words.
        """
        if not self.ok:
            raise ServerError(str(self))

    def _in_state(self, state: State) -> tuple[PublicKey, ...]:
        return tuple(outcome.account for outcome in self.outcomes.values() if outcome.state == state)

    def __str__(self) -> str:
        counted = {state: len(self._in_state(state)) for state in ("done", "unchanged", "refused", "failed")}
        words = [", ".join(f"{count} {state}" for state, count in counted.items() if count) or "no accounts"]
        words += [f"{self.absent} servers fewer than there should be"] if self.absent else []
        words += [f"no answer from {', '.join(map(str, self.silent))}"] if self.silent else []
        bad = [str(outcome) for outcome in self.outcomes.values() if not outcome.ok]
        words += bad[:_SHOWN] + ([f"and {len(bad) - _SHOWN} more"] if len(bad) > _SHOWN else [])
        return "; ".join(words)


class SyncReport(Report, frozen=True, kw_only=True):
    """What a sync found and did.

    Attributes:
        pruned: What happened to accounts that servers had and the caller did not name, if that was asked for; the
            others are in `outcomes`.
    """

    pruned: Mapping[str, Outcome] = {}

    @property
    def ok(self) -> bool:
        """Whether every account is as it should be, those to prune too, and no server was missed."""
        return not self.absent and all(
            outcome.ok for outcomes in (self.outcomes, self.pruned) for outcome in outcomes.values()
        )

    def __str__(self) -> str:
        words = Report.__str__(self)
        if self.pruned:
            words += "; pruned: " + "; ".join(str(outcome) for outcome in tuple(self.pruned.values())[:_SHOWN])
        return words


class ListReport(msgspec.Struct, frozen=True, kw_only=True):
    """Which accounts servers have.

    Attributes:
        by_server: The accounts of each server that answered.
        silent: Servers that a ping found and that did not answer: they have no resolver of their own, or are too slow.
        unknown: Ids of servers that answered without having been found; what they said is not here.
        odd: Names that are no account's key: files that somebody put into a resolver's directory.
    """

    by_server: Mapping[Server, frozenset[PublicKey]]
    silent: tuple[Server, ...] = ()
    unknown: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()

    @property
    def accounts(self) -> tuple[PublicKey, ...]:
        """The accounts that any server has, sorted."""
        return tuple(sorted(frozenset[PublicKey]().union(*self.by_server.values())))

    def lacking(self, account: str) -> tuple[Server, ...]:
        """Return the servers that answered and do not have *account*."""
        return tuple(sorted(server for server, keys in self.by_server.items() if account not in keys))


class LookupReport(msgspec.Struct, frozen=True, kw_only=True):
    """One account as servers hold it.

    Attributes:
        account: Its public nkey.
        jwt: The newest of the tokens that the operator stands behind; `None` if there is none.
        found: All different tokens that servers gave, newest first, those included that nobody should trust.
        answers: How many servers answered; only full resolvers do.
        empty: How many of them do not have it.
    """

    account: PublicKey
    jwt: str | None
    found: tuple[str, ...] = ()
    answers: int = 0
    empty: int = 0

    @property
    def agreed(self) -> bool:
        """Whether all that answered hold the same."""
        return len(self.found) + (self.empty > 0) <= 1


class PullReport(msgspec.Struct, frozen=True, kw_only=True):
    """All accounts that servers have.

    Attributes:
        tokens: The newest token of each account that the operator stands behind, by the account's key.
        rejected: What else servers have, by the name they have it under, and why it is not among *tokens*.
        servers: Those that a ping found.
        complete: Whether everything that was named was given too.
    """

    tokens: Mapping[PublicKey, str]
    rejected: Mapping[str, str] = {}
    servers: tuple[Server, ...] = ()
    complete: bool = True
