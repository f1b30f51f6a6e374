"""`sluice rejected` on a pipeline of its own, whose rules and state these tests change."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import clickhouse_connect
import pytest
import requests
from aiokafka import AIOKafkaProducer
from tests import factories
from tests.integration.cli.conftest import CRAWLER
from tests.integration.stack import EmbeddedStack, pipeline_environment, pipeline_roles

from sluice.contract import ndjson, raw, topics
from sluice.contract.routing import partition_of
from sluice.kafka.topics import create_topics
from sluice.local.kafka.port import free_port
from sluice.local.up.plan import demo_settings_file
from sluice.sinks.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.stack import RoleProcess

    from sluice.contract.raw import RawLine

PARTITIONS = 3
DEADLINE_S = 60.0


@dataclass
class Pipeline:
    """A whole pipeline, and `sluice rejected` on it."""

    environment: dict[str, str]
    roles: dict[str, RoleProcess]
    url: str

    def send(self, event: dict[str, Any], path: str = "/collect", user_agent: str = "Mozilla/5.0") -> str:
        """Send an event as project `load`; give the id of its request."""
        request_id = str(uuid4())
        headers = {
            "Authorization": "Bearer pulse_prod_load",
            "User-Agent": user_agent,
            "X-Request-Id": request_id,
        }
        answer = requests.post(self.url + path, json=event, headers=headers, timeout=30)
        assert answer.status_code < 300, answer.text
        return request_id

    def write(self, value: bytes, partition: int) -> int:
        """Write a record to events.raw; give its offset."""

        async def publish() -> int:
            async with AIOKafkaProducer(bootstrap_servers=self.environment["SLUICE_KAFKA_BOOTSTRAP"]) as producer:
                sent = await producer.send_and_wait(topics.RAW.name, value=value, partition=partition)
                offset: int = sent.offset
                return offset

        return asyncio.run(publish())

    def write_line(self, line: RawLine) -> None:
        """Write a raw line on its partition."""
        self.write(ndjson.join([raw.encode(line)]), partition_of(line.key, PARTITIONS) if line.key else 0)

    def rejected(
        self, *arguments: str, code: int = 0, stdin: int = subprocess.DEVNULL
    ) -> subprocess.CompletedProcess[str]:
        """Run `sluice rejected`, which ends with this exit code."""
        ended = subprocess.run(
            [sys.executable, "-m", "sluice", "rejected", *arguments],
            env={**os.environ, **self.environment},
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == code, ended.stderr
        return ended

    def query(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Ask ClickHouse."""
        with clickhouse_connect.get_client(dsn=self.environment["SLUICE_CLICKHOUSE_URL"]) as client:
            return [tuple(row) for row in client.query(sql, parameters=parameters).result_rows]

    def change(self, sql: str, **parameters: Any) -> None:
        """Change what ClickHouse holds."""
        with clickhouse_connect.get_client(dsn=self.environment["SLUICE_CLICKHOUSE_URL"]) as client:
            client.command(sql, parameters=parameters, settings={"mutations_sync": 1})

    def refuse(self, event_id: str) -> None:
        """Make of an event's stored row what a sink makes of one that ClickHouse refuses."""
        self.change(
            "ALTER TABLE sluice.event_log UPDATE outcome = 'invalid', stage = 'sink', reason = 'refused', "
            "payload = 'as text' WHERE event_id = {id:UUID} AND outcome = 'stored'",
            id=event_id,
        )

    def outcomes(self, event_id: str) -> list[tuple[str, int]]:
        """Give what became of one event each time, in order."""
        return self.query(
            "SELECT outcome, replay FROM sluice.event_log WHERE event_id = {id:UUID} "
            "ORDER BY replay, source_timestamp, source_offset, source_line",
            id=event_id,
        )

    def wait_for_outcomes(self, event_id: str, expected: list[tuple[str, int]]) -> None:
        """Ask until the answer is the expected one; after the deadline the last answer fails the test."""
        deadline = time.monotonic() + DEADLINE_S
        while (found := self.outcomes(event_id)) != expected and time.monotonic() < deadline:
            time.sleep(0.1)
        assert found == expected

    def id_of(self, request_id: str) -> str:
        """Wait for the row of a request with one event; give its event id."""
        return self.wait_for_id("request_id = {id:String}", id=request_id)

    def wait_for_id(self, condition: str, **parameters: Any) -> str:
        """Wait for the one row that is like that; give its event id."""
        sql = f"SELECT toString(event_id) FROM sluice.event_log WHERE {condition}"
        deadline = time.monotonic() + DEADLINE_S
        while not (found := self.query(sql, **parameters)) and time.monotonic() < deadline:
            time.sleep(0.1)
        [(event_id,)] = found
        return str(event_id)

    def keep_bots(self, *, keep: bool) -> None:
        """Say in the project's settings whether bots are kept, and wait until the processors go by it."""
        path = Path(self.environment["SLUICE_SETTINGS_FILE"])
        plain = Path(demo_settings_file()).read_text()
        taken = self._times_taken()
        path.write_text(plain.replace("[projects.load]", '[projects.load]\nbots = "keep"') if keep else plain)
        deadline = time.monotonic() + DEADLINE_S
        while self._times_taken() == taken and time.monotonic() < deadline:
            time.sleep(0.1)
        assert self._times_taken() > taken

    def _times_taken(self) -> int:
        return self.roles["processors"].log.read_text().count(f"took {self.environment['SLUICE_SETTINGS_FILE']}")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    stack = EmbeddedStack()
    directory = tmp_path_factory.mktemp("rejected")
    settings_file = directory / "sluice.toml"
    settings_file.write_text(Path(demo_settings_file()).read_text())
    port = free_port()
    environment = pipeline_environment(stack, directory, port, str(settings_file))
    roles = pipeline_roles(directory, environment)
    try:
        stack.start()
        asyncio.run(create_topics(stack.kafka_bootstrap, topics.ALL, partitions=PARTITIONS, replication=1))
        migrate(stack.clickhouse_url)
        for role in roles.values():
            role.start()
        yield Pipeline(environment, roles, f"http://127.0.0.1:{port}")
    finally:
        for role in roles.values():
            role.stop()
        stack.stop()


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    def make(**changes: Any) -> dict[str, Any]:
        return factories.pulse_event(timestamp=int(time.time() * 1000), **changes)

    return make


def line_of_no_object(**changes: Any) -> RawLine:
    """An event that every rule fails on: no gateway accepts it."""
    now = int(time.time() * 1000)
    return factories.raw_line(b'["no object"]', id=str(uuid4()), received_at=now, project="load", **changes)


def test_an_event_that_rules_failed_on_is_listed_shown_and_comes_back_when_it_is_replayed(pipeline: Pipeline):
    line = line_of_no_object(request_id="poison-1")
    pipeline.write_line(line)
    pipeline.wait_for_outcomes(line.id, [("invalid", 0)])

    listed = pipeline.rejected("list", "--event-id", line.id)
    assert listed.stderr == ""
    assert line.id in listed.stdout
    assert "        1  invalid\n             1  a rule failed on this event: " in listed.stdout

    [row] = [
        json.loads(text) for text in pipeline.rejected("list", "--json", "--event-id", line.id).stdout.splitlines()
    ]
    assert (row["project"], row["outcome"], row["stage"], row["replay"]) == ("load", "invalid", "processor", 0)

    shown = pipeline.rejected("show", line.id)
    for words in ("as it came invalid, by the processor", "request poison-1", "192.0.2.1", '["no object"]'):
        assert words in shown.stdout

    tried = pipeline.rejected("replay", "--dry-run", "--event-id", line.id)
    assert pipeline.outcomes(line.id) == [("invalid", 0)]
    assert f"{line.id}  load pulse  invalid -> invalid: a rule failed" in tried.stdout

    sent = pipeline.rejected("replay", "--yes", "--event-id", line.id)
    assert sent.stdout == "        1  sent in again\n"
    pipeline.wait_for_outcomes(line.id, [("invalid", 0), ("invalid", 1)])


def test_every_filter_finds_what_is_like_that_and_nothing_else(pipeline: Pipeline):
    line = line_of_no_object()
    pipeline.write_line(line)
    pipeline.wait_for_outcomes(line.id, [("invalid", 0)])
    like_that = {
        "--project": ("load", "demo"),
        "--api": ("pulse", "client"),
        "--outcome": ("invalid", "bot"),
        "--stage": ("processor", "sink"),
        "--reason": ("A Rule FAILED", "a rule_failed"),
        "--since": ("1h", "2299-01-01"),
        "--until": ("2299-01-01", "1h"),
    }
    one = ("list", "--json", "--event-id", line.id)
    found = pipeline.rejected(*one, *(word for option, (right, _) in like_that.items() for word in (option, right)))
    assert json.loads(found.stdout)["event_id"] == line.id
    for option, (_, wrong) in like_that.items():
        assert pipeline.rejected(*one, option, wrong).stdout == "", option


def test_an_event_is_replayed_no_more_than_so_often(pipeline: Pipeline):
    line = line_of_no_object()
    pipeline.write_line(line)
    pipeline.wait_for_outcomes(line.id, [("invalid", 0)])
    for times in (1, 2):
        pipeline.rejected("replay", "--yes", "--max-replays", "2", "--event-id", line.id)
        pipeline.wait_for_outcomes(line.id, [("invalid", replay) for replay in range(times + 1)])
    refused = pipeline.rejected("replay", "--yes", "--max-replays", "2", "--event-id", line.id)
    assert refused.stdout == ""
    assert "it was sent in again 2 times" in refused.stderr
    assert "nothing to send" in refused.stderr


def test_nothing_is_sent_unasked(pipeline: Pipeline):
    line = line_of_no_object()
    pipeline.write_line(line)
    pipeline.wait_for_outcomes(line.id, [("invalid", 0)])
    refused = pipeline.rejected("replay", "--event-id", line.id, code=1)
    assert refused.stdout == ""
    assert refused.stderr == "sluice: 1 event would be sent in again: say --yes, or look with --dry-run first\n"


def test_who_sits_at_a_terminal_is_asked(pipeline: Pipeline):
    line = line_of_no_object()
    pipeline.write_line(line)
    pipeline.wait_for_outcomes(line.id, [("invalid", 0)])
    keyboard, terminal = os.openpty()
    try:
        for typed, sent in ((b"n\n", ""), (b"y\n", "1  sent in again\n")):
            os.write(keyboard, typed)
            asked = pipeline.rejected("replay", "--event-id", line.id, stdin=terminal)
            assert "Send 1 event in again? [y/N]" in asked.stderr
            assert asked.stdout.strip(" ") == sent  # the question leaves a blank there
    finally:
        os.close(keyboard)
        os.close(terminal)
    pipeline.wait_for_outcomes(line.id, [("invalid", 0), ("invalid", 1)])


def test_a_duplicate_and_a_throttled_event_stay_so(pipeline: Pipeline, event: Callable[..., dict[str, Any]]):
    order, reader = f"what was before {uuid4()}", str(uuid4())
    lost = {}
    for outcome, sent in (
        ("duplicate", event(event_type="confirmation", orderId=order)),
        ("throttled", event(event_type="email_open", user_id=reader)),
    ):
        pipeline.id_of(pipeline.send(sent))
        lost[outcome] = pipeline.id_of(pipeline.send(sent))
    kinds = {
        "duplicate": "order ... was confirmed before",
        "throttled": "this user opened an email within 20 minutes",
    }
    for outcome, event_id in lost.items():
        assert pipeline.outcomes(event_id) == [(outcome, 0)]
        counted = pipeline.rejected("list", "--event-id", event_id).stdout
        assert counted.endswith(f"        1  {outcome}\n             1  {kinds[outcome]}\n")
        refused = pipeline.rejected("replay", "--yes", "--event-id", event_id)
        assert refused.stdout == ""
        assert f"1  not sent: {outcome} stays so" in refused.stderr
        refused = pipeline.rejected("replay", "--yes", "--outcome", outcome, code=1)
        assert refused.stdout == ""
        assert f"what is {outcome} stays so" in refused.stderr


def test_a_bot_is_stored_exactly_once_when_bots_are_kept_however_often_it_is_replayed(
    pipeline: Pipeline, event: Callable[..., dict[str, Any]]
):
    event_id = pipeline.id_of(pipeline.send(event(big=12345678901234567890), user_agent=CRAWLER))
    assert pipeline.outcomes(event_id) == [("bot", 0)]
    one = ("--event-id", event_id)
    assert f"{event_id}  load pulse page_view  bot -> bot" in pipeline.rejected("replay", "--dry-run", *one).stdout

    pipeline.keep_bots(keep=True)
    try:
        tried = pipeline.rejected("replay", "--dry-run", *one)
        assert f"{event_id}  load pulse page_view  bot -> stored\n" in tried.stdout
        pipeline.roles["processors"].stop()
        for _ in range(2):  # the second time, the first is on its way and shows nowhere
            assert pipeline.rejected("replay", "--yes", *one).stdout == "        1  sent in again\n"
        pipeline.roles["processors"].start()
        pipeline.wait_for_outcomes(event_id, [("bot", 0), ("stored", 1), ("duplicate", 1)])
        third = pipeline.rejected("replay", "--yes", *one)
        assert third.stdout == ""
        assert "it was sent in again since, and stored" in third.stderr
    finally:
        pipeline.keep_bots(keep=False)
    before, after = pipeline.query(
        "SELECT payload, received_at, request_id, user_agent, source_partition FROM sluice.event_log "
        "WHERE event_id = {id:UUID} AND outcome IN ('bot', 'stored') ORDER BY replay",
        id=event_id,
    )
    assert before == after


def test_a_trial_knows_what_the_processors_remember(pipeline: Pipeline, event: Callable[..., dict[str, Any]]):
    order = str(uuid4())
    confirmation = event(event_type="confirmation", orderId=order)
    bot = pipeline.id_of(pipeline.send(confirmation, user_agent=CRAWLER))
    first = pipeline.id_of(pipeline.send(confirmation))
    assert (pipeline.outcomes(bot), pipeline.outcomes(first)) == ([("bot", 0)], [("stored", 0)])
    pipeline.keep_bots(keep=True)
    try:
        tried = pipeline.rejected("replay", "--dry-run", "--event-id", bot)
    finally:
        pipeline.keep_bots(keep=False)
    assert f"bot -> duplicate: order {order} was confirmed before: event {first}" in tried.stdout


def test_what_clickhouse_refused_is_replayed_from_events_raw(
    pipeline: Pipeline, event: Callable[..., dict[str, Any]]
):
    event_id = pipeline.id_of(pipeline.send(event(note="kept on Kafka")))
    pipeline.refuse(event_id)
    sent = pipeline.rejected("replay", "--yes", "--stage", "sink", "--event-id", event_id)
    assert sent.stdout == "        1  sent in again\n"
    pipeline.wait_for_outcomes(event_id, [("invalid", 0), ("stored", 1)])
    assert pipeline.query("SELECT properties['note'] FROM sluice.events WHERE event_id = {id:UUID}", id=event_id) == [
        ("kept on Kafka",)
    ]


def test_what_clickhouse_refused_again_is_stored_once_however_often_it_is_replayed(
    pipeline: Pipeline, event: Callable[..., dict[str, Any]]
):
    event_id = pipeline.id_of(pipeline.send(event(event_type="confirmation", orderId=str(uuid4()))))
    one = ("replay", "--yes", "--event-id", event_id)
    refused = [("invalid", 0)]
    for replay in (1, 2):
        pipeline.refuse(event_id)
        pipeline.roles["processors"].stop()
        for _ in range(2):  # the second time, the first is on its way and shows nowhere
            assert pipeline.rejected(*one).stdout == "        1  sent in again\n"
        pipeline.roles["processors"].start()
        pipeline.wait_for_outcomes(event_id, [*refused, ("stored", replay), ("duplicate", replay)])
        refused += [("invalid", replay), ("duplicate", replay)]
    third = pipeline.rejected(*one)
    assert third.stdout == ""
    assert "it was sent in again since, and stored" in third.stderr


def test_what_events_raw_does_not_hold_any_more_is_said_to_be_gone(
    pipeline: Pipeline, event: Callable[..., dict[str, Any]]
):
    event_id = pipeline.id_of(pipeline.send(event()))
    pipeline.change(
        "ALTER TABLE sluice.event_log UPDATE outcome = 'invalid', stage = 'sink', source_topic = generateUUIDv4() "
        "WHERE event_id = {id:UUID}",
        id=event_id,
    )
    sent = pipeline.rejected("replay", "--yes", "--event-id", event_id)
    assert (
        "        0  sent in again\n        1  not sent: its raw line is not kept, and events.raw does not"
        in sent.stdout
    )


def test_a_line_that_could_not_be_read_is_replayed_once_it_can(pipeline: Pipeline):
    poison = b"\xff\xfe no line " + uuid4().bytes.replace(b"\n", b" ")
    offset = pipeline.write(poison, partition=1)
    row_id = pipeline.wait_for_id("source_partition = 1 AND source_offset = {offset:UInt64}", offset=offset)
    sent = pipeline.rejected("replay", "--yes", "--project", "", "--event-id", row_id)
    assert "0  sent in again" in sent.stdout
    assert "not sent: it still cannot be read: not a raw line" in sent.stdout

    # As if a newer version could read it: it finds this line in the bytes.
    now = int(time.time() * 1000)
    line = factories.raw_line(id=str(uuid4()), received_at=now, project="load")
    pipeline.change(
        "ALTER TABLE sluice.event_log UPDATE payload = {line:String} WHERE event_id = {id:UUID}",
        line=raw.encode(line).decode(),
        id=row_id,
    )
    assert f"today it can be read: it is event {line.id}" in pipeline.rejected("show", row_id).stdout
    assert pipeline.rejected("replay", "--yes", "--event-id", row_id).stdout == "        1  sent in again\n"
    pipeline.wait_for_outcomes(line.id, [("stored", 1)])
    again = pipeline.rejected("replay", "--yes", "--event-id", row_id)
    assert f"not sent: it was sent in again since, as event {line.id}" in again.stdout
    assert pipeline.outcomes(line.id) == [("stored", 1)]


@pytest.mark.parametrize(
    "hostile", ["'; DROP TABLE sluice.event_log; --", "\\", "%s{x:UUID}\t\n\x1b[2Jä☃" + "x" * 10_000]
)
def test_a_hostile_text_finds_nothing_and_breaks_nothing(pipeline: Pipeline, hostile: str):
    listed = pipeline.rejected("list", "--reason", hostile, "--project", hostile)
    assert (listed.stdout, listed.stderr) == ("", "no rejected events are like that\n")


def test_an_event_that_is_not_there_is_not_shown(pipeline: Pipeline):
    shown = pipeline.rejected("show", str(uuid4()), code=1)
    assert shown.stdout == ""
    assert shown.stderr.startswith("sluice: ClickHouse has no event ")
