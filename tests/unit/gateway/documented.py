"""The document as it is served, and how to do what it says."""

from __future__ import annotations

import json
from typing import Any

from sluice.gateway.dialects import DIALECTS
from sluice.gateway.documentation import openapi_json

DOCUMENT: dict[str, Any] = json.loads(openapi_json())

Shown = tuple[list[str], dict[str, str]]
"""Pieces of a query, and headers."""

GOOD_KEYS: dict[str, Shown] = {
    "bearer": ([], {"Authorization": "Bearer pulse_prod_demo"}),
    "x_api_key": ([], {"X-API-Key": "pulse_prod_demo"}),
    "klaviyo": ([], {"Authorization": "Klaviyo-API-Key pulse_prod_demo"}),
    "company_id": (["company_id=demo_public"], {}),
    "query_key": (["api_key=demo_public"], {}),
}
"""Each way to show a key, with one that is good."""


def good_key(operation: dict[str, Any]) -> Shown:
    """Show a good key in the first way that an operation names."""
    (scheme,) = operation["security"][0]
    return GOOD_KEYS[scheme]


def example_headers(operation: dict[str, Any]) -> dict[str, str]:
    """Give the headers of which an operation shows an example."""
    return {header["name"]: header["example"] for header in operation["parameters"] if "example" in header}


def parameters(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Give an operation's parameters, those that all have too."""
    common = DOCUMENT["components"]["parameters"]
    return [
        common[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        for part in operation.get("parameters", [])
    ]


_DOCUMENTED = {
    path: next(first for first in (path, *endpoint.paths) if first in DOCUMENT["paths"])
    for dialect in DIALECTS
    for endpoint in dialect.ENDPOINTS
    for path in endpoint.paths
}


def documented_path(path: str) -> str:
    """Give the path by which a path of an API is documented; others are what they are."""
    return _DOCUMENTED.get(path, path)
