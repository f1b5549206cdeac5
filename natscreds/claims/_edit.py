"""Pure changes of claims: one place turns keyword arguments into a changed model."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast, get_args, get_origin

import msgspec

from natscreds.claims._model import Model
from natscreds.errors import InvalidClaimsError

__all__ = ["changed", "latest", "several"]

ModelT = TypeVar("ModelT", bound=Model)


def changed(model: ModelT, changes: Mapping[str, object], path: str = "$") -> ModelT:
    """Return *model* with members replaced; a mapping for a member that is an object changes that object.

    Raises:
        TypeError: A name this model does not have, or a bare text where several are meant.
        InvalidClaimsError: A value of another type.
    """
    kinds = {info.name: info.type for info in msgspec.structs.fields(model) if info.name != "unknown"}
    unheard = [name for name in changes if name not in kinds]
    if unheard:
        raise TypeError(f"{type(model).__name__} has no member {unheard[0]!r}")
    values = {name: _fit(kinds[name], getattr(model, name), value, f"{path}.{name}") for name, value in changes.items()}
    return msgspec.structs.replace(model, **values)


def several(value: Iterable[Any], name: str) -> tuple[Any, ...]:
    """Return *value* as a tuple; a bare text would be read by character.

    Raises:
        TypeError: *value* is a `str` or `bytes`.
    """
    if isinstance(value, str | bytes | bytearray):
        raise TypeError(f"{name} takes several: give a list, a single text would be read by character")
    return tuple(value)


def _fit(kind: Any, current: object, value: object, path: str) -> object:  # noqa: ANN401  # a type expression
    parts = get_args(kind) if get_origin(kind) is not tuple else ()
    model = next((part for part in (kind, *parts) if isinstance(part, type) and issubclass(part, Model)), None)
    if model is not None and isinstance(value, Mapping):
        base = current if isinstance(current, model) else model()
        return changed(base, cast("Mapping[str, object]", value), path)
    if any(get_origin(part) is tuple for part in (kind, *parts)) and value is not None:
        value = several(cast("Iterable[object]", value), path.rpartition(".")[2])
    fault = ""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        fault = str(error).split(" - at")[0]
    raise InvalidClaimsError.one(path, "wrong-type", fault[0].lower() + fault[1:])


def latest(revocations: Mapping[str, int], key: str) -> int:
    """Return the moment up to which *revocations* refuse tokens of *key*, 0 for never; `*` is everybody."""
    return max(revocations.get(key, 0), revocations.get("*", 0))
