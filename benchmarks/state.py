"""What the processors' state costs: `python benchmarks/state.py`, with a real broker of its own.

A process of its own remembers a million order ids through the journal, as a worker does: look each up, commit those
of a few envelopes with their output in one transaction. Then its disk is removed, and another process reads it all
again from the changelog. Memory is what each process has more than before; commits are measured by CPU time, so that
a busy machine matters little.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from sluice.contract.topics import ALL
from sluice.kafka.topics import create_topics
from sluice.local.kafka.port import free_port
from sluice.processors.journal import Marker
from sluice.processors.journal_kafka import KafkaJournal
from sluice.processors.rules.first_wins import Holder, encode
from sluice.processors.state import Entry
from sluice.processors.state_rocksdb import Stores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sluice.processors.state import State

PARTITIONS = 4
ENVELOPE = 500
ENVELOPES_AT_ONCE = 8
LINE_BYTES = 600
LOOKUPS = 100_000
MIB = 1024 * 1024


@contextmanager
def broker(directory: Path) -> Iterator[str]:
    """Run a broker until the block ends; give its address."""
    port, ready = free_port(), directory / "ready"
    with (directory / "broker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sluice", "broker"],
            env={
                **os.environ,
                "READY_FILE": str(ready),
                "SLUICE_DATA_DIR": str(directory),
                "SLUICE_KAFKA_PORT": str(port),
            },
            stdout=log,
            stderr=log,
        )
    try:
        while not ready.exists():
            if process.poll() is not None:
                raise SystemExit((directory / "broker.log").read_text("utf-8"))
            time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def key(order: int) -> bytes:
    return blake2b(b"order %d" % order, digest_size=16).digest()


def resident_mib() -> float:
    """Give this process's resident memory."""
    with Path("/proc/self/statm").open() as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB


def disk_mib(directory: Path) -> float:
    return sum(file.stat().st_blocks * 512 for file in directory.rglob("*") if file.is_file()) / MIB


def holder(order: int) -> Entry:
    return Entry(encode(Holder(f"0193a5b0-0000-7000-8000-{order:012x}", 1_800_000_000_000 + order)))


async def remember(journal: KafkaJournal, state: State, partition: int, orders: Sequence[int]) -> None:
    """Look up and commit the orders of one partition, a few envelopes at once."""
    step = ENVELOPE * ENVELOPES_AT_ONCE
    output = [random.Random(1).randbytes(LINE_BYTES // 4).hex().encode() * 2 * ENVELOPE] * ENVELOPES_AT_ONCE
    for start in range(0, len(orders), step):
        keys = {key(order): order for order in orders[start : start + step]}
        changes = {k: holder(order) for k, order in keys.items() if state.get(k) is None}
        assert len(changes) == len(keys)
        await journal.commit(partition, output, changes, Marker("raw", start))


def look_up(states: Sequence[State], orders: int) -> tuple[float, float]:
    """Give the CPU time in microseconds to find an order that was remembered, and one that was not."""
    numbers = random.Random(2).sample(range(orders), min(LOOKUPS, orders))
    known = [(states[order % PARTITIONS], key(order)) for order in numbers]
    unknown = [(states[order % PARTITIONS], key(orders + order)) for order in numbers]
    cost = []
    for asked, there in ((known, True), (unknown, False)):
        started = time.process_time()
        found = sum(state.get(k) is not None for state, k in asked)
        cost.append((time.process_time() - started) * 1e6 / len(asked))
        assert found == (len(asked) if there else 0)
    return cost[0], cost[1]


async def fill(bootstrap: str, directory: Path, orders: int) -> None:
    journal = KafkaJournal(bootstrap, Stores(directory))
    before = resident_mib()
    states = [(await journal.open(partition)).state for partition in range(PARTITIONS)]
    started, cpu = time.monotonic(), time.process_time()
    await asyncio.gather(
        *(
            remember(journal, states[partition], partition, range(partition, orders, PARTITIONS))
            for partition in range(PARTITIONS)
        )
    )
    took, cpu = time.monotonic() - started, time.process_time() - cpu
    print(f"commit: {orders / cpu:,.0f} events per CPU-second, {orders / took:,.0f} a second")
    print(f"memory: {resident_mib() - before:.0f} MiB more")
    known, unknown = look_up(states, orders)
    print(f"look-up: {known:.1f} us for an order that is there, {unknown:.1f} us for one that is not")
    for partition in range(PARTITIONS):
        await journal.close(partition)
    print(f"disk: {disk_mib(directory):.0f} MiB")


async def recover(bootstrap: str, directory: Path, orders: int) -> None:
    before = resident_mib()
    journal = KafkaJournal(bootstrap, Stores(directory))
    started, cpu = time.monotonic(), time.process_time()
    opened = await asyncio.gather(*(journal.open(partition) for partition in range(PARTITIONS)))
    took, cpu = time.monotonic() - started, time.process_time() - cpu
    print(f"recovery: {took:.1f} s, {cpu:.1f} s of CPU, {resident_mib() - before:.0f} MiB more")
    look_up([state for _, state in opened], orders)
    for partition in range(PARTITIONS):
        await journal.close(partition)
    started = time.monotonic()
    await asyncio.gather(*(journal.open(partition) for partition in range(PARTITIONS)))
    print(f"restart: {time.monotonic() - started:.2f} s")
    for partition in range(PARTITIONS):
        await journal.close(partition)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--part", choices=["fill", "recover"], help=argparse.SUPPRESS)
    parser.add_argument("--bootstrap", default="", help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        part = {"fill": fill, "recover": recover}[arguments.part]
        uvloop.run(part(arguments.bootstrap, arguments.directory, arguments.orders))
        return
    with tempfile.TemporaryDirectory() as temporary, broker(Path(temporary)) as bootstrap:
        asyncio.run(create_topics(bootstrap, ALL, partitions=PARTITIONS, replication=1))
        state = Path(temporary) / "state"
        for part in ("fill", "recover"):
            shutil.rmtree(state, ignore_errors=True)
            common = ["--bootstrap", bootstrap, "--directory", str(state), "--orders", str(arguments.orders)]
            subprocess.run([sys.executable, __file__, "--part", part, *common], check=True)


if __name__ == "__main__":
    main()
