"""Chaos: `python -m tests.chaos` disturbs a deployment under load, and fails unless it stayed exact.

Exit codes: 0 all is exact, 1 something is wrong, 2 a mistake in the options, 130 it was interrupted.
"""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from tests.chaos.deployment import DidNotStart
from tests.chaos.mutants.sink_mutants import TrueEventLog
from tests.chaos.report import MARKDOWN_HEAD, markdown_faults, markdown_row, of_run
from tests.chaos.run import Outcome, run

if TYPE_CHECKING:
    from collections.abc import Coroutine

LARGEST_SEED = 9999
INTERRUPTED = 130


def _mutants(kind: type[TrueEventLog]) -> list[str]:
    """Name those of a kind that are no kinds of their own."""
    return [name for mutant in kind.__subclasses__() for name in _mutants(mutant)] or [kind.__name__]


class Seeds(click.ParamType):
    """One seed, or several: 7, or 1..10."""

    name = "seeds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> range:
        """Read the first and the last seed."""
        first, _, last = str(value).partition("..")
        try:
            seeds = range(int(first), int(last or first) + 1)
        except ValueError:
            self.fail(f"'{value}' is neither a number nor two with .. between them", param, ctx)
        if not seeds:
            self.fail(f"'{value}' has no seed: the last is less than the first", param, ctx)
        return seeds


@click.command()
@click.option("--minutes", type=click.FloatRange(min=0.1), default=10.0, help="How long each run sends (10).")
@click.option("--seeds", "--seed", type=Seeds(), help="What decides on the faults: 7, or 1..10 for ten runs.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Append the results to this file, as tables.")
@click.option("--keep", is_flag=True, help="Keep the logs and the data although all is exact.")
@click.option(
    "--mutant", type=click.Choice(_mutants(TrueEventLog)), help="Break the sinks in this way: the run has to fail."
)
def main(minutes: float, seeds: range | None, markdown: Path | None, keep: bool, mutant: str | None) -> None:
    """Disturb a deployment under load, and see that every accepted event is one row."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("tests.chaos").setLevel(logging.INFO)
    first = random.randint(1, LARGEST_SEED)
    outcomes = [_run(seed, minutes, mutant or "", keep=keep) for seed in seeds or range(first, first + 1)]
    if markdown is not None:
        with markdown.open("a") as file:
            file.write(MARKDOWN_HEAD + "".join(map(markdown_row, outcomes)) + "\n" + markdown_faults(outcomes))
    sys.exit(any(outcome.wrong for outcome in outcomes))


def _run(seed: int, minutes: float, mutant: str, *, keep: bool) -> Outcome:
    directory = Path(tempfile.mkdtemp(prefix=f"sluice-chaos-{seed}-"))
    click.echo(f"seed {seed}: the logs are in {directory}")
    try:
        outcome = asyncio.run(_interruptible(run(seed, minutes * 60, directory, mutant)))
    except DidNotStart as error:
        outcome = Outcome(seed, wrong=[str(error)])
    except asyncio.CancelledError:
        click.echo(f"interrupted; the logs are in {directory}")
        sys.exit(INTERRUPTED)
    for line in of_run(outcome):
        click.echo(line)
    if outcome.wrong:
        click.echo(f"again: make chaos SEED={seed} MINUTES={minutes:g}; the logs are in {directory}")
    elif not keep:
        shutil.rmtree(directory)
    return outcome


async def _interruptible(running: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Run until SIGINT or SIGTERM; then end what was started, which still needs the tasks that look after it."""
    task = asyncio.ensure_future(running)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await task


if __name__ == "__main__":
    main()
