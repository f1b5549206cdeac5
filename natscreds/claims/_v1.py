"""Version 1 tokens, read as version 2 claims.

Version 1 kept `type`, `tags` and `issuer_account` beside `nats`. What it had and version 2 has not (operators' and
accounts' `identity`, users' `max`) is dropped, what it had not is absent, so a migrated claim is not what was signed:
it says `version: 1`, and signing it again has to be asked for.
"""

from typing import TypeVar

import msgspec

from natscreds.claims._json import check_document, fold, reread
from natscreds.claims._model import Model
from natscreds.errors import TokenError

__all__ = ["migrate"]

_TOP = ("aud", "exp", "jti", "iat", "iss", "name", "nbf", "sub", "tags", "type", "nats", "issuer_account")

_LIMITS = ("subs", "data", "payload", "imports", "exports", "wildcards", "disallow_bearer", "conn", "leaf")

# What each kind keeps of its `nats` object.
_KEPT = {
    "operator": ("signing_keys", "account_server_url", "operator_service_urls", "system_account"),
    "account": ("imports", "exports", "limits", "signing_keys", "revocations"),
    "user": ("pub", "sub", "resp", "src", "times", "times_location", "subs", "data", "payload", "bearer_token"),
    "activation": ("subject", "type"),
}
ModelT = TypeVar("ModelT", bound=Model)
_Members = dict[str, msgspec.Raw]


def migrate(payload: bytes, kind: str, model: type[ModelT]) -> ModelT:
    """Read version 1 claims of *kind* as *model*.

    Raises:
        TokenError: As for version 2; and a role among an account's signing keys, which version 1 has not.
    """
    check_document(payload)
    top = _members(payload, _TOP, "$")
    body = _members(bytes(top["nats"]), _KEPT[kind], "$.nats") if "nats" in top else {}
    kept = {name: body[name] for name in _KEPT[kind] if name in body}
    if kind == "account":
        if "limits" in kept:
            limits = _members(bytes(kept["limits"]), _LIMITS, "$.nats.limits")
            kept["limits"] = _object({name: limits[name] for name in _LIMITS if name in limits})
        _refuse_roles(kept)
    if kind == "user":
        kept = {**{name: msgspec.Raw(b"-1") for name in ("subs", "data", "payload")}, **kept}
    if kind == "activation" and "type" in kept:
        kept["kind"] = kept.pop("type")
    if kind in ("user", "activation") and "issuer_account" in top:
        kept["issuer_account"] = top["issuer_account"]
    kept |= {name: top[name] for name in ("tags", "type") if name in top}
    kept["version"] = msgspec.Raw(b"1")
    standard = {name: top[name] for name in _TOP[:8] if name in top}
    return reread(bytes(_object({**standard, "nats": _object(kept)})), model)


def _object(members: _Members) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(members))


def _members(raw: bytes, known: tuple[str, ...], path: str) -> _Members:
    """Return the members of an object, `null` left out, refusing those that a server reads as another."""
    if raw.strip()[:1] != b"{":
        raise TokenError(f"expected an object at {path}")
    members = msgspec.json.decode(raw, type=_Members)
    for name in members:
        if name not in known and fold(name) in known:
            raise TokenError(f"member {name!a} at {path} reads as {fold(name)!r} on a server")
    return {name: item for name, item in members.items() if bytes(item).strip() != b"null"}


def _refuse_roles(kept: _Members) -> None:
    fault = False
    try:
        msgspec.json.decode(kept.get("signing_keys", b"[]"), type=list[str])
    except msgspec.ValidationError:
        fault = True
    if fault:
        raise TokenError("expected a list of texts at $.nats.signing_keys")
