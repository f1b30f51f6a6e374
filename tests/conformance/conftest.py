"""What limiters are tested with."""

from __future__ import annotations

import pytest


class Clock:
    """A clock that stands still until it is told otherwise."""

    now_ms = 1_703_001_234_567

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()
