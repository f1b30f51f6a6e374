"""Reading a moment that is written as ISO 8601 says: a date and a time of day, in the extended format.

Taken is what the standard libraries of the usual languages write: `2026-02-16T10:30:00.000Z`. Seconds may be left
out (Java does when they are zero), a fraction has any number of digits after a point or a comma, and the offset is
`Z`, `+hh:mm`, `+hhmm` or `+hh`. Not taken are a date alone, a space for the `T`, week dates, 24:00 and leap seconds,
which have no place in milliseconds since 1970.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

# The digits' ranges are checked by `fromisoformat`, except for what it takes too and what no clock shows.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
    r"(Z|[+-][0-9]{2}(?::?[0-5][0-9])?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def milliseconds(text: str) -> int | None:
    """Give the moment in milliseconds since 1970 in UTC, what is beyond milliseconds cut off; None if it is none.

    Without an offset it is taken to be in UTC.
    """
    form = _MOMENT.fullmatch(text)
    if form is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # a 13th month, a 30th of February, a 24th hour, a 60th second
        return None
    if form[1] is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND


def is_utc(text: str) -> bool:
    """Tell whether a moment is written as one in UTC."""
    return text.endswith(("Z", "+00:00"))
