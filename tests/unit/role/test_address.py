"""URLs as they may be shown."""

from __future__ import annotations

import pytest

from sluice.contract.errors import Retry
from sluice.role.address import without_credentials
from sluice.sinks.event_log_clickhouse import ClickHouseEventLog
from sluice.sinks.migrations import migrate


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8123", "http://127.0.0.1:8123"),
        ("http://user:secret@clickhouse:8123/db?x=1", "http://clickhouse:8123/db?x=1"),
        ("https://user@[::1]:8443", "https://[::1]:8443"),
        ("http://user:se%40cret@host", "http://host"),
        ("http://user:se@cret@host", "http://host"),
    ],
)
def test_user_and_password_are_left_out(url: str, shown: str):
    assert without_credentials(url) == shown


async def test_no_error_about_clickhouse_shows_its_password():
    url = "http://sluice:TOPSECRET@127.0.0.1:1"
    with pytest.raises(Retry) as asked:
        await ClickHouseEventLog(url).mark("00000000-0000-0000-0000-000000000000", 0)
    with pytest.raises(Retry) as migrated:
        migrate(url)
    assert "TOPSECRET" not in f"{asked.value}{migrated.value}"
