"""Configuration text for nats-server, from a signed chain.

`config` writes a whole file, `fragment` the part that makes a server trust an operator and find its accounts: the
operator's token, the system account, and a resolver. What goes in is signed text; what comes out is for
`nats-server -c`, or for an `include` in a file written by hand.

Names never reach the text, nor does anything else that whoever holds an account chooses: tokens are base64url, keys are
checked nkeys, and what the caller gives (an address, a directory) stands as a quoted string, in which the server reads
no variables and no comments. An account named `x"` and a newline would otherwise write settings of its own.
"""

from collections.abc import Iterable
from datetime import timedelta
from os import PathLike

from natscreds import tokens
from natscreds.chain.throwaway import refuse_throwaway
from natscreds.claims import AccountClaims
from natscreds.errors import InvalidClaimsError, Problem
from natscreds.server._network import TLS, Cluster, listening
from natscreds.server._resolver import Resolver
from natscreds.server._text import quoted
from natscreds.server._vouched import (
    AccountLike,
    OperatorLike,
    accounts_of,
    operator_of,
    system_account_of,
    token_text,
)

__all__ = ["AccountLike", "Configuration", "OperatorLike", "config", "fragment", "trust"]


class Configuration(str):
    """The text of a configuration, a `str` like any other, that also knows what is doubtful about it.

    What is made of it (a slice, a joined text) is a plain `str`.

    Attributes:
        problems: Warnings: what servers take, and is perhaps not meant.
    """

    __slots__ = ("problems",)

    problems: tuple[Problem, ...]

    def __new__(cls, text: str, problems: tuple[Problem, ...] = ()) -> "Configuration":
        """Put text and warnings together."""
        made = super().__new__(cls, text)
        made.problems = problems
        return made


def config(
    operator: OperatorLike | str,
    accounts: Iterable[AccountLike | str] = (),
    *,
    resolver: str = "memory",
    listen: str = "127.0.0.1:4222",
    directory: str | PathLike[str] | None = None,
    allow_delete: bool = False,
    limit: int | None = None,
    interval: timedelta | None = None,
    ttl: timedelta | None = None,
    timeout: timedelta | None = None,
    server_name: str | None = None,
    jetstream: str | PathLike[str] | None = None,
    tls: TLS | None = None,
    cluster: Cluster | None = None,
    system_account: AccountLike | str | None = None,
) -> Configuration:
    """Write a server's configuration.

    Equal input gives equal text: accounts stand in the order of their keys. No clock is read, so a token that has
    expired goes in; nats-server then starts and refuses that account's users (a system account: it does not start).

    Every configuration has a system account. nats-server 2.15 itself does without one as long as the resolver is the
    memory and JetStream is off, with a warning and without any `$SYS` service; with JetStream, or when the operator's
    token names a system account that is not preloaded, it refuses to start, and `nats-server -t` does not notice.

    Args:
        operator: The operator, or its token's text.
        accounts: The accounts the server knows from the start, or their tokens' texts. With a full or cache resolver
            each start writes them into the directory where it has none or an older one, so one that was deleted and
            stands here comes back: give few, and push the others, or seed the directory with
            `natscreds.server.write_resolver_directory`. None with a URL.
        resolver: Where the server finds accounts. `"memory"`: those given here and no others, for as long as it runs.
            `"full"`: all of them in *directory*, changed by those who push, the same on all servers of a cluster.
            `"cache"`: those it was asked for, got from servers with a full resolver. `"https://…"`: an HTTP server
            that gives `<URL>/<account key>`, and 200 for the bare URL, without which nats-server does not start.
        listen: Where clients connect, `"HOST:PORT"`; the port is -1 for a free one, the host is spelled out
            (`"0.0.0.0:4222"` is every interface), an IPv6 address stands in brackets.
        directory: Of a full or cache resolver: where the server keeps accounts. Made if need be, for its owner only; a
            relative one lies below wherever the server is started.
        allow_delete: Of a full resolver: whether accounts can be deleted over the wire. Such an order never expires
            and can be repeated by whoever saw it: to disable an account does as well.
        limit: Of a full or cache resolver: how many accounts it keeps. A full one then refuses more, and its default is
            no limit; a cache drops those not used for the longest time, and its default is 1,000.
        interval: Of a full resolver: how often servers compare; the default is a minute. At least a second.
        ttl: Of a cache: how long it keeps an account before it asks again; the default is until the token expires,
            which may be never. At least a second.
        timeout: Of a full or cache resolver: how long to wait for another server's answer; the default is 1.9 s.
        server_name: The server's name, which reports tell; a cluster with JetStream needs it. Letters, digits, `.`,
            `_` and `-`.
        jetstream: The directory in which JetStream stores, which turns it on; None leaves it off. A relative one lies
            below wherever the server is started.
        tls: The certificate for clients. Without, what listens beyond the loopback interface gets a warning.
        cluster: The other servers.
        system_account: The system account, or its token's text. None: the one among *accounts* that the operator's
            token names, or else the operator's own `system_account`; with a URL the name in the token is enough.

    Returns:
        The text of a configuration file, ASCII unless a path is not; it holds no secret. A `str` whose `problems` are
        warnings.

    Raises:
        TypeError: *accounts* is one text instead of several, or something is neither chain object nor text.
        ValueError: An unknown resolver, a keyword that the resolver does not have or one that it needs, or a value that
            cannot stand in a configuration.
        TokenError: A text is not a token, or one of another kind.
        BadSignatureError: A token's signature does not hold.
        UntrustedIssuerError: The operator does not stand behind an account: its token is signed neither by one of the
            operator's signing keys nor, unless the operator is strict, by its identity. nats-server starts with such
            an account and refuses its users.
        InvalidClaimsError: Two accounts with one key, of which nats-server would silently take the last; no system
            account; another one than the operator's token names; or one that may use JetStream on a server with
            JetStream, which then does not start.
        ThrowAwayError: The operator or an account is of a throw-away chain, whose keys everybody knows.
    """
    chosen = Resolver(
        resolver,
        directory=directory,
        allow_delete=allow_delete,
        limit=limit,
        interval=interval,
        ttl=ttl,
        timeout=timeout,
    )
    lines, doubts = listening(listen=listen, server_name=server_name, jetstream=jetstream, tls=tls, cluster=cluster)
    lines += trust(operator, accounts, chosen, system_account, jetstream=jetstream is not None)
    return _configuration(lines, (*doubts, *chosen.problems))


def fragment(
    operator: OperatorLike | str,
    accounts: Iterable[AccountLike | str] = (),
    *,
    resolver: str = "memory",
    directory: str | PathLike[str] | None = None,
    allow_delete: bool = False,
    limit: int | None = None,
    interval: timedelta | None = None,
    ttl: timedelta | None = None,
    timeout: timedelta | None = None,
    system_account: AccountLike | str | None = None,
) -> Configuration:
    """Write the part of a configuration that says whom to trust and where accounts are: for `include "accounts.conf"`.

    The rest (where to listen, TLS, clusters, JetStream) stays in a file written by hand. nats-server looks for the
    included file beside the one that includes it.

    Args:
        operator: As for `config`, and so are all others.
        accounts: The accounts the server knows from the start.
        resolver: Where the server finds accounts.
        directory: Where a full or cache resolver keeps them.
        allow_delete: Whether a full resolver takes deletions.
        limit: How many accounts a full or cache resolver keeps.
        interval: How often full resolvers compare.
        ttl: How long a cache keeps an account.
        timeout: How long to wait for another server's answer.
        system_account: The system account.

    Returns:
        As `config`.

    Raises:
        TypeError: As `config`.
        ValueError: As `config`.
        NatsCredsError: As `config`.
    """
    chosen = Resolver(
        resolver,
        directory=directory,
        allow_delete=allow_delete,
        limit=limit,
        interval=interval,
        ttl=ttl,
        timeout=timeout,
    )
    return _configuration(trust(operator, accounts, chosen, system_account), chosen.problems)


def trust(
    operator: OperatorLike | str,
    accounts: Iterable[AccountLike | str],
    resolver: Resolver,
    system_account: AccountLike | str | None,
    *,
    throwaway: bool = False,
    jetstream: bool = False,
) -> list[str]:
    """Return the lines that name the operator, the system account, the resolver and the accounts known at start.

    Throw-away chains go in with *throwaway* only: the door of `natscreds.testing`.
    """
    root = operator_of(operator)
    known = accounts_of(root, accounts)
    if resolver.url and known:
        raise ValueError("a URL resolver takes no accounts in the configuration: servers ask the URL for them")
    system = system_account_of(root, known, operator, system_account, by_name=bool(resolver.url))
    if not throwaway:
        for text in (root.text, *known.values()):
            refuse_throwaway(text)
    if jetstream and system in known:
        limits = tokens.parse(known[system], AccountClaims).claims.nats.limits
        if limits.jetstream_enabled:
            told = f"a server with JetStream does not start where the system account may use it, {system} may"
            raise InvalidClaimsError.one("$.nats.limits", "system-account-jetstream", told)
    return [
        f"# operator {root.claims.sub}",
        f"operator: {quoted(token_text(root.text))}",
        f"system_account: {quoted(system)}",
        *resolver.lines(known),
    ]


def _configuration(lines: list[str], problems: tuple[Problem, ...]) -> Configuration:
    return Configuration("\n".join(lines) + "\n", problems)
