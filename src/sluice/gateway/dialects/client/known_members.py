"""Reading of JSON text what a model names, and nothing else, however the text is shaped.

A request of 20 kB can unpack to millions of values in the place of one. So nothing is built but plain values, and
dictionaries of the members that a model names: enough for pydantic to tell all that is wrong, each with its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypedDict, get_args, get_origin

import msgspec
from msgspec import Raw
from pydantic import BaseModel

from sluice.gateway import json_text

if TYPE_CHECKING:
    from collections.abc import Callable

Model = type[BaseModel]


class KnownMembers:
    """Reads an object as a dictionary of the members that its `model` names.

    Models among the members are read alike. Lists and `Raw` members stay the text that was sent, and so do the models
    `as_text`. Anything else, wherever it stands, is read by `json_text.scalar_of`.
    """

    def __init__(self, model: Model, *, as_text: frozenset[Model] = frozenset()) -> None:
        members = {
            field.alias or name: _Member.of(field.annotation, as_text) for name, field in model.model_fields.items()
        }
        self.type = _typed_dict({name: member.type for name, member in members.items()})
        self._as_modelled = msgspec.json.Decoder(self.type)
        self._texts = msgspec.json.Decoder(_typed_dict(dict.fromkeys(members, Raw)))
        self._read = {name: member.read for name, member in members.items()}

    def read_body(self, body: bytes) -> Any:
        """Read the body of a request.

        Raises `Malformed` for what is no strict JSON, or nested too deep.
        """
        try:
            members = json_text.decode(body, self._as_modelled)
        except msgspec.ValidationError:
            json_text.refuse_deep(body)
            return self._one_by_one(body.strip())
        json_text.refuse_deep(body)
        return members

    def read(self, text: Raw) -> Any:
        """Read a valid JSON text."""
        try:
            return self._as_modelled.decode(text)
        except msgspec.ValidationError:
            return self._one_by_one(text)

    def _one_by_one(self, text: bytes | Raw) -> Any:
        """Look again: something is not what the model says, if only a member that is there twice."""
        try:
            texts = self._texts.decode(text)
        except msgspec.ValidationError:
            return json_text.scalar_of(Raw(text))
        return {name: self._read[name](member) for name, member in texts.items()}


class _Member:
    """How a member is read: as this type where it is what the model says, else by this function."""

    def __init__(self, type_: Any, read: Callable[[Raw], Any]) -> None:
        self.type = type_
        self.read = read

    @classmethod
    def of(cls, annotation: Any, as_text: frozenset[Model]) -> _Member:
        for kind in _alternatives(annotation):
            if kind is Raw or get_origin(kind) is list or kind in as_text:
                return cls(Raw, lambda text: text)
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                inner = KnownMembers(kind, as_text=as_text)
                return cls(inner.type | None, inner.read)
        return cls(str | int | float | bool | None, json_text.scalar_of)


def _typed_dict(members: dict[str, Any]) -> Any:
    typed_dict: Any = TypedDict  # a type checker wants the members written out
    return typed_dict("Members", members, total=False)


def _alternatives(annotation: Any) -> list[Any]:
    """Take a type apart that allows several, and leave out what is said about it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _alternatives(arguments[0])
    if origin is list or not arguments:
        return [annotation]
    return [kind for argument in arguments for kind in _alternatives(argument)]
