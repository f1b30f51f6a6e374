"""A gateway that saves users, and answers as it is told to."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sluice.gateway.serve import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DROP = 0


class StandIn:
    """Answers with these statuses in turn, then with 200; `DROP` closes the connection without an answer.

    A user whose attribute `status` is a number gets that one. While `gate` is closed nobody is answered.
    """

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.saved: list[dict[str, Any]] = []
        self.at_once = 0
        self.most_at_once = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def handle(self, request: web.Request) -> web.Response:
        assert request.path == "/user/"
        user = json.loads(await request.read())["user"]
        self.requests.append(user)
        self.headers.append(dict(request.headers))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
            return self._answer(request, user)
        finally:
            self.at_once -= 1

    def _answer(self, request: web.Request, user: dict[str, Any]) -> web.Response:
        status = int(user.get("status", 0)) or (self._statuses.pop(0) if self._statuses else 200)
        if status == DROP:
            assert request.transport is not None
            request.transport.abort()
        if status != 200:
            error = {"message": "Invalid user information", "description": "in words"}
            return web.json_response({"errors": [error]}, status=status, headers={"Retry-After": "0"})
        self.saved.append(user)
        return web.json_response({"results": {"message": "User saved"}})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/{rest:.*}", self.handle)
        async with serving(app, "127.0.0.1", 0) as url:
            yield url
