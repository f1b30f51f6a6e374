"""From a POST to a row, through the real broker and the real ClickHouse, whatever is killed on the way."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer

from sluice.contract import topics

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.pipeline.conftest import Pipeline
    from tests.integration.stack import RoleProcess, Stack

COUNT = "SELECT count(), uniqExact(event_id) FROM sluice.events WHERE session_id = {session_id:String}"


def test_an_event_that_was_accepted_becomes_a_row(pipeline: Pipeline, event: Callable[..., Any], session_id: str):
    sent = event(user_id="user_123", country="de", device_type="desktop", plan="gold", n=[1, {"a": None}])
    answer = pipeline.post("/collect", sent, **{"X-Request-Id": "request-17", "User-Agent": "a browser"})
    assert answer.status_code == 202
    pipeline.wait_for([(1, 1)], COUNT, session_id=session_id)
    [row] = pipeline.query(
        """
        SELECT project, api, event_type, site_id, user_id, country, device_type, properties, request_id, user_agent,
               ip, toUnixTimestamp64Milli(timestamp), JSONExtractString(payload, 'plan'), source_line,
               toString(event_id)
        FROM sluice.events WHERE session_id = {session_id:String}
        """,
        session_id=session_id,
    )
    assert row[:-1] == (
        "load",
        "pulse",
        "page_view",
        "site_abc123",
        "user_123",
        "DE",
        "desktop",
        {"plan": "gold", "n": '[1, {"a": null}]'},
        "request-17",
        "a browser",
        "127.0.0.1",
        sent["timestamp"],
        "gold",
        0,
    )
    assert UUID(row[-1]).version == 7


def test_a_batch_becomes_as_many_rows(pipeline: Pipeline, event: Callable[..., Any], session_id: str):
    answer = pipeline.post("/collect/batch", {"events": [event(n=n) for n in range(1000)]})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1000)
    pipeline.wait_for([(1000, 1000)], COUNT, session_id=session_id)


def test_the_payload_is_stored_as_it_was_sent(pipeline: Pipeline, event: Callable[..., Any], session_id: str):
    body = (
        b'{ "site_id":"site_abc123",\r\n\t"event_type" : "page_view","timestamp":%d,"session_id":"%s",'
        b'"big":123456789012345678901234567890,"huge":1e999,"nul":"a\\u0000b","\\u00e4":"\xc3\xa4" }'
    ) % (event()["timestamp"], session_id.encode())
    assert pipeline.post("/collect", body).status_code == 202
    pipeline.wait_for([(1, 1)], COUNT, session_id=session_id)
    [(payload, properties)] = pipeline.query(
        "SELECT hex(payload), properties FROM sluice.events WHERE session_id = {session_id:String}",
        session_id=session_id,
    )
    assert bytes.fromhex(payload) == body.replace(b"\r\n", b"  ")
    assert properties == {"big": "123456789012345678901234567890", "huge": "1e999", "nul": "a\0b", "ä": "ä"}


def test_a_batch_with_one_bad_event_stores_nothing(pipeline: Pipeline, event: Callable[..., Any], session_id: str):
    answer = pipeline.post("/collect/batch", {"events": [event(), event(), event(site_id=None)]})
    assert (answer.status_code, answer.json()["error"]) == (400, "Event 2: Missing required field: site_id")
    assert pipeline.post("/collect", event(user_id="afterwards")).status_code == 202
    pipeline.wait_for([(1, 1)], COUNT, session_id=session_id)


async def test_poison_on_the_raw_topic_is_rejected_with_its_bytes_and_the_stream_goes_on(
    pipeline: Pipeline, event: Callable[..., Any], session_id: str
):
    async with AIOKafkaProducer(bootstrap_servers=pipeline.bootstrap) as producer:
        sent = await producer.send_and_wait(topics.RAW.name, value=b"\xff poison " + session_id.encode(), partition=3)
    pipeline.wait_for(
        [("invalid", "processor", b"\xff poison ".hex().upper() + session_id.encode().hex().upper())],
        "SELECT outcome, stage, hex(payload) FROM sluice.rejected_events "
        "WHERE source_partition = 3 AND source_offset = {offset:UInt64}",
        offset=sent.offset,
    )
    assert pipeline.post("/collect", event()).status_code == 202
    pipeline.wait_for([(1, 1)], COUNT, session_id=session_id)


class Traffic:
    """Batches of numbered events that four clients send at once, and which of the numbers were accepted."""

    def __init__(self, pipeline: Pipeline, event: Callable[..., Any]) -> None:
        self._pipeline = pipeline
        self._event = event
        self._half_way = threading.Event()
        self.accepted: list[int] = []
        self.statuses: set[int] = set()

    def disturbed_half_way(self, disturb: Callable[[], None], batches: int = 30) -> None:
        """Send all batches, and disturb when half of them are on their way."""
        with ThreadPoolExecutor(4) as clients:
            sent = [clients.submit(self._send, batch, batch == batches // 2) for batch in range(batches)]
            assert self._half_way.wait(60)
            disturb()
            self.statuses = {answer.result() for answer in sent}
        assert self.accepted

    def _send(self, batch: int, half_way: bool) -> int:
        if half_way:
            self._half_way.set()
        numbers = range(batch * 200, batch * 200 + 200)
        try:
            answer = self._pipeline.post("/collect/batch", {"events": [self._event(n=n) for n in numbers]})
        except OSError:
            return 0  # not accepted: the gateway was killed before it answered
        if answer.status_code == 202:
            self.accepted.extend(numbers)
        return answer.status_code

    def assert_stored_once(self, session_id: str) -> None:
        """Wait until everything that was accepted is stored, and see that nothing is there twice."""
        self._pipeline.wait_until(
            lambda: set(self.accepted) <= set(numbers(self._pipeline, session_id)), "all that was accepted is stored"
        )
        stored = numbers(self._pipeline, session_id)
        assert len(stored) == len(set(stored)), "and nothing is stored twice, accepted or not"


@pytest.fixture
def traffic(pipeline: Pipeline, event: Callable[..., Any]) -> Traffic:
    return Traffic(pipeline, event)


@pytest.mark.parametrize("killed", ["sinks", "processors", "gateway"])
def test_what_was_accepted_is_stored_once_although_a_role_is_killed_half_way(
    pipeline: Pipeline, traffic: Traffic, session_id: str, killed: str
):
    def kill() -> None:
        pipeline.roles[killed].kill()
        pipeline.roles[killed].start()

    traffic.disturbed_half_way(kill)
    if killed != "gateway":
        assert traffic.statuses == {202}
    traffic.assert_stored_once(session_id)


@pytest.mark.parametrize("killed", ["clickhouse", "broker"])
def test_what_was_accepted_is_stored_once_although_a_store_is_killed_half_way(
    deployment: Stack, traffic: Traffic, session_id: str, killed: Literal["broker", "clickhouse"]
):
    traffic.disturbed_half_way(lambda: deployment.restart(killed))
    if killed != "broker":
        assert traffic.statuses == {202}
    traffic.assert_stored_once(session_id)


@pytest.mark.parametrize("role", ["processors", "sinks"])
def test_what_was_accepted_is_stored_once_although_a_second_worker_joins_and_is_killed(
    pipeline: Pipeline, event: Callable[..., Any], session_id: str, role: str
):
    joining, dying = Traffic(pipeline, event), Traffic(pipeline, event)
    second: list[RoleProcess] = []
    joining.disturbed_half_way(lambda: second.append(pipeline.start_another(role)))
    joining.assert_stored_once(session_id)
    before = numbers(pipeline, session_id)
    dying.disturbed_half_way(second[0].kill)
    pipeline.wait_until(
        lambda: len(numbers(pipeline, session_id)) >= len(before) + len(dying.accepted),
        "the partitions were taken over",
    )
    assert sorted(numbers(pipeline, session_id)) == sorted(before + dying.accepted)


def numbers(pipeline: Pipeline, session_id: str) -> list[int]:
    sql = "SELECT toUInt32(properties['n']) FROM sluice.events WHERE session_id = {session_id:String}"
    return [n for (n,) in pipeline.query(sql, session_id=session_id)]


def test_every_raw_line_is_one_row_and_offsets_have_no_gap(
    pipeline: Pipeline, event: Callable[..., Any], session_id: str
):
    """The account: per partition, the offsets from the first to the last are all there, each line once."""
    assert pipeline.post("/collect/batch", {"events": [event(n=n) for n in range(500)]}).status_code == 202
    pipeline.wait_for([(500, 500)], COUNT, session_id=session_id)
    gaps = pipeline.query(
        """
        SELECT source_partition, count() AS rows, uniqExact(source_offset, source_line) AS lines,
               max(source_offset) - min(source_offset) + 1 AS span, uniqExact(source_offset) AS offsets
        FROM sluice.event_log
        WHERE source_topic IN (SELECT source_topic FROM sluice.event_log WHERE session_id = {session_id:String})
        GROUP BY source_partition
        HAVING rows != lines OR span != offsets
        """,
        session_id=session_id,
    )
    assert gaps == []


@pytest.mark.parametrize("stopped", ["gateway", "processors", "sinks"])
def test_a_role_that_is_asked_to_stop_loses_nothing(
    pipeline: Pipeline, event: Callable[..., Any], session_id: str, stopped: str
):
    role = pipeline.roles[stopped]
    for n in range(20):
        assert pipeline.post("/collect", event(n=n)).status_code == 202
    role.stop()
    role.start()
    pipeline.wait_for([(20, 20)], COUNT, session_id=session_id)
