"""The raw line: one accepted event on its way from the gateway to the processors, on the topic `events.raw`."""

from __future__ import annotations

from typing import Annotated

import msgspec

from sluice.contract.errors import Malformed
from sluice.contract.event import Api, Millis, Uuid
from sluice.contract.ndjson import MAX_LINES

Replays = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
"""How often an event was sent in again."""

RECORD_BYTES = 1024 * 1024
"""Raw records are cut at whole lines before this size; one larger event stands alone in its record."""


class Client(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who sent the request: its address as text, and its user agent; empty where unknown or withheld."""

    ip: str = ""
    user_agent: str = ""


class Context(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a request says beside an event, and what the gateway found out about its user; empty where nothing.

    `ping_id` and `header` (an object) belong to API 2. `user_id` is whom the gateway resolved the request's user to,
    for APIs 4 and 5, and `email` that user's address, trimmed and in lower case. `profile` is API 4's, on one line of
    the request: it is a change of one user, to be made once; `anonymous_id` is the profile's, on all of them.
    """

    ping_id: str = ""
    header: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    user_id: str = ""
    email: str = ""
    anonymous_id: str = ""
    profile: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


NO_CONTEXT = Context()


class RawLine(msgspec.Struct, frozen=True, kw_only=True):
    """One accepted event exactly as it was sent, with what the gateway knows about it.

    `id` is a UUID version 7. `index` counts the events of the request from 0. `received_at` is in milliseconds
    since 1970 in UTC; processors take it for the time, since they read no clock. `key` is the routing key
    (see `sluice.contract.routing`), None where any partition will do. `event` is the event's bytes, with line breaks
    between tokens as spaces. Of an event that is sent in again, `refusals` counts the replays that ClickHouse
    refused, as far as the table shows them; it is left out where there are none.
    """

    id: Uuid
    request_id: str
    index: Annotated[int, msgspec.Meta(ge=0)]
    project: str
    api: Api
    received_at: Millis
    key: str | None
    idempotency_key: str | None
    client: Client
    event: msgspec.Raw
    context: Context = NO_CONTEXT
    replay: Replays = 0
    refusals: Replays | msgspec.UnsetType = msgspec.UNSET


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(RawLine)


def encode(line: RawLine) -> bytes:
    """Give the JSON text of one line, without a line feed."""
    return _encoder.encode(line)


def decode(text: bytes) -> RawLine:
    """Read one line.

    Raises `Malformed` with the reason when the text is not JSON or lacks what a raw line must have, and when it is
    several lines: the rest of a record that has too many.
    """
    if b"\n" in text:
        raise Malformed(f"not a raw line: its record has more than {MAX_LINES:,} lines")
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(f"not a raw line: {error}") from error
