"""What a check of the roll-ups found, as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluice.cli.reading.shown import number, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sluice.cli.rebuilding.checking import Checked
    from sluice.cli.rebuilding.comparing import Difference, OtherAmount

DIFFERENCES_SHOWN = 20


def notes(checked: Checked) -> Iterable[str]:
    """Say what has come so far that sinks are about to add it up, or were when they were stopped."""
    if checked.not_added and not checked.is_wrong:
        rows = max(checked.not_added.values())
        yield f"{number(rows, 'row')} not added up yet: sinks do so at once, or when they start"


def verdict(checked: Checked) -> str:
    """Say what it proves that there is no difference."""
    return "each roll-up is what the event log adds up to" + (", but for those rows" if checked.not_added else "")


def alarms(checked: Checked) -> Sequence[str]:
    """Say loudly what is wrong, and what to do; empty where nothing is."""
    if not checked.is_wrong:
        return ()
    names = sorted({found.rollup for found in checked.differences} | {"minutes" for _ in checked.amounts})
    sentences = [*map(_of_rows, checked.differences), *map(_of_amount, checked.amounts)]
    said = [f"THE ROLL-UPS DIFFER FROM THE EVENT LOG: {', '.join(names)}", *sentences[:DIFFERENCES_SHOWN]]
    if more := len(sentences[DIFFERENCES_SHOWN:]):
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
        "amounts": [
            {
                "month": found.month,
                "currency": found.currency,
                "rolled_up": str(found.rolled),
                "stored": str(found.stored),
            }
            for found in checked.amounts
        ],
        "not_added_yet": dict(checked.not_added),
    }


def _of_rows(difference: Difference) -> str:
    when = f", {_shown(difference.month)}" if difference.month else ""
    if difference.month and not difference.most:
        rows = number(difference.rows, "row")
        return f"{difference.rollup}{when}: event_log has none of its {rows}, which a rebuild keeps"
    rows = number(abs(difference.missing), "row")
    return f"{difference.rollup}{when}: {rows} {'missing' if difference.missing > 0 else 'too many'}"


def _of_amount(found: OtherAmount) -> str:
    what = printable(found.currency) or "no currency"
    return f"minutes, {_shown(found.month)}: values in {what} come to {found.rolled:,}, not to {found.stored:,}"


def _shown(month: int) -> str:
    return f"{month // 100}-{month % 100:02}"
