"""One nats-server of a test's own."""

from collections.abc import Iterable
from datetime import timedelta
from types import TracebackType
from typing import Self

from natscreds.errors import ServerError
from natscreds.server import AccountLike, OperatorLike, config
from natscreds.testing._process import HOST, Process

__all__ = ["NatsServer"]


class NatsServer:
    """A nats-server of its own, running inside the `with` block or between `start` and `stop`.

    It listens on the loopback interface only, writes into a private temporary directory, and is stopped by its own
    process id; the directory goes with it. One that is never stopped goes when the object or the interpreter does.
    Started again it is a new server: another port, another directory, an empty JetStream.

    Attributes:
        configuration: The text the server is started with.
    """

    def __init__(
        self,
        operator: OperatorLike | str,
        accounts: Iterable[AccountLike | str] = (),
        *,
        system_account: AccountLike | str | None = None,
        jetstream: bool = False,
        debug: bool = False,
        extra: str = "",
        timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        """Prepare a server that trusts *operator*; nothing runs yet.

        Args:
            operator: The operator, or its token's text.
            accounts: The accounts the server knows, or their tokens' texts.
            system_account: The system account where neither *operator* nor *accounts* supply it.
            jetstream: Whether JetStream is on; it stores in the temporary directory.
            debug: Whether the log tells why a connection was refused.
            extra: More settings, put at the configuration's end as they stand: a text of the test's author, never
                input. Relative paths begin at the temporary directory.
            timeout: How long the server may take until it answers.

        Raises:
            NatsCredsError: As `natscreds.server.config`.
            TypeError: As `natscreds.server.config`.
        """
        self.configuration = config(operator, accounts, listen=f"{HOST}:-1", system_account=system_account) + extra
        self._flags = ["--jetstream", "--store_dir", "jetstream"] if jetstream else []
        self._flags += ["--debug"] if debug else []
        self._timeout = timeout.total_seconds()
        self._running: Process | None = None
        self._last_log = ""

    @property
    def url(self) -> str:
        """Where clients connect: `nats://127.0.0.1:PORT`."""
        return f"nats://{HOST}:{self.port}"

    @property
    def port(self) -> int:
        """The TCP port for clients."""
        return self._get().port

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._get().process.pid

    @property
    def log(self) -> str:
        """What the server has logged so far; after `stop`, all it logged."""
        return self._running.read_log() if self._running else self._last_log

    def start(self) -> Self:
        """Start the server and wait until it answers.

        Raises:
            MissingDependencyError: There is no nats-server here.
            ServerError: It exited, with its own last words; it did not answer in time; or it runs already.
        """
        if self._running:
            raise ServerError("a server is started once, this one runs already")
        self._running = Process(self.configuration, self._flags)
        try:
            self._running.wait_until_ready(self._timeout)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, *, grace: timedelta = timedelta(seconds=5)) -> None:
        """Stop the server and remove what it wrote. Nothing happens if it does not run.

        Args:
            grace: How long it may take to end by itself before it is killed.
        """
        running, self._running = self._running, None
        if running:
            self._last_log = running.end(grace.total_seconds())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<NatsServer {self.url}>" if self._running else "<NatsServer stopped>"

    def _get(self) -> Process:
        if self._running is None:
            raise ServerError("the server does not run: enter the with block, or call start()")
        return self._running
