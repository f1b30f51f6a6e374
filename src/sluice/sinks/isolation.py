"""Finding the rows that a block is refused for, by bisection, and saying so in their place.

A row is refused only if others pass: at the same coordinates, a row that holds nothing of what was sent. Where not
even that one passes, or where all rows pass and the block does not, it is the table's fault, and no row's. What is
found depends on the rows alone, so that a second sink builds the same block.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from sluice.contract.errors import Reject, Retry
from sluice.contract.event import Event, Outcome, Stage
from sluice.contract.processed import Processed
from sluice.sinks.block import Block

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sluice.sinks.event_log import Trial

log = logging.getLogger(__name__)


async def without_refused(block: Block, trial: Trial) -> Block:
    """Give a block that was refused, with each row that does not pass in its refused form.

    Takes at most 2 log2(rows) + 2 trials for each of those rows. Raises `Retry` where it is not the rows' fault.
    """
    lines = block.lines
    why = await _why_not(lines, trial)
    if why is None:
        raise Retry("ClickHouse refuses a block, though it would take its rows: see what the table event_log lacks")
    refused = {}
    for at in await _find(lines, trial):
        if (why_alone := await _why_not([lines[at]], trial)) is not None:
            refused[at] = await _refused_form(lines[at], why_alone, trial)
    if not refused:
        raise Retry(f"ClickHouse refused rows that it takes now: {why}")
    for line in refused.values():
        log.error(
            "partition %s: raw offset %s, line %s is rejected: %s",
            line.source.partition, line.source.offset, line.source.line, line.reason,
        )  # fmt: skip
    return _replaced(block, refused)


def refused_forms(line: Processed, why: str) -> tuple[Processed, Processed]:
    """Give what may stand for a refused line: one with its payload, and one that holds its coordinates only."""
    event = line.event
    bare = Processed(
        source=line.source,
        outcome=Outcome.INVALID,
        stage=Stage.SINK,
        reason=f"ClickHouse refuses it: {why}",
        project="",
        api="",
        event=Event(
            event_id=event.event_id,
            request_id="",
            event_type="",
            timestamp=line.source.timestamp,
            received_at=line.source.timestamp,
        ),
        replay=line.replay,  # a refusal of a replay lets one more through
    )
    known = msgspec.structs.replace(
        bare,
        project=line.project,
        api=line.api,
        event=msgspec.structs.replace(
            bare.event, event_type=event.event_type, timestamp=event.timestamp, received_at=event.received_at
        ),
        payload=line.payload,
        payload_base64=line.payload_base64,
    )
    return known, bare


async def _find(lines: Sequence[Processed], trial: Trial) -> list[int]:
    """Give the places of the rows that do not pass; together they are known not to."""
    if len(lines) == 1:
        return [0]
    middle = len(lines) // 2
    left, right = lines[:middle], lines[middle:]
    left_passes = await _why_not(left, trial) is None
    found = [] if left_passes else await _find(left, trial)
    if left_passes or await _why_not(right, trial) is not None:
        found += [middle + at for at in await _find(right, trial)]
    return found


async def _refused_form(line: Processed, why: str, trial: Trial) -> Processed:
    for form in refused_forms(line, why):
        refused = await _why_not([form], trial)
        if refused is None:
            return form
    raise Retry(f"ClickHouse refuses rows whatever they hold: {refused}")


async def _why_not(lines: Sequence[Processed], trial: Trial) -> str | None:
    try:
        await trial.trial(lines)
    except Reject as error:
        return str(error)
    return None


def _replaced(block: Block, lines: Mapping[int, Processed]) -> Block:
    results, at = [], 0
    for result in block.results:
        own = [lines.get(at + number, line) for number, line in enumerate(result.lines)]
        results.append(replace(result, lines=own))
        at += len(own)
    return Block(results)
