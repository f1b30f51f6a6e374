"""A worker that only notes what it owns, handles, and for what it stands by: one line for each, in a file.

Started as `python -m tests.integration.stream.noting_worker BOOTSTRAP TOPIC INSTANCE DIRECTORY SESSION_MS REPLICAS`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.contract.topics import Topic
from sluice.stream import worker
from sluice.stream.lane import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    import faust

    from sluice.stream.lane import Record


class Notes:
    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, note: str) -> None:
        with self._path.open("a") as notes:
            notes.write(note + "\n")


class NotingLane:
    def __init__(self, partition: int, notes: Notes) -> None:
        self._partition = partition
        self._notes = notes

    async def open(self) -> int | None:
        self._notes.add(f"own {self._partition}")
        return None

    async def process(self, records: Sequence[Record]) -> Progress:
        self._notes.add(f"handle {self._partition}")
        return Progress(len(records))

    async def close(self) -> None:
        self._notes.add(f"give {self._partition}")


def make_app(bootstrap: str, topic: str, instance: str, directory: str, session_ms: str, replicas: str) -> faust.App:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    notes = Notes(Path(directory) / "notes")

    async def follow(partition: int) -> None:
        notes.add(f"follow {partition}")
        try:
            await asyncio.Event().wait()
        finally:
            notes.add(f"leave {partition}")

    return worker.create_app(
        worker.Worker(
            group=f"group-of-{topic}",
            topic=Topic(topic, 1_000_000),
            bootstrap=bootstrap,
            data_dir=Path(directory),
            instance=instance,
            session_timeout_ms=int(session_ms),
            batch_records=1,
            batch_wait_ms=10,
            standby_replicas=int(replicas),
        ),
        lambda partition: NotingLane(partition, notes),
        follow,
    )


if __name__ == "__main__":
    worker.run(make_app(*sys.argv[1:]))
