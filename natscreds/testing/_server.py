"""One nats-server of a test's own."""

from collections.abc import Iterable
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from natscreds.chain import Account
from natscreds.errors import MissingKeyError, ServerError
from natscreds.nkeys import PublicKey
from natscreds.server import AccountLike, OperatorLike
from natscreds.server._config import trust
from natscreds.server._network import listening
from natscreds.server._resolver import Resolver
from natscreds.server._vouched import account_of, accounts_of, operator_of, token_text
from natscreds.testing._process import Process
from natscreds.testing._wire import HOST, SystemWire

__all__ = ["NatsServer"]


class NatsServer:
    """A nats-server of its own, running inside the `with` block or between `start` and `stop`.

    It listens on the loopback interface only, writes into a private temporary directory, and is stopped by its own
    process id; the directory goes with it. One that is never stopped goes when the object or the interpreter does.
    Started again it is a new server: another port, another directory, an empty JetStream, the accounts as last updated.

    Throw-away chains are welcome here.

    Attributes:
        configuration: The text the server is started with, or was told last.
    """

    def __init__(
        self,
        operator: OperatorLike | str,
        accounts: Iterable[AccountLike | str] = (),
        *,
        resolver: str = "memory",
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
            resolver: `"memory"`, or `"full"`: a server that takes accounts over the wire and keeps them in files.
            system_account: The system account where neither *operator* nor *accounts* supply it.
            jetstream: Whether JetStream is on; it stores in the temporary directory.
            debug: Whether the log tells why a connection was refused.
            extra: More settings, put at the configuration's end as they stand: a text of the test's author, never
                input. Relative paths begin at the temporary directory.
            timeout: How long the server may take until it answers: at start, and whatever it is told later.

        Raises:
            NatsCredsError: As `natscreds.server.config`.
            TypeError: As `natscreds.server.config`.
            ValueError: An unknown resolver.
        """
        if resolver not in ("memory", "full"):
            raise ValueError(f'the resolver of a test\'s server is "memory" or "full", got {resolver!r}')
        if isinstance(accounts, Iterable) and not isinstance(accounts, str | bytes | bytearray):
            accounts = list(accounts)
        self._operator = operator
        self._system = system_account
        self._resolver = _resolver(resolver)
        self._known = accounts_of(operator_of(operator), accounts)
        self._extra = extra
        self._network = ""
        self._jetstream = jetstream
        self.configuration = self._configured(self._known, extra)
        self._keys = _with_keys(operator, accounts, system_account)
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

    @property
    def running(self) -> bool:
        """Whether it has been started, and not stopped since."""
        return self._running is not None

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

    def reload(self, *, extra: str | None = None) -> None:
        """Let the server read its configuration again, and wait until it has taken effect: connections stay open.

        Args:
            extra: Other settings in the place of those given so far; `None` changes nothing.

        Raises:
            ServerError: The server does not run, or it refuses the settings, in its own words, and goes on with those
                it has; or it does not say so in time.
        """
        more = self._extra if extra is None else extra
        configuration = self._configured(self._known, more)
        self._get().reload(configuration, self._timeout)
        self.configuration, self._extra = configuration, more

    def update(self, account: AccountLike | str) -> None:
        """Give the running server an account's new token, or a new account, and wait until the server confirms it.

        With the memory resolver the configuration is written anew and reloaded. With the full resolver the token goes
        over the wire, as in production, from a system user made for that. Users who are no longer welcome are thrown
        out by the server a moment later.

        Args:
            account: The account, or its token's text. An older token than the server has is taken as well.

        Raises:
            TokenError: Not an account's token.
            BadSignatureError: The signature does not hold.
            UntrustedIssuerError: The operator does not stand behind the account.
            MissingKeyError: Full resolver: no key of the system account is held here, so no system user can be made.
            ServerError: The server does not run, or it refuses the token, in its own words.
        """
        running = self._get()
        token = account_of(operator_of(self._operator), account)
        public, text = PublicKey(token.claims.sub), token_text(token.text)
        known = {**self._known, public: text}
        system = self._system
        if self._keys is not None and public == self._keys.public:
            system = text
        configuration = self._configured(known, self._extra, system)
        if self._resolver.kind == "full":
            self._push(running.port, text)
        else:
            running.reload(configuration, self._timeout)
        self.configuration, self._known, self._system = configuration, known, system
        if system is text and isinstance(account, Account):
            self._keys = account

    def _push(self, port: int, text: str) -> None:
        """Send an account's token over the wire; return when the server has stored and applied it."""
        with SystemWire(self._system_keys(), port, timeout=self._timeout) as wire:

            def ours(said: dict[str, Any]) -> bool:
                return bool(said.get("server", {}).get("id") == wire.server_id)

            said = wire.ask("$SYS.REQ.CLAIMS.UPDATE", text.encode(), ours, "its answer to the account's token")
        if "error" in said:
            raise ServerError(f"nats-server refuses the account: {said['error'].get('description', '')}")

    def _system_keys(self) -> Account:
        """Return the system account as the chain's object."""
        if self._keys is None:
            raise MissingKeyError("the system account's keys are not held here: give the chain object, not its text")
        return self._keys

    def _configured(self, known: dict[PublicKey, str], extra: str, system: AccountLike | str | None = None) -> str:
        lines, _ = listening(listen=f"{HOST}:-1", server_name=None, jetstream=None, tls=None, cluster=None)
        system = system or self._system
        lines += trust(
            self._operator, known.values(), self._resolver, system, throwaway=True, jetstream=self._jetstream
        )
        return "\n".join(lines) + "\n" + self._network + extra

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


def _resolver(kind: str) -> Resolver:
    directory = "accounts" if kind == "full" else None
    return Resolver(kind, directory=directory, allow_delete=False, limit=None, interval=None, ttl=None, timeout=None)


def _with_keys(
    operator: OperatorLike | str, accounts: Iterable[AccountLike | str], system_account: AccountLike | str | None
) -> Account | None:
    """Return the system account if it is at hand as the chain's object, which may hold its keys."""
    named = operator_of(operator).claims.nats.system_account
    found = [system_account, None if isinstance(operator, str) else operator.system_account]
    found += [account for account in accounts if isinstance(account, Account) and account.public == named]
    return next((account for account in found if isinstance(account, Account)), None)
