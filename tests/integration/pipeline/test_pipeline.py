"""From a POST to a row, through the real broker and the real ClickHouse, whatever is killed on the way."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer

from sluice.contract import topics

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.pipeline.conftest import Pipeline

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


@pytest.mark.parametrize("killed", ["sinks", "processors", "gateway"])
def test_what_was_accepted_is_stored_once_although_a_role_is_killed_half_way(
    pipeline: Pipeline, event: Callable[..., Any], session_id: str, killed: str
):
    role = pipeline.roles[killed]
    half_way = threading.Event()
    accepted: list[int] = []

    def send(batch: int) -> int:
        if batch == 15:
            half_way.set()
        try:
            answer = pipeline.post("/collect/batch", {"events": [event(n=batch * 200 + n) for n in range(200)]})
        except OSError:
            return 0  # not accepted: the gateway was killed before it answered
        if answer.status_code == 202:
            accepted.extend(range(batch * 200, batch * 200 + 200))
        return answer.status_code

    with ThreadPoolExecutor(4) as clients:
        answers = [clients.submit(send, batch) for batch in range(30)]
        assert half_way.wait(30)
        role.kill()
        role.start()
        statuses = [answer.result() for answer in answers]
    assert accepted
    if killed != "gateway":
        assert set(statuses) == {202}
    pipeline.wait_until(
        lambda: set(accepted) <= set(numbers(pipeline, session_id)), "everything that was accepted is stored"
    )
    stored = numbers(pipeline, session_id)
    assert len(stored) == len(set(stored)), "and nothing is stored twice, accepted or not"


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
