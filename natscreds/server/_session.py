"""One verb's talk with the servers: who is there, what they hold, and sending them what they should."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TypedDict

from natscreds.chain import Operator
from natscreds.chain.moments import clock
from natscreds.nkeys import PublicKey
from natscreds.server._exchange import Exchange, Question, Roster, ask_all
from natscreds.server._parcels import Parcel
from natscreds.server._questions import UPDATE, Claim, Listing, Lookup
from natscreds.server._reports import Outcome, Report, Server

__all__ = ["Progress", "Session"]

Progress = Callable[[int, int], None]
"""Called with how many accounts are through, and how many there are."""

_STORED = "jwt updated"


class Seen(TypedDict):
    """What every report tells of the servers."""

    servers: tuple[Server, ...]
    unknown: tuple[str, ...]
    absent: int
    garbled: int


class Session:
    """An exchange, the servers found at its start, and the operator.

    Attributes:
        exchange: The private inbox.
        roster: The servers.
        operator: Whose accounts these are.
        window: How many questions may be out at once.
        caches: Ids of servers known to have a cache resolver: they answer no lookup. They outlive the session.
    """

    def __init__(
        self, exchange: Exchange, roster: Roster, operator: Operator, *, window: int, caches: set[str]
    ) -> None:
        self.exchange = exchange
        self.roster = roster
        self.operator = operator
        self.window = window
        self.caches = caches
        roster.holders = self.likely_holders

    @property
    def likely_holders(self) -> int:
        """How many servers should answer a lookup: all that are not known to be caches, but one at least."""
        return max(len(self.roster.present - self.caches), 1)

    @property
    def servers(self) -> tuple[Server, ...]:
        """The servers found, in the order of their names."""
        return tuple(sorted(self.roster.servers.values(), key=lambda server: (server.name, server.id)))

    async def ask(self, questions: Iterable[Question]) -> None:
        """Ask, and return when all is answered."""
        await ask_all(self.exchange, self.roster, questions, window=self.window)

    async def listing(self) -> Listing:
        """Ask every server what it has."""
        listing = Listing(self.roster)
        await self.ask([listing])
        return listing

    async def lookups(self, keys: Iterable[PublicKey]) -> dict[PublicKey, tuple[str | None, ...]]:
        """Ask every server for the tokens of *keys*."""
        found: dict[PublicKey, tuple[str | None, ...]] = {}

        def keep(key: PublicKey, lookup: Lookup) -> None:
            found[key] = tuple(lookup.texts)

        await self.ask(Lookup(key, self.roster, then=partial(keep, key)) for key in keys)
        return found

    async def read(self, parcels: Iterable[Parcel]) -> None:
        """Learn what servers hold of these accounts.

        Looking one up costs a server a third of what it costs to list it and a quarter of what it costs to pack it.
        """
        parcels = list(parcels)
        found = await self.lookups(parcel.key for parcel in parcels)
        for parcel in parcels:
            parcel.stored = found.get(parcel.key, ())

    async def send(
        self, parcels: Iterable[Parcel], *, allow: frozenset[str] | None, on_progress: Progress | None = None
    ) -> None:
        """Send what may be sent, and have every server confirm it; the parcels know afterwards what became of them.

        Args:
            parcels: What to send.
            allow: What may be taken back of what servers hold; None asks about nothing of that kind.
            on_progress: Told after each account.
        """
        parcels = list(parcels)
        limit = getattr(self.exchange.connection, "max_payload", None)
        through = 0
        taken: list[tuple[Parcel, int]] = []

        def ended() -> None:
            nonlocal through
            through += 1
            if on_progress is not None:
                on_progress(through, len(parcels))

        def look_again() -> Iterator[Question]:
            batch = taken[:]
            taken.clear()
            for parcel, stored in batch:
                yield Lookup(parcel.key, self.roster, wanted=stored, then=partial(self._read_back, parcel, stored))

        def questions() -> Iterator[Question]:
            for parcel in parcels:
                if 2 * len(taken) >= self.window:
                    yield from look_again()
                payload = parcel.text.encode("ascii")
                if not parcel.judge(self.operator, clock()) or (
                    allow is not None and not parcel.guard(self.operator, allow)
                ):
                    ended()
                elif isinstance(limit, int) and len(payload) > limit:
                    parcel.end("refused", "too-large", f"servers take {limit} bytes, the token has {len(payload)}")
                    ended()
                else:
                    yield Claim(UPDATE, payload, self.roster, partial(self._updated, parcel, ended, taken))

        await self.ask(questions())
        await self.ask(look_again())

    def _updated(
        self, parcel: Parcel, ended: Callable[[], None], taken: list[tuple[Parcel, int]], claim: Claim
    ) -> None:
        """Judge what the servers answered; if all agreed, note how many say that they store it."""
        parcel.answers = claim.told()
        self.caches.update(server for server, claimed in claim.answers.items() if "cache" in claimed.text)
        agreed = sum(answer.ok for answer in parcel.answers)
        stored = sum(answer.ok and answer.text == _STORED for answer in parcel.answers)
        of_all = f"{agreed} of {len(parcel.answers)} servers took it"
        if any(answer.code and not answer.ok for answer in parcel.answers):
            parcel.end("failed", "server-refused", of_all)
        elif agreed < len(parcel.answers):
            parcel.end("failed", "no-answer", of_all)
        elif not stored:
            parcel.end("failed", "not-stored", f"{of_all}, but none of them has a full resolver that keeps it")
        else:
            parcel.end("failed", "read-back", "all servers took it, but were not asked again")
            taken.append((parcel, stored))
        ended()

    def _read_back(self, parcel: Parcel, stored: int, lookup: Lookup) -> None:
        """Call done what came back from as many servers as said that they store it, and as nothing else."""
        held = sum(text == parcel.text for text in lookup.texts)
        if held >= stored and held == len(lookup.texts):
            parcel.end("done")
        else:
            parcel.end("failed", "read-back", f"all servers took it, but asked again, {held} of {stored} hold it")

    def outcomes(self, parcels: Iterable[Parcel]) -> dict[str, Outcome]:
        """Return what became of *parcels*."""
        return {parcel.key: parcel.outcome() for parcel in parcels}

    def report(self, outcomes: Mapping[str, Outcome]) -> Report:
        """Return *outcomes* with what was seen of the servers."""
        return Report(outcomes=outcomes, **self.seen())

    def seen(self) -> Seen:
        """Return what was seen of the servers."""
        roster = self.roster
        return Seen(
            servers=self.servers,
            unknown=tuple(sorted(roster.unknown)),
            absent=roster.absent,
            garbled=roster.garbled,
        )
