"""What servers are told: their configuration.

`config` writes the part that makes a server trust an operator and know its accounts. What goes in is signed text; what
comes out is a file for `nats-server -c`.

>>> config("not a token")
Traceback (most recent call last):
natscreds.errors.TokenError: a token has 3 chunks, got 1
"""

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

__all__ = ["AccountLike", "OperatorLike", "config"]
__all__ += ["TLS", "Cluster", "Configuration", "fragment", "static_config", "system_user"]
__all__ += ["DirectoryReport", "ResolverFile", "read_resolver_directory", "write_resolver_directory"]
