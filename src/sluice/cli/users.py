"""`sluice users`: the users that API 5 sends events of, saved and forgotten."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sluice.cli.importing import csv_rows, ndjson_rows
from sluice.cli.importing.importer import Importer, Plan, Tally
from sluice.cli.importing.report import Rejected
from sluice.cli.importing.rows import BadRow, Lines
from sluice.cli.importing.settings import ImportSettings
from sluice.cli.progress_bar import progress_bar
from sluice.cli.sending.listening import refuse_absent
from sluice.contract.errors import Unusable
from sluice.role.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sluice.cli.importing.rows import Row

FORMATS: Mapping[str, Callable[[Lines], Iterator[Row | BadRow]]] = {
    ".csv": csv_rows.rows,
    ".ndjson": ndjson_rows.rows,
    ".jsonl": ndjson_rows.rows,
}
INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells give it."""


@click.group()
def command() -> None:
    """Save users, so that events can be sent of them; and forget people, with all that was sent of them."""


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="The gateway.")
@click.option("--key-file", type=click.Path(path_type=Path),
              help="The file of the project's secret key; else SLUICE_KEY holds it, or it is asked for.")  # fmt: skip
@click.option("--concurrency", type=click.IntRange(1, 1000), default=32, show_default=True, help="Requests at once.")
@click.option("--rejected", type=click.Path(path_type=Path), help="Where refused rows go (FILE.rejected.ndjson).")
@click.option("--give-up", "give_up_s", type=click.FloatRange(min=0), default=120, show_default=True,
              help="Seconds for which a user is sent again while the gateway is away or busy.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Read the file and report what is wrong in it; send nothing.")
def import_(
    file: Path,
    url: str,
    key_file: Path | None,
    concurrency: int,
    rejected: Path | None,
    give_up_s: float,
    dry_run: bool,
) -> None:
    """Save the users of a file, a CSV or NDJSON one.

    CSV begins with a line that names the columns; NDJSON has one object on each line. A user has an email, an _id, or
    both; everything else is an attribute. Rows that are refused are written to a file that can be mended and
    imported. Importing a file twice does no harm.
    """
    read = FORMATS.get(file.suffix.lower())
    if read is None:
        raise Unusable(f"{file} must end in {', '.join(FORMATS)}, so that its format is known")
    rejected = rejected or file.with_name(f"{file.name}.rejected.ndjson")
    if rejected.resolve() == file.resolve():
        raise Unusable("--rejected must name another file than the one that is imported")
    started = time.monotonic()
    with _opened(file) as (lines, size):
        plan = None if dry_run else _plan(url.rstrip("/"), key_file, concurrency, give_up_s)
        with _progress(lines, size) as show, Rejected(rejected, _say) as report:
            if plan is None:
                tally = _check(read(lines), report, show)
            else:
                tally = asyncio.run(_send(Importer(plan, report.add, show), read(lines)))
    for name, value in summary(tally, report.path, time.monotonic() - started, dry_run=dry_run):
        click.echo(f"{name:<10}{value}")
    if tally.stopped == _CTRL_C:
        sys.exit(INTERRUPTED)
    if tally.stopped:
        raise Unusable(tally.stopped)
    if tally.rejected:
        sys.exit(1)


@command.command()
@click.argument("users", metavar="[USER]...", nargs=-1)
@click.option("--project", help="The project that is to forget them.")
@click.option("--file", "file", type=click.Path(path_type=Path), help="A file with a user on each line, beside USER.")
@click.option("--shared", is_flag=True,
              help="Forget what has no user on devices that others have used too: it may be theirs.")  # fmt: skip
@click.option("--wait", "wait_s", type=click.FloatRange(min=0), default=120, show_default=True,
              help="Seconds to wait until all that was accepted before is in ClickHouse.")  # fmt: skip
@click.option("--again", "once_more", is_flag=True,
              help="Blank what can be read of whoever was forgotten before: if a table was made anew.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say who is meant and how much would be blanked; change nothing.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--kafka-bootstrap", help="Kafka's brokers, host:port (127.0.0.1:9092).")
@click.option("--clickhouse-url", help="ClickHouse's HTTP interface (http://127.0.0.1:8123).")
def forget(
    users: tuple[str, ...],
    project: str | None,
    file: Path | None,
    shared: bool,
    wait_s: float,
    once_more: bool,
    dry_run: bool,
    yes: bool,
    kafka_bootstrap: str | None,
    clickhouse_url: str | None,
) -> None:
    """Blank everything personal of people, wherever it stands, for good.

    A USER is an id, an email or an anonymous id; all that is linked to it is the same person. Rows stay, with what is
    counted: when, what, and what became of it. Whoever comes back afterwards is a new user. Run it again at any time.
    """
    from sluice.cli.forgetting.command import forget_again, forget_people, named
    from sluice.cli.forgetting.settings import ForgettingSettings

    settings = load(ForgettingSettings, kafka_bootstrap=kafka_bootstrap, clickhouse_url=clickhouse_url)
    if once_more:
        if users or file or project:
            raise Unusable("--again means everybody who was ever forgotten: name no user, file or project with it")
        forget_again(settings)
        return
    if project is None:
        raise Unusable("say of which project, with --project")
    people = named(users, file)
    forget_people(settings, project, people, shared=shared, wait_s=wait_s, dry_run=dry_run, yes=yes)


def summary(tally: Tally, report: Path, seconds: float, *, dry_run: bool = False) -> list[tuple[str, str]]:
    """Give what the command prints in the end: names and values."""
    lines = [("valid" if dry_run else "saved", f"{tally.saved:,}")]
    if tally.rejected:
        lines.append(("rejected", f"{tally.rejected:,}, see {report}"))
    if tally.retries:
        lines.append(("retries", f"{tally.retries:,}"))
    if tally.stopped:
        lines.append(
            ("stopped", f"all is done up to line {tally.done_up_to:,}; importing the file again does no harm")
        )
    return [*lines, ("seconds", f"{seconds:.1f}")]


_CTRL_C = "interrupted"


async def _send(importer: Importer, rows: Iterator[Row | BadRow]) -> Tally:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_signal_handler(signal.SIGINT)  # the second time it ends at once
        importer.stop(_CTRL_C)

    loop.add_signal_handler(signal.SIGINT, stop)
    return await importer.run(rows)


def _check(rows: Iterator[Row | BadRow], report: Rejected, show: Callable[[Tally], None]) -> Tally:
    tally = Tally()
    for row in rows:
        if isinstance(row, BadRow):
            tally.rejected += 1
            report.add(row)
        else:
            tally.saved += 1
        show(tally)
    return tally


def _plan(url: str, key_file: Path | None, concurrency: int, give_up_s: float) -> Plan:
    key = _key(key_file)
    refuse_absent(url)
    return Plan(url, key, f"import{secrets.token_hex(8)}", concurrency, give_up_s)


def _key(key_file: Path | None) -> str:
    """Find the key where no other user of the machine sees it: never on the command line."""
    if key_file is not None:
        try:
            key = key_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Unusable(f"the key cannot be read from {key_file}: {error}") from None
        if not key:
            raise Unusable(f"{key_file} is empty: it must hold the project's secret key")
        return key
    if secret := load(ImportSettings).key:
        return secret.get_secret_value()
    if not sys.stdin.isatty():
        raise Unusable("set SLUICE_KEY to the project's secret key, or name a file that holds it with --key-file")
    prompted: str = click.prompt("Secret key of the project", hide_input=True, err=True)
    return prompted.strip()


@contextmanager
def _opened(file: Path) -> Iterator[tuple[Lines, int]]:
    try:
        opened = file.open("rb")
    except OSError as error:
        raise Unusable(f"{file} cannot be read: {error.strerror}") from None
    with opened:
        yield Lines(opened), file.stat().st_size


@contextmanager
def _progress(lines: Lines, size: int) -> Iterator[Callable[[Tally], None]]:
    from rich.progress import TaskProgressColumn

    with progress_bar(TaskProgressColumn()) as progress:
        task = progress.add_task("0 users", total=size)

        def show(tally: Tally) -> None:
            progress.update(task, completed=lines.bytes_read, description=f"{tally.saved:,} users")

        yield show


def _say(text: str) -> None:
    click.echo(text, err=True)
