"""What servers are told: their configuration, and the accounts they are handed while they run.

`config` writes the part that makes a server trust an operator and know its accounts. What goes in is signed text; what
comes out is a file for `nats-server -c`. `ResolverClient` pushes accounts to running servers over NATS, `connect` does
so for programs without an event loop.

>>> config("not a token")
Traceback (most recent call last):
natscreds.errors.TokenError: a token has 3 chunks, got 1
"""

from importlib import import_module
from typing import TYPE_CHECKING

from natscreds.server._config import AccountLike, OperatorLike, config
from natscreds.server._config import Configuration as Configuration
from natscreds.server._config import fragment as fragment
from natscreds.server._directory import (
    DirectoryReport,
    ResolverFile,
    read_resolver_directory,
    write_resolver_directory,
)
from natscreds.server._network import TLS as TLS
from natscreds.server._network import Cluster as Cluster
from natscreds.server._static import static_config
from natscreds.server._system_user import system_user

if TYPE_CHECKING:
    from natscreds.server._blocking import BlockingClient, connect
    from natscreds.server._client import ResolverClient
    from natscreds.server._reports import (
        Answer,
        ListReport,
        LookupReport,
        Outcome,
        PullReport,
        Report,
        Server,
        SyncReport,
    )

__all__ = ["AccountLike", "OperatorLike", "config"]
__all__ += ["TLS", "Cluster", "Configuration", "fragment", "static_config", "system_user"]
__all__ += ["DirectoryReport", "ResolverFile", "read_resolver_directory", "write_resolver_directory"]
__all__ += [
    "Answer",
    "BlockingClient",
    "ListReport",
    "LookupReport",
    "Outcome",
    "PullReport",
    "Report",
    "ResolverClient",
    "Server",
    "SyncReport",
    "connect",
]

# What talks to servers needs asyncio, which is loaded only when one of these is asked for.
_TALKING = {
    "BlockingClient": "_blocking",
    "ResolverClient": "_client",
    "connect": "_blocking",
    **dict.fromkeys(
        ("Answer", "ListReport", "LookupReport", "Outcome", "PullReport", "Report", "Server", "SyncReport"), "_reports"
    ),
}


def __getattr__(name: str) -> object:
    if name not in _TALKING:
        raise AttributeError(f"module 'natscreds.server' has no attribute {name!r}")
    value = getattr(import_module(f"natscreds.server.{_TALKING[name]}"), name)
    globals()[name] = value
    return value
