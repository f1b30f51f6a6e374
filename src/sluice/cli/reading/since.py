"""The option `--since`: how far back to look."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from sluice.contract.durations import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

if TYPE_CHECKING:
    from click import Context, Parameter

_UNITS_MS = {"s": SECOND_MS, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_SPAN = re.compile(r"(\d{1,9})([smhd])", re.ASCII)


class Since(click.ParamType):
    """A span of time like 90s, 10m, 1h or 7d; its value is in milliseconds."""

    name = "time"

    def convert(self, value: str | int, param: Parameter | None, ctx: Context | None) -> int:
        """Read the span; a default may be given in milliseconds."""
        if isinstance(value, int):
            return value
        found = _SPAN.fullmatch(value)
        if found is None:
            self.fail("must be a number of seconds, minutes, hours or days: 90s, 10m, 1h, 7d", param, ctx)
        return int(found[1]) * _UNITS_MS[found[2]]
