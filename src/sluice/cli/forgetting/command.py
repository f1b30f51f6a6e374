"""`sluice users forget`, from its options to its exit code."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from sluice.cli.forgetting import report
from sluice.cli.forgetting.forget import Forgetting, again
from sluice.cli.forgetting.retention import remains
from sluice.cli.reading.shown import number
from sluice.contract.errors import Unusable
from sluice.processors.rules.canonical.visitor import LOCAL_SECRET, Visitors
from sluice.role.clock import system_clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from sluice.cli.forgetting.settings import ForgettingSettings


def named(users: Sequence[str], file: Path | None) -> list[str]:
    """Give the names of the command line and of the file, each once. Raises `Unusable` where there is none."""
    names = [*users, *(_lines(file) if file else [])]
    if "" in users or any(not name.strip() for name in names):
        raise Unusable("a user's name is empty")
    if not names:
        raise Unusable("name the users to forget, or a file that does, with --file")
    return list(dict.fromkeys(names))


def _lines(file: Path) -> list[str]:
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{file} cannot be read: {error}") from None
    return [line.strip() for line in text.split("\n") if line.strip()]


def forget_people(
    settings: ForgettingSettings,
    project: str,
    users: Sequence[str],
    *,
    shared: bool,
    wait_s: float,
    dry_run: bool,
    yes: bool,
) -> None:
    """Find these people, ask, forget them, and say what remains."""
    secret = settings.visitor_secret.get_secret_value().encode() if settings.visitor_secret else LOCAL_SECRET
    forgetting = Forgetting(
        settings.kafka_bootstrap, settings.clickhouse_url, project, Visitors(secret), system_clock, _tell
    )
    found = asyncio.run(forgetting.find(users, shared=shared))
    _say(report.unknown(found, project), err=True)
    if found.people:
        _say(report.surveyed(found))
    if found.people and not dry_run:
        _agree(len(found.people), yes=yes)
        forgotten = asyncio.run(forgetting.forget(found, wait_s=wait_s, shared=shared))
        _say(report.done(forgotten))
        _say(report.remaining(asyncio.run(remains(settings.kafka_bootstrap, system_clock()))))
        if not forgotten.arrived:
            raise Unusable(
                f"after {wait_s:g} s not everything that was accepted before is in ClickHouse: "
                "see that processors and sinks run, then run the command again, or with --again"
            )
    if found.unknown:
        sys.exit(1)


def forget_again(settings: ForgettingSettings) -> None:
    """Blank once more whoever was ever forgotten."""
    rows = asyncio.run(again(settings.clickhouse_url, settings.kafka_bootstrap, _tell))
    click.echo(f"blanked {number(rows, 'event')} of those who were forgotten before")


def _agree(people: int, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Unusable("this cannot be undone: say --yes, or look with --dry-run first")
    click.confirm(
        f"Forget {'this person' if people == 1 else f'these {people:,} people'} for good?", abort=True, err=True
    )


def _tell(words: str) -> None:
    if sys.stderr.isatty():
        click.echo(f"{words} ...", err=True)


def _say(lines: Iterable[str], *, err: bool = False) -> None:
    for line in lines:
        click.echo(line, err=err)
