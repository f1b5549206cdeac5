"""A server as a pytest fixture. pytest is imported when a fixture is made, and by nothing else here."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Literal

from natscreds.errors import MissingDependencyError
from natscreds.server import AccountLike, OperatorLike
from natscreds.testing._server import NatsServer

__all__ = ["Scope", "nats_server_fixture"]

Scope = Literal["function", "class", "module", "package", "session"]
"""How long pytest keeps a fixture."""


def nats_server_fixture(
    operator: OperatorLike | str,
    accounts: Iterable[AccountLike | str] = (),
    *,
    scope: Scope = "function",
    resolver: str = "memory",
    system_account: AccountLike | str | None = None,
    jetstream: bool = False,
    debug: bool = False,
    extra: str = "",
    timeout: timedelta = timedelta(seconds=10),
) -> object:
    """Make a pytest fixture that is a running server. Nothing is registered: it is what you call it in a conftest.

        nats_server = nats_server_fixture(operator, [orders])

        def test_it(nats_server):
            nats_server.url

    Args:
        operator: As for `NatsServer`, and so are all but *scope*.
        accounts: The accounts the server knows.
        scope: How long one server serves. `"function"`, the usual, is a new one for each test, in about 30 ms;
            `"session"` is one for all, for tests that leave it as it is.
        resolver: `"memory"` or `"full"`.
        system_account: The system account, where it is not known otherwise.
        jetstream: Whether JetStream is on.
        debug: Whether the log tells why a connection was refused.
        extra: More settings.
        timeout: How long the server may take until it answers.

    Raises:
        MissingDependencyError: pytest is not installed.
        NatsCredsError: As `NatsServer`, at once, not when a test runs.
        TypeError: As `NatsServer`.
        ValueError: As `NatsServer`.
    """
    if not isinstance(accounts, str | bytes | bytearray):
        accounts = list(accounts)

    def prepared() -> NatsServer:
        return NatsServer(
            operator,
            accounts,
            resolver=resolver,
            system_account=system_account,
            jetstream=jetstream,
            debug=debug,
            extra=extra,
            timeout=timeout,
        )

    prepared()
    try:
        import pytest
    except ImportError as error:
        raise MissingDependencyError("a pytest fixture is made with pytest, which is not installed") from error

    def nats_server() -> Iterator[NatsServer]:
        with prepared() as server:
            yield server

    return pytest.fixture(scope=scope)(nats_server)
