"""What nats-server 2.15 asks of a client's token, in its order.

Checks that need a moment, an address or the like are left out where nobody visits: what is left refuses the user
whatever those are. That a client which signs has the user's seed is assumed.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from natscreds.access._windows import address_decision, times_decision
from natscreds.access.decision import Decision, no, unknown, yes
from natscreds.claims import (
    BEYOND_REFERENCE,
    AccountClaims,
    OperatorClaims,
    UserClaims,
    UserPermissionLimits,
    templates,
)
from natscreds.envelope import open_token
from natscreds.errors import InvalidClaimsError, NatsCredsError
from natscreds.nkeys import KeyType, is_public
from natscreds.tokens import UnverifiedToken

__all__ = ["CONNECTION_TYPES", "Admission", "Visit", "account_decision"]

CONNECTION_TYPES: Final = ("STANDARD", "WEBSOCKET", "LEAFNODE", "LEAFNODE_WS", "MQTT", "MQTT_WS", "IN_PROCESS")

# A server that reads tiered limits takes the flat ones away, and so has nothing to complain of.
_NOT_ASKED: Final = BEYOND_REFERENCE | {"limits-flat-and-tiered"}
# The CONNECT line's longest argument, and what a client surely and probably puts around the token.
_LINE: Final = 4096
_LEAST_AROUND: Final = len('{"jwt":""}')
_LEAST_SIGNATURE: Final = len(',"sig":""') + 86
_MOST_AROUND: Final = 396

_NOTHING: Final = UserPermissionLimits()

_ACCEPTED: Final = yes("accepted", "every check of the connection passes")


class Visit(NamedTuple):
    """Who comes, when and from where; see `Access.connect`."""

    now: int
    connection_type: str
    address: str | None
    signs: bool
    proxied: bool
    connections: int | None
    pinned: frozenset[str] | None
    server_zone: str | None


class Admission:
    """One user at the door of its account.

    Attributes:
        limits: What the user may do: its own permissions and limits, or those of its role with the template filled in;
            `None` where the role does not resolve.
        max_subscriptions: Subscriptions that a connection may hold at once; -1 is no limit.
    """

    def __init__(
        self, operator: OperatorClaims, account: UnverifiedToken[AccountClaims], user: UnverifiedToken[UserClaims]
    ) -> None:
        self._operator = operator
        self._account = account.claims
        self._user = user.claims
        self._account_token, self._user_token = account, user
        self._scope = self._account.scope(self._user.iss)
        self._unresolved = ""
        self.limits: UserPermissionLimits | None = self._user.nats
        if self._scope is not None:
            try:
                self.limits = templates.resolve(self._scope.template, self._user.facts(self._account))
            except InvalidClaimsError as error:
                told = error.problems[0].message
                self._unresolved, self.limits = f"role {self._scope.role!a}: {told}", None
        most = [self._account.nats.limits.subs, -1 if self.limits is None else self.limits.subs]
        self.max_subscriptions = min((limit for limit in most if limit != -1), default=-1)

    def decide(self, visit: Visit | None) -> Decision:
        """Return whether a server lets the user in; without a visit, whether it ever does."""
        doubt: Decision | None = None
        for decision in self._checks(visit):
            if decision is None:
                continue
            if decision.verdict is False:
                return decision
            doubt = decision if doubt is None else doubt
        return _ACCEPTED if doubt is None else doubt

    def _checks(self, visit: Visit | None) -> Iterator[Decision | None]:
        """Yield what each check says, in the server's order; `None` is that it passes."""
        user, account = self._user, self._account
        yield self._line(surely=visit is None)
        if not _is_signed(self._user_token):
            yield no("user-undecodable", "the user token's signature does not hold")
        proxied = visit is None or visit.proxied
        if user.nats.proxy_required and not proxied:
            yield no("proxy-required", "the user connects through a trusted proxy only")
        yield self._user_itself(None if visit is None else visit.now)
        yield self._pinned(visit)
        yield self._account_itself(None if visit is None else visit.now)
        strict = self._operator.nats.strict_signing_key_usage
        known = user.iss in account.plain_signing_keys or self._scope is not None
        if not known and (strict or user.iss != account.sub):
            yield no("issuer-unknown", f"the user is signed by {user.iss}, which does not sign for {account.sub}")
        if self._scope is not None and (said := _said_in(user.nats)):
            told = f"a user of role {self._scope.role!a} has no permissions and limits of its own, got {said[0]!a}"
            yield no("role-and-permissions", told)
        if self.limits is None:
            yield no("role-does-not-resolve", self._unresolved)
            return
        yield from self._effective(self.limits, visit)

    def _effective(self, limits: UserPermissionLimits, visit: Visit | None) -> Iterator[Decision | None]:
        """Yield what the checks of the effective permissions and limits say."""
        user, account = self._user, self._account
        if limits.proxy_required and visit is not None and not visit.proxied:
            yield no("proxy-required", "the user connects through a trusted proxy only")
        if limits.bearer_token and account.nats.limits.disallow_bearer:
            yield no("bearer-disallowed", "the account disallows bearer tokens")
        yield _connection_type(limits, visit)
        if not limits.bearer_token:
            yield self._signature(visit)
        revoked = [until for key, until in account.nats.revocations.items() if key in (user.sub, "*")]
        if revoked and max(revoked) >= user.iat:
            yield no("revoked", f"the account revokes the user's tokens issued up to {max(revoked)}")
        if visit is not None:
            yield address_decision(limits.src or (), visit.address, visit.connection_type)
            yield times_decision(limits.times or (), limits.times_location, visit.server_zone, visit.now)
        yield self._connections(visit)
        yield self._afterwards(visit)

    def _line(self, *, surely: bool) -> Decision | None:
        """Check that the token fits into a line; only *surely* leaves out what depends on the client."""
        size = len(self._user_token.text) + _LEAST_AROUND
        if self.limits is None or not self.limits.bearer_token:
            size += _LEAST_SIGNATURE
        if size > _LINE:
            told = f"the line of CONNECT is longer than the {_LINE} bytes that servers take: {size} at least"
            return no("connect-line", told)
        if not surely and len(self._user_token.text) + _MOST_AROUND > _LINE:
            told = f"the line of CONNECT has {size} bytes at least, and servers take {_LINE}: clients add to it"
            return unknown("connect-line", told)
        return None

    def _user_itself(self, now: int | None) -> Decision | None:
        """Check the user's token by itself."""
        user = self._user
        if now is not None and 0 < user.exp < now:
            return no("user-expired", f"the user expired at {user.exp}, asked about {now}")
        if now is not None and user.nbf > now:
            return no("user-not-yet-valid", f"the user is valid from {user.nbf}, asked about {now}")
        fault = _fault(user)
        return no("user-invalid", f"the user's token breaks a rule: {fault}") if fault else None

    def _pinned(self, visit: Visit | None) -> Decision | None:
        pinned = None if visit is None else visit.pinned
        if pinned is None or self._user.account in (*pinned, self._operator.nats.system_account):
            return None
        return no("account-not-pinned", f"account {self._user.account} is not among those the server is pinned to")

    def _account_itself(self, now: int | None) -> Decision | None:
        """Check the account, as a server does before it has it."""
        if self._user.account != self._account.sub:
            told = f"the user belongs to account {self._user.account}, not to {self._account.sub}"
            return no("account-other", told)
        return account_decision(self._operator, self._account_token, now)

    def _signature(self, visit: Visit | None) -> Decision | None:
        if visit is not None and (not visit.signs or visit.connection_type.startswith("MQTT")):
            return no("signature-missing", "the user is no bearer, and the client does not sign the nonce")
        if not is_public(self._user.sub, KeyType.USER):
            return no("user-key", "the user's sub is no user key, so no signature holds")
        return None

    def _connections(self, visit: Visit | None) -> Decision | None:
        """Check how many connections the account has."""
        limits = self._account.nats.limits
        most = limits.leaf if visit is not None and visit.connection_type.startswith("LEAFNODE") else limits.conn
        if most == -1 or (visit is None and most != 0):
            return None
        told = f"the account may have {most} connections"
        if most <= 0:
            return no("connections-exceeded", told)
        if visit is None or visit.connections is None:
            return unknown("connections-unknown", f"{told}, and how many there are is not given")
        return no("connections-exceeded", told) if visit.connections >= most else None

    def _afterwards(self, visit: Visit | None) -> Decision | None:
        """Check what ends a connection right after it was let in."""
        if self._user.exp < 0 or (visit is not None and self._user.exp and not _lasts(self._user.exp - visit.now)):
            return no(
                "expires-at-once", "the connection is let in and closed at once: the user expires now, or in ages"
            )
        if self.max_subscriptions == 0 or self.max_subscriptions < -1:
            return no("no-subscriptions", "the connection may hold no subscription, and is closed for that at once")
        callout = self._account.nats.authorization.auth_users
        if callout and self._user.sub not in callout:
            return unknown("callout", "a service of the account decides who connects, and what they may do")
        return None


def _lasts(seconds: int) -> bool:
    """Tell whether a server's timer of so many seconds runs at all: it counts nanoseconds in 64 bits, and wraps."""
    return 0 < seconds * 10**9 % 2**64 < 2**63


def account_decision(
    operator: OperatorClaims, token: UnverifiedToken[AccountClaims], now: int | None
) -> Decision | None:
    """Return what keeps a server from loading an account, `None` if nothing does; without *now* whenever it tries."""
    account = token.claims
    if not _is_signed(token):
        return no("account-undecodable", "the account token's signature does not hold")
    if account.iss not in operator.trusted_keys:
        return no("account-issuer", f"the account is signed by {account.iss}, which the operator does not trust")
    if now is not None and account.exp and account.exp <= now:
        return no("account-expired", f"the account expired at {account.exp}, asked about {now}")
    if now is not None and account.nbf > now:
        return no("account-not-yet-valid", f"the account is valid from {account.nbf}, asked about {now}")
    fault = _fault(account)
    return no("account-invalid", f"the account's token breaks a rule: {fault}") if fault else None


def _is_signed(token: UnverifiedToken[AccountClaims] | UnverifiedToken[UserClaims]) -> bool:
    """Tell whether the signature holds; a user's subject may be any text, as servers do not look at it here."""
    try:
        claims = token.claims
        open_token(token.text).verify(issuer=claims.iss, allowed=claims.issuers, version=token.version)
    except NatsCredsError:
        return False
    return True


def _fault(claims: UserClaims | AccountClaims) -> str:
    """Return the first rule broken for which servers refuse the whole token, nothing if there is none."""
    for problem in claims.check():
        if problem.severity == "error" and problem.code not in _NOT_ASKED:
            return str(problem)
    return ""


def _said_in(limits: UserPermissionLimits) -> list[str]:
    """Return the members of *limits* that say something, if only an empty list."""
    names = [name for name in _NOTHING.__struct_fields__ if name != "unknown"]
    return [name for name in names if getattr(limits, name) != getattr(_NOTHING, name)]


def _connection_type(limits: UserPermissionLimits, visit: Visit | None) -> Decision | None:
    kinds = [kind.upper() for kind in limits.allowed_connection_types or ()]
    if kinds and set(kinds).isdisjoint(CONNECTION_TYPES):
        return no("connection-types-unknown", "none of the user's connection types is one that servers know")
    if kinds and visit is not None and visit.connection_type not in kinds:
        return no(
            "connection-type", f"the user connects by {', '.join(map(ascii, kinds))}, not by {visit.connection_type}"
        )
    return None
