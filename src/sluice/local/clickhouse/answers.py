"""What goes back: headers, errors, and errors in the middle of a stream, in ClickHouse's shapes."""

from __future__ import annotations

import secrets
import socket
import string
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from sluice.local.clickhouse.errors import ClickHouseError

EMPTY_SUMMARY = (
    '{"read_rows":"0","read_bytes":"0","written_rows":"0","written_bytes":"0","total_rows_to_read":"0",'
    '"result_rows":"0","result_bytes":"0","elapsed_ns":"0","memory_usage":"0"}'
)
_EXPOSED = (
    "X-ClickHouse-Query-Id,X-ClickHouse-Summary,X-ClickHouse-Server-Display-Name,X-ClickHouse-Format,"
    "X-ClickHouse-Timezone,X-ClickHouse-Exception-Code,X-ClickHouse-Exception-Tag"
)
PLAIN = "text/plain; charset=UTF-8"


def new_tag() -> str:
    """Make the tag by which a client tells an error in mid-stream from data."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(16))


def common_headers(query_id: str) -> dict[str, str]:
    """Give what every answer to a query carries."""
    return {
        "Access-Control-Expose-Headers": _EXPOSED,
        "X-ClickHouse-Server-Display-Name": socket.gethostname(),
        "X-ClickHouse-Query-Id": query_id.encode("ascii", "replace").decode().translate(_NO_BREAKS),
    }


_NO_BREAKS = dict.fromkeys([*range(32), 127], "?")


def error_answer(error: ClickHouseError, query_id: str = "") -> web.Response:
    """Answer with an error, nothing having been sent before."""
    headers = {
        **common_headers(query_id),
        "X-ClickHouse-Exception-Code": str(error.code),
        "X-ClickHouse-Summary": EMPTY_SUMMARY,
        "Content-Type": PLAIN,
    }
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
    return web.Response(status=error.status, headers=headers, body=f"{error.text}\n".encode("utf-8", "replace"))


def trailer(error: ClickHouseError, tag: str) -> bytes:
    """Write an error behind data that has gone out already, as ClickHouse does since 25.11."""
    text = f"{error.text}\n".encode("utf-8", "replace")
    marker = b"__exception__\r\n"
    return b"\r\n%s%s\r\n%s%d %s\r\n%s" % (marker, tag.encode(), text, len(text), tag.encode(), marker)


NOT_FOUND = """There is no handle {path}

Use / or /ping for health checks.
Or /replicas_status for more sophisticated health checks.

Send queries from your program with POST method or GET /?query=...

Use clickhouse-client:

For interactive data analysis:
    clickhouse-client

For batch query processing:
    clickhouse-client --query='SELECT 1' > result
    clickhouse-client < query > result
"""


def not_found(path: str) -> web.Response:
    """Answer a request for something that is not there."""
    return web.Response(status=404, body=NOT_FOUND.format(path=path).encode(), headers={"Content-Type": PLAIN})
