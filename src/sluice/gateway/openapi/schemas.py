"""JSON Schemas of the types that a dialect names, under names that no two APIs share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluice.gateway.dialects.port import Dialect

JsonSchema = dict[str, Any]
Use = tuple[Literal["body", "answer", "error"], str]
"""What a type is for: an endpoint's body or accepting answer, by its name, or (without a name) an API's errors."""


@dataclass(frozen=True, slots=True)
class Schemas:
    """The schemas of one API; `components` are those that the others refer to, by their names in the document."""

    components: Mapping[str, JsonSchema]
    _by_use: Mapping[Use, JsonSchema]

    @property
    def error(self) -> JsonSchema:
        """Of every answer that does not accept a request."""
        return self._by_use["error", ""]

    def body(self, endpoint: str) -> JsonSchema:
        """Of a valid body."""
        return self._by_use["body", endpoint]

    def answer(self, endpoint: str) -> JsonSchema | None:
        """Of the accepting answer; None where it is empty."""
        return self._by_use.get(("answer", endpoint))


def schemas_of(dialect: Dialect) -> Schemas:
    """Make the schemas of an API. The component of a model is called `<api>.<model>`."""
    types: dict[Use, Any] = {("error", ""): dialect.ERROR}
    for endpoint in dialect.ENDPOINTS:
        types["body", endpoint.name] = endpoint.body
        if endpoint.answer is not None:
            types["answer", endpoint.name] = endpoint.answer
    made, definitions = TypeAdapter.json_schemas(
        [(use, "validation", TypeAdapter(of)) for use, of in types.items()],
        ref_template=f"#/components/schemas/{dialect.API}.{{model}}",
        schema_generator=_WithoutMemberTitles,
    )
    return Schemas(
        components=dict(_named(dialect.API, model, schema) for model, schema in definitions.get("$defs", {}).items()),
        _by_use={use: schema for (use, _), schema in made.items()},
    )


def _named(api: str, model: str, schema: JsonSchema) -> tuple[str, JsonSchema]:
    name = f"{api}.{model}"
    return name, schema | {"title": name}


class _WithoutMemberTitles(GenerateJsonSchema):
    """A member's title would only repeat its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False
