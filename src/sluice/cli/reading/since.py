"""The options `--since` and `--until`: a time, or how long ago it was."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from sluice.contract.durations import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from sluice.contract.event import LATEST_MS
from sluice.role.clock import system_clock

if TYPE_CHECKING:
    from click import Context, Parameter

    from sluice.role.clock import Clock

EXAMPLES = "90s, 10m, 1h, 7d ago, or a time like 2026-01-31T12:00Z"
"""For the help of an option that takes a time."""

_AGO = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_UNITS_MS = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(click.ParamType):
    """A time as `moment_ms` reads it; its value is in milliseconds since 1970 in UTC. `now` gives the time."""

    name = "time"

    def __init__(self, now: Clock = system_clock) -> None:
        self._now = now

    def convert(self, value: str | int, param: Parameter | None, ctx: Context | None) -> int:
        """Read the time."""
        if isinstance(value, int):  # click may convert what is converted
            return value
        try:
            return moment_ms(value, self._now())
        except ValueError:
            self.fail(
                "must be a time (2026-01-31 or 2026-01-31T12:00:00Z), or how long ago: 90s, 10m, 1h, 7d", param, ctx
            )


class PastMoment(Moment):
    """The same, of which a time to come is refused: nothing has happened since then."""

    def convert(self, value: str | int, param: Parameter | None, ctx: Context | None) -> int:
        """Read the time."""
        read = super().convert(value, param, ctx)
        if read > (now := self._now()):
            self.fail(
                f"is in the future: it is {_EPOCH + timedelta(milliseconds=now):%Y-%m-%dT%H:%M:%SZ}", param, ctx
            )
        return read


def moment_ms(text: str, now_ms: int) -> int:
    """Read a time: so long ago (90s, 10m, 1h, 7d), a date (its beginning), or an ISO 8601 time.

    Without a zone it is in UTC. Raises `ValueError` for anything else, and outside 1970 to 2299.
    """
    ago = _AGO.fullmatch(text)
    milliseconds = now_ms - int(ago[1]) * _UNITS_MS[ago[2]] if ago else _iso_ms(text)
    if not 0 <= milliseconds <= LATEST_MS:
        raise ValueError(f"{text} is not within 1970 to 2299")
    return milliseconds


def _iso_ms(text: str) -> int:
    said = datetime.fromisoformat(text)
    return ((said if said.tzinfo else said.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)
