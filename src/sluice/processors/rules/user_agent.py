"""Reading browser, system and type of device out of a user agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluice.contract.event import Event


def described(event: Event) -> Event:
    """Fill in what the event does not say itself."""
    return event
