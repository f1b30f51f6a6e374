"""The known users as one gateway has them: the log `users.known`, applied to a store on this machine.

The log is the only truth. What is stored here carries the mark of how far the log has been applied, so a gateway that
starts again reads only what is new; whatever makes the mark doubtful makes the replica read everything again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sluice.contract.durations import MINUTE_MS
from sluice.contract.errors import Retry, Unusable
from sluice.gateway.users.applying import Applier
from sluice.gateway.users.loading import LoadReport
from sluice.gateway.users.mark import Mark, Stale, refuse_absence, refuse_stale
from sluice.gateway.users.progress import Progress
from sluice.role.fatal import ending_process_on_error
from sluice.role.ready import say_status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from sluice.gateway.users.log import KnownLog
    from sluice.gateway.users.store import KnownStore
    from sluice.role.clock import Clock

log = logging.getLogger(__name__)

POLL_S = 0.5
CHECK_S = 5.0
"""How often Kafka is asked whether the topic is still the same."""
SILENT_MS = 5_000
"""After so long without an answer from Kafka, others may know more than this replica: it is not ready."""
RECONNECT_MS = 15_000
NOTE_MS = MINUTE_MS
"""How often it is noted that the store is complete."""
LOAD_CHANGES = 100_000
"""In one transaction while much is to be read: sorted, they touch each page of the file once."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0


class Replica:
    """Values by key, as the log has them. `connect` opens a connection to the log; `clock` is that of the machine.

    `say` is told how far a long load has come, as `LoadReport` does.
    """

    def __init__(
        self,
        store: KnownStore,
        connect: Callable[[], AbstractAsyncContextManager[KnownLog]],
        clock: Clock,
        say: Callable[[str], None] = say_status,
    ) -> None:
        self._store = store
        self._connect = connect
        self._clock = clock
        self._say = say
        self._applier = Applier(store)
        self._progress = Progress()
        self._complete = asyncio.Event()
        self._doubt = ""
        self._topic_id = ""
        self._complete_at = 0
        self._log: KnownLog | None = None
        self._connected_at = 0
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def start(self) -> None:
        """Return once everything has been read that the log held at the start; then go on reading until `close`."""
        self._task = asyncio.create_task(self._follow(), name="known users")
        await self._complete.wait()

    async def close(self) -> None:
        """Stop reading, and give the store back."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._applier.close()
        self._store.close()

    @property
    def ready(self) -> bool:
        """Whether it is complete, but for what Kafka has taken in the last few seconds."""
        return self._complete.is_set() and self._silent_ms() < SILENT_MS

    @property
    def records_read(self) -> int:
        """How many records were read since the start."""
        return self._applier.records_read

    @property
    def foreign_records(self) -> int:
        """How many of them were none of ours, and were skipped."""
        return self._applier.foreign_records

    def find(self, key: str) -> bytes | None:
        """Look a key up. Raises `Retry` while the log is read from its start: nobody can tell who is missing."""
        if not self._complete.is_set():
            raise Retry("The known users are being read")
        try:
            return self._store.find(key.encode())
        except Stale as damage:
            self.distrust(str(damage))
            raise Retry("The known users must be read again") from damage

    def next_offsets(self) -> dict[int, int]:
        """Give how far each partition has been applied."""
        return self._progress.next_offsets()

    async def passed(self, partition: int, offset: int) -> None:
        """Return once the record at this offset has been applied, and can be found."""
        await self._progress.passed(partition, offset)

    def distrust(self, reason: str) -> None:
        """Answer nothing more from what is stored, and read the log again from its start."""
        self._complete.clear()
        self._progress.begin_again()
        self._doubt = reason

    async def _follow(self) -> None:
        with ending_process_on_error("following the known users"):
            try:
                await self._connect_again_and_again()
            except asyncio.CancelledError:
                if not self._closing:
                    raise RuntimeError("cancelled, but not by closing") from None
                raise

    async def _connect_again_and_again(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                async with self._connect() as connected:
                    await self._catch_up(connected)
                    pause_s = FIRST_PAUSE_S
                    await self._keep_up(connected)
            except Stale as reason:
                self.distrust(str(reason))
            except (Retry, Unusable) as error:
                log.warning("%s; trying again", error)
            finally:
                self._log = None
            self._applier.drop()
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    async def _catch_up(self, connected: KnownLog) -> None:
        """Go on at the store's mark, and return once everything is applied that the log holds now."""
        if self._doubt:
            log.error("the known users are read again from the start: %s", self._doubt)
            self._store.clear()
            self._doubt = ""
        state, now = await connected.state(), self._clock()
        starts = {partition: held.start for partition, held in state.ranges.items()}
        mark = self._store.mark()
        if mark is None:
            mark = Mark(state.topic_id, now, starts)
            self._store.begin(mark)
        refuse_stale(mark, state, now)
        next_offsets = {**starts, **mark.next_offsets}
        connected.seek(next_offsets)
        self._topic_id, self._connected_at, self._log = state.topic_id, now, connected
        self._progress.move(next_offsets)
        await self._load(connected, next_offsets, {partition: held.stop for partition, held in state.ranges.items()})
        self._note_complete(now)
        self._complete.set()

    async def _load(self, connected: KnownLog, starts: Mapping[int, int], ends: Mapping[int, int]) -> None:
        report = LoadReport(self._clock, starts, ends, self._say)
        read_before, next_offsets = self.records_read, starts
        while any(next_offsets[partition] < end for partition, end in ends.items()):
            batch = await connected.read(POLL_S)
            if not batch.records:
                self._refuse_long_silence()
            self._applier.gather(batch)
            if self._applier.pending >= LOAD_CHANGES:
                await self._apply()
            next_offsets = await connected.next_offsets()
            report.progress(next_offsets)
        await self._apply()
        self._progress.move(next_offsets)
        report.done(self.records_read - read_before)

    async def _keep_up(self, connected: KnownLog) -> None:
        """Apply what comes, until something is wrong; then raise it."""
        watching = asyncio.create_task(self._watch(connected))
        try:
            while not watching.done():
                self._applier.gather(await connected.read(POLL_S))
                await self._apply()
                if connected.heard_at - self._complete_at > NOTE_MS and await connected.at_end():
                    refuse_absence(self._complete_at, connected.heard_at)
                    self._note_complete(connected.heard_at)
            watching.result()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, connected: KnownLog) -> None:
        """Raise `Stale` when the topic is another one, and `Retry` when Kafka has been silent for long."""
        while True:
            await asyncio.sleep(CHECK_S)
            self._refuse_long_silence()
            try:
                topic_id = await connected.topic_id()
            except Retry:
                continue
            if topic_id != self._topic_id:
                raise Stale("the topic was made anew")

    async def _apply(self) -> None:
        """Store what was gathered; then whoever waits for it may go on."""
        self._refuse_doubt()
        next_offsets = await self._applier.apply()
        self._refuse_doubt()
        self._progress.move(next_offsets)
        await self._applier.checkpoint()

    def _note_complete(self, at: int) -> None:
        self._store.apply({}, {}, at)
        self._complete_at = at

    def _silent_ms(self) -> int:
        heard_at = self._log.heard_at if self._log is not None else 0
        return self._clock() - max(self._connected_at, heard_at)

    def _refuse_long_silence(self) -> None:
        if self._silent_ms() > RECONNECT_MS:
            raise Retry("Kafka does not give the known users any more")

    def _refuse_doubt(self) -> None:
        if self._doubt:
            raise Stale(self._doubt)
