"""Which rejected events are meant: the options of `sluice rejected`, and the condition that they make. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sluice.contract.errors import Unusable
from sluice.contract.event import LATEST_MS

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


_AGO = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment_ms(option: str, text: str, now: datetime) -> int:
    """Read a time: so long ago (90s, 30m, 2h, 7d), a date (its beginning), or an ISO 8601 time.

    Without a zone it is in UTC. Raises `Unusable`, naming the option, for anything else and outside 1970 to 2299.
    """
    try:
        milliseconds = _moment(text, now) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        milliseconds = -1
    if not 0 <= milliseconds <= LATEST_MS:
        raise Unusable(
            f"{option} must be a time (2027-01-01 or 2027-01-01T12:00:00Z), or how long ago: 90s, 30m, 2h, 7d"
        )
    return milliseconds


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(text: str, now: datetime) -> timedelta:
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}) - _EPOCH
    if len(text) <= len("2027-01-01"):
        return datetime.combine(date.fromisoformat(text), time(), UTC) - _EPOCH
    said = datetime.fromisoformat(text)
    return (said if said.tzinfo else said.replace(tzinfo=UTC)) - _EPOCH
