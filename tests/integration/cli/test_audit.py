"""`sluice audit` on the real broker and the real ClickHouse: it balances, and it fails when it should."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaProducer
from tests.integration.cli.conftest import CRAWLER, PARTITIONS, event

from sluice.contract import topics

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Own

ONE = "source_partition = {partition} AND source_offset = {offset} AND source_line = 1"


def total(finding: dict[str, Any]) -> dict[str, Any]:
    summed: dict[str, Any] = finding["total"]
    return summed


def kinds(finding: dict[str, Any]) -> list[tuple[str, int]]:
    return [(fault["kind"], fault["events"]) for fault in finding["faults"]]


@pytest.fixture
def a_record(own: Own) -> dict[str, int]:
    """Where a raw record with three lines stands; nothing breaks the table before it is there."""
    [first, *_] = own.where(own.post(event(), event(), event()))
    return {"partition": first["source_partition"], "offset": first["source_offset"]}


def test_every_event_that_was_accepted_is_in_the_account(own: Own):
    _, before = own.audit()
    own.post(*(event() for _ in range(200)))
    own.post(event(), key="pulse_prod_demo")
    own.post(event(), event(), **{"User-Agent": CRAWLER})
    for _ in range(2):
        own.post(event(event_type="confirmation", orderId="audited"))
    code, after = own.audit()
    assert (code, after["balances"], after["faults"]) == (0, True, [])
    assert total(after)["accepted"] - total(before)["accepted"] == 205
    assert total(after)["stored"] - total(before)["stored"] == 202
    assert total(after)["rejected"]["bot"] - total(before)["rejected"]["bot"] == 2
    assert total(after)["rejected"]["duplicate"] - total(before)["rejected"]["duplicate"] == 1
    assert (total(after)["on_the_way"], total(after)["difference"]) == (0, 0)
    assert {account["project"] for account in after["accounts"]} >= {"demo", "load"}


def test_the_numbers_are_those_of_clickhouse(own: Own):
    own.post(event(), event())
    _, finding = own.audit()
    rows = own.query("SELECT source_partition, project, count() FROM sluice.event_log GROUP BY 1, 2 ORDER BY 1, 2")
    counted = [(account["partition"], account["project"], account["accepted"]) for account in finding["accounts"]]
    assert counted == rows


def test_what_is_said_is_a_table_and_a_sentence(pristine: Own):
    done = pristine.sluice("audit")
    assert (done.returncode, done.stderr) == (0, "")
    assert "│ difference │" in done.stdout
    assert done.stdout.splitlines()[-2:] == [
        "every accepted event has exactly one row",
        "each roll-up is what the event log adds up to",
    ]


async def test_what_is_no_raw_line_counts_under_no_project(own: Own):
    _, before = own.audit()
    async with AIOKafkaProducer(bootstrap_servers=own.stack.kafka_bootstrap) as producer:
        for value in (b"poison", b'{"project":"demo"}\n\xff\n', b""):
            await producer.send_and_wait(topics.RAW.name, value, partition=0)
        await producer.send_and_wait(topics.RAW.name, None, key=b"a tombstone", partition=0)
    code, after = own.audit()
    assert code == 0
    unreadable = [
        sum(account["rejected"]["invalid"] for account in finding["accounts"] if account["project"] == "")
        for finding in (before, after)
    ]
    assert unreadable[1] - unreadable[0] == 5


async def test_a_compressed_record_with_a_line_of_10_mib_is_read(own: Own):
    big = event(note="x" * (10 * 1024 * 1024 - 200))
    own.post(big)
    async with AIOKafkaProducer(
        bootstrap_servers=own.stack.kafka_bootstrap, compression_type="lz4", max_request_size=topics.RAW_MAX_BYTES
    ) as producer:
        await producer.send_and_wait(topics.RAW.name, b"[" + b" " * (10 * 1024 * 1024) + b"]", partition=1)
    code, finding = own.audit()
    assert (code, finding["balances"]) == (0, True)


@pytest.mark.parametrize("role", ["processors", "sinks"])
def test_what_a_stopped_role_has_not_done_is_on_the_way(own: Own, role: str):
    own.audit()
    with own.without(role):
        own.post(event(), event(), event())
        code, finding = own.audit("--wait", "0")
        assert (code, total(finding)["on_the_way"], total(finding)["difference"]) == (0, 3, 0)
        waited = own.sluice("audit", "--wait", "0.5")
        assert waited.returncode == 1
        assert "3 events on the way" in waited.stdout
        assert "after 0.5 s not everything is stored" in waited.stderr
    code, finding = own.audit()
    assert (code, total(finding)["on_the_way"]) == (0, 0)


def test_a_row_that_is_missing_is_found(a_record: dict[str, int], pristine: Own):
    pristine.delete(ONE.format(**a_record))
    code, finding = pristine.audit()
    assert (code, finding["balances"], total(finding)["difference"]) == (1, False, 1)
    assert finding["faults"] == [
        {
            "partition": a_record["partition"],
            "first": a_record["offset"],
            "last": a_record["offset"],
            "kind": "missing",
            "events": 1,
        }
    ]
    loud = pristine.sluice("audit")
    assert loud.returncode == 1
    assert loud.stderr.splitlines()[:2] == [
        "THE ACCOUNT DOES NOT BALANCE: 1 fault, a difference of 1",
        f"partition {a_record['partition']}, offset {a_record['offset']}: 1 raw line without a row",
    ]


def test_a_row_that_is_doubled_is_found(a_record: dict[str, int], pristine: Own):
    pristine.add(ONE.format(**a_record))
    code, finding = pristine.audit()
    assert (code, total(finding)["difference"], kinds(finding)) == (1, -1, [("doubled", 1)])


def test_a_row_that_is_missing_is_found_though_another_one_is_doubled(a_record: dict[str, int], pristine: Own):
    pristine.add(ONE.format(**a_record))
    pristine.delete(ONE.format(**a_record).replace("line = 1", "line = 2"))
    code, finding = pristine.audit()
    assert (code, total(finding)["difference"]) == (1, 0)
    assert sorted(kinds(finding)) == [("doubled", 1), ("missing", 1)]


@pytest.mark.parametrize(
    ("column", "elsewhere"),
    [
        ("source_line", "source_line + 1000"),
        ("source_offset", "source_offset + 1000000"),
        ("source_partition", str(PARTITIONS)),
    ],
)
def test_a_row_without_a_raw_line_is_found(a_record: dict[str, int], pristine: Own, column: str, elsewhere: str):
    pristine.add(ONE.format(**a_record), **{column: elsewhere})
    code, finding = pristine.audit()
    assert (code, total(finding)["difference"], kinds(finding)) == (1, -1, [("unfounded", 1)])


def test_a_row_of_another_project_is_found(a_record: dict[str, int], pristine: Own):
    where = ONE.format(**a_record)
    pristine.add(where, project="'x'")
    pristine.delete(f"project = 'load' AND {where}")
    code, finding = pristine.audit()
    assert (code, kinds(finding)) == (1, [("misplaced", 1)])
    differences = {
        account["project"]: account["difference"] for account in finding["accounts"] if account["difference"]
    }
    assert differences == {"load": 1, "x": -1}


def test_a_row_that_holds_another_event_is_found(a_record: dict[str, int], pristine: Own):
    where = ONE.format(**a_record)
    pristine.add(where, event_id="generateUUIDv7()", request_id="'another'")
    pristine.delete(f"request_id != 'another' AND {where}")
    code, finding = pristine.audit()
    assert (code, total(finding)["difference"], kinds(finding)) == (1, 0, [("mistaken", 1)])


def test_rows_of_one_record_that_changed_places_are_found(a_record: dict[str, int], pristine: Own):
    record = ONE.format(**a_record).removesuffix(" AND source_line = 1")
    pristine.add(record, source_line="2 - source_line", request_id="'changed'")
    pristine.delete(f"request_id != 'changed' AND {record}")
    code, finding = pristine.audit()
    assert (code, total(finding)["difference"], kinds(finding)) == (1, 0, [("mistaken", 2)])


def test_rows_of_an_older_topic_are_no_part_of_it(a_record: dict[str, int], pristine: Own):
    pristine.add(ONE.format(**a_record), source_topic="generateUUIDv4()")
    code, finding = pristine.audit("--wait", "0")
    assert (code, finding["no_part"]["rows_of_older_topics"]) == (0, 1)
    assert "no part of it: 1 row of 1 older topic events.raw" in pristine.sluice("audit").stdout


def test_a_roll_up_that_differs_is_found(pristine: Own):
    pristine.change("INSERT INTO sluice.rollup_minutes SELECT * FROM sluice.rollup_minutes")
    code, finding = pristine.audit()
    assert (code, finding["balances"]) == (1, True)
    assert {difference["rollup"] for difference in finding["rollups"]["differences"]} == {"minutes"}
    loud = pristine.sluice("audit")
    assert loud.returncode == 1
    assert loud.stderr.splitlines()[0] == "THE ROLL-UPS DIFFER FROM THE EVENT LOG: minutes"
    assert loud.stderr.splitlines()[-1] == "stop the sinks and run `sluice rollups rebuild minutes`"

    refused = pristine.sluice("rollups", "rebuild", "minutes")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("sluice: sinks run on 127.0.0.1: stop them first")

    with pristine.without("sinks"):
        pristine.wait_until(lambda: pristine.sluice("rollups", "rebuild", "minutes").returncode == 0, "sinks stay")
        assert pristine.sluice("rollups", "check").returncode == 0
    assert pristine.audit()[0] == 0


def test_since_leaves_out_what_is_older(pristine: Own):
    code, finding = pristine.audit("--since", "0s")
    rows = pristine.query("SELECT count() FROM sluice.event_log")[0][0]
    assert (code, finding["accounts"], finding["no_part"]["rows_from_before"]) == (0, [], rows)
    assert pristine.audit("--since", "7d")[1]["total"]["accepted"] == rows


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("SLUICE_CLICKHOUSE_URL", "ClickHouse at http://127.0.0.1:1"),
        ("SLUICE_KAFKA_BOOTSTRAP", "Kafka at 127.0.0.1:1"),
    ],
)
def test_a_neighbour_that_is_away_is_named(own: Own, name: str, says: str):
    done = own.without_neighbour(name, says.split(" at ")[1]).sluice("audit")
    assert done.returncode == 1
    assert done.stderr.startswith(f"sluice: {says}")
    assert len(done.stderr.splitlines()) == 1
