"""What is said while the known users are read."""

from __future__ import annotations

import socket
import tempfile
from typing import TYPE_CHECKING

import pytest

from sluice.gateway.users.loading import INTERVAL_MS, LoadReport

if TYPE_CHECKING:
    from collections.abc import Iterator


class Supervisor:
    """Hears what a role says."""

    def __init__(self, notify: socket.socket) -> None:
        notify.setblocking(False)
        self._notify = notify

    @property
    def last(self) -> str:
        """Give the last that was said, and forget it."""
        heard = b""
        while True:
            try:
                heard = self._notify.recv(100)
            except BlockingIOError:
                return heard.decode()


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(f"{short}/n")
        monkeypatch.setenv("NOTIFY_SOCKET", f"{short}/n")
        yield Supervisor(notify)


def test_a_long_load_says_how_far_it_is_and_takes_that_back_when_it_is_done(supervisor: Supervisor):
    now = 0
    report = LoadReport(lambda: now, {0: 10, 1: 0}, {0: 20, 1: 30})
    report.progress({0: 20, 1: 0})
    assert supervisor.last == ""
    now = INTERVAL_MS
    report.progress({0: 20, 1: 0})
    assert supervisor.last == "STATUS=reading known users, 25 %"
    report.done(40)
    assert supervisor.last == "STATUS="
