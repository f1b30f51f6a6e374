"""What is said of runs: which faults were injected and survived, and what was found wrong. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.chaos.faults import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.chaos.run import Outcome

MARKDOWN_HEAD = """\
| seed | faults | accepted | without a 2xx | rows | drained in | result |
|---:|---:|---:|---:|---:|---:|---|
"""


def of_run(outcome: Outcome) -> Iterator[str]:
    """Give the lines that tell of one run."""
    yield f"seed {outcome.seed}: {outcome.struck} faults in {outcome.load_s:.0f} s of load"
    yield from of_faults([outcome])
    rows = ", ".join(f"{name} {count:,}" for name, count in outcome.rows.items())
    yield (
        f"{outcome.accepted:,} events accepted, {outcome.without_2xx:,} without a 2xx; "
        f"{sum(outcome.rows.values()):,} rows: {rows}"
    )
    yield f"drained in {outcome.drain_s:.0f} s after the last fault"
    for name, count in outcome.ended_themselves.items():
        yield f"{name}: {count} processes ended by themselves and were started again"
    yield (
        "every accepted event is one row, and all that is made of the rows agrees" if not outcome.wrong else "WRONG:"
    )
    yield from (f"  {sentence}" for sentence in outcome.wrong)


def of_faults(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Give a table of the kinds of faults: how often each was injected, and how often it struck and was survived."""
    planned, struck = _counts(outcomes)
    width = max(len(fault.name) for fault in FAULTS)
    yield f"{'fault':<{width}}  injected  struck"
    for fault in FAULTS:
        if planned[fault.name]:
            yield f"{fault.name:<{width}}  {planned[fault.name]:>8}  {struck[fault.name]:>6}"


def markdown_row(outcome: Outcome) -> str:
    """Give a run's line in the table of docs/reliability.md."""
    result = "exact" if not outcome.wrong else f"{len(outcome.wrong)} violations"
    cells = (
        f"{outcome.seed}",
        f"{outcome.struck}",
        f"{outcome.accepted:,}",
        f"{outcome.without_2xx:,}",
        f"{sum(outcome.rows.values()):,}",
        f"{outcome.drain_s:.0f} s",
        result,
    )
    return f"| {' | '.join(cells)} |\n"


def markdown_faults(outcomes: Sequence[Outcome]) -> str:
    """Give the kinds of faults, and how often each struck in all runs, as a table in Markdown."""
    _, struck = _counts(outcomes)
    rows = "".join(f"| {fault.name} | {struck[fault.name]} |\n" for fault in FAULTS)
    return f"| fault | struck |\n|---|---:|\n{rows}| all | {struck.total()} |\n"


def _counts(outcomes: Sequence[Outcome]) -> tuple[Counter[str], Counter[str]]:
    injected = [injected for outcome in outcomes for injected in outcome.injected]
    return (
        Counter(one.planned.fault.name for one in injected),
        Counter(one.planned.fault.name for one in injected if one.struck),
    )
