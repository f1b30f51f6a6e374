"""Reading what a request says beside its body."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aiohttp import web

from sluice.contract.errors import Invalid
from sluice.contract.raw import Client
from sluice.gateway.dialects.port import Endpoint, Head

if TYPE_CHECKING:
    from sluice.gateway.ids import NewId
    from sluice.gateway.proxies import TrustedProxies

REQUEST_ID: Final = web.RequestKey("request_id", str)

MAX_IDEMPOTENCY_KEY = 255
MAX_USER_AGENT = 1024

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


def request_id(sent: str | None, new_id: NewId) -> str:
    """Give the client's own id of a request where it is short and plain, else a new one."""
    return sent if sent is not None and _SANE_REQUEST_ID.fullmatch(sent) else new_id()


def head_of(request: web.Request, endpoint: Endpoint, received_at: int, own_id: str, proxies: TrustedProxies) -> Head:
    """Give the head of a request."""
    headers = request.headers
    return Head(
        endpoint=endpoint,
        headers=headers,
        query=request.query,
        received_at=received_at,
        request_id=request[REQUEST_ID],
        own_id=own_id,
        client=Client(
            ip=proxies.client(request.remote or "", headers),
            user_agent=_clean(headers.get("User-Agent", ""))[:MAX_USER_AGENT],
        ),
        idempotency_key=_clean(headers.get("Idempotency-Key", "")).strip() or None,
    )


def refuse_long_idempotency_key(head: Head) -> None:
    """Raise `Invalid` for a key that is too long to be kept with every event."""
    if head.idempotency_key is not None and len(head.idempotency_key) > MAX_IDEMPOTENCY_KEY:
        raise Invalid(f"Idempotency-Key must be at most {MAX_IDEMPOTENCY_KEY} characters")


def _clean(header: str) -> str:
    """Replace what is no UTF-8, which aiohttp gives as lone surrogates, and which no JSON can hold."""
    return header if header.isascii() else header.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
