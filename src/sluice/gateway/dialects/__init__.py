"""One module or package for each API, all with the same small interface, and the explicit table of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.gateway.dialects import client, events, ingest, pulse, user_event

if TYPE_CHECKING:
    from sluice.gateway.dialects.port import Dialect

DIALECTS: tuple[Dialect, ...] = (pulse, events, ingest, client, user_event)
