"""What a check of the roll-ups found, as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluice.cli.reading.shown import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sluice.cli.rebuilding.checking import Checked
    from sluice.cli.rebuilding.comparing import Difference

DIFFERENCES_SHOWN = 20


def notes(checked: Checked) -> Iterable[str]:
    """Say what has come so far that sinks are about to add it up, or were when they were stopped."""
    if checked.not_added:
        rows = max(checked.not_added.values())
        yield f"{number(rows, 'row')} not added up yet: sinks do so at once, or when they start"


def verdict(checked: Checked) -> str:
    """Say what it proves that there is no difference."""
    return "each roll-up is what the event log adds up to" + (", but for those rows" if checked.not_added else "")


def alarms(checked: Checked) -> Sequence[str]:
    """Say loudly what is wrong, and what to do; empty where nothing is."""
    if not checked.differences:
        return ()
    names = sorted({difference.rollup for difference in checked.differences})
    said = [f"THE ROLL-UPS DIFFER FROM THE EVENT LOG: {', '.join(names)}"]
    said += map(_sentence, checked.differences[:DIFFERENCES_SHOWN])
    if more := len(checked.differences[DIFFERENCES_SHOWN:]):
        said.append(f"and {more:,} more")
    said.append(f"stop the sinks and run `sluice rollups rebuild {' '.join(names)}`")
    return said


def as_json(checked: Checked) -> dict[str, Any]:
    """Give everything for a program."""
    return {
        "differences": [
            {
                "rollup": difference.rollup,
                "month": difference.month or None,
                "rows": difference.rows,
                "at_least": difference.least,
                "at_most": difference.most,
            }
            for difference in checked.differences
        ],
        "not_added_yet": dict(checked.not_added),
    }


def _sentence(difference: Difference) -> str:
    when = f", {difference.month // 100}-{difference.month % 100:02}" if difference.month else ""
    rows = number(abs(difference.missing), "row")
    return f"{difference.rollup}{when}: {rows} {'missing' if difference.missing > 0 else 'too many'}"
