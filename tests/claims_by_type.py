"""Claims of random values, made from the annotations of the models themselves."""

from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from natscreds.claims import Model

__all__ = ["models", "texts"]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["*", ">", "a.>", "<&>", "\u2028"]
)


def models(model: type[Model]) -> st.SearchStrategy[Any]:
    """Return a strategy of *model* whose members are absent or of the type that is said."""
    members = {
        field.name: _values(field.type) for field in msgspec.structs.fields(model) if field.name not in ("unknown",)
    }
    return st.fixed_dictionaries({}, optional=members).map(lambda said: model(**said))


def _values(kind: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401  # a type expression
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return st.one_of([_values(part) for part in parts])
    if origin is Literal:
        return st.sampled_from(parts)
    if origin is tuple:
        return st.lists(_values(parts[0]), max_size=3).map(tuple)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.dictionaries(texts, _values(parts[1]), max_size=3)
    if isinstance(kind, type) and issubclass(kind, Model):
        return st.deferred(lambda: models(kind))
    if kind is type(None):
        return st.none()
    if kind is bool:
        return st.booleans()
    if kind is str:
        return texts
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.IntType), kind
    low = -(2**63) if info.ge is None else info.ge
    high = 2**63 - 1 if info.le is None else info.le
    return st.sampled_from([0, 1, low, high] if low <= 0 else [1, low, high]) | st.integers(low, high)
