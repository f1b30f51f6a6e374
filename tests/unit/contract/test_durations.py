from __future__ import annotations

from datetime import timedelta

import pytest

from sluice.contract.durations import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS


@pytest.mark.parametrize(
    ("ms", "unit"), [(SECOND_MS, "seconds"), (MINUTE_MS, "minutes"), (HOUR_MS, "hours"), (DAY_MS, "days")]
)
def test_a_duration_is_as_long_as_its_name_says(ms: int, unit: str):
    assert timedelta(milliseconds=ms) == timedelta(**{unit: 1})
