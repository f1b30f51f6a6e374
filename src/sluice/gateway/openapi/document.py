"""The whole document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluice.gateway.openapi import own
from sluice.gateway.openapi.answers import HEADERS, UNREADABLE
from sluice.gateway.openapi.operations import PARAMETERS, operations
from sluice.gateway.openapi.schemas import schemas_of
from sluice.gateway.openapi.security import SCHEMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.gateway.dialects.port import Dialect

_ABOUT = """\
Events come in here and become rows of one table in ClickHouse. An answer that accepts a request is sent once its
events are durable; a request is accepted as a whole or not at all, and every error has the shape of its API.

Bodies are JSON, whatever the Content-Type says, of at most 10 MiB after decompression and of at most 100 levels.
Unknown members are kept and are never an error; `null` is the same as leaving a member out. Pages of any origin may
send events (CORS). Outside the paths below the answer is 404, with `{"error": "..."}`.
"""


def document(dialects: Sequence[Dialect], version: str) -> dict[str, Any]:
    """Give the document of these APIs and of the gateway's own paths.

    Source: OpenAPI Specification 3.1.1, whose schemas are JSON Schema 2020-12.
    """
    paths: dict[str, Any] = {}
    schemas = {"Unreadable": UNREADABLE}
    for dialect in dialects:
        of_api = schemas_of(dialect)
        schemas |= of_api.components
        for endpoint in dialect.ENDPOINTS:
            for path, operation in operations(dialect, endpoint, of_api):
                paths.setdefault(path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Sluice",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [*map(_tag, dialects), own.TAG],
        "paths": paths | own.PATHS,
        "components": {
            "schemas": schemas,
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "securitySchemes": SCHEMES,
        },
    }


def _tag(dialect: Dialect) -> dict[str, str]:
    about = dialect.__doc__ or ""
    return {"name": str(dialect.API), "description": about.partition("\n")[0]}
