"""The processed line: one raw line after the processors have decided it, on the topic `events.processed`.

Each raw line comes out as exactly one processed line, on the partition of the same number, with the coordinates
of its source. So source offsets are dense here too, and a gap can be seen.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Annotated
from uuid import NAMESPACE_URL, uuid5

import msgspec

from sluice.contract.errors import Malformed
from sluice.contract.event import Event, Millis, Outcome, Stage, Uuid
from sluice.contract.raw import Replays

_NO_PAYLOAD = msgspec.Raw(b"null")


class Source(msgspec.Struct, frozen=True, order=True):
    """Where a line stood on `events.raw`.

    `topic` is Kafka's id of the topic as a UUID, so that a recreated topic is seen; `timestamp` is the raw
    record's, in milliseconds since 1970 in UTC, and one for all its lines.
    """

    topic: Uuid
    partition: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    offset: Annotated[int, msgspec.Meta(ge=0)]
    line: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    timestamp: Millis


class UserChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a line changes about its event's user: of all changes of an attribute, the latest holds.

    `email` is the user's address, trimmed and in lower case, where it has one. `set` gives attributes by name,
    strings as they are and everything else as JSON text; `unset` names those that are removed. Where it
    `sets_properties`, the event's properties are attributes that it sets too, and `set` holds only what they do not:
    what an event holds may be large, and stands in its line twice already.
    """

    email: str = ""
    sets_properties: bool = False
    set: dict[str, str] = {}
    unset: tuple[str, ...] = ()

    def attributes_with(self, properties: dict[str, str]) -> dict[str, str]:
        """Give all attributes that it sets, by name; `properties` are those of its event."""
        return {**properties, **self.set} if self.sets_properties else self.set


class Processed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One decided event.

    `reason` is for people; `duplicate_of` is the event id of the first one, where this one lost to it.
    `payload` is the event as it was sent. What was no JSON stands base64-coded in `payload_base64` instead.
    `replay` counts how often this event was sent in again. `raw_line` is there where the outcome is `invalid` or
    `bot`, so that the event can be: the raw line as it stood on `events.raw`, but with null for its event.
    """

    source: Source
    outcome: Outcome
    project: str
    api: str
    event: Event
    stage: Stage = Stage.NONE
    reason: str = ""
    duplicate_of: Uuid | None = None
    user_change: UserChange | None = None
    replay: Replays = 0
    raw_line: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    payload: msgspec.Raw = _NO_PAYLOAD
    payload_base64: str | None = None

    def payload_bytes(self) -> bytes:
        """Give the event's bytes as they were sent."""
        return bytes(self.payload) if self.payload_base64 is None else b64decode(self.payload_base64)


def unreadable_id(source: Source) -> str:
    """Give the event id of a line that is no raw line: it has none of its own, so it follows from where it stands."""
    return str(uuid5(NAMESPACE_URL, f"{source.topic}/{source.partition}/{source.offset}/{source.line}"))


def unreadable_payload(sent: bytes) -> str:
    """Give the form for `payload_base64` of bytes that are not a JSON text."""
    return b64encode(sent).decode("ascii")


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Processed)


def encode(line: Processed) -> bytes:
    """Give the JSON text of one line, without a line feed."""
    return _encoder.encode(line)


def decode(text: bytes) -> Processed:
    """Read one line.

    Raises `Malformed` when the text is not a processed line: someone else has written to the topic.
    """
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(f"not a processed line: {error}") from error
