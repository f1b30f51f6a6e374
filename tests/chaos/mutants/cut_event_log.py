"""An event log that lets happen to its sink what was scripted, right before or right after a call."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from tests.chaos.mutants.cuts import Died

from sluice.contract.errors import Reject, Retry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.chaos.mutants.sink_mutants import TrueEventLog

    from sluice.contract.processed import Processed
    from sluice.sinks.block import Block
    from sluice.sinks.event_log import Mark


class Call(Enum):
    """What a sink asks of the event log."""

    MARK = auto()
    INSERT = auto()
    FEED = auto()
    PASS_ON = auto()
    """Within a feed: to pass the block on to the roll-ups that lack it, now that they are known."""


class Fate(Enum):
    """What happens to a sink."""

    DIES = auto()
    HEARS_NOTHING = auto()
    """The connection is cut, and it tries again."""
    STANDS_STILL = auto()
    """Until it is woken."""


@dataclass(frozen=True)
class Before:
    """Right before the sink's next call of this kind reaches the event log."""

    call: Call
    fate: Fate


@dataclass(frozen=True)
class After:
    """Right after the call has taken effect, and before its answer arrives."""

    call: Call
    fate: Fate


@dataclass(frozen=True)
class BreaksOff:
    """ClickHouse takes what the sink sends, but breaks off at this roll-up, which is empty yet; and the sink dies."""

    rollup: str


Fault = Before | After | BreaksOff


class CutEventLog:
    """Passes everything on to an event log, and lets happen to the sink what was scripted."""

    def __init__(self, inner: TrueEventLog) -> None:
        self._inner = inner
        inner.hold_up = lambda: self._meet(Before, Call.PASS_ON)
        self._woken = asyncio.Event()
        self.fault: Fault | None = None
        self.stands_still = asyncio.Event()

    async def check(self) -> None:
        await self._inner.check()

    async def mark(self, topic_id: str, partition: int, at_least: int = 0) -> Mark | None:
        await self._meet(Before, Call.MARK)
        mark = await self._inner.mark(topic_id, partition, at_least)
        await self._meet(After, Call.MARK)
        return mark

    async def insert(self, block: Block, token: str) -> None:
        await self._meet(Before, Call.INSERT)
        with self._dying_where_it_breaks_off():
            await self._inner.insert(block, token)
        await self._meet(After, Call.INSERT)

    async def feed(self, topic_id: str, partition: int, mark: Mark) -> None:
        await self._meet(Before, Call.FEED)
        with self._dying_where_it_breaks_off():
            await self._inner.feed(topic_id, partition, mark)
        await self._meet(After, Call.FEED)

    async def trial(self, lines: Sequence[Processed]) -> None:
        await self._inner.trial(lines)

    def wake(self) -> None:
        self.stands_still.clear()
        self._woken.set()

    @contextmanager
    def _dying_where_it_breaks_off(self) -> Iterator[None]:
        try:
            yield
        except (Retry, Reject):
            if isinstance(self.fault, BreaksOff):
                raise Died from None
            raise

    async def _meet(self, moment: type[Before | After], call: Call) -> None:
        fault = self.fault
        if not isinstance(fault, moment) or fault.call is not call:
            return
        self.fault = None
        match fault.fate:
            case Fate.DIES:
                raise Died
            case Fate.HEARS_NOTHING:
                raise Retry("the connection was cut")
            case Fate.STANDS_STILL:
                self.stands_still.set()
                await self._woken.wait()
                self._woken.clear()
