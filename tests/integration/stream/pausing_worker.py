"""A worker that pauses a partition before a record that says `stop`, until the file `mended` is there.

Before one that says `away` it asks to retry until then. It notes what it handles, and each pause, as lines of the
file `notes`. Started as `python -m tests.integration.stream.pausing_worker BOOTSTRAP TOPIC DIRECTORY`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.contract.errors import Retry
from sluice.contract.topics import Topic
from sluice.role.start import log_to_stderr
from sluice.stream import worker
from sluice.stream.lane import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.stream.lane import Record

PAUSE_S = 0.5


class PausingLane:
    """Handles each record once and in order, and notes it."""

    def __init__(self, partition: int, directory: Path) -> None:
        self._partition = partition
        self._mended = directory / "mended"
        self._notes = directory / "notes"
        self._next_offset = 0

    async def open(self) -> int | None:
        return self._next_offset

    async def process(self, records: Sequence[Record]) -> Progress:
        for done, record in enumerate(records):
            if record.offset > self._next_offset:
                return Progress(done, seek_to=self._next_offset)
            if record.value == b"stop" and not self._mended.exists():
                self._note("pause", record.offset)
                return Progress(done, seek_to=record.offset, pause_s=PAUSE_S)
            if record.value == b"away" and not self._mended.exists():
                self._note("pause", record.offset)
                raise Retry("away")
            if record.offset == self._next_offset:
                self._note("handle", record.offset)
                self._next_offset += 1
        return Progress(len(records))

    async def close(self) -> None: ...

    def _note(self, what: str, offset: int) -> None:
        with self._notes.open("a") as notes:
            notes.write(f"{what} {self._partition} {offset}\n")


def main() -> None:
    bootstrap, topic, directory = sys.argv[1:]
    log_to_stderr("info")
    app = worker.create_app(
        worker.Worker(
            group=f"group-of-{topic}",
            topic=Topic(topic, 1_000_000),
            bootstrap=bootstrap,
            data_dir=Path(directory),
            instance="",
            session_timeout_ms=60_000,
            batch_records=16,
            batch_wait_ms=10,
        ),
        lambda partition: PausingLane(partition, Path(directory)),
    )
    worker.run(app)


if __name__ == "__main__":
    main()
