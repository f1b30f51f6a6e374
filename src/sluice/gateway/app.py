"""The aiohttp application: routes and what is the same for every answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from sluice.gateway.cors import PREFLIGHT, cors_headers
from sluice.gateway.dialects import DIALECTS
from sluice.gateway.dialects.port import JSON, RETRY_AFTER_S
from sluice.gateway.documentation import routes
from sluice.gateway.head import REQUEST_ID, request_id

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from sluice.gateway.clock import NewId
    from sluice.gateway.intake import Intake
    from sluice.gateway.publishing.port import Publisher

log = logging.getLogger(__name__)


def create_app(intake: Intake, publisher: Publisher) -> web.Application:
    """Make the gateway's application of its parts; tests and `main` call the same one.

    Serve it with `auto_decompress=False`: bodies are decompressed by `sluice.gateway.body`.
    """
    app = web.Application(middlewares=[_same_for_all(intake.new_id), _errors_as_json])
    for dialect in DIALECTS:
        for endpoint in dialect.ENDPOINTS:
            for path in endpoint.paths:
                app.router.add_route("OPTIONS", path, _preflight)
                app.router.add_route("*", path, intake.handler(dialect, endpoint))
    app.router.add_get("/health", _health)
    app.router.add_get("/ready", _readiness(publisher))
    app.router.add_routes(routes())
    return app


def _same_for_all(new_id: NewId) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[REQUEST_ID] = request_id(request.headers.get("X-Request-Id"), new_id)
        response = await handler(request)
        response.headers["X-Request-Id"] = request[REQUEST_ID]
        response.headers["Server"] = "sluice"
        response.headers.update(cors_headers(request.headers.get("Origin")))
        return response

    return middleware


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer for paths that belong to no API; each API answers its own errors."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return _error(404, "Not found")
    except web.HTTPMethodNotAllowed as error:
        return _error(405, "Method not allowed", Allow=", ".join(sorted(error.allowed_methods)))
    except web.HTTPException as error:
        return _error(error.status, error.reason)
    except Exception:
        log.exception("request %s failed", request[REQUEST_ID])
        return _error(500, "Internal server error")


def _error(status: int, words: str, **headers: str) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode({"error": words}), content_type=JSON, headers=headers)


async def _preflight(_: web.Request) -> web.Response:
    return web.Response(status=204, headers=PREFLIGHT)


async def _health(_: web.Request) -> web.Response:
    """Answer as API 3's document says, as long as the process does; whether it can take events, /ready tells."""
    return web.Response(text='{"status":"ok"}', content_type=JSON)


def _readiness(publisher: Publisher) -> Handler:
    async def ready(_: web.Request) -> web.Response:
        if publisher.ready:
            return web.Response(text='{"status":"ready"}', content_type=JSON)
        return _error(503, "Kafka is not available", **{"Retry-After": str(RETRY_AFTER_S)})

    return ready
