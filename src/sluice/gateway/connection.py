"""One client's connection, which may be slow, silent, or speak no HTTP.

aiohttp reads HTTP and calls the application. But what it cannot read it answers by itself, in plain text that quotes
the request; and it waits as long as a client likes for the rest of a head, or until an answer is read. All of that is
decided in its `RequestHandler`, one for each connection, so here is ours. The names with an underscore are aiohttp's;
a test holds each use of them.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web
from aiohttp.hdrs import METH_CONNECT
from aiohttp.http import HttpVersion10
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import _ErrInfo

from sluice.contract.errors import Malformed, Reject, TooSlow
from sluice.gateway.answers import error, sign
from sluice.gateway.dialects.port import STATUS
from sluice.gateway.head import request_id

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from aiohttp import StreamReader
    from aiohttp.web_request import BaseRequest

    from sluice.gateway.connections import Connections

log = logging.getLogger(__name__)

MAX_LINE_BYTES = 8190
"""The longest request line, and the longest header."""

# aiohttp's own log would quote the line of a request that is no HTTP, with the key in it.
_MUTE = logging.Logger("sluice.gateway.http", logging.CRITICAL + 1)

TOO_LONG = f"The request line and each header may have at most {MAX_LINE_BYTES} bytes"
NOT_HTTP = "The request is not valid HTTP/1.1: check its first line, its headers and how its body is framed"
INCOMPLETE = "The request is incomplete"
TOO_SLOW = "The request did not arrive in time"


class Connection(web.RequestHandler):
    """aiohttp's protocol of one connection, with deadlines and answers of our own."""

    __slots__ = ("_all", "_body", "_ended", "_head_begun", "_head_deadline", "_reading_deadline")

    def __init__(self, connections: Connections) -> None:
        super().__init__(
            connections.server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=connections.patience.idle_s,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            auto_decompress=False,  # see sluice.gateway.body
            access_log=None,  # type: ignore[arg-type]  # a URL may hold a key
            logger=_MUTE,
        )
        # Requests that are sent ahead wait with the client: 32 of them, aiohttp's own limit, could hold 16 MiB here.
        self._max_msg_queue_size = 2
        self._msg_queue_resume_size = 1
        self._all = connections
        self._body: StreamReader = EMPTY_PAYLOAD
        self._ended = False
        self._head_begun = False
        self._head_deadline = _Deadline()
        self._reading_deadline = _Deadline()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a head, where this is not one connection too many."""
        super().connection_made(transport)
        if not self._all.opened():
            self.force_close()
            return
        # Whatever the kernel does not take at once counts as unread: see pause_writing.
        cast("asyncio.WriteTransport", transport).set_write_buffer_limits(0)
        self._head_deadline.set(self._all.patience.head_s, self._give_up_on_head)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget what this connection was waited for."""
        self._all.closed()
        self._head_deadline.cancel()
        self._reading_deadline.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on. What is no HTTP ends the body before it too, of which aiohttp would not tell its reader."""
        heads = self._request_count
        super().data_received(data)
        if self._request_count != heads:
            self._head_deadline.cancel()
            self._head_begun = False
            newest, body = self._messages[-1]
            if isinstance(newest, _ErrInfo):
                self._break_body()
            elif newest.version < HttpVersion10:
                self._messages[-1] = _refusal(Malformed(NOT_HTTP))
            else:
                self._body = body
        elif self._is_waiting() and data.strip(b"\r\n"):  # empty lines before a head mean nothing (RFC 9112, 2.2)
            self._head_begun = True
            self._head_deadline.set(self._all.patience.head_s, self._give_up_on_head)

    def leave_if_idle(self) -> None:
        """Close if no request was begun."""
        if self._is_waiting():
            self.force_close()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio asks whether to stay open, aiohttp never does
        """Answer all that was asked before closing: a client may have closed its own side only (RFC 9112, 8)."""
        if self._is_waiting():
            if self._head_begun:
                self._refuse(Malformed(INCOMPLETE))
            return self._head_begun
        self._ended = True
        self._break_body()
        self._close_after_last()
        return True

    def pause_writing(self) -> None:
        """Give the client its time to read, since the kernel takes no more for it; then drop the connection."""
        super().pause_writing()
        transport = cast("asyncio.WriteTransport", self.transport)
        self._reading_deadline.set(self._all.patience.answer_s, transport.abort)

    def resume_writing(self) -> None:
        """Note that the client has read on."""
        super().resume_writing()
        self._reading_deadline.cancel()

    def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        """Send an answer; one that aiohttp made before the application was asked (417) in our own words."""
        if isinstance(resp, web.HTTPException):
            resp = self._last_answer(request, resp.status, resp.reason)
        if self._all.draining or _asks_to_leave_http(request):
            resp.force_close()
        self._close_after_last()
        return super().finish_response(request, resp, start_time)

    def handle_error(
        self, request: BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer a request that could not be read, or whose handler failed; aiohttp's `message` quotes it."""
        del message
        if request.writer.output_size:
            raise ConnectionError("an answer was begun already")
        if isinstance(exc, LineTooLong):
            words = TOO_LONG
        elif isinstance(exc, HttpProcessingError):
            words = NOT_HTTP
        elif isinstance(exc, Reject):
            words = str(exc)
        else:
            log.error("a request failed outside of its handler", exc_info=exc)
            return self._last_answer(request, status, "Internal server error")
        self._all.traffic.unreadable += 1
        return self._last_answer(request, status, words)

    def _last_answer(self, request: BaseRequest, status: int, words: str) -> web.Response:
        answer = error(status, words)
        headers = request.headers
        sign(answer.headers, request_id(headers.get("X-Request-Id"), self._all.new_id), headers.get("Origin"))
        answer.force_close()
        return answer

    def _process_keepalive(self) -> None:
        """Close an idle connection; one that waits for its first head or the rest of one has a deadline for that."""
        if self._request_count and not self._head_begun:
            super()._process_keepalive()
        else:
            self._keepalive_handle = None  # the answer sets a new one

    def _is_waiting(self) -> bool:
        """Tell whether the next thing to come is a head; the first may come before aiohttp's task waits for it."""
        if self._messages:
            return False
        return not self._request_count or (self._waiter is not None and not self._waiter.done())

    def _give_up_on_head(self) -> None:
        if not self._is_waiting():
            return
        if self._head_begun:
            self._refuse(TooSlow(TOO_SLOW))
        else:
            self.force_close()

    def _refuse(self, reason: Reject) -> None:
        """Answer a head that never became one, in the way that aiohttp answers one that it cannot read."""
        self._request_count += 1
        self._messages.append(_refusal(reason))
        if self._waiter is not None:
            self._waiter.set_result(None)

    def _close_after_last(self) -> None:
        """Close after the answer that is being made, where the client has ended and has asked for no other."""
        if self._ended and not self._messages:
            self.close()

    def _break_body(self) -> None:
        """Tell whoever reads the body that no more of it comes.

        Not at once: the same bytes may just have woken the reader, who goes on waiting without a look at this.
        """
        if not self._body.is_eof():
            self._loop.call_soon(self._body.set_exception, web.RequestPayloadError(INCOMPLETE))


def _refusal(reason: Reject) -> tuple[_ErrInfo, StreamReader]:
    """Give what aiohttp queues in place of a request that it cannot read."""
    return _ErrInfo(STATUS[type(reason)], reason, str(reason)), EMPTY_PAYLOAD


def _asks_to_leave_http(request: BaseRequest) -> bool:
    """Tell whether aiohttp takes what follows for another protocol, and so keeps it from `data_received`.

    The gateway speaks no other and answers as if nobody had asked (RFC 9110, 7.8), but what follows goes unread.
    """
    return request.method == METH_CONNECT or request.headers.get("Upgrade", "").lower() == "websocket"


class _Deadline:
    """Calls back once a time is over, unless what it was set for has happened."""

    __slots__ = ("_timer",)

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float, call: Callable[[], None]) -> None:
        """Count from now; a time that is running already goes on."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, call)

    def cancel(self) -> None:
        """Call nobody."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
