"""The lives that processors have in a script, and the journal in which they are cut off."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.chaos.mutants.cuts import Died

from sluice.processors.journal_kafka import KafkaJournal
from sluice.processors.rules.canonical.visitor import Visitors
from sluice.processors.rules.rulebook import Rulebook

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

    from sluice.contract.raw import RawLine
    from sluice.processors.rules.first_wins import Reads
    from sluice.processors.rules.rulebook import Verdict


class FailingRules(Rulebook):
    """Rules that fail on confirmations."""

    def judge(self, line: RawLine, state: Reads) -> Verdict:
        if b"confirmation" in bytes(line.event):
            raise ZeroDivisionError
        return super().judge(line, state)


VISITORS = Visitors(b"secret")
RULES = Rulebook(VISITORS)


@dataclass(frozen=True)
class Life:
    """One life of a processor: it is handed what is on the log up to the stop.

    It dies right before or right after so manieth commit of a transaction, or between two batches if of none; or it
    stands still before its first commit, on a machine of its own, until its successor has taken the partition over.
    """

    stop: int
    before_commit: int = 0
    after_commit: int = 0
    sleeps: bool = False
    rules: Rulebook = RULES


@dataclass(frozen=True)
class CutJournal(KafkaJournal):
    """The journal of a processor that is cut off at a commit, when what it has sent is with the broker."""

    life: Life = Life(0)
    commits: list[int] = field(default_factory=list)
    asleep: asyncio.Event = field(default_factory=asyncio.Event)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def _producer(self, partition: int) -> AIOKafkaProducer:
        producer = super()._producer(partition)
        commit_transaction = producer.commit_transaction

        async def commit_or_die() -> None:
            number = len(self.commits) + 1
            self.commits.append(number)
            if self.life.sleeps and number == 1:
                await producer.flush()
                self.asleep.set()
                await self.woken.wait()
            if number == self.life.before_commit:
                await producer.flush()
                raise Died
            await commit_transaction()
            if number == self.life.after_commit:
                raise Died

        producer.commit_transaction = commit_or_die
        return producer
