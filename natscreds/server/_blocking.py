"""The resolver client without `await`, for programs that have no event loop."""

import asyncio
import threading
from collections.abc import Coroutine, Iterable
from datetime import timedelta
from ssl import SSLContext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from natscreds.chain import User
from natscreds.creds import Creds
from natscreds.errors import MissingDependencyError, ServerError
from natscreds.server._client import ResolverClient
from natscreds.server._config import AccountLike, OperatorLike
from natscreds.server._reports import ListReport, LookupReport, PullReport, Report, SyncReport
from natscreds.server._session import Progress
from natscreds.server._sync import Prune

if TYPE_CHECKING:
    from nats.aio.client import Client

__all__ = ["BlockingClient", "connect"]

ResultT = TypeVar("ResultT")


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
    if isinstance(deleted, str | bytes | bytearray):
        raise TypeError("deleted takes several: give a list of public keys")
    if not isinstance(creds, Creds | User):
        raise TypeError(f"creds is a user or its Creds, got {type(creds).__name__}")
    connection = _new_connection()
    client = ResolverClient(connection, operator, servers=servers, window=window, timeout=timeout, deleted=deleted)
    held = creds.creds if isinstance(creds, User) else creds
    arguments: dict[str, Any] = {"servers": url.split(","), **held.nats_py(private_inbox=True)}
    if tls is not None:
        arguments["tls"] = tls
    return BlockingClient(connection, client, arguments, timeout=timeout.total_seconds())


class BlockingClient:
    """The verbs of a `ResolverClient`, each returning when it is done. `connect` makes one.

    A thread with an event loop of its own runs while the `with` block is open, and the connection lives there.
    """

    def __init__(
        self, connection: "Client", client: ResolverClient, arguments: dict[str, Any], *, timeout: float
    ) -> None:
        self._connection = connection
        self._client = client
        self._arguments = arguments
        self._timeout = timeout
        self._complaint = ""
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
        return self._run(self._client.disable(accounts, on_progress=on_progress))

    def delete(self, accounts: Iterable[AccountLike | str]) -> Report:
        """Have servers delete accounts: see `ResolverClient.delete`, and prefer `disable`."""
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
        return self._run(self._client.sync(accounts, prune=prune, allow=allow, on_progress=on_progress))

    async def _connect(self) -> None:
        fault = ""
        try:
            async with asyncio.timeout(self._timeout):
                await self._connection.connect(error_cb=self._complain, **self._arguments)
        except TimeoutError:
            fault = self._complaint or f"no answer within {self._timeout:g} s"
        except Exception as error:  # whatever nats-py and the system say of a URL, a name, a certificate
            fault = self._complaint or str(error) or type(error).__name__
        if fault:
            raise ServerError(f"no connection: {fault}")

    async def _complain(self, error: Exception) -> None:
        self._complaint = str(error) or type(error).__name__

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
