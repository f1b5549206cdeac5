"""Where a server listens, and what protects the wire: TLS, and the routes of a cluster."""

from os import PathLike

import msgspec

from natscreds.errors import Problem
from natscreds.server._text import address, block, is_loopback, path_text, quoted, word

__all__ = ["TLS", "Cluster", "listening"]

Path = str | PathLike[str]


class TLS(msgspec.Struct, frozen=True, kw_only=True):
    """The files with which a server speaks TLS. They lie where the server runs; nothing is read here.

    Attributes:
        cert: Its certificate, and those that lead to the root, as PEM.
        key: The certificate's private key, as PEM.
        ca: The roots of the other side's certificates, as PEM.
        verify: Ask the other side for a certificate. Needs *ca*, as a server without it takes every certificate that
            the machine's own roots vouch for.
    """

    cert: Path
    key: Path
    ca: Path | None = None
    verify: bool = False

    def lines(self) -> list[str]:
        """Return the block of the configuration.

        Raises:
            TypeError: A value of another type.
            ValueError: A path that cannot stand in a configuration, or *verify* without *ca*.
        """
        if not isinstance(self.verify, bool):
            raise TypeError(f"verify is True or False, got {type(self.verify).__name__}")
        if self.verify and self.ca is None:
            raise ValueError("verify=True needs ca: without, a server takes what any root of the machine vouches for")
        files = [("cert_file", self.cert), ("key_file", self.key)]
        if self.ca is not None:
            files.append(("ca_file", self.ca))
        lines = [f"{setting}: {quoted(path_text(path, 'a file'))}" for setting, path in files]
        return block("tls:", [*lines, *(["verify: true"] if self.verify else [])])


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """The servers that one belongs with. Full resolvers of a cluster tell each other of their accounts.

    Attributes:
        name: The cluster's name, the same on each server.
        listen: Where the others connect, `"HOST:PORT"`; the port is -1 for a free one.
        routes: The addresses of others, `"HOST:PORT"`; some are enough, they tell of the rest.
        tls: For the routes, in both directions: `verify=True`, as nothing else keeps a stranger from joining.
    """

    name: str
    listen: str
    routes: tuple[str, ...] = ()
    tls: TLS | None = None

    def __post_init__(self) -> None:
        if isinstance(self.routes, str | bytes | bytearray):
            raise TypeError("routes takes several: give a list, a single text would be read by character")
        msgspec.structs.force_setattr(self, "routes", tuple(self.routes))

    def lines(self) -> list[str]:
        """Return the block of the configuration.

        Raises:
            TypeError: A value of another type.
            ValueError: A name, an address or a path that cannot stand in a configuration.
        """
        lines = [f"name: {quoted(word(self.name, 'the name of a cluster'))}"]
        lines.append(f"listen: {quoted(address(self.listen, 'the listen of a cluster'))}")
        if self.routes:
            routes = (quoted(f"nats://{address(route, 'a route')}") for route in self.routes)
            lines.append(f"routes: [{', '.join(routes)}]")
        return block("cluster:", [*lines, *(self.tls.lines() if self.tls else [])])


def listening(
    *, listen: str, server_name: str | None, jetstream: Path | None, tls: TLS | None, cluster: Cluster | None
) -> tuple[list[str], tuple[Problem, ...]]:
    """Return the lines that say where and how a server listens and stores, and what is doubtful about it.

    Raises:
        TypeError: A value of another type.
        ValueError: A value that cannot stand in a configuration.
    """
    lines = [f"listen: {quoted(address(listen, 'listen'))}"]
    problems: list[Problem] = []
    if server_name is not None:
        lines.append(f"server_name: {quoted(word(server_name, 'server_name'))}")
    if jetstream is not None:
        lines += block("jetstream:", [f"store_dir: {quoted(path_text(jetstream, 'a directory'))}"])
    if tls is not None:
        if not isinstance(tls, TLS):
            raise TypeError(f"tls is natscreds.server.TLS, got {type(tls).__name__}")
        lines += tls.lines()
    elif not is_loopback(listen.rpartition(":")[0]):
        problems.append(
            _warning(
                "listen",
                "listen-without-tls",
                f"others on the network see users' tokens and messages at {listen}, and may change them: give tls=",
            )
        )
    if cluster is not None:
        if not isinstance(cluster, Cluster):
            raise TypeError(f"cluster is natscreds.server.Cluster, got {type(cluster).__name__}")
        lines += cluster.lines()
        if not is_loopback(cluster.listen.rpartition(":")[0]) and not (cluster.tls and cluster.tls.verify):
            problems.append(
                _warning(
                    "cluster",
                    "cluster-without-tls",
                    f"whoever reaches {cluster.listen} may join as a server and is then trusted with everything: give"
                    " the cluster a tls= with verify=True",
                )
            )
    return lines, tuple(problems)


def _warning(path: str, code: str, message: str) -> Problem:
    return Problem(path=path, severity="warning", code=code, message=message)
