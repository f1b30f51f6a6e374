"""Replaying rejected events: what is asked for, put together with ClickHouse and Kafka."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from typing import TYPE_CHECKING

from sluice.cli.keyfile.file import parse, read
from sluice.cli.reading.log import Log
from sluice.cli.replaying.candidates import Candidates
from sluice.cli.replaying.changelog import entries_of
from sluice.cli.replaying.lines import Outgoing
from sluice.cli.replaying.originals import OriginalLines
from sluice.cli.replaying.screen import tried
from sluice.cli.replaying.sender import Tally, send
from sluice.cli.replaying.trial import Trial
from sluice.contract import topics
from sluice.gateway.publishing.kafka import KafkaPublisher
from sluice.processors.rules.canonical.visitor import Visitors
from sluice.processors.rules.rulebook import Rulebook
from sluice.role.clock import system_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluice.cli.replaying.candidates import Order, Table
    from sluice.cli.replaying.settings import RejectedSettings


async def send_again(
    settings: RejectedSettings, table: Table, order: Order, report: Callable[[Tally], None]
) -> tuple[Tally, bool]:
    """Send events in again; give what became of it, and whether Ctrl-C ended it before its time.

    Raises `Unusable` or `Retry` where ClickHouse or Kafka cannot be asked.
    """
    publisher = KafkaPublisher(settings.kafka_bootstrap)
    interrupted = _until_interrupted()

    def go_on(tally: Tally) -> bool:
        report(tally)
        return not interrupted.is_set()

    try:
        partitions = await publisher.start()
        candidates = _candidates(settings, table, order, partitions)
        tally = await send(candidates.pages(), publisher, go_on)
    finally:
        await publisher.close()
    return tally, interrupted.is_set()


async def try_rules(
    settings: RejectedSettings, table: Table, order: Order, say: Callable[[str], None]
) -> tuple[Counter[str], Counter[str]]:
    """Say what today's rules would do with each event, as the state is now; nothing is written.

    Gives how many would get each outcome, and how many would not be sent in again, by why.

    Raises `Unusable` or `Retry` where ClickHouse, Kafka or the settings file cannot be read.
    """
    trial = Trial(_rules(settings), system_clock())
    partitions = len(await Log(settings.kafka_bootstrap, topics.RAW.name).ranges())
    candidates = _candidates(settings, table, order, partitions)
    async for page in candidates.pages():
        for found in page:
            if isinstance(found, Outgoing):
                trial.ask(found)
    for partition, keys in trial.asked.items():
        trial.begin(partition, await entries_of(settings.kafka_bootstrap, partition, keys))
    outcomes, refused = Counter[str](), Counter[str]()
    async for page in candidates.pages():
        for found in page:
            if isinstance(found, Outgoing):
                decision = trial.decide(found)
                outcomes[decision.outcome] += 1
                say(tried(found, decision))
            else:
                refused[found.reason] += 1
    return outcomes, refused


def _candidates(settings: RejectedSettings, table: Table, order: Order, partitions: int) -> Candidates:
    return Candidates(table, OriginalLines(settings.kafka_bootstrap), partitions, order)


def _rules(settings: RejectedSettings) -> Rulebook:
    path = settings.rules_file()
    projects = parse(path, read(path)).projects if path is not None else {}
    # Nobody sees the visitor ids of a trial.
    secret = settings.visitor_secret.get_secret_value() if settings.visitor_secret else "trial"
    return Rulebook(Visitors(secret.encode()), projects)


def _until_interrupted() -> asyncio.Event:
    """Give what Ctrl-C sets, once; the second time it ends the process."""
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        interrupted.set()

    loop.add_signal_handler(signal.SIGINT, stop)
    return interrupted
