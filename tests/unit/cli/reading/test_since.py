"""The spans of time that `--since` takes."""

from __future__ import annotations

import click
import pytest

from sluice.cli.reading.since import Since


@pytest.mark.parametrize(
    ("text", "ms"), [("0s", 0), ("90s", 90_000), ("10m", 600_000), ("1h", 3_600_000), ("7d", 604_800_000), (5, 5)]
)
def test_a_span_is_read_into_milliseconds(text, ms):
    assert Since().convert(text, None, None) == ms


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1.5h", "1w", "1 h", "1h\n", "٣h", "1" * 10 + "s"])
def test_what_is_no_span_is_refused_with_examples(text):
    with pytest.raises(click.BadParameter, match="90s, 10m, 1h, 7d"):
        Since().convert(text, None, None)
