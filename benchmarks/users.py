"""What the known users cost: `python benchmarks/users.py`, with a real broker of its own.

It fills `users.known`, has a gateway's replica read it, looks users up and saves some, and imports a file into a
gateway that runs as a process of its own. Look-ups and saves are timed one by one; the import is measured by the
gateway's CPU time, so that a busy machine matters little.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop
from aiokafka import AIOKafkaProducer

from sluice.contract.routing import partition_of
from sluice.contract.topics import ALL, USERS_KNOWN
from sluice.gateway.users.directory import known_users
from sluice.gateway.users.port import Identifier, Known, Link
from sluice.gateway.users.records import key_of, value_of
from sluice.kafka.topics import create_topics
from sluice.local.kafka.port import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sluice.gateway.users.directory import KafkaUsers

PARTITIONS = 4
LOOKUPS = 100_000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@contextmanager
def running(role: str, directory: Path, **settings: str) -> Iterator[int]:
    """Run a role until the block ends; give its process id once it is ready."""
    ready = directory / f"{role}.ready"
    ready.unlink(missing_ok=True)
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
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def link(number: int) -> Link:
    return Link(
        Identifier("load", "email", f"user{number}@example.com"),
        Known(f"user{number}", f"user{number}@example.com"),
    )


async def fill(bootstrap: str, users: int) -> None:
    """Write users in batches, in no order."""
    numbers = list(range(users))
    random.Random(1).shuffle(numbers)
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, compression_type="lz4", max_batch_size=1 << 18
    ) as producer:
        batches = [producer.create_batch() for _ in range(PARTITIONS)]
        for number in numbers:
            identifier, known = link(number)
            key = key_of(identifier)
            partition = partition_of(key, PARTITIONS)
            record = {"key": key.encode(), "value": value_of(known), "timestamp": None}
            if batches[partition].append(**record) is None:
                await (await producer.send_batch(batches[partition], USERS_KNOWN.name, partition=partition))
                batches[partition] = producer.create_batch()
                batches[partition].append(**record)
        for partition, batch in enumerate(batches):
            await (await producer.send_batch(batch, USERS_KNOWN.name, partition=partition))


def percentiles(times: list[float]) -> tuple[float, float]:
    times.sort()
    return times[len(times) // 2], times[len(times) * 99 // 100]


def look_up(users: KafkaUsers, what: str, numbers: list[int]) -> None:
    identifiers = [link(number).identifier for number in numbers]
    times = []
    for identifier in identifiers:
        started = time.perf_counter_ns()
        users.find(identifier)
        times.append((time.perf_counter_ns() - started) / 1e3)
    p50, p99 = percentiles(times)
    print(f"look-up of {what}: p50 {p50:.1f} us, p99 {p99:.1f} us")


async def save(users: KafkaUsers, at_once: int, count: int) -> None:
    """Save users of two names each, so many at once."""
    names = iter(range(10_000_000_000))
    times = []

    async def one_after_the_other() -> None:
        for _ in range(count // at_once):
            number = next(names)
            known = Known(f"{at_once}-{number}", f"{at_once}-{number}@example.com")
            links = [
                Link(Identifier("load", "id", known.user_id), known),
                Link(Identifier("load", "email", known.email), known),
            ]
            started = time.perf_counter()
            await users.save(links)
            times.append((time.perf_counter() - started) * 1e3)

    started, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    took, used = time.perf_counter() - started, time.process_time() - used
    p50, p99 = percentiles(times)
    print(
        f"saving, {at_once} at once: p50 {p50:.1f} ms, p99 {p99:.1f} ms, "
        f"{len(times) / took:,.0f} users/s, {len(times) / used:,.0f} users/CPU-s"
    )


async def measure(bootstrap: str, directory: Path, users: int) -> None:
    await create_topics(bootstrap, ALL, partitions=PARTITIONS, replication=1)
    await fill(bootstrap, users)
    started, used = time.perf_counter(), time.process_time()
    async with known_users(bootstrap, directory) as known:
        took, used = time.perf_counter() - started, time.process_time() - used
        print(f"reading {known.records_read:,} users: {took:.1f} s, {used:.1f} CPU-s")
        chosen = random.Random(2)
        look_up(known, "known users", [chosen.randrange(users) for _ in range(LOOKUPS)])
        look_up(known, "unknown users", [users + chosen.randrange(users) for _ in range(LOOKUPS)])
        for at_once in (1, 16, 64):
            await save(known, at_once, 2000)
    started = time.perf_counter()
    async with known_users(bootstrap, directory) as known:
        print(f"starting again: {time.perf_counter() - started:.2f} s, {known.records_read} records read")


def import_file(bootstrap: str, directory: Path, users: int) -> None:
    path, port = directory / "users.csv", free_port()
    rows = (f"import{number},import{number}@example.com,Ann,gold\n" for number in range(users))
    path.write_text("_id,email,firstname,plan\n" + "".join(rows), "utf-8")
    settings = {
        "SLUICE_LOCAL": "1",
        "SLUICE_KAFKA_BOOTSTRAP": bootstrap,
        "SLUICE_GATEWAY_PORT": str(port),
        "SLUICE_GATEWAY_DATA_DIR": str(directory / "gateway"),
    }
    with running("gateway", directory, **settings) as pid:
        used, started = cpu_s(pid), time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "sluice", "users", "import", str(path), "--url", f"http://127.0.0.1:{port}"],
            env={**os.environ, "SLUICE_KEY": "pulse_prod_load"},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        used, took = cpu_s(pid) - used, time.monotonic() - started
    print(f"importing {users:,} users: {users / took:,.0f} users/s, {users / used:,.0f} users/CPU-s of the gateway")


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--imported", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory, port = Path(temporary), free_port()
        bootstrap = f"127.0.0.1:{port}"
        with running("broker", directory, SLUICE_KAFKA_PORT=str(port)):
            uvloop.run(measure(bootstrap, directory / "replica", options.users))
            size = sum(file.stat().st_size for file in (directory / "replica").iterdir())
            print(f"on disk: {size / 1e6:.0f} MB")
            import_file(bootstrap, directory, options.imported)


if __name__ == "__main__":
    main()
