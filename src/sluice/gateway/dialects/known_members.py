"""Reading of a body what a model looks at, and nothing else, however the body is shaped.

msgspec's own checks end at the first surprise. The types made here surprise it with nothing: what is there is read as
it is, and pydantic can tell everything that is wrong at once, each with its place.
"""

from __future__ import annotations

from typing import Annotated, Any, TypedDict, get_args, get_origin

from msgspec import Raw
from pydantic import BaseModel

Model = type[BaseModel]
_Scalar = str | int | float | bool | None


def known_members(model: Model, *, as_text: frozenset[Model] = frozenset()) -> Any:
    """Give the type by which msgspec reads what a model checks: dictionaries of the members that it names.

    Anything else in a model's place is read as it is. `Raw` members stay the text that was sent, and so do the models
    `as_text`; in their places anything is taken.
    """
    if model in as_text:
        return Raw
    members = {field.alias or name: _value(field.annotation, as_text) for name, field in model.model_fields.items()}
    typed_dict: Any = TypedDict  # a type checker wants the members written out
    return typed_dict(model.__name__, members, total=False) | list[Any] | _Scalar


def _value(annotation: Any, as_text: frozenset[Model]) -> Any:
    for kind in _alternatives(annotation):
        if kind is Raw:
            return Raw
        if get_origin(kind) is list:
            of: Any = _value(get_args(kind)[0], as_text)
            return list[of] | dict[str, Any] | _Scalar
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return known_members(kind, as_text=as_text)
    return Any


def _alternatives(annotation: Any) -> list[Any]:
    """Take a type apart that allows several, and leave out what is said about it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _alternatives(arguments[0])
    if origin is list or not arguments:
        return [annotation]
    return [kind for argument in arguments for kind in _alternatives(argument)]
