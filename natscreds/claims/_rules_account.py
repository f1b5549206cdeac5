"""The rules of accounts."""

from typing import TYPE_CHECKING

import msgspec

from natscreds import subjects
from natscreds.claims._rules import (
    Found,
    check_info,
    check_limits,
    check_permissions,
    json_size,
    texts_of,
    token_size,
)
from natscreds.claims._rules_exchange import check_exports, check_imports, check_mappings
from natscreds.claims.account_body import AccountLimits, ExternalAuthorization, MsgTrace
from natscreds.claims.permissions import Scope, Template, empty_lists
from natscreds.claims.templates import Facts, calls_of, has_calls, inner, values_of
from natscreds.envelope import MAX_TOKEN_SIZE
from natscreds.errors import InvalidClaimsError
from natscreds.nkeys import KeyType, is_public

if TYPE_CHECKING:
    from natscreds.claims.account import AccountClaims

__all__ = ["check_account"]

CLUSTER_TRAFFIC = ("", "system", "owner")

_FLAT = (
    "mem_storage",
    "disk_storage",
    "streams",
    "consumer",
    "max_ack_pending",
    "mem_max_stream_bytes",
    "disk_max_stream_bytes",
    "max_bytes_required",
)


def check_account(claims: "AccountClaims", now: int | None) -> Found:
    """Return what is wrong or doubtful with *claims*."""
    found = Found()
    body = claims.nats
    found.time(claims.exp, claims.nbf, now)
    check_imports(body.imports, "$.nats.imports", claims.sub, found, now=now)
    check_exports(body.exports, "$.nats.exports", found)
    _check_limits(claims, found)
    found += empty_lists(body.default_permissions, "$.nats.default_permissions")
    check_permissions(body.default_permissions, "$.nats.default_permissions", found)
    check_mappings(body.mappings, "$.nats.mappings", found)
    _check_authorization(body.authorization, found)
    if body.trace is not None:
        _check_trace(body.trace, found)
    _check_signing_keys(claims, found)
    check_info(body.description, body.info_url, "$.nats", found)
    if body.cluster_traffic not in CLUSTER_TRAFFIC:
        found.error("$.nats.cluster_traffic", "cluster-traffic", "cluster traffic is system, owner, or nothing")
    if is_public(claims.iss, KeyType.ACCOUNT) and body.limits != AccountLimits():
        found.warning("$.nats.limits", "self-signed-limits", "an account that an account signed says its own limits")
    _check_size(claims, found)
    return found


def _check_limits(claims: "AccountClaims", found: Found) -> None:
    body, limits = claims.nats, claims.nats.limits
    if limits.tiered_limits:
        if any(getattr(limits, name) for name in _FLAT):
            found.error("$.nats.limits", "limits-flat-and-tiered", "tiered limits exclude the flat JetStream members")
        if "" in limits.tiered_limits:
            found.error("$.nats.limits.tiered_limits", "tier-without-name", "a tier has a name, such as R1")
    if limits.subs == 0 and limits != AccountLimits():
        found.warning("$.nats.limits.subs", "account-subs-zero", "no user of the account can stay connected")
    if limits.imports != -1 and len(body.imports) > limits.imports:
        found.error("$.nats.imports", "too-many-imports", f"at most {limits.imports}, got {len(body.imports)}")
    if limits.exports != -1:
        if len(body.exports) > limits.exports:
            found.error("$.nats.exports", "too-many-exports", f"at most {limits.exports}, got {len(body.exports)}")
        if not limits.wildcards:
            for at, export in enumerate(body.exports):
                if subjects.has_wildcards(export.subject):
                    found.error(f"$.nats.exports[{at}].subject", "export-wildcards", "the limits allow no wildcards")


def _check_authorization(authorization: ExternalAuthorization, found: Found) -> None:
    path = "$.nats.authorization"
    if authorization.allowed_accounts and not authorization.auth_users:
        found.error(f"{path}.allowed_accounts", "callout-without-users", "callout is on with auth_users only")
    for at, key in enumerate(authorization.auth_users):
        found.key(f"{path}.auth_users[{at}]", "callout-user", key, KeyType.USER)
    for at, key in enumerate(authorization.allowed_accounts):
        place = f"{path}.allowed_accounts[{at}]"
        if key != "*":
            found.key(place, "callout-account", key, KeyType.ACCOUNT)
        elif len(authorization.allowed_accounts) > 1:
            found.error(place, "callout-any-and-more", "* stands alone")
    if authorization.xkey:
        found.key(f"{path}.xkey", "callout-xkey", authorization.xkey, KeyType.CURVE)


def _check_trace(trace: MsgTrace, found: Found) -> None:
    faults = subjects.faults(trace.dest)
    if faults:
        found.error("$.nats.trace.dest", faults[0], subjects.RULES[faults[0]])
    if subjects.has_wildcards(trace.dest):
        found.error("$.nats.trace.dest", "trace-wildcards", "traces go to one subject")
    if not 0 <= trace.sampling <= 100:
        found.error("$.nats.trace.sampling", "trace-sampling", "a percentage from 1 to 100")


def _check_signing_keys(claims: "AccountClaims", found: Found) -> None:
    keys: set[str] = set()
    roles: set[str] = set()
    for at, key in enumerate(claims.nats.signing_keys):
        path = f"$.nats.signing_keys[{at}]"
        public = key if isinstance(key, str) else key.key
        if public in keys:
            found.warning(path, "signing-key-repeated", "a signing key stands once: the last one counts")
        else:
            found.key(path, "signing-key", public, KeyType.ACCOUNT)
        keys.add(public)
        if isinstance(key, Scope):
            if key.role in roles:
                found.warning(f"{path}.role", "role-name-repeated", f"another role is called {key.role!a}")
            roles.add(key.role)
            _check_template(key.template, f"{path}.template", claims, found)


def _check_template(template: Template, path: str, claims: "AccountClaims", found: Found) -> None:
    """Check what the reference leaves unseen until a user of the role connects."""
    found += template.problems(path)
    inner = Found()
    check_limits(template, path, inner)
    for problem in inner:
        found.add(problem.severity, problem.path, "template-format", problem.message)
    facts = Facts("x", "x", (), claims.name, claims.sub, claims.nats.tags)
    for direction, permission in (("pub", template.pub), ("sub", template.sub)):
        for which, entries in (("allow", permission.allow), ("deny", permission.deny)):
            filled = any(has_calls(entry) for entry in entries or ())
            for at, entry in enumerate(entries or ()):
                place = f"{path}.{direction}.{which}[{at}]"
                _check_template_entry(entry, place, which == "deny", direction == "sub", filled, facts, found)


def _check_template_entry(
    entry: str, path: str, deny: bool, sub: bool, filled: bool, facts: Facts, found: Found
) -> None:
    note = found.error if deny else found.warning
    plain = entry
    for call in calls_of(entry):
        fault = ""
        try:
            if not values_of(call, facts) and inner(call).startswith("account-tag("):
                told = "so nobody of the role is admitted" if deny else "so the entry allows nothing"
                note(path, "role-tag-missing", f"the account has no tag for {call}, {told}")
        except InvalidClaimsError as error:
            fault = error.problems[0].message
        if fault:
            found.error(path, "template-entry", f"nobody of the role is admitted: {fault}")
        plain = plain.replace(call, "x")
    subject, blank, queue = plain.partition(" ")
    if blank and filled:
        note(path, "template-queue", "servers take no queue entries in a list that holds {{…}}")
    elif (blank and not sub) or not subjects.is_valid(subject) or (blank and not subjects.is_valid(queue)):
        note(
            path,
            "entry-dropped",
            "servers drop this entry or read it otherwise: > is last, no white space in a subject",
        )
    elif sub and not deny and (subject == "*" or subject.endswith(".*")):
        found.warning(path, "allow-ends-in-star", "nats-server 2.15 also admits a subscription ending in > here")
    if sub and not deny and subject == "_INBOX.>":
        found.warning(path, "shared-inbox", "every user of the account can read every reply: use a private inbox")


def _check_size(claims: "AccountClaims", found: Found) -> None:
    """Note a token that nobody would read; encoded only where it may be that long."""
    body, callout = claims.nats, claims.nats.authorization
    texts = [claims.name, body.description, body.info_url, *body.tags, *texts_of(body.default_permissions)]
    plain = 4_096 + 70 * len(body.revocations) + 60 * (len(callout.auth_users) + len(callout.allowed_accounts))
    for export in body.exports:
        plain += 400 + 70 * len(export.revocations)
        texts += (export.name, export.subject, export.description, export.info_url)
    for import_ in body.imports:
        plain += 300 + len(import_.token)
        texts += (import_.name, import_.subject, import_.account, import_.to, import_.local_subject)
    for key in body.signing_keys:
        plain += 60
        if isinstance(key, Scope):
            plain += 400
            texts += (key.role, key.description, *texts_of(key.template))
    for source, destinations in body.mappings.items():
        texts.append(source)
        for to in destinations:
            plain += 50
            texts += (to.subject, to.cluster)
    for tier in body.limits.tiered_limits:
        plain += 300
        texts.append(tier)
    if (plain + json_size(texts)) * 4 // 3 < MAX_TOKEN_SIZE and claims.unknown is body.unknown is msgspec.UNSET:
        return
    size = token_size(claims)
    if size > MAX_TOKEN_SIZE:
        found.error("$", "token-too-large", f"a token has at most {MAX_TOKEN_SIZE} bytes, this one has some {size}")
