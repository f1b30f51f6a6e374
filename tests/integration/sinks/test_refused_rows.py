"""A row that the real ClickHouse refuses is rejected in its block; whatever else it refuses is tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import pytest
from tests.factories import NOW, processed_line

from sluice.contract import ndjson, processed
from sluice.contract.errors import Reject, Retry
from sluice.sinks.event_log_clickhouse import REPLICATED_INSERT, REPLICATED_READ, ClickHouseEventLog
from sluice.sinks.lane import SinkLane
from sluice.sinks.refusals import NOT_THE_ROWS
from sluice.stream.lane import Progress, Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.sinks.conftest import OwnClickHouse

    from sluice.contract.processed import Processed

ROWS = 100
TRIAL_LIKE_TABLE = "CREATE OR REPLACE TABLE sluice.event_log_trial AS sluice.event_log ENGINE = Null"


@pytest.fixture
def event_log(clickhouse: OwnClickHouse) -> ClickHouseEventLog:
    return ClickHouseEventLog(clickhouse.url)


@pytest.fixture
def topic() -> str:
    return str(uuid4())


@pytest.fixture
def short_urls(clickhouse: OwnClickHouse) -> Iterator[None]:
    """Have ClickHouse refuse events with a long url."""
    clickhouse.command("ALTER TABLE sluice.event_log ADD CONSTRAINT short_url CHECK length(url) < 10")
    clickhouse.command(TRIAL_LIKE_TABLE)
    yield
    clickhouse.command("ALTER TABLE sluice.event_log DROP CONSTRAINT short_url")
    clickhouse.command(TRIAL_LIKE_TABLE)


class OneRawTopic:
    """A raw topic that holds what the tests store, and no more of `events.processed` than they hand over."""

    def __init__(self, topic_id: str) -> None:
        self._topic_id = topic_id

    async def topic_id(self) -> str:
        return self._topic_id

    async def range_of(self, partition: int) -> range:
        return range(ROWS)

    async def find(self, partition: int, topic_id: str, source_offset: int, before: int) -> int | None:
        return None


def line(topic: str, offset: int, **changes: str | int) -> Processed:
    made = processed_line(offset, topic=topic, project=topic)
    return msgspec.structs.replace(made, event=msgspec.structs.replace(made.event, **changes))


def record(*lines: Processed) -> Record:
    return Record(0, 0, NOW, ndjson.join(processed.encode(line) for line in lines))


async def stored_by_a_lane(event_log: ClickHouseEventLog, topic: str, *lines: Processed) -> Progress:
    log = OneRawTopic(topic)
    lane = SinkLane(0, event_log, log, log)
    await lane.open()
    return await lane.process([record(*lines)])


async def test_bad_rows_are_rejected_in_the_same_block_and_the_others_stored(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str, short_urls: None
):
    urls = {7: "https://jane@example.com", 50: "https://jane@example.com", ROWS - 1: "https://jane@example.com"}
    lines = [line(topic, offset, url=urls.get(offset, "/"), user_id="jane") for offset in range(ROWS)]
    assert await stored_by_a_lane(event_log, topic, *lines) == Progress(1)
    rows = clickhouse.query(
        "SELECT source_offset, outcome, stage, url, user_id, project, payload, block_first "
        "FROM sluice.event_log WHERE source_topic = {topic:UUID} ORDER BY source_offset",
        topic=topic,
    )
    payload = '{"site_id":"site_abc123"}'
    assert rows == [
        (offset, "invalid", "sink", "", "", topic, payload, 0)
        if offset in urls
        else (offset, "stored", "", "/", "jane", topic, payload, 0)
        for offset in range(ROWS)
    ]
    (reason,) = {
        reason
        for (reason,) in clickhouse.query(
            "SELECT reason FROM sluice.rejected_events WHERE project = {p:String}", p=topic
        )
    }
    assert reason.startswith("ClickHouse refuses it: ")
    assert "Constraint `short_url`" in reason
    assert "jane" not in reason


async def test_a_block_of_bad_rows_alone_is_rejected(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str, short_urls: None
):
    lines = [line(topic, offset, url="https://example.com") for offset in range(5)]
    assert await stored_by_a_lane(event_log, topic, *lines) == Progress(1)
    counts = "SELECT outcome, stage, count() FROM sluice.event_log WHERE source_topic = {topic:UUID} GROUP BY ALL"
    assert clickhouse.query(counts, topic=topic) == [("invalid", "sink", 5)]


async def test_a_value_that_cannot_be_written_is_rejected_without_asking_clickhouse(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str
):
    with pytest.raises(Reject, match="column visitor_id"):
        await event_log.trial([line(topic, 0, visitor_id=2**64)])


async def test_rows_that_only_the_table_refuses_are_tried_again_and_none_is_rejected(
    clickhouse: OwnClickHouse, event_log: ClickHouseEventLog, topic: str, short_urls: None
):
    clickhouse.command("DROP TABLE sluice.event_log_trial")
    with pytest.raises(Retry, match="event_log_trial"):
        await stored_by_a_lane(event_log, topic, line(topic, 0, url="https://example.com"))
    rows = "SELECT count() FROM sluice.event_log WHERE source_topic = {topic:UUID}"
    assert clickhouse.query(rows, topic=topic) == [(0,)]


async def test_without_its_table_a_sink_is_told_to_migrate(clickhouse: OwnClickHouse, event_log: ClickHouseEventLog):
    clickhouse.command("RENAME TABLE sluice.event_log TO sluice.event_log_away")
    try:
        with pytest.raises(Retry, match="run sluice migrate"):
            await event_log.check()
    finally:
        clickhouse.command("RENAME TABLE sluice.event_log_away TO sluice.event_log")
    await event_log.check()


def test_what_is_asked_of_a_cluster_is_known_to_clickhouse(clickhouse: OwnClickHouse):
    names = sorted(REPLICATED_INSERT | REPLICATED_READ)
    known = "SELECT name FROM system.settings WHERE name IN {names:Array(String)} ORDER BY name"
    assert clickhouse.query(known, names=names) == [(name,) for name in names]


def test_each_code_is_clickhouses_own(clickhouse: OwnClickHouse):
    codes = ", ".join(map(str, NOT_THE_ROWS))
    rows = clickhouse.query(f"SELECT code, errorCodeToName(toInt32(code)) FROM (SELECT arrayJoin([{codes}]) AS code)")
    assert dict(rows) == NOT_THE_ROWS
