"""Whether this worker is still a member of its consumer group, as far as the coordinator's answers tell.

A worker without heartbeats is removed from its group after the session time-out, and its partitions go to others, but
nobody tells it so. Lanes therefore act only while the last good heartbeat is younger than that (`is_member`), and a
worker that hears nothing although Kafka answers ends (`watch`): its consumer hangs and will not come back by itself.
See docs/decisions/0004-faust.md.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sluice.contract.errors import Fenced

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

TICKS = 10
"""A session time-out has so many ticks of the watch."""

_MEMBER = {0, 27}
"""Kafka's error codes for a heartbeat of a member: none, and REBALANCE_IN_PROGRESS."""
_NO_MEMBER = {22, 25, 82}
"""ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID."""


class Heartbeats:
    """What the group's coordinator last said to this worker.

    `session_s` is the session time-out in seconds, `clock` a monotonic clock. The consumer's thread writes, any
    thread may read.
    """

    def __init__(self, session_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.session_s = session_s
        self._clock = clock
        self._member_at = -math.inf
        self._answers = 0
        self._joins = 0

    @property
    def is_member(self) -> bool:
        """Whether the coordinator counted this worker among the group within the last session time-out."""
        return self._clock() - self._member_at <= self.session_s

    @property
    def answers(self) -> int:
        """How many answers there were, good or bad."""
        return self._answers

    @property
    def joining(self) -> bool:
        """Whether a request waits for the other members, which takes as long as the slowest of them."""
        return self._joins > 0

    def now(self) -> float:
        """Give the time at which a heartbeat is sent."""
        return self._clock()

    def answered(self) -> None:
        """Note an answer that says nothing about membership."""
        self._answers += 1

    def beat(self, sent_at: float, error_code: int) -> None:
        """Note the answer to a heartbeat; it holds from when it was sent, for the answer may have waited long."""
        self._answers += 1
        if error_code in _MEMBER:
            self._member_at = sent_at
        elif error_code in _NO_MEMBER:
            self._member_at = -math.inf

    def synced(self, error_code: int) -> None:
        """Note the answer to what ends a rebalance: membership begins with it."""
        self._answers += 1
        if error_code == 0:
            self._member_at = self._clock()

    @contextmanager
    def waiting_for_members(self) -> Iterator[None]:
        """Mark a request as one that waits for the other members."""
        self._joins += 1
        try:
            yield
        finally:
            self._joins -= 1


async def watch(
    heartbeats: Heartbeats,
    kafka_answers: Callable[[], Awaitable[bool]],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Raise `Fenced` once the coordinator has been silent for a session time-out, and for one more with Kafka there.

    Silence is counted in ticks of this task, which runs in the consumer's own event loop: what stops or slows the
    process down stops or slows both, and a process that was stopped hears first that it was removed. It begins with
    the coordinator's first answer. While Kafka itself is away this goes on for ever.
    """
    heard = silent = answering = 0
    while True:
        await sleep(heartbeats.session_s / TICKS)
        if heartbeats.answers != heard or heartbeats.joining or not heard:
            heard = heartbeats.answers
            silent = answering = 0
            continue
        silent += 1
        if silent <= TICKS:
            continue
        answering = answering + 1 if await kafka_answers() else 0
        if answering >= TICKS and heartbeats.answers == heard and not heartbeats.joining:
            raise Fenced(f"no heartbeat for more than {heartbeats.session_s:g} s, although Kafka answers")
