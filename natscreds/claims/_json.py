"""Claims to JSON bytes and back.

Writing gives the bytes the reference writes: members in the order of the model, maps sorted, `<`, `>`, `&`, U+2028 and
U+2029 escaped. Reading decodes by type and encodes again: if that gives the bytes received (always so for tokens of the
reference), nothing was lost and nothing was said twice. Otherwise the document is read a second time, member by member:
repeated members and members that a server would read as a known one are refused, `null` is absent, and what is not
known is kept.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

import msgspec

from natscreds.claims._model import HIDDEN, Model, Unknown
from natscreds.errors import InvalidClaimsError, TokenError

__all__ = ["MAX_DEPTH", "check_document", "decode", "encode", "escape", "fold", "reread"]

MAX_DEPTH = 64
"""Objects and lists inside one another, at most."""

ModelT = TypeVar("ModelT", bound=Model)
_Reader = Callable[[bytes, str], object]


class _HasUnknownError(Exception):
    """Tells the encoder that the slow way is needed."""


def _refuse_unknown(_value: object) -> object:
    raise _HasUnknownError


def _open_unknown(value: object) -> object:
    if isinstance(value, Unknown):
        return value.members
    raise TypeError(f"claims hold text, numbers, lists and maps, not {type(value).__name__}")


_encoder = msgspec.json.Encoder(order="deterministic", enc_hook=_refuse_unknown)
_plain_encoder = msgspec.json.Encoder()


@cache
def _decoder(model: Any) -> msgspec.json.Decoder[Any]:  # noqa: ANN401  # any type msgspec takes
    return msgspec.json.Decoder(model)


def escape(data: bytes) -> bytes:
    """Escape what the reference escapes in JSON text; these characters occur only inside strings."""
    data = data.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")
    if data.isascii():
        return data
    return data.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")


def encode(value: msgspec.Struct) -> bytes:
    """Return *value* as the JSON bytes the reference writes.

    Raises:
        InvalidClaimsError: Text with a lone surrogate, or a value that is no JSON.
    """
    fault = ""
    try:
        return escape(_encoder.encode(value))
    except _HasUnknownError:
        pass
    except UnicodeEncodeError:
        fault = "text with a lone surrogate has no UTF-8 form"
    except (TypeError, msgspec.MsgspecError, RecursionError, OverflowError) as error:
        fault = f"no JSON form: {error}"
    if fault:
        raise InvalidClaimsError.one("$", "not-json", fault)
    return escape(_encode_unknown(value))


def _encode_unknown(value: msgspec.Struct) -> bytes:
    fault = ""
    try:
        tree = msgspec.to_builtins(value, order="deterministic", enc_hook=_open_unknown, builtin_types=(msgspec.Raw,))
        return _plain_encoder.encode(_lift(tree))
    except (UnicodeEncodeError, TypeError, msgspec.MsgspecError, RecursionError, OverflowError) as error:
        fault = type(error).__name__
    raise InvalidClaimsError.one("$", "not-json", f"no JSON form: {fault}")


def _lift(tree: object) -> object:
    """Move hidden members one level up, to the end of the object they came with."""
    if isinstance(tree, list | tuple):
        return [_lift(item) for item in cast("list[object]", tree)]
    if not isinstance(tree, dict):
        return tree
    lifted = {name: _lift(item) for name, item in cast("dict[str, object]", tree).items() if name != HIDDEN}
    if HIDDEN in tree:
        hidden = cast("dict[str, object]", tree[HIDDEN])
        if (
            not isinstance(hidden, dict)
            or not hidden
            or not all(isinstance(raw, msgspec.Raw) for raw in hidden.values())
        ):
            raise TypeError(f"{HIDDEN!r} is no key for a map")
        lifted.update(hidden)
    return lifted


def decode(payload: bytes, model: type[ModelT]) -> ModelT:
    """Read *payload* as *model*, losing nothing.

    Raises:
        TokenError: Not JSON, a member of another type than the model's, a repeated member, a member that a server would
            read as another, or nesting deeper than `MAX_DEPTH`.
    """
    if model.free_form:
        _check_depth(payload)
    try:
        value = cast("ModelT", _decoder(model).decode(payload))
        if escape(_encoder.encode(value)) == payload:
            return value
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError, _HasUnknownError):
        pass  # the second reading tells what is wrong, or that servers accept it all the same
    return reread(payload, model)


def reread(payload: bytes, model: type[ModelT]) -> ModelT:
    """Read *payload* as `decode` does, the slow and careful way; see there."""
    check_document(payload)
    return cast("ModelT", _read_model(model)(payload.strip(), "$"))


def check_document(payload: bytes) -> None:
    """Refuse what is no JSON, too deep, ambiguous, or not text, wherever in the document it stands."""
    fault = ""
    try:
        _check_depth(payload)
        json.loads(payload.decode("utf-8"), object_pairs_hook=_refuse_repeated)
        msgspec.json.decode(payload)  # stricter on numbers and on surrogates
    except TokenError:
        raise
    except UnicodeDecodeError:
        fault = "the payload is not UTF-8"
    except (msgspec.DecodeError, ValueError) as error:
        fault = f"the payload is not JSON: {_told(error)}"
    except RecursionError:
        fault = f"objects and lists lie at most {MAX_DEPTH} deep"
    if fault:
        raise TokenError(fault)


def _check_depth(payload: bytes) -> None:
    """Count the brackets outside of strings, without recursion, as parsers would run out of it."""
    if payload.count(b"{") + payload.count(b"[") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _brackets(payload):
        depth += 1 if bracket in b"{[" else -1
        if depth > MAX_DEPTH:
            raise TokenError(f"objects and lists lie at most {MAX_DEPTH} deep")


def _told(error: Exception) -> str:
    """Return what a JSON parser said, without any text of the document."""
    return str(error).split(":")[0] if isinstance(error, json.JSONDecodeError) else str(error).split(" (")[0]


def _brackets(payload: bytes) -> bytes:
    import re  # the slow way only

    # Possessive, and a text without an end is one too: each byte is looked at once, whatever a stranger sends.
    return re.sub(rb'"(?:[^"\\]++|\\.?)*+"?|[^][{}"]++', b"", payload, flags=re.DOTALL)


def _refuse_repeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise TokenError(f"member {_shown(name)} stands twice in one object")
            seen.add(name)
    return members


def _shown(name: str) -> str:
    return ascii(name if len(name) <= 40 else name[:40] + "…")


def fold(name: str) -> str:
    """Return *name* as a server compares member names: ASCII case, U+017F as s and U+212A as k do not matter."""
    return name.replace("\u017f", "s").replace("\u212a", "k").lower()


@cache
def _read_model(model: type[Model]) -> _Reader:
    from msgspec.structs import fields  # the slow way only

    readers: dict[str, tuple[str, _Reader]] = {}
    tag_field, tag = model.__struct_config__.tag_field, model.__struct_config__.tag
    for field in fields(model):
        if field.encode_name != HIDDEN:
            readers[field.encode_name] = (field.name, _reader(field.type))
    folded = {fold(name): name for name in (*readers, *model.reserved, *([tag_field] if tag_field else []))}
    members_of = _decoder(dict[str, msgspec.Raw])

    def read(raw: bytes, path: str) -> object:
        if raw[:1] != b"{":
            raise TokenError(f"expected an object at {path}")
        values: dict[str, Any] = {}
        unknown: dict[str, msgspec.Raw] = {}
        found_tag: object = None
        for name, item in members_of.decode(raw).items():
            text = bytes(item).strip()
            known = readers.get(name)
            if known is not None:
                if text != b"null":
                    values[known[0]] = known[1](model.tolerate(name, text), f"{path}.{name}")
                elif name in model.null_refused:
                    raise TokenError(f"null does not stand at {path}.{name}")
            elif name == tag_field:
                found_tag = msgspec.json.decode(text)
            elif fold(name) == HIDDEN:
                raise TokenError(f"member {_shown(name)} at {path} is a name that is kept for this library")
            elif (meant := folded.get(fold(name))) is not None and name not in model.reserved:
                raise TokenError(f"member {_shown(name)} at {path} reads as {meant!r} on a server")
            else:
                unknown[name] = msgspec.Raw(escape(text))
        if tag_field and found_tag != tag:
            raise TokenError(f"expected {tag_field} {tag!r} at {path}")
        if unknown:
            values["unknown"] = Unknown(unknown)
        return model(**values)

    return read


def _reader(kind: Any) -> _Reader:  # noqa: ANN401  # a type expression
    """Return what reads one value of type *kind*, member by member where it holds models."""
    origin = get_origin(kind)
    if isinstance(kind, type) and issubclass(kind, Model):
        return _read_model(kind)
    if origin is tuple and holds_model(kind):
        return _read_list(_reader(get_args(kind)[0]))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping) and holds_model(kind):
        return _read_map(_reader(get_args(kind)[1]))
    if origin in (Union, UnionType) and holds_model(kind):
        return _read_either([part for part in get_args(kind) if part is not type(None)])
    return _read_leaf(kind)


def holds_model(kind: Any) -> bool:  # noqa: ANN401  # a type expression
    """Tell whether a value of type *kind* can be a model, or hold one."""
    if get_origin(kind) is Annotated:
        return False
    return (isinstance(kind, type) and issubclass(kind, Model)) or any(holds_model(part) for part in get_args(kind))


def _read_list(reader: _Reader) -> _Reader:
    items_of = _decoder(list[msgspec.Raw])

    def read(raw: bytes, path: str) -> object:
        if raw[:1] != b"[":
            raise TokenError(f"expected a list at {path}")
        return tuple(reader(bytes(item).strip(), f"{path}[{at}]") for at, item in enumerate(items_of.decode(raw)))

    return read


def _read_map(reader: _Reader) -> _Reader:
    members_of = _decoder(dict[str, msgspec.Raw])

    def read(raw: bytes, path: str) -> object:
        if raw[:1] != b"{":
            raise TokenError(f"expected an object at {path}")
        return {name: reader(bytes(item).strip(), f"{path}[…]") for name, item in members_of.decode(raw).items()}

    return read


def _read_either(parts: list[Any]) -> _Reader:
    """Read a model where an object stands, and the other kind elsewhere."""
    objects = [_reader(part) for part in parts if isinstance(part, type) and issubclass(part, Model)]
    others = [_reader(part) for part in parts if not (isinstance(part, type) and issubclass(part, Model))]

    def read(raw: bytes, path: str) -> object:
        return (objects[0] if objects and (raw[:1] == b"{" or not others) else others[0])(raw, path)

    return read


def _read_leaf(kind: Any) -> _Reader:  # noqa: ANN401  # a type expression
    decoder = _decoder(kind)

    def read(raw: bytes, path: str) -> object:
        fault = ""
        try:
            return decoder.decode(raw)
        except msgspec.ValidationError as error:
            told = str(error)
            fault = told.split(" - at")[0] if told.startswith("Expected") else "Expected one of the known values"
        except (msgspec.DecodeError, UnicodeDecodeError):
            fault = "Expected text that is UTF-8"
        raise TokenError(f"{fault[0].lower()}{fault[1:]} at {path}")

    return read
