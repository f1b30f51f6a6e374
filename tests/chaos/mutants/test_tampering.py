"""What stands wrong in the real tables is told, down to the least that can be wrong in each roll-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import clickhouse_connect
import pytest
from tests.chaos.mutants.sink_mutants import TrueEventLog
from tests.chaos.mutants.sinks import RECORDS, Deliver, World
from tests.chaos.verification import violations

if TYPE_CHECKING:
    from collections.abc import Sequence

TAMPERED = {
    "event_log DELETE WHERE source_offset = 2 AND source_line = 1": "event 2/1 was accepted and has 0 rows",
    "event_log DELETE WHERE source_offset = 2": "raw records 2 to 2 of partition 0",
    "event_log UPDATE properties = map('marker', 'other') WHERE source_offset = 2 AND source_line = 1": "never sent",
    "event_log UPDATE duplicate_of = toUUID('00000000-0000-0000-0000-000000000001') WHERE source_offset = 2": (
        "is a duplicate of 00000000-0000-0000-0000-000000000001, which has no row"
    ),
    "rollup_minutes UPDATE rows = rows + 1 WHERE rows = 3": "rollup_minutes has rows = ",
    "rollup_minutes UPDATE valued = valued - 1 WHERE rows = 3": "minutes has valued = ",
    "rollup_minutes UPDATE amount = amount + 0.000001 WHERE rows = 3": "minutes has value = ",
    "rollup_minutes UPDATE visitors = arrayReduce('uniqState', [9::UInt64]) WHERE true": "minutes has visitors = ",
    "rollup_minutes DELETE WHERE rows = 3": "minutes lacks ",
    "rollup_sessions UPDATE rows = rows + 1 WHERE true": "rollup_sessions has rows = ",
    "rollup_sessions UPDATE page_views = page_views + 1 WHERE true": "sessions has page_views = ",
    "rollup_sessions UPDATE amounts = map('EUR', 1) WHERE true": "sessions has amounts = ",
    "rollup_sessions UPDATE entry = replaceOne(entry, 'example', 'other') WHERE true": "sessions has entry_url = ",
    "rollup_sessions UPDATE country = 'ZZ' WHERE true": "sessions has country = ",
    "rollup_sessions UPDATE ended_at = started_at WHERE started_at < ended_at": "sessions has ended_at = ",
    "rollup_visitor_days UPDATE rows = rows + 1 WHERE true": "rollup_visitor_days has rows = ",
    "rollup_visitor_days UPDATE last_at = first_at WHERE true": "visitor_days has last_at = ",
    "rollup_users UPDATE rows = rows - 1 WHERE rows > 1": "rollup_users has rows = ",
    "rollup_users UPDATE attributes = map() WHERE true": "users has attributes = ",
    "rollup_minutes UPDATE rows = 1 WHERE fed > 0": "rollup_minutes has rows = ",
    "rollup_minutes DELETE WHERE fed > 0": "rollup_minutes lacks ('",
    "rollup_sessions UPDATE fed = fed - 1 WHERE fed > 0": "rollup_sessions has fed_up_to = 4 for ",
    "rollup_users UPDATE fed_partition = 1 WHERE fed > 0": "of which event_log knows nothing",
    "rollup_users DELETE WHERE user_id = 'user-1'": "users lacks ('demo', 'user-1')",
}


async def found_in(clickhouse_url: str, tampering: str = "") -> Sequence[str]:
    world = World(clickhouse_url, TrueEventLog)
    await world.play([Deliver("A", 0, RECORDS)])
    if tampering:
        with clickhouse_connect.get_client(dsn=clickhouse_url, autogenerate_session_id=False) as client:
            client.command(f"ALTER TABLE sluice.{tampering}", settings={"mutations_sync": 2})
    return violations(world.sent, clickhouse_url)


async def test_what_is_right_is_not_told(clickhouse_url: str):
    assert await found_in(clickhouse_url) == []


@pytest.mark.parametrize("tampering", TAMPERED)
async def test_what_is_wrong_in_the_least_is_told(tampering: str, clickhouse_url: str):
    assert TAMPERED[tampering] in "\n".join(await found_in(clickhouse_url, tampering))
