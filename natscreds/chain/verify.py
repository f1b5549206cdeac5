"""Would a server with this operator and this account accept this user, as far as tokens can tell?"""

from collections.abc import Iterable

import msgspec

from natscreds import tokens
from natscreds.chain._grants import CONNECTION_TYPES
from natscreds.chain._scope import resolve
from natscreds.chain.account import Account
from natscreds.chain.moments import Moment, clock
from natscreds.chain.operator import Operator
from natscreds.chain.user import User
from natscreds.claims import BEYOND_REFERENCE, AccountClaims, OperatorClaims, UserClaims, UserPermissionLimits, seconds
from natscreds.claims.permissions import without_empty_lists
from natscreds.errors import (
    ExpiredError,
    InvalidClaimsError,
    NotYetValidError,
    Problem,
    RevokedError,
    UntrustedIssuerError,
)
from natscreds.nkeys import KeyType, parse_public

__all__ = ["Chain", "verify_chain"]

_NOTHING = UserPermissionLimits()

# A server that reads tiered limits takes the flat ones away, and so has nothing to complain of.
_NOT_ASKED = BEYOND_REFERENCE | {"limits-flat-and-tiered"}


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """Claims that a server would trust, each vouched for by the one before.

    Attributes:
        operator: The anchor's claims.
        account: The account's claims.
        user: The user's claims, or `None` if no user was asked about.
        permissions: What the user may do: its own permissions and limits, or those of its role with the template filled
            in. Empty permissions mean the account's `default_permissions`. An empty list is `None`, as servers read it.
        problems: What a server does not act on, such as an operator past its expiry.
    """

    operator: OperatorClaims
    account: AccountClaims
    user: UserClaims | None
    permissions: UserPermissionLimits | None
    problems: tuple[Problem, ...] = ()


def verify_chain(
    *,
    operator: Operator | str,
    account: Account | str,
    user: User | str | None = None,
    trusted: Iterable[str] | None = None,
    now: Moment | None = None,
) -> Chain:
    """Verify that *operator* vouches for *account* and *account* for *user* at *now*, as nats-server 2.15 would.

    It does not tell that whoever shows the token has its seed, that servers hold this account token and no newer one,
    nor anything about networks, times of day, connection limits or callout.

    Args:
        operator: The anchor, from your own configuration: never from whoever sent the rest.
        account: The account or its token.
        user: The user or its token; `None` asks about the account alone.
        trusted: Public operator nkeys that *operator* must be one of.
        now: The moment asked about; `None` is the clock. (A claim's `check(now=None)` asks about no time at all.)

    Returns:
        The claims, and what the user may do. The first thing that is wrong is raised.

    Raises:
        TokenError: A text that is not a token of its kind.
        WrongKeyTypeError: A key of a type that does not stand there.
        BadSignatureError: A signature that does not hold.
        UntrustedIssuerError: A sound signature by a key that has no say.
        ExpiredError: Past `exp`.
        NotYetValidError: Before `nbf`.
        RevokedError: The account revokes the user.
        InvalidClaimsError: Claims that a server refuses, such as a user of a role with permissions of its own.
    """
    if isinstance(trusted, str | bytes):
        raise TypeError("trusted takes several: give a list of public keys")
    moment = clock() if now is None else seconds(now, "now")
    texts = [item if isinstance(item, str) else item.jwt for item in (operator, account)]
    anchor = tokens.verify(texts[0], OperatorClaims).claims
    if anchor.iss != anchor.sub and anchor.iss not in anchor.nats.signing_keys:
        raise UntrustedIssuerError(f"operator {anchor.sub} is signed by {anchor.iss}, which is none of its keys")
    if trusted is not None and anchor.sub not in tuple(trusted):
        raise UntrustedIssuerError(f"operator {anchor.sub} is not among the trusted ones")
    visitor: UserClaims | None = None
    if user is not None:
        visitor = tokens.verify(user if isinstance(user, str) else user.jwt, UserClaims).claims
        parse_public(visitor.sub, KeyType.USER)
        _check_time(visitor, moment, "user", inclusive=True)
        _check_errors(visitor)
    host = tokens.verify(texts[1], AccountClaims).claims
    parse_public(host.sub, KeyType.ACCOUNT)
    if visitor is not None and visitor.account != host.sub:
        raise UntrustedIssuerError(f"user {visitor.sub} belongs to account {visitor.account}, not to {host.sub}")
    if host.iss not in anchor.trusted_keys:
        raise UntrustedIssuerError(
            f"account {host.sub} is signed by {host.iss}, which operator {anchor.sub} does not trust"
        )
    _check_time(host, moment, "account", inclusive=False)
    _check_errors(host)
    permissions = None
    if visitor is not None:
        permissions = _admit(visitor, host, strict=anchor.nats.strict_signing_key_usage)
    return Chain(operator=anchor, account=host, user=visitor, permissions=permissions, problems=_doubts(anchor, moment))


def _check_time(claims: UserClaims | AccountClaims, moment: int, what: str, *, inclusive: bool) -> None:
    """Raise if *moment* lies outside; a server still lets a user in during the second `exp`, but not an account."""
    if claims.exp < 0:
        raise ExpiredError(f"{what} {claims.sub} expires before 1970")
    if claims.exp and (moment > claims.exp or (moment == claims.exp and not inclusive)):
        raise ExpiredError(f"{what} {claims.sub} expired at {claims.exp}, asked about {moment}")
    if claims.nbf > moment:
        raise NotYetValidError(f"{what} {claims.sub} is valid from {claims.nbf}, asked about {moment}")


def _check_errors(claims: UserClaims | AccountClaims) -> None:
    """Raise for what servers refuse the whole token for: the reference's errors, not what only goes wrong later."""
    problems = tuple(
        problem for problem in claims.check() if problem.severity == "error" and problem.code not in _NOT_ASKED
    )
    if problems:
        raise InvalidClaimsError.of(problems)


def _admit(user: UserClaims, account: AccountClaims, *, strict: bool) -> UserPermissionLimits:
    """Return what *user* may do in *account*, or raise what a server would refuse it for."""
    scope = account.scope(user.iss)
    if scope is None and user.iss not in account.plain_signing_keys and (strict or user.iss != account.sub):
        raise UntrustedIssuerError(f"user {user.sub} is signed by {user.iss}, which does not sign for {account.sub}")
    limits: UserPermissionLimits = user.nats
    if scope is not None:
        own = {name: getattr(user.nats, name) for name in _NOTHING.__struct_fields__ if name != "unknown"}
        said = [name for name, value in own.items() if value != getattr(_NOTHING, name)]
        if said:
            raise InvalidClaimsError.one(
                f"$.nats.{said[0]}", "role-and-permissions", f"a user of role {scope.role!a} has none of its own"
            )
        limits = resolve(scope, user, account)
    if limits.bearer_token and account.nats.limits.disallow_bearer:
        raise InvalidClaimsError.one("$.nats.bearer_token", "bearer-disallowed", "the account disallows bearer tokens")
    kinds = limits.allowed_connection_types
    if kinds and not any(kind.upper() in CONNECTION_TYPES for kind in kinds):
        raise InvalidClaimsError.one(
            "$.nats.allowed_connection_types", "unknown-connection-types", "none of the connection types is known"
        )
    revocations = account.nats.revocations
    if any(key in revocations and revocations[key] >= user.iat for key in (user.sub, "*")):
        raise RevokedError(f"account {account.sub} revokes user {user.sub}")
    return without_empty_lists(limits)


def _doubts(operator: OperatorClaims, moment: int) -> tuple[Problem, ...]:
    """Return what servers ignore about the operator's time."""
    found: list[Problem] = []
    if operator.exp and moment > operator.exp:
        found.append(
            Problem(path="$.exp", severity="time", code="expired", message="the operator expired; servers do not mind")
        )
    if operator.nbf > moment:
        found.append(
            Problem(
                path="$.nbf",
                severity="time",
                code="not-yet-valid",
                message="the operator is early; servers do not mind",
            )
        )
    return tuple(found)
