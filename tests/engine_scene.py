"""What tests of cluster engines share: an account whose role has a key to spare, and what must be so of its users.

Also a signing service on a port of its own. It keeps the key, notes who asked, and can have one of its callers die
when each of several is in the middle of its work.
"""

import importlib.util
import os
import socketserver
import subprocess
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Condition, Thread
from types import ModuleType
from typing import Any

from engine_work import DIE, remote_signer

from natscreds import Account, KeyPair, Operator, User, UserTemplate, verify_chain
from natscreds.bulk import SignerFactory

__all__ = [
    "DEVICE",
    "EXAMPLES",
    "Scene",
    "SigningService",
    "check",
    "example",
    "is_running",
    "run_example",
    "signing_service",
]

how_to_run = "is not installed here; run this by uv run --isolated --group {} pytest tests/test_engine_*.py".format
"""Why an engine's tests are skipped, given the dependency group that has it."""

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
DEVICE = UserTemplate(role="device", expires_in=timedelta(days=30))


def example(name: str) -> ModuleType:
    """Return a program of docs/examples as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_example(name: str, directory: Path) -> list[str]:
    """Run a program of docs/examples as a reader would, and return the files it wrote."""
    command = [sys.executable, str(EXAMPLES / name), str(directory)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert f"users, written by their driver to {directory}" in done.stdout
    return sorted(name for name in os.listdir(directory) if name.endswith(".creds"))


def is_running(process: int) -> bool:
    """Tell whether there is such a process."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


class Scene:
    """An account with a role, and the account as a program has it that holds the role's key and nothing else."""

    def __init__(self) -> None:
        self.operator = Operator.create("acme")
        fleet = self.operator.create_account("fleet", keep_identity=False)
        self.fleet = self.operator.add_role(fleet, "device", publish=["fleet.{{subject()}}.>"], private_inbox=True)
        key = self.fleet.roles["device"].key
        assert isinstance(key, KeyPair)
        self.key = key
        self.minting = Account.load(self.fleet.jwt, keys=[key], operator=self.operator.jwt)


def check(scene: Scene, users: Sequence[User], names: Iterable[str]) -> None:
    """Hold that there is exactly one user for each name, in order, with a key of its own, whom servers would let in."""
    names = list(names)
    assert [user.name for user in users] == names
    assert len({user.public for user in users}) == len({user.seed for user in users}) == len(names)
    for user in users:
        found = verify_chain(operator=scene.operator.jwt, account=scene.fleet.jwt, user=user.jwt).user
        assert found is not None
        assert (found.name, found.sub, found.iss) == (user.name, user.public, scene.key.public)
        assert KeyPair.parse(user.creds.seed).public == user.public


class SigningService(socketserver.ThreadingTCPServer):
    """Signs what it is sent, one message a connection.

    Attributes:
        asked: How often each process asked.
        killed: The process that was told to die, if one was.
    """

    daemon_threads = True

    def __init__(self, key: KeyPair, kill_when: int) -> None:
        super().__init__(("127.0.0.1", 0), _Signing)
        self.key = key
        self.asked: dict[int, int] = {}
        self.killed: int | None = None
        self._kill_when = kill_when
        self._changed = Condition()

    @property
    def signer(self) -> SignerFactory:
        """What makes a signer that asks here."""
        host, port = self.server_address[:2]
        return partial(remote_signer, self.key.public, str(host), int(port))

    def answer(self, process: int, data: bytes) -> bytes:
        with self._changed:
            self.asked[process] = self.asked.get(process, 0) + 1
            self._changed.notify_all()
            if self._kill_when and self.killed is None and self.asked[process] >= 3:
                # Each worker has signed some and waits with the next: the middle of their work. One dies there.
                together = self._changed.wait_for(self._all_there, timeout=60)
                assert together, f"no {self._kill_when} processes asked: {self.asked}"
                if self.killed is None:
                    self.killed = process
                    return DIE
        return self.key.sign(data)

    def _all_there(self) -> bool:
        return self.killed is not None or sum(times >= 3 for times in self.asked.values()) >= self._kill_when


class _Signing(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        service: Any = self.server
        self.wfile.write(service.answer(int.from_bytes(self.rfile.read(8), "big"), self.rfile.read()))


@contextmanager
def signing_service(key: KeyPair, *, kill_when: int = 0) -> Generator[SigningService, None, None]:
    """Run a service that signs with *key*.

    Args:
        key: What it keeps.
        kill_when: Have one caller die when so many are in the middle of their work; 0: nobody.
    """
    with SigningService(key, kill_when) as service:
        thread = Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()
