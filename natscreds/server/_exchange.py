"""Questions to many servers at once, over the caller's open connection.

Each verb opens one private inbox for its whole length; each question gets a reply subject of its own below it.
Questions are sent ahead of the answers, a bounded number at a time, and are over when everybody who was expected has
answered.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Protocol

from natscreds.errors import ServerError
from natscreds.server._replies import read_pong
from natscreds.server._reports import Server

__all__ = ["Connection", "Exchange", "Message", "Question", "Roster", "ask_all", "ping", "refused_by_connection"]

PING = "$SYS.REQ.SERVER.PING.IDZ"
_NO_RESOLVER = "they keep accounts in their configuration or fetch them from a URL"
_QUIET = 0.25
"""Seconds: a ping is over when nobody new has answered for so long."""


class Message(Protocol):
    """What is needed of a message of nats-py."""

    @property
    def subject(self) -> str:
        """Where it came in."""
        ...

    @property
    def data(self) -> bytes:
        """What it says."""
        ...

    @property
    def headers(self) -> Mapping[str, str] | None:
        """Its headers; the status of an empty one is among them."""
        ...


class _Subscription(Protocol):
    async def unsubscribe(self) -> None: ...


class Connection(Protocol):
    """What is needed of an open connection: nats-py's `Client` has it."""

    async def publish(self, subject: str, payload: bytes = ..., reply: str = ...) -> None:
        """Send *payload*; answers go to *reply*."""
        ...

    async def subscribe(
        self,
        subject: str,
        *,
        cb: Callable[..., Awaitable[None]],
        pending_msgs_limit: int,
        pending_bytes_limit: int,
    ) -> _Subscription:
        """Hand each message on *subject* to *cb*."""
        ...

    def new_inbox(self) -> str:
        """Return a subject for replies that nobody else knows."""
        ...


def no_responders(message: Message) -> bool:
    """Tell whether the connection's server says that nobody listens on the subject asked."""
    return not message.data and message.headers is not None and message.headers.get("Status") == "503"


def refused_by_connection(connection: object) -> str:
    """Return the server's words if it has refused a subject to this connection, for the end of an error text."""
    said = str(getattr(connection, "last_error", None) or "")
    return f"; the server told the connection: {said[:500]}" if "permissions violation" in said.lower() else ""


class Question:
    """One request, who is expected to answer, and what they said.

    Attributes:
        subject: Where it goes.
        payload: What is sent.
        tries: How often it has been sent.
    """

    __slots__ = ("payload", "subject", "tries")

    def __init__(self, subject: str, payload: bytes = b"") -> None:
        self.subject = subject
        self.payload = payload
        self.tries = 0

    @property
    def over(self) -> bool:
        """Whether nobody has to be waited for."""
        raise NotImplementedError

    def hear(self, message: Message) -> bool:
        """Take a reply; tell whether it was one that was waited for."""
        raise NotImplementedError

    def silence(self) -> bool:
        """Nobody has answered anything for a while: tell whether to ask once more."""
        raise NotImplementedError

    def follow(self) -> "Question | None":
        """Return what to ask next now that this is over."""
        return None


class Roster:
    """The servers that a ping found, and what became of them.

    Attributes:
        servers: By id.
        gone: Ids of those that were found and later answered no more.
        unknown: Ids of those that answered without having been found.
        garbled: How many replies could not be read.
        absent: How many were found too few.
        deaf: A subject on which nobody listens though somebody must; `""` if all is well.
        deserted: The last ping found nobody.
        holders: How many servers are thought to answer a lookup.
    """

    __slots__ = ("absent", "deaf", "deserted", "garbled", "gone", "holders", "servers", "unknown")

    def __init__(self, servers: dict[str, Server], *, absent: int = 0) -> None:
        self.servers = servers
        self.gone: set[str] = set()
        self.unknown: set[str] = set()
        self.garbled = 0
        self.absent = absent
        self.deaf = ""
        self.deserted = False
        self.holders = len(servers)

    @property
    def present(self) -> frozenset[str]:
        """The ids of those that are still waited for."""
        return frozenset(self.servers) - self.gone

    def meet(self, server: Server | None) -> str:
        """Return the id of who answered, or `""` for what does not count; both are noted."""
        if server is None:
            self.garbled += 1
        elif server.id in self.servers:
            return server.id
        else:
            self.unknown.add(server.id)
        return ""


class Exchange:
    """A private inbox, open inside the `async with` block."""

    def __init__(self, connection: Connection, *, timeout: float) -> None:
        self.connection = connection
        self.timeout = timeout
        self._hearers: dict[str, Callable[[Message], bool]] = {}
        self._moved = asyncio.Event()
        self._asked = 0

    async def __aenter__(self) -> "Exchange":
        try:
            self._inbox = self.connection.new_inbox()
            self._subscription = await self.connection.subscribe(
                f"{self._inbox}.*",
                cb=self._hear,
                pending_msgs_limit=0,  # what came in is read at once, and nothing may be lost
                pending_bytes_limit=0,
            )
        except _foreign() as error:
            raise _told(error) from error
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._hearers.clear()
        try:
            await self._subscription.unsubscribe()
        except _foreign() as last:
            error = error or last
        if isinstance(error, _foreign()):
            raise _told(error) from error

    async def _hear(self, message: Message) -> None:
        hearer = self._hearers.get(message.subject.rpartition(".")[2])
        if hearer is not None and hearer(message):
            self._moved.set()

    def listen(self, hearer: Callable[[Message], bool]) -> str:
        """Return the name of a new place for replies: *hearer* gets each and tells whether it was waited for."""
        self._asked += 1
        name = str(self._asked)
        self._hearers[name] = hearer
        return name

    async def ask(self, name: str, subject: str, payload: bytes = b"") -> None:
        """Send a question whose replies come in at *name*. It has no headers: servers would take them for payload."""
        await self.connection.publish(subject, payload, reply=f"{self._inbox}.{name}")

    def forget(self, name: str) -> None:
        """Hear no more replies there."""
        self._hearers.pop(name, None)

    async def moved(self, seconds: float) -> bool:
        """Wait until something was heard that was waited for; False if nothing was for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._moved.wait()
        except TimeoutError:
            return False
        finally:
            self._moved.clear()
        return True


async def ping(exchange: Exchange, *, expected: int | None = None) -> Roster:
    """Find the servers: all that answer until nobody new has for a while, or *expected* of them.

    Raises:
        ServerError: None answers.
    """
    found: dict[str, Server] = {}
    nobody = False

    def hear(message: Message) -> bool:
        nonlocal nobody
        nobody = nobody or no_responders(message)
        server = read_pong(message.data)
        if server is None or server.id in found:
            return nobody
        found[server.id] = server
        return True

    name = exchange.listen(hear)
    try:
        await exchange.ask(name, PING)
        if expected is None:
            waited = exchange.timeout
            while not nobody and await exchange.moved(waited):
                waited = min(_QUIET, exchange.timeout)
        else:
            until = asyncio.get_running_loop().time() + exchange.timeout
            while len(found) < expected and not nobody:
                if not await exchange.moved(max(until - asyncio.get_running_loop().time(), 0)):
                    break
    finally:
        exchange.forget(name)
    if not found:
        told = (
            "nobody listens there: the connection's user is not of the system account"
            if nobody
            else f"none answered within {exchange.timeout:g} s{refused_by_connection(exchange.connection)}"
        )
        raise ServerError(f"servers are found by {PING}, {told}")
    return Roster(found, absent=max((expected or 0) - len(found), 0))


async def ask_all(exchange: Exchange, roster: Roster, questions: Iterable[Question], *, window: int) -> None:
    """Ask all *questions* and what follows from them, at most *window* at a time, until each is over.

    When nothing that is waited for comes in for the exchange's timeout, servers are pinged again. Who does not answer
    that either is gone: nobody waits for it any longer. The others are asked once more, since their question may have
    been lost with a connection.

    Raises:
        ServerError: Nobody listens for a question that somebody has to.
    """
    waiting: dict[str, Question] = {}
    ended: deque[str] = deque()
    ready: deque[Question] = deque()  # asked before what is still coming
    coming: Iterator[Question] = iter(questions)

    def listen(question: Question) -> str:
        def hear(message: Message) -> bool:
            moved = question.hear(message)
            if moved and question.over:
                ended.append(name)
            return moved

        name = exchange.listen(hear)
        return name

    def finish(question: Question) -> None:
        if (follower := question.follow()) is not None:
            ready.append(follower)

    while True:
        while ended:
            name = ended.popleft()
            exchange.forget(name)
            if (finished := waiting.pop(name, None)) is not None:
                finish(finished)
        if roster.deaf:
            raise ServerError(f"no server of the {len(roster.servers)} found listens on {roster.deaf}: {_NO_RESOLVER}")
        while len(waiting) < window and not ended:
            question = ready.popleft() if ready else next(coming, None)
            if question is None:
                break
            if question.over:
                finish(question)
                continue
            question.tries += 1
            name = listen(question)
            waiting[name] = question
            await exchange.ask(name, question.subject, question.payload)
        if ended or (not waiting and ready):
            continue
        if not waiting:
            return
        if await exchange.moved(exchange.timeout):
            continue
        await _note_gone(exchange, roster)
        for name, question in tuple(waiting.items()):
            exchange.forget(name)
            del waiting[name]
            if question.silence() and not question.over:
                ready.append(question)
            else:
                finish(question)


async def _note_gone(exchange: Exchange, roster: Roster) -> None:
    """Ping again, and note who has gone."""
    try:
        found = set((await ping(exchange)).servers)
    except ServerError:
        # Nobody at all: perhaps it is the connection that is gone, and comes back.
        found = set[str]() if roster.deserted else set(roster.servers)
        roster.deserted = True
    else:
        roster.deserted = False
    roster.gone |= set(roster.servers) - found


def _foreign() -> tuple[type[Exception], ...]:
    """Return what nats-py raises; nothing where it is not installed, since then no connection is its own."""
    try:
        from nats.errors import Error
    except ImportError:
        return ()
    return (Error,)


def _told(error: BaseException) -> ServerError:
    return ServerError(f"the connection failed: {str(error) or type(error).__name__}")
