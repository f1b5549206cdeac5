"""The resolver protocol of nats-server 2.15, for programs that hand accounts to servers.

Servers with a full resolver keep each account's token in a file, and take new ones over NATS from users of the system
account. Their word alone is worth little: 200 is also the answer to an untrusted token, an expired one, an older one,
and to the deletion of what is not there. So tokens are judged before they are sent, every server that a ping finds has
to answer, and what it is said to hold is asked for again.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from natscreds.chain import Operator
from natscreds.nkeys import PublicKey
from natscreds.server._config import AccountLike, OperatorLike
from natscreds.server._exchange import Connection, Exchange, ping
from natscreds.server._parcels import ALLOW, Parcel, believed, key_of, parcels_of, refuse_text, second
from natscreds.server._questions import Pack
from natscreds.server._removal import delete, deleting_key, disable, keys_of
from natscreds.server._reports import ListReport, LookupReport, Outcome, PullReport, Report, SyncReport
from natscreds.server._session import Progress, Session
from natscreds.server._sync import Prune, account_keys, check_prune, sync

__all__ = ["ResolverClient"]


class ResolverClient:
    """What hands accounts to servers, over an open nats-py connection of a user of the system account.

    The connection stays the caller's: nothing but its public methods is used, and it is not closed. Each verb listens
    on a new inbox of the connection, so a user with a private inbox is enough. Verbs return reports; `ServerError` is
    raised when nothing could be asked at all.

    There is no compare-and-set on servers: between the look at what they hold and the sending of something else,
    another program may send too. Keep one writer for each operator.

    Attributes:
        deleted: The keys of accounts that were deleted through this client, and those given to it.
    """

    def __init__(
        self,
        connection: Connection,
        operator: OperatorLike | str,
        *,
        servers: int | None = None,
        window: int = 256,
        timeout: timedelta = timedelta(seconds=5),
        deleted: Iterable[str] = (),
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            connection: An open connection of nats-py, or whatever has its `publish`, `subscribe` and `new_inbox`.
            operator: The operator, or its token's text. To disable and to delete, it must hold a signing key.
            servers: How many servers there are. With None those count that answer a ping: one that is down is then not
                missed. With a number the reports tell if there were fewer.
            window: How many accounts may be on their way at once.
            timeout: How long to wait for an answer while none comes in.
            deleted: Keys of accounts that were deleted earlier: `push` refuses them, since whoever has seen the delete
                request can send it again.

        Raises:
            TypeError: An operator that is neither chain object nor text; one text for several keys.
            ValueError: A window or a number of servers below 1, a timeout of nothing.
            TokenError: The text is not an operator's token.
        """
        refuse_text("deleted", deleted)
        if window < 1 or (servers is not None and servers < 1):
            raise ValueError(f"window and servers are 1 at least, got {window} and {servers}")
        if timeout <= timedelta(0):
            raise ValueError(f"timeout is more than nothing, got {timeout}")
        self.connection = connection
        self.operator = operator if isinstance(operator, Operator) else Operator.load(_text(operator))
        self.deleted = frozenset(deleted)
        self._servers = servers
        self._window = window
        self._timeout = timeout.total_seconds()
        self._caches: set[str] = set()

    async def push(
        self,
        accounts: Iterable[AccountLike | str],
        *,
        allow: Iterable[str] = (),
        guard: bool = True,
        on_progress: Progress | None = None,
    ) -> Report:
        """Send accounts to all servers.

        An account is `done` when every server found by a ping has answered 200 and every full resolver among them,
        asked again, gives our text. Refused, and told in the report, is what servers would take and should not have:
        a token that the operator does not stand behind (`untrusted`), one that has ended (`expired`) or not begun
        (`not-yet-valid`), one older than what servers hold, or of the same second (`rollback`), one that drops a
        revocation (`unrevoke`), one with a signing key that the stored one lacks and that is not known to be new
        (`signing-key`), and one of a key in `deleted` (`deleted`).

        Args:
            accounts: The accounts, or their tokens' texts.
            allow: `"unrevoke"`, `"signing-key"`: what of this is meant. A signing key is known to be new where the
                account was loaded or made here from the very token that servers hold, and changed by the operator.
            guard: Compare with what servers hold. Without, everything is taken back silently that they hold and this
                does not.
            on_progress: Called after each account with how many are through, and how many there are.

        Raises:
            TypeError: One text where several are meant.
            ValueError: Another word in *allow*.
            TokenError: Something is not an account's token; nothing was sent.
            InvalidClaimsError: Two different tokens of one account; nothing was sent.
            ThrowAwayError: An account of a throw-away chain, whose keys everybody knows; nothing was sent.
            ServerError: No server answers, none has a resolver that takes accounts, or the connection failed.
        """
        allowed, parcels = _allowed(allow), parcels_of(accounts)
        async with self._session() as session:
            sent = self._not_deleted(parcels)
            if guard:
                await session.read(sent)
            await session.send(sent, allow=allowed if guard else None, on_progress=on_progress)
        return session.report(session.outcomes(parcels.values()))

    async def lookup(self, account: AccountLike | str) -> LookupReport:
        """Ask all servers for one account.

        Args:
            account: The account, its token's text, or its public key.

        Raises:
            NkeyError: A text that is neither token nor key.
            ServerError: No server answers, or the connection failed.
        """
        key, _ = key_of(account)
        async with self._session() as session:
            texts = (await session.lookups([key])).get(key, ())
        trusted = self._newest(key, texts)
        found = sorted({text for text in texts if text is not None}, key=second, reverse=True)
        return LookupReport(account=key, jwt=trusted, found=tuple(found), answers=len(texts), empty=texts.count(None))

    async def list(self) -> ListReport:
        """Ask all servers which accounts they have.

        Raises:
            ServerError: No server answers, none has a resolver of its own, or the connection failed.
        """
        async with self._session() as session:
            listing = await session.listing()
        sorted_out = {name: account_keys(names) for name, names in listing.names.items()}
        servers = session.roster.servers
        return ListReport(
            by_server={servers[name]: keys for name, (keys, _) in sorted_out.items()},
            silent=tuple(server for server in session.servers if server.id not in listing.names),
            unknown=tuple(sorted(session.roster.unknown)),
            odd=tuple(sorted(frozenset[str]().union(*(odd for _, odd in sorted_out.values())))),
        )

    async def pull(self) -> PullReport:
        """Fetch all accounts.

        One server alone gives them in one go. Of several each is asked for what it holds, and the newest counts.

        Raises:
            ServerError: No server answers, none has a full resolver, or the connection failed.
        """
        async with self._session() as session:
            texts: Mapping[str, tuple[str | None, ...]]
            if len(session.roster.servers) == 1:
                pack = Pack(session.roster)
                await session.ask([pack])
                texts, complete = {name: (text,) for name, text in pack.tokens.items()}, pack.ended
                odd = account_keys(texts)[1]
            else:
                listing = await session.listing()
                keys, odd = account_keys(name for names in listing.names.values() for name in names)
                texts = {str(key): given for key, given in (await session.lookups(sorted(keys))).items()}
                complete = len(listing.names) == len(session.roster.servers) and all(map(any, texts.values()))
        tokens: dict[PublicKey, str] = {}
        rejected = dict.fromkeys(odd, "its name is no account's key")
        for name in texts.keys() - odd:
            newest = self._newest(name, texts[name])
            if newest is not None:
                tokens[PublicKey(name)] = newest
            elif any(texts[name]):
                rejected[name] = f"operator {self.operator.public} does not stand behind it"
        return PullReport(
            tokens=dict(sorted(tokens.items())), rejected=rejected, servers=session.servers, complete=complete
        )

    async def disable(self, accounts: Iterable[AccountLike | str], *, on_progress: Progress | None = None) -> Report:
        """Shut accounts: their users are thrown out and nobody gets in. The everyday verb, and it needs no settings.

        Each account's newest token is signed again with everybody revoked, no connection allowed, no signing key, and
        an end in a minute; servers remove it in the minute after. Until then the account is opened again by pushing a
        newer token, which has to say `allow=["unrevoke", "signing-key"]`.

        Args:
            accounts: The accounts, their tokens' texts, or their public keys.
            on_progress: As for `push`.

        Raises:
            TypeError: One text where several are meant.
            NkeyError: A text that is neither token nor key.
            InvalidClaimsError: The system account is among them.
            ServerError: As for `push`.
        """
        keys = keys_of(self.operator, accounts)
        async with self._session() as session:
            outcomes = await disable(session, keys, on_progress=on_progress)
        return session.report(outcomes)

    async def delete(self, accounts: Iterable[AccountLike | str]) -> Report:
        """Have servers delete accounts. They must be configured with `allow_delete`; prefer `disable`.

        The request is signed by a signing key of the operator and has no end: whoever sees it can send it again until
        this signing key is taken out of the operator's token and all servers are restarted. So never use the key of a
        deleted account again; `push` refuses those in `deleted`. A server that is down keeps the account, and the
        others get it back from it.

        Args:
            accounts: The accounts, their tokens' texts, or their public keys. Those that no server has are
                `unchanged`.

        Raises:
            TypeError: One text where several are meant.
            NkeyError: A text that is neither token nor key.
            MissingKeyError: No signing key of the operator is held.
            InvalidClaimsError: The system account is among them.
            ServerError: As for `push`.
        """
        keys, signer = keys_of(self.operator, accounts), deleting_key(self.operator)
        async with self._session() as session:
            outcomes = await delete(session, keys, signer)
        self._remember(outcomes)
        return session.report(outcomes)

    async def sync(
        self,
        accounts: Iterable[AccountLike | str],
        *,
        prune: Prune | None = None,
        allow: Iterable[str] = (),
        on_progress: Progress | None = None,
    ) -> SyncReport:
        """Make all servers hold these accounts: every server is asked, and only what differs is sent.

        Done twice, the second time does nothing. What is sent goes through the same rules as for `push`.

        Args:
            accounts: All accounts that servers should have, or their tokens' texts.
            prune: What to do with accounts that servers have and that are not among *accounts*: None leaves them,
                `"disable"` and `"delete"` do as the verbs do. The system account stays.
            allow: As for `push`.
            on_progress: As for `push`, of the accounts that differ.

        Raises:
            TypeError: One text where several are meant.
            ValueError: Another word in *prune* or *allow*; *prune* without accounts, which would take everything.
            TokenError: Something is not an account's token; nothing was sent.
            InvalidClaimsError: Two different tokens of one account; or *prune*, and it is not known which account is
                the system account.
            MissingKeyError: No signing key of the operator is held to delete with.
            ServerError: As for `push`.
        """
        allowed, parcels = _allowed(allow), parcels_of(accounts)
        check_prune(prune, parcels, self.operator)
        async with self._session() as session:
            self._not_deleted(parcels)
            report = await sync(session, parcels, prune=prune, allow=allowed, on_progress=on_progress)
        if prune == "delete":
            self._remember(report.pruned)
        return report

    @asynccontextmanager
    async def _session(self) -> AsyncGenerator[Session, None]:
        async with Exchange(self.connection, timeout=self._timeout) as exchange:
            roster = await ping(exchange, expected=self._servers)
            yield Session(exchange, roster, self.operator, window=self._window, caches=self._caches)

    def _not_deleted(self, parcels: Mapping[PublicKey, Parcel]) -> "tuple[Parcel, ...]":
        for key in self.deleted & parcels.keys():
            parcels[PublicKey(key)].end(
                "refused", "deleted", "it was deleted, and the delete request can be sent again: use a new account"
            )
        return tuple(parcel for parcel in parcels.values() if parcel.key not in self.deleted)

    def _remember(self, outcomes: Mapping[str, Outcome]) -> None:
        sent = {key for key, outcome in outcomes.items() if any(answer.ok for answer in outcome.answers)}
        self.deleted |= sent

    def _newest(self, key: str, texts: Iterable[str | None]) -> str | None:
        """Return the newest of *texts* that the operator stands behind."""
        known = [(claims.iat, text) for text in set(texts) if text and (claims := believed(text, key, self.operator))]
        return max(known)[1] if known else None


def _allowed(allow: Iterable[str]) -> frozenset[str]:
    refuse_text("allow", allow)
    words = frozenset(allow)
    if words - set(ALLOW):
        raise ValueError(f"allow takes {' and '.join(map(repr, ALLOW))}, got {min(words - set(ALLOW))!r}")
    return words


def _text(operator: OperatorLike | str) -> str:
    text: object = operator if isinstance(operator, str) else getattr(operator, "jwt", None)
    if not isinstance(text, str):
        raise TypeError(f"an operator is the chain object or its token text, got {type(operator).__name__}")
    return text
