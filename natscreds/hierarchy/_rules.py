"""The rules of an operator, and of each of its accounts beside the others."""

import re

from natscreds import subjects
from natscreds.claims import AccountClaims, WeightedMapping
from natscreds.hierarchy._accounts import Found, Hierarchy, Taken, signing_keys

__all__ = ["check_callout", "check_issuer", "check_operator", "check_own", "check_signing_keys", "holders"]

_CALLOUT = "$SYS.REQ.USER.AUTH"
_STALE = ("activation-expired", "activation-not-yet-valid")
_WILDCARD_CALL = re.compile(r"\{\{\s*wildcard\(.*?\)\s*\}\}", re.IGNORECASE)


def check_operator(hierarchy: Hierarchy, now: int | None) -> Found:
    """Return what is wrong with the operator, and with its system account's absence."""
    operator, found = hierarchy.operator, Found()
    key, body = operator.sub, operator.nats
    for problem in operator.check(now):
        found.add(problem.severity, key, problem.path, problem.code, problem.message)
    if not hierarchy.strict:
        told = "servers also take accounts and users that an identity signed, a key that can never be changed"
        found.warning(key, "$.nats.strict_signing_key_usage", "not-strict", told)
    elif not body.signing_keys:
        found.error(key, "$.nats.signing_keys", "no-signing-key", "a strict operator has a signing key")
    path = "$.nats.system_account"
    if not body.system_account:
        found.warning(key, path, "no-system-account", "without a system account servers have no $SYS services")
    elif body.system_account not in hierarchy.accounts:
        told = f"{body.system_account!a} is not among the accounts: servers that cannot find it do not start"
        found.warning(key, path, "system-account-missing", told)
    return found


def check_own(hierarchy: Hierarchy, claims: AccountClaims, now: int | None) -> Found:
    """Return what the account's claims tell by themselves, save the age of activations that nobody asks for."""
    found = Found()
    asked = {
        f"{taken.path}.token" for taken in hierarchy.imports(claims.sub) if _may_ask_for_activation(hierarchy, taken)
    }
    for problem in claims.check(now):
        if problem.code not in _STALE or problem.path in asked:
            found.add(problem.severity, claims.sub, problem.path, problem.code, problem.message)
    if now is not None and claims.exp == now:
        found.add("time", claims.sub, "$.exp", "expired", "in its last second servers take an account no more")
    return found


def _may_ask_for_activation(hierarchy: Hierarchy, taken: Taken) -> bool:
    if taken.exporter not in hierarchy.accounts or taken.said.type is None:
        return True
    covering = hierarchy.covering(taken.exporter, taken.said.type, taken.remote)
    return not covering or any(export.token_req and not export.account_token_position for export in covering)


def check_issuer(hierarchy: Hierarchy, claims: AccountClaims, found: Found) -> None:
    """Check that the operator signed the account, with a key that should."""
    operator = hierarchy.operator
    if claims.iss in operator.nats.signing_keys:
        return
    if claims.iss != operator.sub:
        who = "itself" if claims.iss == claims.sub else claims.iss
        told = f"signed by {who}, which is no key of operator {operator.sub}: servers refuse the account"
        found.error(claims.sub, "$.iss", "account-untrusted", told)
    elif hierarchy.strict:
        told = "the operator is strict, its identity signs no accounts: servers refuse this one"
        found.error(claims.sub, "$.iss", "identity-signed", told)
    else:
        told = "signed by the operator's identity, which belongs in a safe"
        found.warning(claims.sub, "$.iss", "identity-signed", told)


def holders(hierarchy: Hierarchy) -> dict[str, list[str]]:
    """Return for each key, identities included, the accounts that it signs for."""
    found: dict[str, list[str]] = {}
    for key, claims in hierarchy.accounts.items():
        for signing in dict.fromkeys((key, *signing_keys(claims))):
            found.setdefault(signing, []).append(key)
    return found


def check_signing_keys(
    hierarchy: Hierarchy, claims: AccountClaims, held_by: dict[str, list[str]], found: Found
) -> None:
    """Check that nobody else's key signs for the account, and under a strict operator that some key does."""
    keys = signing_keys(claims)
    for at, key in enumerate(keys):
        path = f"$.nats.signing_keys[{at}]"
        if key == claims.sub:
            told = "the identity is no signing key: listed here it signs users under a strict operator too"
            found.warning(claims.sub, path, "identity-as-signing-key", told)
        others = [holder for holder in held_by[key] if holder != claims.sub]
        if others:
            told = f"{key} signs for account {others[0]} too: whoever holds it makes users of both"
            found.error(claims.sub, path, "signing-key-shared", told)
    if hierarchy.strict and not keys:
        told = "the operator is strict: an account without a signing key has no users"
        found.warning(claims.sub, "$.nats.signing_keys", "no-key-for-users", told)


def check_callout(hierarchy: Hierarchy, claims: AccountClaims, found: Found) -> None:
    """Check that nobody but servers reaches a callout service, and where it may place users."""
    key, body = claims.sub, claims.nats
    if not body.authorization.auth_users:
        return
    for at, export in enumerate(body.exports):
        mapped = export.type == "service" and any(
            subjects.overlaps(source, export.subject) and any(map(_leads_to_callout, destinations))
            for source, destinations in body.mappings.items()
        )
        if mapped or subjects.is_subset(_CALLOUT, export.subject):
            told = f"only servers may reach {_CALLOUT}: others could ask in their stead, or read what users show"
            found.error(key, f"$.nats.exports[{at}].subject", "callout-exported", told)
    for taken in hierarchy.imports(key):
        if not subjects.is_subset(_CALLOUT, taken.local):
            continue
        if taken.said.type == "stream":
            told = f"only servers may publish {_CALLOUT}: by this the exporter can"
            found.error(key, taken.path, "callout-imported", told)
        else:
            told = "servers' requests, with what users show, go to the exporting account too"
            found.warning(key, taken.path, "callout-leaves", told)
    for at, account in enumerate(body.authorization.allowed_accounts):
        path = f"$.nats.authorization.allowed_accounts[{at}]"
        if account == "*":
            found.warning(key, path, "callout-any-account", "the callout service may place users in any account")
        elif account not in hierarchy.accounts:
            found.warning(key, path, "callout-account-unknown", f"{account!a} is not among the accounts")


def _leads_to_callout(destination: WeightedMapping) -> bool:
    """Tell whether a mapping may end in the callout subject: `$1` is one token, other calls may make several."""
    text, calls, _ = _WILDCARD_CALL.sub("*", destination.subject).partition("{{")
    words = ["*" if re.fullmatch(r"\$[0-9]+", word) else word for word in text.split(".")]
    if calls:
        words[-1] = ">"
    return subjects.overlaps(_CALLOUT, ".".join(words))
