"""What is about to be signed is read first: it must say what the claims say.

Constructing claims validates nothing, and some wrong values have a JSON form all the same: `b"admin.>"` in a deny list
would be signed as base64 text that denies nothing.
"""

from collections.abc import Mapping
from typing import cast

import msgspec

from natscreds.claims._json import decode, escape
from natscreds.claims._model import Model, Unknown
from natscreds.errors import InvalidClaimsError, TokenError

__all__ = ["read_back"]

_CHANGED = "reads back as something else"

_DECODERS: dict[type[Model], msgspec.json.Decoder[Model]] = {}


def read_back(payload: bytes, claims: Model) -> None:
    """Return nothing if *payload*, the JSON of *claims*, reads back as these claims.

    Raises:
        InvalidClaimsError: It does not, or does not read at all.
    """
    kind = type(claims)
    fault = ""
    try:
        decoder = _DECODERS.get(kind)
        if decoder is None:
            decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
        read = decoder.decode(payload)
        if read == claims:
            return
        read = decode(payload, kind)  # lists in place of tuples, unknown members, or something wrong
        if (other := _reserved(claims) or _other(read, claims, "$")) is not None:
            raise InvalidClaimsError.one(other[0], "wrong-type", other[1])
    except msgspec.ValidationError as error:
        fault = str(error)
    except (msgspec.MsgspecError, UnicodeDecodeError, TokenError) as error:
        raise InvalidClaimsError.one("$", "unreadable", str(error)) from None
    if fault:
        told, _, path = fault.partition(" - at ")
        raise InvalidClaimsError.one(path.strip("`") or "$", "wrong-type", told[0].lower() + told[1:])


def _reserved(claims: Model) -> tuple[str, str] | None:
    """Return the unknown member that makes another token of this one, with the reason; `None` if there is none."""
    members = claims.unknown.members if isinstance(claims.unknown, Unknown) else {}
    for name in claims.reserved & members.keys():
        if bytes(members[name]).strip() not in (b"null", b'""'):
            return f"$.{name}", "for servers this makes a version 1 token"
    return None


def _other(read: object, said: object, path: str) -> tuple[str, str] | None:
    """Return where *said* reads back as something else, and what; `None` if nowhere."""
    if said is msgspec.UNSET or isinstance(said, msgspec.Raw):  # left out on purpose, or JSON already
        return None
    if isinstance(read, Unknown) and isinstance(said, Unknown):
        texts = {name: escape(bytes(raw).strip()) for name, raw in said.members.items()}
        return None if read == Unknown({name: msgspec.Raw(text) for name, text in texts.items()}) else (path, _CHANGED)
    parts = _parts(read, said, path)
    if parts is not None:
        return next((other for part in parts if (other := _other(*part)) is not None), None)
    if read == said:
        return None
    wanted, got = type(read).__name__, type(said).__name__
    return path, _CHANGED if wanted == got else f"expected {wanted}, got {got}"


def _parts(read: object, said: object, path: str) -> list[tuple[object, object, str]] | None:
    """Return what lies inside both, with its path; `None` where nothing does, or they are of different kinds."""
    if isinstance(said, Model) and type(read) is type(said):
        return [(getattr(read, name), getattr(said, name), f"{path}.{name}") for name in said.__struct_fields__]
    if isinstance(said, list | tuple) and isinstance(read, list | tuple):
        pairs = zip(cast("list[object]", read), cast("list[object]", said), strict=True)
        return [(one, other, f"{path}[{at}]") for at, (one, other) in enumerate(pairs)]
    if isinstance(said, Mapping) and isinstance(read, dict):
        items = cast("dict[str, object]", read)
        return [(items[name], item, f"{path}[…]") for name, item in cast("Mapping[str, object]", said).items()]
    return None
