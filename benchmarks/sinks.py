"""What the sinks do under load: `python benchmarks/sinks.py`, with a real broker and a real ClickHouse of its own.

Processed records go to `events.processed` at a rate, or all before the sink starts (`--rate 0`: a backlog). It prints
how many inserts a partition saw in a second, how many rows an insert had, how old an event was when it could be
queried, and what sink and ClickHouse took of the CPU, so that a busy machine matters little.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import clickhouse_connect
import msgspec
import uvloop
from aiokafka import AIOKafkaProducer

from sluice.contract import ndjson, processed
from sluice.contract.event import Event, Outcome
from sluice.contract.processed import Processed, Source
from sluice.contract.topics import ALL, PROCESSED, RAW
from sluice.kafka.topic_ids import topic_id
from sluice.kafka.topics import create_topics
from sluice.local.kafka.port import free_port
from sluice.sinks.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
DEADLINE_S = 300.0
POLL_S = 0.1
PAYLOAD = (
    b'{"site_id":"site_abc123","event_type":"page_view","timestamp":1795000000000,"session_id":"session_12345",'
    b'"user_id":"user_67890","url":"https://shop.example.com/p/4711?ref=mail","referrer":"https://example.com/",'
    b'"device_type":"mobile","country":"DE"}'
)


@contextmanager
def running(role: str, directory: Path, **settings: str) -> Iterator[int]:
    """Run a role until the block ends; give its process id once it is ready."""
    ready = directory / f"{role}.ready"
    with (directory / f"{role}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sluice", role],
            env={**os.environ, "READY_FILE": str(ready), "SLUICE_DATA_DIR": str(directory), **settings},
            stdout=log,
            stderr=log,
        )
    try:
        while not ready.exists():
            if process.poll() is not None:
                raise SystemExit((directory / f"{role}.log").read_text("utf-8"))
            time.sleep(POLL_S)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def cpu_s(pid: int) -> float:
    """Give the seconds of CPU that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def resident_mib(pid: int) -> float:
    """Give the most memory that a process has held."""
    peak = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def record(topic: str, partition: int, offset: int, events: int) -> bytes:
    """Give a record with the results of one raw record."""
    now = time.time_ns() // 1_000_000
    source = Source(topic, partition, offset, 0, now)
    event = Event(
        event_id="019a9d3c-8f7e-7000-8000-000000000001",
        request_id="019a9d3c8f7e70008000000000000002",
        event_type="page_view",
        timestamp=now,
        received_at=now,
        site_id="site_abc123",
        user_id="user_67890",
        visitor_id=(offset * 7919 + partition) % 100_000 + 1,
        session_id=f"session_{offset % 10_000}",
        url="https://shop.example.com/p/4711?ref=mail",
        referrer="https://example.com/",
        country="DE",
        device_type="mobile",
        browser="Chrome Mobile",
        os="Android",
        ip="192.0.2.1",
        user_agent="Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile",
        properties={"plan": "pro", "variant": "b"},
    )
    line = Processed(
        source=source, outcome=Outcome.STORED, project="load", api="pulse", event=event, payload=msgspec.Raw(PAYLOAD)
    )
    first = processed.encode(line)
    return ndjson.join(first.replace(b'"line":0', b'"line":%d' % number, 1) for number in range(events))


async def produce(bootstrap: str, options: argparse.Namespace, start: int, count: int) -> None:
    """Write so many records to each partition, from that source offset on, at the rate asked for."""
    topic = await topic_id(bootstrap, RAW.name)
    every_s = options.events * options.partitions / options.rate if options.rate else 0.0
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, max_request_size=PROCESSED.max_bytes, compression_type="lz4"
    ) as producer:
        begun = time.monotonic()
        for offset in range(start, start + count):
            await asyncio.sleep(max(0.0, begun + (offset - start) * every_s - time.monotonic()))
            for partition in range(options.partitions):
                await producer.send(RAW.name, b"{}", partition=partition)
                value = record(topic, partition, offset, options.events)
                await producer.send(PROCESSED.name, value, partition=partition)
        await producer.flush()


async def watch(client: Client, rows: int) -> list[float]:
    """Wait until so many rows are there; give, for each moment, how old the newest event was in seconds."""
    ages, deadline = [], time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        asked = time.time()
        found, newest = (
            await asyncio.to_thread(
                client.query, "SELECT count(), toUnixTimestamp64Milli(max(received_at)) FROM sluice.event_log"
            )
        ).result_rows[0]
        if found:
            ages.append(asked - newest / 1000)
        if found >= rows:
            return ages
        await asyncio.sleep(POLL_S)
    raise SystemExit("the rows did not arrive in time")


async def measure(options: argparse.Namespace, bootstrap: str, client: Client, directory: Path, url: str) -> None:
    """Produce, run a sink, and print what came of it."""
    count = options.seconds * max(1, (options.rate or options.backlog_rate) // (options.events * options.partitions))
    rows = count * options.partitions * options.events
    if not options.rate:
        await produce(bootstrap, options, 0, count)
    settings = {"SLUICE_KAFKA_BOOTSTRAP": bootstrap, "SLUICE_CLICKHOUSE_URL": url, **dict(options.set)}
    with running("sinks", directory, **settings) as pid:
        before, begun = (cpu_s(pid), cpu_s(options.clickhouse)), time.monotonic()
        watching = asyncio.create_task(watch(client, rows))
        if options.rate:
            await produce(bootstrap, options, 0, count)
        ages = await watching
        took = time.monotonic() - begun
        sink, clickhouse = cpu_s(pid) - before[0], cpu_s(options.clickhouse) - before[1]
        blocks = client.query(
            "SELECT source_partition, block_first, count() FROM sluice.event_log GROUP BY ALL"
        ).result_rows
        a_block = sorted(rows for _, _, rows in blocks)
        ages.sort()
        print(
            f"{rows:,} events in {took:.1f} s: {len(blocks) / options.partitions / took:.2f} inserts a second and "
            f"partition, of {a_block[len(a_block) // 2]:,} rows (at most {a_block[-1]:,})\n"
            f"newest event {ages[len(ages) // 2]:.1f} s old (at most {ages[-1]:.1f})\n"
            f"events per CPU-second: sink {rows / sink:,.0f}, ClickHouse {rows / clickhouse:,.0f}\n"
            f"sink {resident_mib(pid):.0f} MiB at most"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=20_000, help="events a second; 0: a backlog")
    parser.add_argument("--backlog-rate", type=int, default=20_000, help="events of a backlog for each second")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--events", type=int, default=50, help="events in a record")
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--set", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sluice-sinks-") as path, ExitStack() as roles:
        directory = Path(path)
        kafka_port, clickhouse_port = str(free_port()), str(free_port())
        bootstrap, url = f"127.0.0.1:{kafka_port}", f"http://127.0.0.1:{clickhouse_port}"
        roles.enter_context(running("broker", directory, SLUICE_KAFKA_PORT=kafka_port))
        options.clickhouse = roles.enter_context(
            running(
                "clickhouse",
                directory,
                SLUICE_CLICKHOUSE_HOST="127.0.0.1",
                SLUICE_CLICKHOUSE_PORT=clickhouse_port,
                SLUICE_CLICKHOUSE_PATH=str(directory / "clickhouse"),
            )
        )
        migrate(url)
        client = roles.enter_context(clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(create_topics(bootstrap, ALL, partitions=options.partitions, replication=1))
            runner.run(measure(options, bootstrap, client, directory, url))


if __name__ == "__main__":
    main()
