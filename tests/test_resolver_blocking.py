"""The client without `await`, and what it says when it cannot connect; importing it costs nothing before it is used."""

import inspect
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from resolver_cluster import free_ports
from resolver_place import Place, a_place

from natscreds import Operator, server
from natscreds.errors import MissingDependencyError, ServerError
from natscreds.server import BlockingClient, ResolverClient

LAZY = """
import sys
import natscreds, natscreds.server
from natscreds import Operator
natscreds.server.config(Operator.create("acme"))
print(*[name for name in sys.modules if name.split(".")[0] in ("asyncio", "nats")])
natscreds.server.ResolverClient
assert "asyncio" in sys.modules
print(*[name for name in sys.modules if name.split(".")[0] == "nats"])
natscreds.server.connect
print(*[name for name in sys.modules if name.split(".")[0] == "nats"])
"""

MISSING = """
import sys
sys.modules["nats"] = None
import natscreds
from natscreds.errors import MissingDependencyError
operator = natscreds.Operator.create("acme")
user = natscreds.server.system_user(operator)
try:
    natscreds.server.connect("nats://127.0.0.1:1", user, operator)
except MissingDependencyError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with a_place() as found:
        yield found


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "natscreds-server"]


def test_the_block_is_the_length_of_the_connection(place: Place) -> None:
    before = len(workers())
    orders = place.operator.create_account("orders")
    with server.connect(place.node.url, place.user, place.operator, servers=1) as client:
        assert len(workers()) == before + 1
        assert client.push([orders]).ok
        assert client.lookup(orders).jwt == orders.jwt
    assert len(workers()) == before
    with pytest.raises(ServerError, match="enter the with block"):
        client.list()
    with pytest.raises(ServerError, match="entered once"), client:
        pass


def test_an_error_in_the_block_passes_and_ends_the_thread(place: Place) -> None:
    before = len(workers())

    def use() -> None:
        with place.another_client():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use()
    assert len(workers()) == before


def test_the_verbs_are_those_of_the_client_with_await() -> None:
    public = {name for name in vars(ResolverClient) if not name.startswith("_")}
    assert public == {name for name in vars(BlockingClient) if not name.startswith("_")} - {"deleted"}
    for name in public:
        ours, theirs = (inspect.signature(getattr(kind, name)) for kind in (BlockingClient, ResolverClient))
        assert list(ours.parameters.values()) == list(theirs.parameters.values()), name


def test_who_is_refused_and_where_nobody_listens_are_told(place: Place) -> None:
    [port] = free_ports(1)
    stranger = server.system_user(Operator.create("stranger"))
    before = len(workers())
    for url, user, told in (
        (place.node.url, stranger, "[Aa]uthorization [Vv]iolation"),
        (f"nats://127.0.0.1:{port}", place.user, "([Cc]onnect|refused)"),
    ):
        client = server.connect(url, user, place.operator, timeout=timedelta(seconds=10 if user is stranger else 1))
        with pytest.raises(ServerError, match=f"no connection: .*{told}"), client:
            pass
    assert len(workers()) == before


def test_a_user_outside_the_system_account_is_told_so(place: Place) -> None:
    orders = place.operator.create_account("orders")
    assert place.client.push([orders]).ok
    user = orders.create_user("u", publish=[">"], subscribe=[">"])
    with (
        server.connect(place.node.url, user, place.operator) as client,
        pytest.raises(ServerError, match="not of the system account"),
    ):
        client.list()


def test_a_user_who_may_not_ask_is_told_in_the_servers_words(place: Place) -> None:
    system = place.operator.system_account
    assert system is not None
    user = system.create_user("u", publish=["nothing"], private_inbox=True)
    with (
        server.connect(place.node.url, user, place.operator, timeout=timedelta(milliseconds=500)) as client,
        pytest.raises(ServerError, match=r"(?i)permissions violation for publish to .\$sys\.req\.server\.ping\.idz"),
    ):
        client.list()


def test_several_servers_stand_in_one_url(place: Place) -> None:
    [port] = free_ports(1)
    url = f"nats://127.0.0.1:{port},{place.node.url}"
    with server.connect(url, place.user, place.operator, servers=1, timeout=timedelta(seconds=10)) as client:
        assert client.list().accounts


@pytest.mark.parametrize("wrong", ["SU…", None, object()])
def test_credentials_are_a_user_or_creds(place: Place, wrong: Any) -> None:  # noqa: ANN401  # the wrong types
    with pytest.raises(TypeError, match="creds is a user or its Creds"):
        server.connect(place.node.url, wrong, place.operator)


def run(code: str, cwd: Path) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_nothing_is_loaded_before_it_is_used(tmp_path: Path) -> None:
    assert run(LAZY, tmp_path) == ["", "", ""]


def test_a_missing_client_library_is_named(tmp_path: Path) -> None:
    assert run(MISSING, tmp_path) == ['connect needs nats-py, which is not installed: pip install "natscreds[nats]"']
    assert issubclass(MissingDependencyError, ImportError)
