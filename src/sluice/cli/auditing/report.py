"""What an audit found, as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluice.cli.auditing.account import Account, by_project, total
from sluice.cli.auditing.comparing import Kind
from sluice.cli.reading.shown import number, printable
from sluice.cli.rebuilding import report as rollups

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sluice.cli.auditing.audit import Finding
    from sluice.cli.auditing.comparing import Fault

FAULTS_SHOWN = 20

WORDS = {
    Kind.MISSING: "{} without a row",
    Kind.DOUBLED: "{} too many for the same coordinates",
    Kind.UNFOUNDED: "{} without a raw line",
    Kind.MISPLACED: "{} under another project than the raw line",
    Kind.MISTAKEN: "{} of another event than the raw line",
}
_COUNTED = {Kind.MISSING: "raw line"}


def columns(finding: Finding) -> Sequence[str]:
    """Give the names of the account's columns."""
    rejected = total(finding.accounts.values()).rejected
    return ("partition", "project", "accepted", "stored", *rejected, "on the way", "difference")


def lines(finding: Finding) -> Iterable[Sequence[str]]:
    """Give the account's lines: by partition and project, then by project, then all."""
    rejected = total(finding.accounts.values()).rejected
    for (partition, project), account in sorted(finding.accounts.items()):
        yield _line(str(partition), project, account, rejected)
    projects = by_project(finding.accounts)
    for project, account in projects.items():
        yield _line("all", project, account, rejected)
    if len(projects) != 1:
        yield ("all", "all", *_line("", "", total(finding.accounts.values()), rejected)[2:])


def notes(finding: Finding) -> Iterable[str]:
    """Say what is no part of the account, and of what only the audit's moment is to blame."""
    older = finding.no_part
    if older is None:
        yield f"what is no part of it was not counted: {finding.not_counted}"
    elif older.of_older_topics:
        topics = number(older.older_topics, "older topic")
        yield f"no part of it: {number(older.of_older_topics, 'row')} of {topics} events.raw, since made anew"
    if older is not None and older.from_before:
        yield f"no part of it: {number(older.from_before, 'row')} from before the first offset that is audited"
    for partition, offsets in finding.expired:
        yield (
            f"no part of it: partition {partition}, offsets {offsets.start} to {offsets.stop - 1}, which retention "
            "took from events.raw meanwhile"
        )
    if waiting := total(finding.accounts.values()).on_the_way:
        yield f"{number(waiting, 'event')} on the way: beyond what the sinks have stored; --wait waits for them"
    yield from rollups.notes(finding.rollups)
    if finding.of_forgotten:
        yield (
            f"{number(finding.of_forgotten, 'event')} of people who were to be forgotten can be read: "
            "`sluice users forget --again` blanks them"
        )


def verdicts(finding: Finding, *, arrived: bool) -> Iterable[str]:
    """Say what is proved by what was found right; `arrived` is False where the wait for the rest was in vain."""
    if finding.balances and not arrived:
        yield "no accepted event is missing or doubled so far, but not every one has its row yet"
    elif finding.balances and total(finding.accounts.values()).on_the_way:
        yield "every accepted event has exactly one row, or is on the way"
    elif finding.balances:
        yield "every accepted event has exactly one row"
    if not finding.rollups.is_wrong:
        yield rollups.verdict(finding.rollups)


def alarms(finding: Finding) -> Sequence[str]:
    """Say loudly what is wrong, and where; empty where the account balances and roll-ups agree."""
    return [*_of_account(finding), *rollups.alarms(finding.rollups)]


def _of_account(finding: Finding) -> Sequence[str]:
    if finding.balances:
        return ()
    difference = sum(abs(account.difference) for account in finding.accounts.values())
    said = [f"THE ACCOUNT DOES NOT BALANCE: {number(len(finding.faults), 'fault')}, a difference of {difference:,}"]
    said += [_fault(fault) for fault in finding.faults[:FAULTS_SHOWN]]
    if more := len(finding.faults[FAULTS_SHOWN:]) + finding.faults_left_out:
        said.append(f"and {more:,} more; --json tells of more")
    return said


def as_json(finding: Finding) -> dict[str, Any]:
    """Give everything for a program."""
    return {
        "balances": finding.balances,
        "topic_id": finding.topic_id,
        "partitions": [
            {"partition": partition, "first_offset": offsets.start, "next_offset": offsets.stop}
            for partition, offsets in sorted(finding.offsets.items())
        ],
        "accounts": [
            {"partition": partition, "project": project, **_numbers(account)}
            for (partition, project), account in sorted(finding.accounts.items())
        ],
        "total": _numbers(total(finding.accounts.values())),
        "faults": [fault._asdict() for fault in finding.faults],
        "faults_left_out": finding.faults_left_out,
        "rollups": rollups.as_json(finding.rollups),
        "of_forgotten": finding.of_forgotten,
        "no_part": {
            "rows_of_older_topics": finding.no_part and finding.no_part.of_older_topics,
            "rows_from_before": finding.no_part and finding.no_part.from_before,
            "expired": [
                {"partition": partition, "first": offsets.start, "last": offsets.stop - 1}
                for partition, offsets in finding.expired
            ],
        },
    }


def _line(partition: str, project: str, account: Account, rejected: Iterable[str]) -> Sequence[str]:
    outcomes = (account.rows[outcome] for outcome in rejected)
    counts = (account.accepted, account.stored, *outcomes, account.on_the_way, account.difference)
    return (partition, printable(project) or "(none)", *(f"{count:,}" for count in counts))


def _numbers(account: Account) -> dict[str, Any]:
    return {
        "accepted": account.accepted,
        "stored": account.stored,
        "rejected": account.rejected,
        "on_the_way": account.on_the_way,
        "difference": account.difference,
    }


def _fault(fault: Fault) -> str:
    where = f"offset {fault.first}" if fault.first == fault.last else f"offsets {fault.first} to {fault.last}"
    what = WORDS[fault.kind].format(number(fault.events, _COUNTED.get(fault.kind, "row")))
    return f"partition {fault.partition}, {where}: {what}"
