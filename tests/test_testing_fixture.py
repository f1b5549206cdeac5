"""The pytest fixture: tried by a real pytest in a directory of its own, which knows nothing of this repository."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from natscreds import Operator
from natscreds.errors import InvalidClaimsError, MissingDependencyError
from natscreds.testing import TrustChain, nats_server_fixture

CHAIN = TrustChain.throwaway()

CONFTEST = """
from natscreds.testing import TrustChain, nats_server_fixture

chain = TrustChain.throwaway()
orders = chain.accounts["orders"]

nats_server = nats_server_fixture(chain.operator, chain.accounts.values())
shared = nats_server_fixture(chain.operator, (account for account in [orders]), scope="session")
full = nats_server_fixture(
    chain.operator, [orders.jwt], resolver="full", debug=True, extra="max_payload: 5000\\n", scope="module"
)
"""


def run(directory: Path, *arguments: str, plugins: bool = False) -> subprocess.CompletedProcess[str]:
    """Run pytest in *directory* as its owner would, with nothing of this repository's settings.

    What is installed and says that it is a plugin of pytest takes part with *plugins* only: loading it takes longest.
    """
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", "-rA", *arguments]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    if not plugins:
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with a conftest that makes fixtures."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    return tmp_path


def seen(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return what the tests printed after the word SEEN, in their order."""
    return re.findall(r"^SEEN (.+)$", done.stdout, re.MULTILINE)


def test_a_test_gets_a_running_server(project: Path) -> None:
    (project / "test_it.py").write_text(
        "import socket\n"
        "def test_it(nats_server):\n"
        "    with socket.create_connection(('127.0.0.1', nats_server.port)) as connection:\n"
        "        assert connection.recv(5) == b'INFO '\n"
        "    print('SEEN', nats_server.pid)\n"
    )
    done = run(project)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    [pid] = seen(done)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_each_scope_keeps_its_server_as_long_as_pytest_says(project: Path) -> None:
    for module in ("test_a.py", "test_b.py"):
        (project / module).write_text(
            "import pytest\n"
            "@pytest.mark.parametrize('turn', [1, 2])\n"
            "def test_it(nats_server, shared, full, turn):\n"
            "    print('SEEN', nats_server.pid, shared.pid, full.pid)\n"
        )
    done = run(project)
    assert "4 passed" in done.stdout, done.stdout + done.stderr
    each, shared, full = zip(*(line.split() for line in seen(done)), strict=True)
    assert (len(set(each)), len(set(shared)), len(set(full))) == (4, 1, 2)


def test_all_settings_reach_the_server(project: Path) -> None:
    (project / "test_it.py").write_text(
        "from conftest import chain, orders\n"
        "def test_it(full):\n"
        "    full.update(chain.operator.reissue(orders))\n"
        "    assert 'type: full' in full.configuration\n"
        "    assert full.configuration.endswith('max_payload: 5000\\n')\n"
        "    assert '[DBG]' in full.log\n"
    )
    done = run(project)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_a_test_that_fails_leaves_no_server_behind(project: Path) -> None:
    (project / "test_it.py").write_text(
        "def test_it(nats_server):\n    print('SEEN', nats_server.pid)\n    assert nats_server.port == 0\n"
    )
    done = run(project)
    assert "1 failed" in done.stdout
    [pid] = seen(done)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_nothing_registers_itself(tmp_path: Path) -> None:
    """No plugin, no entry point, and no fixture where a conftest has not made one."""
    (tmp_path / "test_it.py").write_text("import natscreds.testing\ndef test_it(nats_server): ...\n")
    done = run(tmp_path, plugins=True)
    assert "fixture 'nats_server' not found" in done.stdout
    shown = run(tmp_path, "--fixtures", "-v", plugins=True).stdout
    assert "tmp_path" in shown
    assert "natscreds" not in shown.replace(str(tmp_path), "")


def test_pytest_is_loaded_by_the_factory_only() -> None:
    program = (
        "import sys, natscreds.testing as kit\n"
        "assert 'pytest' not in sys.modules\n"
        "chain = kit.TrustChain.throwaway()\n"
        "assert 'pytest' not in sys.modules\n"
        "kit.nats_server_fixture(chain.operator)\n"
        "assert 'pytest' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_pytest_the_factory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytest", None)
    with pytest.raises(MissingDependencyError, match="pytest, which is not installed"):
        nats_server_fixture(CHAIN.operator)


def test_what_cannot_be_configured_is_told_when_the_fixture_is_made() -> None:
    with pytest.raises(InvalidClaimsError, match="system account"):
        nats_server_fixture(Operator.create("acme", system_account=False))
    with pytest.raises(TypeError, match="several"):
        nats_server_fixture(CHAIN.operator, "orders")
    with pytest.raises(ValueError, match="resolver"):
        nats_server_fixture(CHAIN.operator, resolver="url")
