"""The aiohttp application: ClickHouse's HTTP interface in front of the engine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from typing import TYPE_CHECKING

from aiohttp import hdrs, web

from sluice.local.clickhouse.answers import (
    PLAIN,
    common_headers,
    error_answer,
    new_tag,
    not_found,
    trailer,
)
from sluice.local.clickhouse.body import HEAD_BYTES, PIECE_BYTES, Body
from sluice.local.clickhouse.call import Call, Users, read_call, read_query_string
from sluice.local.clickhouse.compression import chosen_coding, encoder
from sluice.local.clickhouse.connection import Scope
from sluice.local.clickhouse.errors import ACCESS_DENIED, READONLY, SYNTAX_ERROR, ClickHouseError
from sluice.local.clickhouse.jobs import LoadJob, ReadJob, summary
from sluice.local.clickhouse.places import Fresh, InSession, Place
from sluice.local.clickhouse.reader import allow, has_tree
from sluice.local.clickhouse.sessions import Sessions
from sluice.local.clickhouse.statement import Action, Statement, classify, is_insert
from sluice.local.clickhouse.work import Work

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sluice.local.clickhouse.engine import Engine
    from sluice.local.clickhouse.settings import ClickHouseSettings
    from sluice.local.clickhouse.work import Lease

_log = logging.getLogger(__name__)
_LONG_BYTES = 65_536  # reading so long a statement would keep the event loop
_SPOOL_BYTES = 16 * 1024 * 1024
_GET_READONLY = (
    "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. "
    "You should use method POST for modifying queries."
)


def create_app(engine: Engine, settings: ClickHouseSettings) -> web.Application:
    """Make the application. It ends its sessions and threads on shutdown, and leaves the engine open."""
    front = Front(engine, settings)
    app = web.Application()
    app.cleanup_ctx.append(front.lifetime)
    for path in ("/ping", "/replicas_status"):
        app.router.add_get(path, _ok)
    app.router.add_get("/", front.get)
    app.router.add_post("/", front.post)
    app.router.add_route("*", "/{tail:.*}", _nothing_there)
    app.on_response_prepare.append(_without_server_header)
    return app


async def _ok(_: web.Request) -> web.Response:
    return web.Response(body=b"Ok.\n", headers={"Content-Type": PLAIN})


async def _nothing_there(request: web.Request) -> web.Response:
    return not_found(request.path)


async def _without_server_header(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop(hdrs.SERVER, None)


class Front:
    """The handlers, and what they share."""

    def __init__(self, engine: Engine, settings: ClickHouseSettings) -> None:
        self._engine = engine
        self._users = Users(settings.clickhouse_user, settings.clickhouse_reader)
        self._home = settings.clickhouse_database
        self._max_query_bytes = settings.clickhouse_max_query_bytes
        self._work = Work(engine, settings)
        self._sessions = Sessions(self._work, self._home)

    async def lifetime(self, _: web.Application) -> AsyncIterator[None]:
        """Reap sessions while the application runs; clear everything away when it ends."""
        reaper = asyncio.get_running_loop().create_task(self._sessions.reap_for_ever())
        yield
        reaper.cancel()
        await self._work.settle()
        await self._sessions.close_all()
        self._work.close()

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Answer GET and HEAD: `?query=`, read-only; without it, say that the server is there."""
        fields = read_query_string(request.rel_url.raw_query_string)
        if not fields:
            return await _ok(request)
        if "query" not in fields:
            return not_found(request.path_qs)
        return await self._answer(request, fields, Body(request), by_get=True)

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Answer POST: the statement in `?query=`, in the body, or begun there and continued here."""
        fields = read_query_string(request.rel_url.raw_query_string)
        return await self._answer(request, fields, Body(request), by_get=False)

    async def _answer(
        self, request: web.Request, fields: dict[str, str], body: Body, *, by_get: bool
    ) -> web.StreamResponse:
        try:
            if request.content_type == "multipart/form-data":
                fields = await body.fields() | fields
            call = read_call(fields, request.headers, self._users, by_get=by_get)
        except ClickHouseError as error:
            await body.drain()
            return error_answer(error, fields.get("query_id", ""))
        try:
            statement, data = await self._read_statement(call, body)
            _allow(statement, call)
            if statement.action is Action.LOAD:
                return await self._load(call, statement, data, body)
            return await self._read(request, call, statement)
        except ClickHouseError as error:
            await body.drain()
            return error_answer(_spoken_for(error, call, by_get=by_get), call.query_id)

    async def _read_statement(self, call: Call, body: Body) -> tuple[Statement, bytes]:
        """Read as much of the text as the statement needs; give it, and the data of an INSERT read so far."""
        text = call.query + b"\n" if call.query else b""
        text += await body.take(HEAD_BYTES)
        if not body.complete and is_insert(text):
            statement = classify(text)
            if statement.data_at is not None:
                return statement, text[statement.data_at :]
        if not body.complete:
            text += await body.rest(self._max_query_bytes)
        statement = await asyncio.to_thread(classify, text) if len(text) > _LONG_BYTES else classify(text)
        if statement.action is Action.NOTHING:
            raise ClickHouseError(SYNTAX_ERROR, "Syntax error: failed at position 1 (end of query): Empty query")
        return statement, text[statement.data_at :] if statement.data_at is not None else b""

    @contextlib.asynccontextmanager
    async def _place(self, call: Call) -> AsyncIterator[tuple[Place, Callable[[], None]]]:
        """Find where the statement runs, and what is to be called when it has ended."""
        scope = Scope(
            database=call.database or (None if call.session_id else self._home),
            settings=call.settings,
            params=call.params,
            tag=call.tag,
            reader=call.reader and not call.session_id,
            readonly=0 if call.session_id else call.readonly,
        )
        if not call.session_id:
            yield Fresh(self._engine, scope), _nothing
            return
        connection = await self._sessions.acquire(call)
        yield InSession(connection, scope), lambda: self._sessions.release(call)

    async def _read(self, request: web.Request, call: Call, statement: Statement) -> web.StreamResponse:
        coding = chosen_coding(request.headers.get("Accept-Encoding", "")) if call.compress_answer else ""
        format_name = statement.format or call.default_format
        lane = self._work.writes if statement.action is Action.WRITE else self._work.reads
        async with self._place(call) as (place, on_released):
            job = ReadJob(
                place, statement, format_name, encoder(coding), check_tree=call.reader and has_tree(statement)
            )
            async with self._work.lease(lane, job, call.tag, on_released) as lease:
                headers = self._result_headers(call, statement, format_name, coding)
                if call.wait_end_of_query:
                    return await self._send_held(request, call, lease, headers)
                return await self._send(request, call, lease, headers)

    def _result_headers(self, call: Call, statement: Statement, format_name: str, coding: str) -> dict[str, str]:
        headers = common_headers(call.query_id)
        headers["X-ClickHouse-Timezone"] = self._engine.timezone
        if statement.action in {Action.SELECT, Action.SHOW}:
            headers["X-ClickHouse-Format"] = format_name
            headers["Content-Type"] = self._engine.content_type(format_name)
        else:
            headers["Content-Type"] = PLAIN
        if coding:
            headers["Content-Encoding"] = coding
        return headers

    async def _send(
        self, request: web.Request, call: Call, lease: Lease[ReadJob], headers: dict[str, str]
    ) -> web.StreamResponse:
        """Send small answers whole, others as they come."""
        tag = new_tag()
        headers["X-ClickHouse-Exception-Tag"] = tag
        piece = await lease.do(lease.job.begin, call.settings, None)
        headers["X-ClickHouse-Summary"] = summary(lease.job)
        if piece.last:
            return web.Response(body=piece.data, headers=headers)
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(piece.data)
        try:
            await self._send_rest(response, lease)
        except ClickHouseError as error:
            await response.write(lease.job.sealed(trailer(_spoken_for(error, call, by_get=False), tag)))
            _break_off(request, response)
        return response

    async def _send_rest(self, response: web.StreamResponse, lease: Lease[ReadJob]) -> None:
        while True:
            piece = await lease.do(lease.job.next)
            await response.write(piece.data)
            if piece.last:
                return await response.write_eof()

    async def _send_held(
        self, request: web.Request, call: Call, lease: Lease[ReadJob], headers: dict[str, str]
    ) -> web.StreamResponse:
        """Wait for the end of the query, then send."""
        with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as hold:
            piece = await lease.do(lease.job.begin, call.settings, hold)
            headers["X-ClickHouse-Exception-Tag"] = new_tag()
            headers["X-ClickHouse-Summary"] = summary(lease.job)
            size = hold.tell()
            if not size:
                return web.Response(body=piece.data, headers=headers)
            headers["Content-Length"] = str(size)
            response = web.StreamResponse(headers=headers)
            await response.prepare(request)
            hold.seek(0)
            while data := await asyncio.to_thread(hold.read, PIECE_BYTES):
                await response.write(data)
            await response.write_eof()
            return response

    async def _load(self, call: Call, statement: Statement, data: bytes, body: Body) -> web.Response:
        assert statement.format is not None, "an INSERT with data has a format"
        async with self._place(call) as (place, on_released):
            job = LoadJob(place, statement)
            async with self._work.lease(self._work.writes, job, call.tag, on_released) as lease:
                if body.complete:
                    await lease.commit(job.all_at_once, data)
                else:
                    await self._load_pieces(lease, data, body)
                headers = self._result_headers(call, statement, statement.format, "")
                headers["X-ClickHouse-Summary"] = summary(job)
                headers["X-ClickHouse-Exception-Tag"] = new_tag()
                return web.Response(headers=headers)

    async def _load_pieces(self, lease: Lease[LoadJob], data: bytes, body: Body) -> None:
        """Pass the data on as it comes; when it breaks off, the INSERT is dropped with the lease."""
        await lease.do(lease.job.begin)
        while data or not body.complete:
            if data:
                await lease.do(lease.job.append, data)
            data = await body.take(PIECE_BYTES)
        await lease.commit(lease.job.finish)


def _break_off(request: web.Request, response: web.StreamResponse) -> None:
    """Close the connection without ending the body, so that the client sees that it is not whole."""
    response.force_close()
    if request.transport is not None:
        request.transport.close()


def _allow(statement: Statement, call: Call) -> None:
    """Refuse what the engine is not asked about: see `reader`, and writes of a session that is not read-only."""
    if call.reader:
        allow(statement, call.settings, call.params)
    writes = statement.action is Action.LOAD or (statement.action is Action.WRITE and call.session_id)
    if call.readonly and writes:
        raise ClickHouseError(READONLY, "Cannot execute query in readonly mode.")


def _nothing() -> None:
    pass


def _spoken_for(error: ClickHouseError, call: Call, *, by_get: bool) -> ClickHouseError:
    """Say what the engine cannot know: who the user is, and that GET is why a statement was refused."""
    if by_get and error.code == READONLY and not call.reader:
        return ClickHouseError(READONLY, f"{call.user}: {_GET_READONLY}")
    if error.code in {READONLY, ACCESS_DENIED}:
        return ClickHouseError(error.code, f"{call.user}: {error.message.removeprefix('default: ')}")
    return error
