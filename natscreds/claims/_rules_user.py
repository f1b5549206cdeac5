"""The rules of users, and of users in their account."""

from typing import TYPE_CHECKING

import msgspec

from natscreds import subjects
from natscreds.claims._rules import (
    Found,
    check_calls_unscoped,
    check_limits,
    check_permissions,
    json_size,
    texts_of,
    token_size,
)
from natscreds.claims.permissions import Permission, Scope, UserPermissionLimits, empty_lists
from natscreds.claims.templates import calls_of, resolve, values_of
from natscreds.errors import InvalidClaimsError
from natscreds.nkeys import KeyType

if TYPE_CHECKING:
    from natscreds.claims.account import AccountClaims
    from natscreds.claims.user import UserClaims

__all__ = ["check_user", "said_in"]

LONGEST_TOKEN = 3_700
"""Bytes of a user token that surely fit into a CONNECT line of 4,096."""

_NOTHING = UserPermissionLimits()


def check_user(claims: "UserClaims", account: "AccountClaims | None", now: int | None) -> Found:
    """Return what is wrong or doubtful with *claims*, and with their place in *account* if it is given."""
    found = Found()
    body = claims.nats
    found.time(claims.exp, claims.nbf, now)
    if not claims.exp:
        found.warning("$.exp", "no-expiry", "the token is valid for ever")
    found += empty_lists(body, "$.nats")
    check_permissions(body, "$.nats", found)
    check_limits(body, "$.nats", found)
    if body.issuer_account:
        found.key("$.nats.issuer_account", "issuer-account", body.issuer_account, KeyType.ACCOUNT)
    scope = account.scope(claims.iss) if account is not None else None
    if scope is not None and account is not None:
        _check_scoped(claims, scope, account, found)
    elif account is not None or not claims.looks_scoped:
        _check_unscoped(claims, account, found)
    if account is not None:
        _check_place(claims, account, found)
    if (body.bearer_token or (scope is not None and scope.template.bearer_token)) and not claims.exp:
        told = "a bearer token admits whoever has seen it: it needs an expiry"
        found.error("$.nats.bearer_token", "bearer-without-expiry", told)
    _check_size(claims, found)
    return found


def _check_unscoped(claims: "UserClaims", account: "AccountClaims | None", found: Found) -> None:
    body = claims.nats
    if body.subs == 0:
        found.error("$.nats.subs", "subs-zero", "servers throw a user out who may hold no subscription; -1 is no limit")
    for name in ("subs", "payload"):
        if getattr(body, name) < -1:
            found.error(f"$.nats.{name}", "limit-negative", "-1 is no limit; servers read less as nothing at all")
    if body.payload == 0:
        found.warning("$.nats.payload", "payload-zero", "only empty messages may be sent; -1 is no limit")
    check_calls_unscoped(body, "$.nats", found)
    if body.resp is not None or body.pub.allow or body.sub.allow:
        return
    if body.pub.deny or body.sub.deny:
        if not (_closed(body.pub) and _closed(body.sub)):
            told = "deny lists are no wall: a wildcard publish, a mapping or a consumer goes round them"
            found.warning("$.nats", "deny-only", told)
    elif account is None or account.nats.default_permissions.said_nothing:
        told = "nothing is said, so all is allowed that the account's default permissions do not rule"
        found.warning("$.nats", "user-unrestricted", told)


def _closed(permission: Permission) -> bool:
    return ">" in (permission.deny or ())


def _check_scoped(claims: "UserClaims", scope: Scope, account: "AccountClaims", found: Found) -> None:
    for name in said_in(claims.nats):
        told = f"a user of role {scope.role!a} has no permissions and limits of its own"
        found.error(f"$.nats.{name}", "role-and-permissions", told)
    facts = claims.facts(account)
    fault = ""
    try:
        resolved = resolve(scope.template, facts)
        allows = ((scope.template.pub.allow, resolved.pub.allow), (scope.template.sub.allow, resolved.sub.allow))
        for entries, left in allows:
            _check_dropped(entries or (), left or (), claims, account, found)
    except InvalidClaimsError as error:
        fault = error.problems[0].message
    if fault:
        found.error("$.nats", "role-does-not-resolve", f"servers refuse the user: role {scope.role!a}: {fault}")


def said_in(limits: UserPermissionLimits) -> list[str]:
    """Return the members of *limits* that say something: a user of a role has none."""
    return [
        name
        for name in _NOTHING.__struct_fields__
        if name != "unknown" and getattr(limits, name) != getattr(_NOTHING, name)
    ]


def _check_dropped(
    entries: tuple[str, ...], left: tuple[str, ...], claims: "UserClaims", account: "AccountClaims", found: Found
) -> None:
    """Note allow entries of a role that come to nothing for this user."""
    for entry in entries:
        calls = list(calls_of(entry))
        missing = [call for call in calls if not values_of(call, claims.facts(account))]
        if missing:
            found.warning("$.nats.tags", "role-tag-missing", f"{missing[0]} has no value, so {entry!a} allows nothing")
        elif calls and not any(subjects.is_valid(subject) for subject in left):
            found.warning("$.name", "role-tag-missing", f"{entry!a} becomes no valid subject, so it allows nothing")


def _check_place(claims: "UserClaims", account: "AccountClaims", found: Found) -> None:
    """Check what servers ask of the account when the user connects."""
    known = (account.sub, *account.plain_signing_keys, *(scope.key for scope in account.scopes))
    if claims.iss and (claims.account != account.sub or claims.iss not in known):
        found.error("$.iss", "issuer-unknown", f"{claims.iss} does not sign for account {account.sub}")
    scope = account.scope(claims.iss)
    bearer = scope.template.bearer_token if scope is not None else claims.nats.bearer_token
    if bearer and account.nats.limits.disallow_bearer:
        found.error("$.nats.bearer_token", "bearer-disallowed", "the account disallows bearer tokens")


def _check_size(claims: "UserClaims", found: Found) -> None:
    """Note a token that does not fit into a CONNECT line; encoded only where it may be that long."""
    known = claims.unknown is msgspec.UNSET and claims.nats.unknown is msgspec.UNSET
    if known and 900 + json_size([claims.name, *claims.nats.tags, *texts_of(claims.nats)]) < LONGEST_TOKEN * 3 // 5:
        return
    size = token_size(claims)
    if size > LONGEST_TOKEN:
        told = f"servers take a CONNECT line of 4,096 bytes, and the token alone has some {size}: a role makes it small"
        found.warning("$", "connect-line", told)
