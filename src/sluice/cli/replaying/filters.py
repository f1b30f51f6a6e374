"""Which rejected events are meant: the options of `sluice rejected`, and the condition that they make. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONDITIONS: Mapping[str, str] = {
    "project": "project = {project:String}",
    "api": "api = {api:String}",
    "outcome": "outcome = {outcome:String}",
    "stage": "stage = {stage:String}",
    "reason": "positionCaseInsensitiveUTF8(reason, {reason:String}) > 0",
    "event_id": "event_id = {event_id:UUID}",
    "since_ms": "received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')",
    "until_ms": "received_at < fromUnixTimestamp64Milli({until_ms:Int64}, 'UTC')",
}
_EVERYTHING = "true"


@dataclass(frozen=True, slots=True)
class Filters:
    """What an event must be to be meant; None where that does not matter.

    `project` is empty for what was no raw line at all. `reason` is a part of the reason, whatever its case. Of
    `received_at`, in milliseconds since 1970, `since_ms` is the first that is meant, and `until_ms` the first after.
    """

    project: str | None = None
    api: str | None = None
    outcome: str | None = None
    stage: str | None = None
    reason: str | None = None
    event_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def condition(self) -> tuple[str, dict[str, Any]]:
        """Give a condition on `sluice.rejected_events`, and the parameters that are bound in it.

        What a user typed stands in the parameters alone.
        """
        given = {name: value for name in _CONDITIONS if (value := getattr(self, name)) is not None}
        return " AND ".join(_CONDITIONS[name] for name in given) or _EVERYTHING, given
