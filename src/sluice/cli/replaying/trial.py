"""What today's rules would do with events that are sent in again: the processors' own code, on a copy of the state.

Deciding changes the copy alone. Of the state only those entries are needed that the rules ask for, so they are first
run on an empty state that notes what it is asked.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sluice.contract import ndjson
from sluice.processors.decide import decide
from sluice.processors.state import Draft
from sluice.processors.state_memory import MemoryState
from sluice.stream.lane import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluice.cli.replaying.lines import Outgoing
    from sluice.contract.processed import Processed
    from sluice.processors.rules.rulebook import Rulebook
    from sluice.processors.state import Entry


class Trial:
    """A trial of the rules on some events, in the order in which they would be sent in again."""

    def __init__(self, rules: Rulebook, now_ms: int) -> None:
        """`now_ms` stands for the time at which Kafka would write them: by it state is forgotten."""
        self._rules = rules
        self._now_ms = now_ms
        self._drafts: dict[int, Draft] = {}
        self.asked: dict[int, set[bytes]] = {}
        """By partition, the keys that the rules asked for."""

    def ask(self, event: Outgoing) -> None:
        """Note under which keys the rules remember something of an event."""
        asked = self.asked.setdefault(event.partition, set())
        with suppress(Exception):  # a rule that fails on an event has asked for all that it needs
            self._rules.judge(event.line, _Asked(asked))

    def begin(self, partition: int, entries: Mapping[bytes, Entry]) -> None:
        """Take in what is remembered of a partition under the keys that were asked for."""
        self._drafts[partition] = Draft(MemoryState(entries))

    def decide(self, event: Outgoing) -> Processed:
        """Give the decision on an event, after those on the events before it."""
        # An offset that no record has: the decision does not go by it.
        record = Record(event.partition, 0, self._now_ms, ndjson.join([event.text]))
        draft = self._drafts.setdefault(event.partition, Draft(MemoryState()))
        return decide(record, event.row.source.topic, self._rules, draft).lines[0]


class _Asked:
    """An empty state that notes what it is asked for."""

    def __init__(self, keys: set[bytes]) -> None:
        self._keys = keys

    def get(self, key: bytes) -> Entry | None:
        self._keys.add(key)
        return None
