"""`sluice query`: a question to ClickHouse, the answer as a table."""

from __future__ import annotations

import json
import sys

import click

from sluice.cli.reading.shown import number, show_table
from sluice.contract.errors import Unusable
from sluice.role.settings import load
from sluice.sinks.settings import ClickHouseClientSettings

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
    show_table(*rows)
    click.echo(number(len(rows[2]), "row"), err=True)


def ask(url: str, statement: str, output_format: str) -> bytes:
    """Send one statement and give the answer's bytes; without rows, none.

    Raises `Unusable` with ClickHouse's own words when it refuses, or when it cannot be reached.
    """
    from sluice.cli.reading.clickhouse import ERRORS, READ_ONLY, connected, sentence

    statement = statement.strip().rstrip(";")
    if not statement:
        raise Unusable("there is nothing to ask: give the SQL as an argument or on standard input")
    client = connected(url)
    try:
        # The header, unlike a clause, leaves a FORMAT of the statement's own in force.
        return bytes(
            client.raw_query(statement, settings=READ_ONLY, transport_settings={"X-ClickHouse-Format": output_format})
        )
    except ERRORS as error:
        raise Unusable(sentence(error)) from error
    finally:
        client.close()


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
