"""`sluice query`: a question to ClickHouse, the answer as a table."""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import TYPE_CHECKING

import click

from sluice.contract.errors import Unusable
from sluice.role.address import without_credentials
from sluice.role.settings import load
from sluice.sinks.settings import ClickHouseClientSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

FORMATS = {
    "table": "JSONCompactStringsEachRowWithNamesAndTypes",
    "vertical": "Vertical",
    "json": "JSON",
    "jsonl": "JSONEachRow",
    "csv": "CSVWithNames",
    "tsv": "TSVWithNames",
    "markdown": "Markdown",
}
"""What the command calls a format, and what ClickHouse calls it."""

_NUMBER = re.compile(r"^(?:Nullable\()?(?:U?Int|Float|Decimal)")
_WIDE = 10_000


@click.command()
@click.argument("sql", required=False)
@click.option(
    "--format",
    "output",
    type=click.Choice(list(FORMATS)),
    default="table",
    show_default=True,
    help="How to print it.",
)
@click.option("--clickhouse-url", help="ClickHouse's HTTP interface (http://127.0.0.1:8123).")
def command(sql: str | None, output: str, clickhouse_url: str | None) -> None:
    """Ask ClickHouse, read-only, and print the rows; without SQL, it is read from standard input.

    A FORMAT clause in the SQL wins over --format.
    """
    statement = sql if sql is not None else click.get_text_stream("stdin").read()
    settings = load(ClickHouseClientSettings, clickhouse_url=clickhouse_url)
    answer = ask(settings.clickhouse_url, statement, FORMATS[output])
    rows = parse_rows(answer) if output == "table" else None
    if rows is None:
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()
        return
    _print_table(*rows)


_READ_ONLY = {"readonly": 2}
"""ClickHouse's own setting: nothing can be changed but limits; a slip of the hand costs no table."""


def ask(url: str, statement: str, output_format: str) -> bytes:
    """Send one statement and give the answer's bytes; without rows, none.

    Raises `Unusable` with ClickHouse's own words when it refuses, or when it cannot be reached.
    """
    import clickhouse_connect
    from clickhouse_connect.driver.exceptions import ClickHouseError

    # It logs each failure too; here it becomes one sentence.
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL + 1)
    statement = statement.strip().rstrip(";")
    if not statement:
        raise Unusable("there is nothing to ask: give the SQL as an argument or on standard input")
    try:
        client = clickhouse_connect.get_client(dsn=url, autogenerate_session_id=False)
    except (ClickHouseError, OSError, ValueError) as error:
        raise Unusable(f"ClickHouse at {without_credentials(url)} does not answer: {sentence(error)}") from error
    try:
        # The header, unlike a clause, leaves a FORMAT of the statement's own in force.
        return bytes(
            client.raw_query(
                statement, settings=_READ_ONLY, transport_settings={"X-ClickHouse-Format": output_format}
            )
        )
    except (ClickHouseError, OSError) as error:
        raise Unusable(sentence(error)) from error
    finally:
        client.close()


def sentence(error: Exception) -> str:
    """Give an error in one line, without what clickhouse-connect and ClickHouse add for programmers."""
    text = str(error)
    if refused := re.search(r"\[Errno -?\d+\] ([^'\")]+)", text):
        return refused[1]
    found = re.search(r"DB::Exception: (.*)", text, re.DOTALL)
    line = (found[1] if found else text).strip().split("\n")[0]
    line = re.sub(r"\s*\(for url .*?\)|\s*\(version .*?\)+", "", line)
    line = re.sub(r"\.? Expected one of: .*?(?=\. \([A-Z_]+\)|$)", "", line)  # the names of a hundred grammar rules
    return line.strip() or type(error).__name__


Rows = tuple[list[str], list[str], list[list[str]]]


def parse_rows(answer: bytes) -> Rows | None:
    """Take apart names, types and rows; None where the statement gave no rows or named another format."""
    try:
        names, types, *rows = [json.loads(line) for line in answer.splitlines()]
    except ValueError:
        return None
    if not (isinstance(names, list) and isinstance(types, list) and len(names) == len(types)):
        return None
    return names, types, rows


def _print_table(names: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console

    # A file or a pipe is as wide as the table; only a terminal folds.
    console = Console() if sys.stdout.isatty() else Console(width=_WIDE)
    console.print(table(names, types, rows))
    click.echo(f"{len(rows)} row{'' if len(rows) == 1 else 's'}", err=True)


def table(names: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Lay rows out, numbers to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    laid_out = Table(box=box.ROUNDED)
    for name, kind in zip(names, types, strict=True):
        laid_out.add_column(Text(name), justify="right" if _NUMBER.match(kind) else "left", overflow="fold")
    for row in rows:
        laid_out.add_row(*map(Text, row))
    return laid_out
