"""What one user of an account may do on a server."""

from collections.abc import Iterable
from typing import Final, Literal

from natscreds import tokens
from natscreds.access._admission import CONNECTION_TYPES, Admission, Visit
from natscreds.access._compiled import Compiled
from natscreds.access._imports import Imported, decide_imports
from natscreds.access._mappings import Mappings
from natscreds.access._permissions import installed
from natscreds.access._windows import read_address
from natscreds.access._words import check_word
from natscreds.access.decision import Decision, unknown
from natscreds.access.session import Session
from natscreds.chain import Account, Operator, User
from natscreds.chain.moments import Moment, clock
from natscreds.claims import AccountClaims, OperatorClaims, Permissions, UserClaims, is_time_zone, seconds
from natscreds.errors import VerificationError

__all__ = ["Access", "ConnectionType"]

ConnectionType = Literal["STANDARD", "WEBSOCKET", "LEAFNODE", "LEAFNODE_WS", "MQTT", "MQTT_WS", "IN_PROCESS"]

PROFILES: Final = ("2.15",)
"""Versions of nats-server whose rules are known."""

_MAY_ANSWER: Final = unknown(
    "response-grant", "the lists refuse it, but it may answer a request that named it: only a session knows"
)


class Access:
    """What nats-server would let one user do, told from the tokens alone.

    Tokens that no server would take a connection for refuse everything, with the reason that `connect` gives. All else
    is asked of a connection that stands.

    Attributes:
        profile: The server version whose rules are followed.
        user: The user's public key.
        permissions: The lists that the server installs for the user: a role filled in, the account's defaults where
            nothing is said, without entries that servers drop. `None` is no restriction at all.
        max_subscriptions: Subscriptions that a connection may hold at once; -1 is no limit.
    """

    def __init__(
        self,
        *,
        operator: Operator | str,
        account: Account | str,
        user: User | str,
        accounts: Iterable[Account | str] = (),
        profile: str = "2.15",
    ) -> None:
        """Read the tokens, and compile what they say.

        Args:
            operator: The operator that servers trust, or its token.
            account: The user's account, or its token.
            user: The user, or its token.
            accounts: Further accounts that servers know, for what is imported and exported.
            profile: The server version whose rules to follow.

        Raises:
            TypeError: *accounts* is one text instead of several, or something is neither chain object nor text.
            ValueError: No such *profile* is known.
            TokenError: A text that is not a token of its kind, or one that servers might read otherwise.
            BadSignatureError: The operator's signature does not hold, so that no server starts with it; or that of one
                of the further accounts.
        """
        if isinstance(accounts, str | bytes | bytearray):
            raise TypeError("accounts are several: put the one in a list")
        if profile not in PROFILES:
            raise ValueError(f"the rules of {', '.join(PROFILES)} are known, got {profile!a}")
        self.profile: Final = profile
        self._operator = tokens.verify(_text(operator, Operator, "operator"), OperatorClaims)
        anchor = self._operator.claims
        host = tokens.parse(_text(account, Account, "account"), AccountClaims)
        visitor = tokens.parse(_text(user, User, "user"), UserClaims)
        self.user: Final = visitor.claims.sub
        self._account = host
        self._others = tuple(tokens.verify(_text(other, Account, "account"), AccountClaims) for other in accounts)
        self._admission = Admission(anchor, host, visitor)
        self.max_subscriptions: Final = self._admission.max_subscriptions
        limits, defaults = self._admission.limits, host.claims.nats.default_permissions
        says = limits is not None and not (limits.resp is None and limits.pub.empty and limits.sub.empty)
        callout = bool(host.claims.nats.authorization.auth_users)
        self._installed = installed(limits if says and limits is not None else defaults, callout=callout)
        self._may_answer = self._installed is not None and self._installed.resp is not None
        self._compiled = Compiled(
            self._installed,
            mappings=Mappings(host.claims.nats.mappings),
            max_subscriptions=self.max_subscriptions,
            system=host.claims.sub == anchor.nats.system_account,
        )
        never = self._admission.decide(None)
        self._never = None if never.verdict else never
        self._lists = self._compiled.publishing.lists
        self._plain = self._never is None and not self._compiled.mappings and not self._may_answer

    @property
    def permissions(self) -> Permissions | None:
        """The lists that the server installs for the user; `None` is no restriction at all.

        Raises:
            VerificationError: No server takes such a user.
        """
        if self._never is not None and self._never.verdict is False:
            raise VerificationError(f"no server takes this user: {self._never.reason}")
        return self._installed

    def connect(
        self,
        *,
        now: Moment | None = None,
        connection_type: ConnectionType = "STANDARD",
        address: str | None = None,
        signs: bool = True,
        proxied: bool = False,
        connections: int | None = None,
        pinned_accounts: Iterable[str] | None = None,
        server_zone: str | None = None,
    ) -> Decision:
        """Decide whether a server lets the user in, by its checks and in their order.

        That a client which signs has the user's seed is assumed.

        Args:
            now: The moment asked about; `None` is the clock.
            connection_type: How the client comes.
            address: The IP address it comes from; where the user's networks are limited and this is `None`, nobody can
                tell.
            signs: Whether the client signs the server's nonce.
            proxied: Whether it comes through a proxy that the server trusts.
            connections: How many connections of this kind the account has already, on all servers.
            pinned_accounts: The server's `resolver_pinned_accounts`, if it has any.
            server_zone: The IANA time zone of the server, for users whose times of day name none.

        Raises:
            TypeError: *pinned_accounts* is one text instead of several, or *now* is no moment.
            ValueError: Something that is none of these.
        """
        if isinstance(pinned_accounts, str | bytes | bytearray):
            raise TypeError("pinned_accounts are several: put the one in a list")
        if connection_type not in CONNECTION_TYPES:
            raise ValueError(f"a connection type is one of {', '.join(CONNECTION_TYPES)}, got {connection_type!a}")
        if address is not None:
            read_address(address)
        if connections is not None and (isinstance(connections, bool) or connections < 0):
            raise ValueError(f"connections is how many there are, got {connections!a}")
        if server_zone is not None and not is_time_zone(server_zone):
            raise ValueError(f"the server's zone is an IANA name, got {server_zone!a}")
        visit = Visit(
            now=clock() if now is None else seconds(now, "now"),
            connection_type=connection_type,
            address=address,
            signs=signs,
            proxied=proxied,
            connections=connections,
            pinned=None if pinned_accounts is None else frozenset(pinned_accounts),
            server_zone=server_zone,
        )
        return self._admission.decide(visit)

    def publish(self, subject: str, reply: str | None = None, *, trace_to: str | None = None) -> Decision:
        """Decide whether the user may publish to *subject*.

        Args:
            subject: One word, taken as it stands.
            reply: The reply subject. It needs no permission, but some are reserved.
            trace_to: The subject in the header `Nats-Trace-Dest`, which needs permission as well.

        Raises:
            TypeError: Not a text.
            ValueError: Not one word: no client can send it.
        """
        if type(subject) is not str or not subject or " " in subject or not subject.isprintable():
            check_word(subject, "a subject")
        if self._plain and reply is None and trace_to is None and subject[0] not in "_$":
            return self._lists(subject)
        if reply is not None:
            check_word(reply, "a reply subject")
        if trace_to is not None:
            check_word(trace_to, "a subject of traces")
        if self._never is not None:
            return self._never
        if trace_to is not None and (refusal := self._compiled.trace(trace_to)) is not None:
            return refusal
        return self._compiled.publish(subject, reply, self._refused)

    def subscribe(self, subject: str, queue: str | None = None) -> Decision:
        """Decide whether the user may subscribe to *subject*, alone or in the group *queue*.

        Raises:
            TypeError: Not a text.
            ValueError: Not one word: no client can send it.
        """
        check_word(subject, "a subject")
        if queue is not None:
            check_word(queue, "a queue group")
        if self._never is not None:
            return self._never
        return self._compiled.subscribe(subject, queue)

    def imports(self, *, now: Moment | None = None) -> tuple[Imported, ...]:
        """Decide which imports of the account carry messages; servers tell nobody.

        Permissions are another question: a user needs them on the local subject alone.

        Args:
            now: The moment asked about; `None` is the clock.

        Returns:
            The imports in the order of the account's token. Where an exporter is not among *accounts*, nobody can tell.
        """
        moment = clock() if now is None else seconds(now, "now")
        return decide_imports(self._operator, self._account, self._others, moment)

    def session(self) -> Session:
        """Return a connection that was just made, to ask what depends on what it did before.

        Raises:
            VerificationError: No server takes a connection of this user, or a callout service decides that.
        """
        if self._never is not None:
            raise VerificationError(f"no connection to be in: {self._never.reason}")
        return Session(self._compiled)

    def _refused(self, subject: str, refusal: Decision) -> Decision:
        """Return what becomes of a subject that the lists refuse, nothing being known of messages delivered."""
        return _MAY_ANSWER if self._may_answer else refusal

    def __repr__(self) -> str:
        return f"<Access of {ascii(self.user)[1:-1]}>"


def _text(held: object, kind: type[Operator] | type[Account] | type[User], what: str) -> str:
    """Return the token of a chain object or text."""
    if isinstance(held, str):
        return held
    if isinstance(held, kind):
        return held.jwt
    raise TypeError(f"the {what} is the chain object or its token text, got {type(held).__name__}")
