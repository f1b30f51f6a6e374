"""Sinks on one partition that scripts cut off at an exact step, over the real ClickHouse.

What stores is the project's own: lane and event log. Between the two stands what cuts a sink off, and, for a mutant,
what breaks one thing on which the promise rests. A sink that dies runs no further, as after a SIGKILL: whatever it
had asked of ClickHouse before has taken place. Its successor knows what ClickHouse holds, and from where on the group
has it read.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import clickhouse_connect
from tests.chaos.mutants.cut_event_log import BreaksOff, CutEventLog
from tests.chaos.mutants.cuts import Died, NeverStruck
from tests.chaos.mutants.token_log import lose_part, remembering_one_token
from tests.chaos.verification import Sent
from tests.factories import NOW, processed_line

from sluice.contract import ndjson, processed
from sluice.contract.errors import Retry
from sluice.contract.event import Event
from sluice.contract.processed import UserChange
from sluice.sinks.block import Block, RawResult
from sluice.sinks.event_log import Mark
from sluice.sinks.event_log_clickhouse import ClickHouseEventLog
from sluice.sinks.lane import SinkLane
from sluice.stream.lane import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from clickhouse_connect.driver.client import Client
    from tests.chaos.mutants.cut_event_log import Fault
    from tests.chaos.mutants.sink_mutants import TrueEventLog

    from sluice.contract.processed import Processed

PARTITION = 0
ANOTHER = 1
"""A partition of which no script tells but that it goes on, too."""
RECORDS = 6
"""On the log of a script."""
LINES = 2
"""In each of them."""
MOST_FAILURES = 3
"""More than scripts make: then something is wrong that will not pass."""


@dataclass(frozen=True)
class Deliver:
    """Hand records to a sink, from the first up to the stop; it is started where it does not run."""

    sink: str
    first: int
    stop: int
    fault: Fault | None = None


@dataclass(frozen=True)
class Wake:
    """Let a sink go on that stands still, until it is done with what it was handed."""

    sink: str


@dataclass(frozen=True)
class Kill:
    """End a sink, between two batches or where it stands still."""

    sink: str


@dataclass(frozen=True)
class ForgetTokens:
    """Let another partition be stored and fed, and the roll-ups know the token of no other feed."""


@dataclass(frozen=True)
class KeepToken:
    """Let a roll-up, which is empty yet, log the token of what comes next, and not keep its part."""

    rollup: str


Act = Deliver | Wake | Kill | ForgetTokens | KeepToken


class World:
    """One partition of events.processed, how far the group has committed it, and the sinks that read it."""

    def __init__(self, clickhouse_url: str, event_log: Callable[[str], TrueEventLog]) -> None:
        """`event_log` makes of ClickHouse's URL the event log, or a mutant, as each sink sees it."""
        self._topic_id = str(uuid4())
        lines = [_lines(self._topic_id, PARTITION, offset) for offset in range(RECORDS)]
        self.records = [
            Record(PARTITION, offset, NOW, ndjson.join(processed.encode(line) for line in of_record))
            for offset, of_record in enumerate(lines)
        ]
        self.sent = [_sent(line) for of_record in lines for line in of_record]
        self.committed = 0
        self._clickhouse_url = clickhouse_url
        self._event_log = event_log
        self._sinks: dict[str, _Sink] = {}

    async def play(self, script: Sequence[Act]) -> None:
        """Let everything happen; then let a sink that nothing happens to store what is left."""
        for act in script:
            await self._perform(act)
        await self._perform(Deliver("the last", self.committed, RECORDS))
        for name in [name for name, sink in self._sinks.items() if sink.stands_still]:
            await self._perform(Wake(name))

    async def topic_id(self) -> str:
        return self._topic_id

    async def range_of(self, partition: int) -> range:
        return range(RECORDS)

    async def find(self, partition: int, topic_id: str, source_offset: int, before: int) -> int | None:
        """Tell where the log holds a raw record: at the same offset."""
        return source_offset if source_offset < before else None

    async def _perform(self, act: Act) -> None:
        match act:
            case Deliver(name, first, stop, fault):
                if name not in self._sinks:
                    self._sinks[name] = _Sink(self, CutEventLog(self._event_log(self._clickhouse_url)))
                with self._broken(fault.rollup) if isinstance(fault, BreaksOff) else nullcontext():
                    await self._sinks[name].deliver(first, stop, fault)
            case Wake(name):
                await self._sinks[name].wake()
            case Kill(name):
                self._sinks.pop(name).kill()
            case ForgetTokens():
                with self._client() as client, remembering_one_token(client):
                    await self._feed_another_partition()
            case KeepToken(rollup):
                await self._keep_token(rollup)
        if isinstance(act, Deliver | Wake) and self._sinks[act.sink].is_dead:
            del self._sinks[act.sink]

    async def _feed_another_partition(self) -> None:
        lines = _lines(self._topic_id, ANOTHER, 0)
        block = Block([RawResult(self._topic_id, ANOTHER, 0, NOW, lines, 100)])
        event_log = ClickHouseEventLog(self._clickhouse_url)
        await event_log.insert(block, block.token(0))
        await event_log.feed(block.topic_id, ANOTHER, Mark(block.last, block.first))
        self.sent += [_sent(line) for line in lines]

    async def _keep_token(self, rollup: str) -> None:
        """Feed a roll-up, which is empty yet, and take away what it was fed."""
        event_log = self._event_log(self._clickhouse_url)
        mark = await event_log.mark(self._topic_id, PARTITION)
        if mark is None:
            raise NeverStruck("there is nothing to feed yet")
        await event_log.pass_on_to(rollup, self._topic_id, PARTITION, mark)
        with self._client() as client:
            lose_part(client, rollup)

    def _client(self) -> Client:
        return clickhouse_connect.get_client(dsn=self._clickhouse_url, autogenerate_session_id=False)

    @contextmanager
    def _broken(self, rollup: str) -> Iterator[None]:
        """Let ClickHouse take no row into a roll-up; what came before it in the same statement takes place."""
        table = f"sluice.rollup_{rollup}"
        with self._client() as client:
            client.command(f"ALTER TABLE {table} ADD CONSTRAINT broken CHECK false")
            try:
                yield
            finally:
                client.command(f"ALTER TABLE {table} DROP CONSTRAINT broken")
            in_table, in_rollup = (
                client.command(f"SELECT count() FROM {name}") for name in ("sluice.event_log", table)
            )
        if not in_table or in_rollup:
            raise NeverStruck(f"{table} has {in_rollup} rows, and event_log {in_table}")


class _Sink:
    """One life of a worker that owns the partition, or believes so."""

    def __init__(self, world: World, event_log: CutEventLog) -> None:
        self._world = world
        self._event_log = event_log
        self._lane = SinkLane(PARTITION, event_log, world, world)
        self._is_open = False
        self._batch: asyncio.Task[None] | None = None
        self.is_dead = False

    @property
    def stands_still(self) -> bool:
        return self._event_log.stands_still.is_set()

    async def deliver(self, first: int, stop: int, fault: Fault | None) -> None:
        """Hand records over, and let the fault strike; raise `NeverStruck` where it cannot."""
        self._event_log.fault = fault
        self._batch = asyncio.create_task(self._handle(first, stop))
        await self._go_on()
        if isinstance(fault, BreaksOff):
            self.is_dead = True
        elif self._event_log.fault is not None:
            raise NeverStruck(f"{fault} did not strike")

    async def wake(self) -> None:
        self._event_log.wake()
        await self._go_on()

    def kill(self) -> None:
        if self._batch is not None:
            self._batch.cancel()

    async def _handle(self, first: int, stop: int) -> None:
        """Do as a worker does: open the lane again after a `Retry`, seek where it says, commit what is done."""
        failures = 0
        while first < stop:
            try:
                if not self._is_open:
                    await self._lane.open()
                    self._is_open = True
                progress = await self._lane.process(self._world.records[first:stop])
            except Retry:
                self._is_open = False
                failures += 1
                if failures > MOST_FAILURES:
                    raise
                continue
            self._world.committed = max(self._world.committed, first + progress.done)
            first = first + progress.done if progress.seek_to is None else progress.seek_to

    async def _go_on(self) -> None:
        """Run the batch until it is done, or the sink is dead or stands still."""
        assert self._batch is not None
        standing = asyncio.create_task(self._event_log.stands_still.wait())
        await asyncio.wait([self._batch, standing], return_when=asyncio.FIRST_COMPLETED)
        standing.cancel()
        if self._batch.done():
            batch, self._batch = self._batch, None
            try:
                await batch
            except Died:
                self.is_dead = True


def _sent(line: Processed) -> Sent:
    return Sent(line.event.properties["marker"], True, None)


def _lines(topic_id: str, partition: int, offset: int) -> list[Processed]:
    """Make the lines of a record."""
    return [_line(topic_id, partition, offset, line) for line in range(LINES)]


def _line(topic_id: str, partition: int, offset: int, line: int) -> Processed:
    """Make a line that every roll-up takes up."""
    place = offset * LINES + line
    event = Event(
        event_id=str(uuid4()),
        request_id="request-1",
        event_type="page_view",
        timestamp=NOW + place * 20_000,
        received_at=NOW,
        site_id="site",
        user_id=f"user-{place % 3}",
        visitor_id=place % 3 + 1,
        session_id=f"session-{place % 5}",
        url=f"https://example.com/{place}",
        referrer=f"https://example.com/{place - 1}",
        utm_source=f"source-{place % 2}",
        country="SE",
        value=0.01 + place,
        currency="EUR",
        properties={"marker": f"{offset}/{line}" if partition == PARTITION else f"{partition}/{offset}/{line}"},
    )
    change = UserChange(email=f"user-{place % 3}@example.com", set={f"a{place % 2}": str(place)})
    return processed_line(offset, line, topic=topic_id, partition=partition, event=event, user_change=change)
