"""What events change about their users."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluice.contract.event import Event
    from sluice.contract.processed import UserChange
    from sluice.contract.raw import RawLine
    from sluice.processors.rules.first_wins import Claim


def change_of(line: RawLine, event: Event) -> UserChange | None:
    """Give what a stored event changes about its user."""
    del line, event
    return None


def change_of_rejected(line: RawLine, lost: Claim) -> UserChange | None:
    """Give what a rejected event's request changes about its user all the same."""
    del line, lost
    return None
