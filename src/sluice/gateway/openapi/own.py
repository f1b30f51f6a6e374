"""The gateway's own paths, which belong to no API."""

from __future__ import annotations

from typing import Any

from sluice.gateway.dialects.port import JSON
from sluice.gateway.openapi.answers import BEFORE_THE_API, NEVER_OF_AN_API, Answer, answered, refused

TAG = {"name": "gateway", "description": "What belongs to no API."}


def _get(name: str, summary: str, answers: dict[str, Answer]) -> dict[str, Any]:
    return {
        "get": {
            "operationId": f"gateway_{name}",
            "tags": [TAG["name"]],
            "summary": summary,
            "security": [],
            "responses": answers
            | {str(status): refused(status) for status in (*BEFORE_THE_API, NEVER_OF_AN_API, 405)},
        }
    }


def _says(meaning: str, status: str) -> Answer:
    schema = {"type": "object", "properties": {"status": {"const": status}}, "required": ["status"]}
    return answered(meaning, {JSON: {"schema": schema}})


def _gives(meaning: str, media_type: str, type_: str) -> dict[str, Answer]:
    return {
        "200": answered(meaning, {media_type: {"schema": {"type": type_}}}),
        "304": answered("It is what If-None-Match names.", {}),
    }


PATHS: dict[str, dict[str, Any]] = {
    "/health": _get("health", "Whether the gateway runs", {"200": _says("It does.", "ok")}),
    "/ready": _get(
        "ready",
        "Whether the gateway can take events",
        {"200": _says("Kafka can be reached, and the known users are up to date.", "ready"), "503": refused(503)},
    ),
    "/openapi.json": _get("openapi", "This document", _gives("OpenAPI 3.1.", JSON, "object")),
    "/docs": _get(
        "docs", "This document as a page", _gives("HTML, which loads nothing from elsewhere.", "text/html", "string")
    ),
}
