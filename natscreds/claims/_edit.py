"""Pure changes of claims: one place turns keyword arguments into a changed model."""

from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin

import msgspec

from natscreds.claims._json import holds_model
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
    """Return *value* as *kind*; mappings become models one by one, so that no name that is not theirs gets lost."""
    for part in get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,):
        origin = get_origin(part)
        if isinstance(value, Mapping):
            members = cast("Mapping[str, object]", value)
            if isinstance(part, type) and issubclass(part, Model):
                return changed(current if isinstance(current, part) else part(), _untagged(part, members), path)
            if isinstance(origin, type) and issubclass(origin, Mapping) and holds_model(part):
                item = get_args(part)[1]
                value = {name: _fit(item, None, one, f"{path}[{name!r}]") for name, one in members.items()}
        elif origin is tuple and isinstance(value, Iterable):
            value = several(cast("Iterable[object]", value), path.rpartition(".")[2])
            if holds_model(part):
                item = get_args(part)[0]
                value = tuple(_fit(item, None, one, f"{path}[{at}]") for at, one in enumerate(value))
    fault = ""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        fault = str(error)
    told, _, inner = fault.partition(" - at ")
    raise InvalidClaimsError.one(path + inner.strip("`")[1:], "wrong-type", told[0].lower() + told[1:])


def _untagged(model: type[Model], members: Mapping[str, object]) -> Mapping[str, object]:
    """Return *members* without the one that only says which model is meant."""
    tag = model.__struct_config__.tag_field
    if tag is None or members.get(tag) != model.__struct_config__.tag:
        return members
    return {name: value for name, value in members.items() if name != tag}


def latest(revocations: Mapping[str, int], key: str) -> int:
    """Return the moment up to which *revocations* refuse tokens of *key*, 0 for never; `*` is everybody."""
    return max(revocations.get(key, 0), revocations.get("*", 0))
