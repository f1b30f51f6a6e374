"""Reading each API's event into the one canonical event: one file for each API, one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.contract.event import Api
from sluice.processors.rules.canonical import client, events, ingest, pulse, user_event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sluice.contract.event import Event
    from sluice.contract.raw import RawLine
    from sluice.processors.rules.canonical.visitor import Visitors

    Canonicalise = Callable[[RawLine, Visitors], Event]

CANONICALISERS: Mapping[Api, Canonicalise] = {
    Api.PULSE: pulse.canonical,
    Api.EVENTS: events.canonical,
    Api.INGEST: ingest.canonical,
    Api.CLIENT: client.canonical,
    Api.USER_EVENT: user_event.canonical,
}
