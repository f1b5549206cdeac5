"""Version 1 tokens, read as version 2 claims.

Version 1 kept `type`, `tags` and `issuer_account` beside `nats`. What it had and version 2 has not (operators' and
accounts' `identity`, users' `max`) is dropped, what it had not is absent, so a migrated claim is not what was signed:
it says `version: 1`, and signing it again has to be asked for.
"""

from typing import TypeVar

import msgspec

from natscreds.claims._json import check_document, fold, reread
from natscreds.claims._model import Int64, Model
from natscreds.claims.permissions import TimeRange
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


class _Dropped(Model, frozen=True, kw_only=True, omit_defaults=True):
    """What is read and not kept: servers refuse the token in which one of these is of another type."""

    issuer_account: str = ""
    tags: tuple[str, ...] = ()


class _DroppedOfUser(_Dropped, frozen=True, kw_only=True, omit_defaults=True):
    max: Int64 = 0


class _DroppedOfActivation(_DroppedOfUser, frozen=True, kw_only=True, omit_defaults=True):
    payload: Int64 = 0
    src: str = ""
    times: tuple[TimeRange, ...] = ()


_DROPPED: dict[str, type[_Dropped]] = {"user": _DroppedOfUser, "activation": _DroppedOfActivation}


def migrate(payload: bytes, kind: str, model: type[ModelT]) -> ModelT:
    """Read version 1 claims of *kind* as *model*.

    Raises:
        TokenError: As for version 2; and a role among an account's signing keys, which version 1 has not.
    """
    check_document(payload)
    top = _members(payload, _TOP, "$")
    body = _members(bytes(top["nats"]), _KEPT[kind], "$.nats", kind == "activation") if "nats" in top else {}
    _check_dropped(top, body, _DROPPED.get(kind, _Dropped))
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


def _check_dropped(top: _Members, body: _Members, model: type[_Dropped]) -> None:
    places = {name: top if name == "issuer_account" else body for name in model.__struct_fields__}
    reread(bytes(_object({name: place[name] for name, place in places.items() if name in place})), model)


def _members(raw: bytes, known: tuple[str, ...], path: str, typed: bool = False) -> _Members:
    """Return the members of an object, `null` left out, refusing those that a server reads as another.

    A *typed* object has no `null` for its type: servers refuse that.
    """
    if raw.strip()[:1] != b"{":
        raise TokenError(f"expected an object at {path}")
    members = msgspec.json.decode(raw, type=_Members)
    for name in members:
        if name not in known and fold(name) in known:
            raise TokenError(f"member {name!a} at {path} reads as {fold(name)!r} on a server")
    found = {name: item for name, item in members.items() if bytes(item).strip() != b"null"}
    if typed and "type" in members and "type" not in found:
        raise TokenError(f"null does not stand at {path}.type")
    return found


def _refuse_roles(kept: _Members) -> None:
    fault = False
    try:
        msgspec.json.decode(kept.get("signing_keys", b"[]"), type=list[str])
    except msgspec.ValidationError:
        fault = True
    if fault:
        raise TokenError("expected a list of texts at $.nats.signing_keys")
