"""Reading a moment that is written as ISO 8601 says: a date and a time of day, in the extended format.

Taken is what the standard libraries of the usual languages write: `2026-02-16T10:30:00.000Z`. Seconds may be left
out (Java does when they are zero), a fraction has any number of digits after a point or a comma, and the offset is
`Z`, `+hh:mm`, `+hhmm` or `+hh`. Not taken are a date alone, a space for the `T`, week dates, 24:00 and leap seconds,
which have no place in milliseconds since 1970.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_DATE = "[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]+)?)?"
_OFFSET = "[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?"

PATTERN = f"^{_DATE}T{_TIME}(Z|{_OFFSET})?$"
"""What is read, as JSON Schema can say it. Only the year 0 and a day that its month does not have match all the same.

`format: date-time` (RFC 3339) would be another set: with a small `t` and leap seconds, but not without seconds.
"""

UTC_PATTERN = rf"^{_DATE}T{_TIME}(Z|\+00:00)$"
"""The same of what is written as UTC, see `is_utc`."""

_MOMENT = re.compile(PATTERN)
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
    except ValueError:  # a 30th of February, the year 0
        return None
    if form[1] is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND


def is_utc(text: str) -> bool:
    """Tell whether a moment is written as one in UTC."""
    return text.endswith(("Z", "+00:00"))
