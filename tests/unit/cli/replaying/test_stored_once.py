"""However often an event is sent in again, and whatever ClickHouse refuses of that, it is stored once at most."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.cli.replaying.events import kept
from tests.unit.processors.partition import Partition, page_view

from sluice.cli.replaying.lines import rebuilt
from sluice.cli.replaying.rows import REPLAYABLE, why_not
from sluice.contract.event import Outcome, Stage
from sluice.contract.projects import Project
from sluice.contract.raw import Client
from sluice.processors.rules.canonical.visitor import Visitors
from sluice.processors.rules.rulebook import Rulebook

if TYPE_CHECKING:
    from sluice.contract.raw import RawLine

CRAWLER = Client(user_agent="Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
REJECTING, KEEPING = (Rulebook(Visitors(b"x"), {"demo": Project(bots=bots)}) for bots in ("reject", "keep"))


@dataclass(frozen=True)
class Row:
    line: RawLine
    outcome: Outcome
    stage: Stage


@dataclass
class Pipeline:
    """One event's lines on their way from `events.raw` to the table, each step taken when it is told to."""

    sent: list[RawLine]
    decided: list[Row] = field(default_factory=list)
    table: list[Row] = field(default_factory=list)
    processors: Partition = field(default_factory=Partition)

    def deploy(self) -> None:
        """Keep crawlers if they are rejected, and the other way round."""
        self.processors.rules = REJECTING if self.processors.rules is KEEPING else KEEPING

    def decide(self) -> None:
        if len(self.decided) < len(self.sent):
            line = self.sent[len(self.decided)]
            decision = self.processors.decide(line)
            self.decided.append(Row(line, decision.outcome, decision.stage))

    def store(self, *, refuse: bool) -> None:
        if len(self.table) < len(self.decided):
            row = self.decided[len(self.table)]
            refused = refuse and row.outcome is Outcome.STORED
            self.table.append(replace(row, outcome=Outcome.INVALID, stage=Stage.SINK) if refused else row)

    def send_again(self, seen: int) -> None:
        """Send in again what the first `seen` rows of the table say may be."""
        rows = self.table[:seen]
        rejected = [row for row in rows if row.outcome in REPLAYABLE]
        if not rejected:
            return
        latest = max(rejected, key=lambda row: row.line.replay)
        found = kept(
            latest.line,
            outcome=latest.outcome,
            stage=latest.stage,
            last_replay=max(row.line.replay for row in rows),
            stored=any(row.outcome is Outcome.STORED for row in rows),
            refusals=sum(row.stage is Stage.SINK and row.line.replay > 0 for row in rows),
        )
        if why_not(found.candidate, max_replays=100) is None and (line := rebuilt(found)) is not None:
            self.sent.append(line)

    @property
    def stored(self) -> int:
        return sum(row.outcome is Outcome.STORED for row in self.table)


ACTS = st.lists(
    st.sampled_from(["deploy", "send", "send", "send late", "decide", "decide", "store", "store", "refuse"]),
    min_size=30,
    max_size=60,
)


@settings(max_examples=1000)
@given(acts=ACTS, lag=st.integers(1, 3))
def test_it_is_stored_once_at_most_whoever_sends_it_when(acts: list[str], lag: int):
    pipeline = Pipeline([page_view(client=CRAWLER)])
    for act in acts:
        match act:
            case "deploy":
                pipeline.deploy()
            case "send":
                pipeline.send_again(len(pipeline.table))
            case "send late":  # somebody who looked a while ago
                pipeline.send_again(max(0, len(pipeline.table) - lag))
            case "decide":
                pipeline.decide()
            case _:
                pipeline.store(refuse=act == "refuse")
        assert pipeline.stored <= 1


@pytest.mark.parametrize("refused", [0, 1, 2, 5])
def test_it_is_stored_once_clickhouse_takes_it(refused: int):
    pipeline = Pipeline([page_view()])
    for refuse in [True] * (1 + refused) + [False, False]:
        pipeline.decide()
        pipeline.store(refuse=refuse)
        pipeline.send_again(len(pipeline.table))
    assert [row.outcome.value for row in pipeline.table] == ["invalid"] * (1 + refused) + ["stored"]
