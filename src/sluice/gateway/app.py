"""The aiohttp application: routes and what is the same for every answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aiohttp import web

from sluice.gateway.answers import error, sign
from sluice.gateway.compression import compress
from sluice.gateway.cors import PREFLIGHT
from sluice.gateway.dialects import DIALECTS
from sluice.gateway.dialects.port import JSON, RETRY_AFTER_S
from sluice.gateway.documentation import routes
from sluice.gateway.head import REQUEST_ID, request_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.typedefs import Handler, Middleware

    from sluice.gateway.ids import NewId
    from sluice.gateway.intake import Intake
    from sluice.gateway.metrics import Metrics
    from sluice.gateway.publishing.port import Publisher
    from sluice.gateway.users.port import UserDirectory

log = logging.getLogger(__name__)


def _never() -> bool:
    return False


def create_app(intake: Intake, publisher: Publisher, stopping: Callable[[], bool] = _never) -> web.Application:
    """Make the gateway's application of its parts; tests and `main` call the same one.

    Once it is `stopping`, it asks balancers and clients to go elsewhere, and takes what comes all the same.
    """
    app = web.Application(middlewares=[_same_for_all(intake.new_id, stopping), _errors_as_json(intake.metrics)])
    for dialect in DIALECTS:
        for endpoint in dialect.ENDPOINTS:
            for path in endpoint.paths:
                app.router.add_route("OPTIONS", path, _preflight)
                app.router.add_route("*", path, intake.handler(dialect, endpoint))
    app.router.add_get("/health", _health)
    app.router.add_get("/ready", _readiness(publisher, intake.users, stopping))
    app.router.add_routes(routes())
    for resource in app.router.resources():
        if isinstance(resource, web.Resource) and not any(route.method == "OPTIONS" for route in resource):
            resource.add_route("OPTIONS", _preflight)
    return app


def create_metrics_app(metrics: Metrics, new_id: NewId) -> web.Application:
    """Make the application of /metrics. It has an address of its own: what it tells is not for everybody."""
    app = web.Application(middlewares=[_same_for_all(new_id, _never), _errors_as_json(metrics)])
    app.router.add_get("/metrics", _metrics(metrics))
    return app


def _same_for_all(new_id: NewId, stopping: Callable[[], bool]) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[REQUEST_ID] = request_id(request.headers.get("X-Request-Id"), new_id)
        response = await handler(request)
        sign(response.headers, request[REQUEST_ID], request.headers.get("Origin"))
        compress(response, request.headers.get("Accept-Encoding", ""))
        if stopping():
            response.force_close()
        return response

    return middleware


def _errors_as_json(metrics: Metrics) -> Middleware:
    """Answer for paths that belong to no API; each API answers its own errors."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPNotFound:
            answer = error(404, "Not found")
        except web.HTTPMethodNotAllowed as wrong:
            answer = error(405, "Method not allowed", Allow=", ".join(sorted(wrong.allowed_methods)))
        except web.HTTPException as other:
            answer = error(other.status, other.reason)
        except Exception:
            log.exception("request %s failed", request[REQUEST_ID])
            answer = error(500, "Internal server error")
        metrics.strayed(answer.status)
        return answer

    return middleware


async def _preflight(_: web.Request) -> web.Response:
    return web.Response(status=204, headers=PREFLIGHT)


async def _health(_: web.Request) -> web.Response:
    """Answer as API 3's document says, as long as the process does; whether it can take events, /ready tells."""
    return web.Response(body=b'{"status":"ok"}', content_type=JSON)


def _readiness(publisher: Publisher, users: UserDirectory, stopping: Callable[[], bool]) -> Handler:
    def hindrance() -> str | None:
        if stopping():
            return "The gateway is stopping"
        if not publisher.ready:
            return "Kafka is not available"
        return None if users.ready else "The known users are not up to date"

    async def ready(_: web.Request) -> web.Response:
        if words := hindrance():
            return error(503, words, **{"Retry-After": str(RETRY_AFTER_S)})
        return web.Response(text='{"status":"ready"}', content_type=JSON)

    return ready


def _metrics(metrics: Metrics) -> Handler:
    async def give(request: web.Request) -> web.Response:
        text, content_type = metrics.text(request.headers.get("Accept", ""))
        return web.Response(body=text, headers={"Content-Type": content_type})

    return give
