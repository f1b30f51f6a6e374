"""Consent: of who denied it, no address is kept, whichever gateway took the event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sluice.contract.consent import consent_of
from sluice.contract.event import Consent

if TYPE_CHECKING:
    from sluice.contract.event import Event
    from sluice.contract.raw import RawLine


def with_consent(event: Event, line: RawLine) -> Event:
    """Fill in whether the person consented, as far as the event says it."""
    consent = consent_of(line.api, line.event)
    if consent is Consent.UNKNOWN:
        return event
    return msgspec.structs.replace(event, consent=consent, ip="" if consent is Consent.DENIED else event.ip)
