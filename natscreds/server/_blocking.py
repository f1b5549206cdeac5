"""The resolver client without `await`, for programs that have no event loop."""

import asyncio
import threading
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from datetime import timedelta
from socket import gaierror
from ssl import SSLContext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from natscreds.chain import User
from natscreds.creds import Creds
from natscreds.errors import MissingDependencyError, ServerError
from natscreds.server._client import ResolverClient
from natscreds.server._config import AccountLike, OperatorLike
from natscreds.server._parcels import refuse_text
from natscreds.server._reports import ListReport, LookupReport, PullReport, Report, SyncReport
from natscreds.server._session import Progress
from natscreds.server._sync import Prune

if TYPE_CHECKING:
    from nats.aio.client import Client

__all__ = ["BlockingClient", "connect"]

ResultT = TypeVar("ResultT")

_REFUSED = "authorization violation"
_BETWEEN_ATTEMPTS = 0.2
"""Seconds. A refusal is sometimes lost with the connection, and told at the next attempt."""


def connect(
    url: str,
    creds: Creds | User,
    operator: OperatorLike | str,
    *,
    servers: int | None = None,
    window: int = 256,
    timeout: timedelta = timedelta(seconds=5),
    deleted: Iterable[str] = (),
    tls: SSLContext | None = None,
) -> "BlockingClient":
    """Return a client of its own connection, open inside a `with` block. It needs nats-py: `natscreds[nats]`.

        with natscreds.server.connect("nats://127.0.0.1:4222", system_user, operator) as client:
            client.push([orders]).raise_for_failures()

    Args:
        url: Where to connect; several servers of one cluster with commas between.
        creds: Those of a user of the system account, or the user. Replies come in on its private inbox
            (`_INBOX.<public>.>`), which it must be allowed to subscribe to.
        operator: As for `ResolverClient`.
        servers: As for `ResolverClient`.
        window: As for `ResolverClient`.
        timeout: As for `ResolverClient`; connecting may take as long, too.
        deleted: As for `ResolverClient`.
        tls: For connections by TLS; None takes the system's certificates where a server asks for TLS.

    Raises:
        MissingDependencyError: nats-py is not installed.
        TypeError: No credentials, or as for `ResolverClient`.
    """
    refuse_text("deleted", deleted)
    if not isinstance(creds, Creds | User):
        raise TypeError(f"creds is a user or its Creds, got {type(creds).__name__}")
    client = ResolverClient(
        _new_connection(), operator, servers=servers, window=window, timeout=timeout, deleted=deleted
    )
    held = creds.creds if isinstance(creds, User) else creds
    arguments: dict[str, Any] = {
        "servers": url.split(","),
        "reconnect_time_wait": _BETWEEN_ATTEMPTS,
        **held.nats_py(private_inbox=True),
    }
    if tls is not None:
        arguments["tls"] = tls
    return BlockingClient(client, arguments, timeout=timeout.total_seconds())


class BlockingClient:
    """The verbs of a `ResolverClient`, each returning when it is done. `connect` makes one.

    A thread with an event loop of its own runs while the `with` block is open, and the connection lives there.
    """

    def __init__(self, client: ResolverClient, arguments: dict[str, Any], *, timeout: float) -> None:
        self._client = client
        self._connection: Client | None = None
        self._arguments = arguments
        self._timeout = timeout
        self._complaint = ""
        self._attempting = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            ServerError: No server can be reached, or it refuses the user; or this client has been used before.
        """
        if self._thread is not None:
            raise ServerError("a client is entered once: call connect again")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="natscreds-server", daemon=True)
        self._thread.start()
        try:
            self._run(self._connect())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def deleted(self) -> frozenset[str]:
        """The keys of accounts that were deleted through this client, and those given to it."""
        return self._client.deleted

    def push(
        self,
        accounts: Iterable[AccountLike | str],
        *,
        allow: Iterable[str] = (),
        guard: bool = True,
        on_progress: Progress | None = None,
    ) -> Report:
        """Send accounts to all servers: see `ResolverClient.push`. *on_progress* is called in the client's thread."""
        refuse_text("accounts", accounts)
        refuse_text("allow", allow)
        return self._run(self._client.push(accounts, allow=allow, guard=guard, on_progress=on_progress))

    def pull(self) -> PullReport:
        """Fetch all accounts: see `ResolverClient.pull`."""
        return self._run(self._client.pull())

    def lookup(self, account: AccountLike | str) -> LookupReport:
        """Ask all servers for one account: see `ResolverClient.lookup`."""
        return self._run(self._client.lookup(account))

    def list(self) -> ListReport:
        """Ask all servers which accounts they have: see `ResolverClient.list`."""
        return self._run(self._client.list())

    def disable(self, accounts: Iterable[AccountLike | str], *, on_progress: Progress | None = None) -> Report:
        """Shut accounts: see `ResolverClient.disable`."""
        refuse_text("accounts", accounts)
        return self._run(self._client.disable(accounts, on_progress=on_progress))

    def delete(self, accounts: Iterable[AccountLike | str]) -> Report:
        """Have servers delete accounts: see `ResolverClient.delete`, and prefer `disable`."""
        refuse_text("accounts", accounts)
        return self._run(self._client.delete(accounts))

    def sync(
        self,
        accounts: Iterable[AccountLike | str],
        *,
        prune: Prune | None = None,
        allow: Iterable[str] = (),
        on_progress: Progress | None = None,
    ) -> SyncReport:
        """Make all servers hold these accounts: see `ResolverClient.sync`."""
        refuse_text("accounts", accounts)
        refuse_text("allow", allow)
        return self._run(self._client.sync(accounts, prune=prune, allow=allow, on_progress=on_progress))

    async def _connect(self) -> None:
        """Connect, with a new connection for each attempt: nats-py leaves sockets of failed ones open."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._timeout
        while self._connection is None:
            connection, fault = _new_connection(), ""
            self._attempting = True
            try:
                async with asyncio.timeout_at(until):
                    await connection.connect(error_cb=self._complain, **self._arguments)
            except TimeoutError:
                fault = self._complaint or f"no answer within {self._timeout:g} s"
            except Exception as error:  # whatever nats-py and the system say of names and certificates
                fault = str(error) or type(error).__name__
            self._attempting = False
            if not fault:
                self._connection = self._client.connection = connection
                break
            with suppress(Exception):  # nats-py 2.10 fails to close what was never open
                await connection.close()
            if _REFUSED in fault.lower() or loop.time() + _BETWEEN_ATTEMPTS >= until:
                raise ServerError(f"no connection: {fault}")
            await asyncio.sleep(_BETWEEN_ATTEMPTS)

    async def _complain(self, error: Exception) -> None:
        """Keep what went wrong. While connecting, end the attempt unless it was only one server that is not there."""
        self._complaint = str(error) or type(error).__name__
        if self._attempting and not isinstance(error, ConnectionRefusedError | TimeoutError | gaierror):
            raise error

    def _run(self, verb: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Run *verb* in the thread, and wait for it; an interrupt here stops it there."""
        if self._loop is None:
            verb.close()
            raise ServerError("the client is not connected: enter the with block")
        running = asyncio.run_coroutine_threadsafe(verb, self._loop)
        try:
            return running.result()
        except BaseException:
            running.cancel()
            raise

    def _end(self) -> None:
        """Close the connection and end the thread."""
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        try:
            if self._connection is not None:
                asyncio.run_coroutine_threadsafe(self._connection.close(), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()
            loop.close()


def _new_connection() -> "Client":
    try:
        from nats.aio.client import Client
    except ImportError:
        pass
    else:
        return Client()
    raise MissingDependencyError('connect needs nats-py, which is not installed: pip install "natscreds[nats]"')
