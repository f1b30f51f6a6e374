"""The operations of an endpoint: one for each of its paths."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sluice.gateway.decoding import ACCEPTED_ENCODINGS
from sluice.gateway.dialects.port import JSON
from sluice.gateway.head import MAX_IDEMPOTENCY_KEY
from sluice.gateway.openapi.answers import accepting, refusing
from sluice.gateway.openapi.security import FROM_PAGES, requirement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sluice.gateway.dialects.port import Dialect, Endpoint, Parameter
    from sluice.gateway.openapi.schemas import JsonSchema, Schemas

Operation = dict[str, Any]

BEACON = "text/plain"

PARAMETERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "A name for the request, which comes back in the answer and stays with its events: up to 128 "
        "letters, digits and `._:/+=@-`. Anything else is replaced.",
        "schema": {"type": "string"},
    },
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A request that is repeated with the same key within 24 hours stores nothing twice.",
        "schema": {"type": "string", "maxLength": MAX_IDEMPOTENCY_KEY},
    },
    "Content-Encoding": {
        "name": "Content-Encoding",
        "in": "header",
        "description": f"How the body is compressed: {ACCEPTED_ENCODINGS}.",
        "schema": {"type": "string"},
    },
}
"""What every endpoint takes, for `components/parameters`."""


def operations(dialect: Dialect, endpoint: Endpoint, schemas: Schemas) -> Iterator[tuple[str, Operation]]:
    """Give each of an endpoint's documented paths with its operation."""
    content = _bodies(dialect, endpoint, schemas.body(endpoint.name))
    answers = {str(endpoint.status): accepting(dialect, schemas.answer(endpoint.name))}
    for number, (path, *variants) in enumerate(_by_stem(endpoint.paths), 1):
        first = number == 1
        yield (
            path,
            {
                "operationId": f"{dialect.API}_{endpoint.name}" + ("" if first else f"_{number}"),
                "tags": [str(dialect.API)],
                "summary": endpoint.summary,
                "description": _description(variants, same_as=None if first else endpoint.paths[0]),
                "security": requirement(endpoint.keys),
                "parameters": [*map(_parameter, endpoint.parameters), *map(_common_parameter, PARAMETERS)],
                "requestBody": {"required": True, "content": content},
                "responses": answers | refusing(dialect, schemas.error),
            },
        )


def _by_stem(paths: Sequence[str]) -> list[list[str]]:
    """Put paths together that differ only by a slash at the end: the first is documented, the others mentioned."""
    by_stem: dict[str, list[str]] = {}
    for path in paths:
        by_stem.setdefault(path.rstrip("/"), []).append(path)
    return list(by_stem.values())


def _description(variants: Sequence[str], *, same_as: str | None) -> str:
    sentences = ["A request is taken as a whole or not at all."]
    if same_as is not None:
        sentences.append(f"The same as `{same_as}`.")
    sentences += [f"Also served as `{path}`." for path in variants]
    return " ".join(sentences)


def _common_parameter(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/parameters/{name}"}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "required": parameter.required,
        "schema": {"type": "string"},
    }
    if parameter.pattern is not None:
        described["schema"]["pattern"] = parameter.pattern
    if parameter.example is not None:
        described["example"] = parameter.example
    return described


def _bodies(dialect: Dialect, endpoint: Endpoint, schema: JsonSchema) -> dict[str, Any]:
    """Give the body by media type. Whatever a request says, its body is read as JSON; these are what clients say."""
    example = dict(endpoint.example)
    bodies: dict[str, Any] = {
        media_type: {"schema": schema, "example": example} for media_type in (dialect.CONTENT_TYPE, JSON)
    }
    if not FROM_PAGES.isdisjoint(endpoint.keys):
        as_text = {"type": "string", "contentMediaType": JSON, "contentSchema": schema}
        bodies[BEACON] = {"schema": as_text, "example": json.dumps(example)}
    return bodies
