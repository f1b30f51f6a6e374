"""The faults that a run of chaos injects: a table of what is done, and to whom. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

SESSION_TIMEOUT_S = 6.0
"""Of the workers in a run of chaos: the shortest that Kafka allows by default."""


class Act(Enum):
    """What is done; the value says what `Fault.on` names."""

    KILL = "a role: ended with SIGKILL, and started again after a while"
    PAUSE = "a role: stopped with SIGSTOP for longer than the session time-out, then continued"
    TAKE_OVER = "a worker's role: paused while a second worker has its partitions"
    JOIN = "a worker's role: a second worker joins, and leaves by SIGTERM or by SIGKILL"
    DEPLOY = "a role: killed, and started again with changed rules"
    CUT = "what the proxy before ClickHouse does to an insert: see `Cut`"
    CUT_MARK = "the same, to a question for a partition's mark, as after an insert"
    LATE = "a table: the sinks are killed, and what they had inserted there comes when others have gone on"
    KILL_STORE = "a table: ClickHouse is killed while an insert into it is on its way"
    STEP = "a step: the worker that reaches it ends itself with SIGKILL"


class Cut(Enum):
    """What the proxy between the sinks and ClickHouse does to one request."""

    REQUEST = "request cut half way"
    ANSWER = "answer cut half way"
    NO_ANSWER = "answer dropped"
    DELAY = "insert delayed"
    NONE = "insert passed on"


class Step(Enum):
    """A gap in which a worker may be killed: what it has just done."""

    BEGUN = "processors: transaction begun"
    OUTPUT_SENT = "processors: output sent"
    CHANGELOG_SENT = "processors: changelog sent"
    COMMITTING = "processors: commit asked for"
    COMMITTED = "processors: committed, state not written"
    STATE_WRITTEN = "processors: state written, not acknowledged"
    TAKEN_OVER = "processors: partition taken over"
    INSERTED = "sinks: inserted, not read back"
    READ_BACK = "sinks: read back, roll-ups not fed"
    FED = "sinks: roll-ups fed, not acknowledged"


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    act: Act
    on: str

    @property
    def name(self) -> str:
        """Say in a few words what happens."""
        words = {
            Act.KILL: "{} killed",
            Act.PAUSE: "{} paused",
            Act.TAKE_OVER: "{} paused, another takes over",
            Act.JOIN: "{}: a worker joins and leaves",
            Act.DEPLOY: "{} killed, new rules deployed",
            Act.CUT: "proxy: {}",
            Act.CUT_MARK: "proxy: read-back, {}",
            Act.LATE: "sinks killed, their insert into {} arrives late",
            Act.KILL_STORE: "clickhouse killed in an insert into {}",
            Act.STEP: "killed at a step of {}",
        }
        return words[self.act].format(self.on)


ROLES = ("gateway", "processors", "sinks", "clickhouse", "broker")
WORKERS = ("processors", "sinks")
TABLES = ("event_log", "feed")

FAULTS: tuple[Fault, ...] = (
    *(Fault(Act.KILL, role) for role in ROLES),
    *(Fault(Act.PAUSE, role) for role in ROLES),
    *(Fault(Act.TAKE_OVER, role) for role in WORKERS),
    *(Fault(Act.JOIN, role) for role in WORKERS),
    Fault(Act.DEPLOY, "processors"),
    *(Fault(Act.CUT, cut.value) for cut in Cut if cut is not Cut.NONE),
    *(Fault(Act.CUT_MARK, cut.value) for cut in (Cut.ANSWER, Cut.NO_ANSWER)),
    *(Fault(Act.LATE, table) for table in TABLES),
    *(Fault(Act.KILL_STORE, table) for table in TABLES),
    *(Fault(Act.STEP, step.value) for step in Step),
)
"""All kinds, in the order in which a report shows them."""
