"""A server with a full resolver, and a client of it without `await`: where most tests of the resolver client stand."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

from nats_wire import Wire, connect
from resolver_cluster import Node

from natscreds import Operator, User, server
from natscreds.server import BlockingClient

__all__ = ["Place", "a_place", "codes", "root"]


class Place(NamedTuple):
    """Who is there."""

    operator: Operator
    node: Node
    client: BlockingClient
    user: User

    def enter(self, user: User) -> Wire:
        """Try to connect as *user*."""
        return connect(self.node.url, user)

    def admits(self, user: User) -> bool:
        """Whether the server lets *user* in."""
        with self.enter(user) as wire:
            return wire.ok()

    def another_client(self, **keywords: Any) -> BlockingClient:  # noqa: ANN401  # those of connect
        """A client that knows nothing of what this one has done."""
        given: dict[str, Any] = {"servers": 1, "timeout": WAIT} | keywords
        return server.connect(self.node.url, self.user, self.operator, **given)


WAIT = timedelta(seconds=3)


def root(operator: Operator) -> User:
    """A user of the system account who may do everything in it."""
    assert operator.system_account is not None
    return operator.system_account.create_user("root", publish=[">"], subscribe=[">"], expires_in=timedelta(hours=1))


@contextmanager
def a_place(operator: Operator | None = None, **keywords: Any) -> Iterator[Place]:  # noqa: ANN401  # those of Node
    """Start a server, connect a client with the least of a user, and end both."""
    operator = operator or Operator.create("acme")
    if keywords.get("resolver", "full") == "full":
        keywords.setdefault("timeout", timedelta(milliseconds=100))  # for accounts that nobody has
    user = server.system_user(operator, expires_in=timedelta(hours=1), delete=True)
    with (
        Node(operator, "n1", **keywords) as node,
        server.connect(node.url, user, operator, servers=1, timeout=WAIT) as client,
    ):
        yield Place(operator, node, client, user)


def codes(report: server.Report) -> dict[str, str]:
    """What is wrong, by account; only what is not as it should be."""
    return {key: outcome.code for key, outcome in report.outcomes.items() if not outcome.ok}
