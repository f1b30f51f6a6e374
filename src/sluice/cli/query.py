"""`sluice query`: a question to ClickHouse, the answer as a table."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import click

from sluice.cli.reading.shown import number, show_table
from sluice.contract.errors import Unusable
from sluice.role.settings import load
from sluice.sinks.settings import ClickHouseClientSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def _by_name(_context: click.Context, _option: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE")
        if name in parameters:
            raise click.BadParameter(f"{name} is given twice")
        parameters[name] = value
    return parameters


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
@click.option(
    "--param",
    "parameters",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_by_name,
    help="What {NAME:Type} stands for in the SQL; once for each name. One that the SQL lacks is passed over.",
)
@click.option("--clickhouse-url", help="ClickHouse's HTTP interface (http://127.0.0.1:8123).")
def command(sql: str | None, output: str, parameters: dict[str, str], clickhouse_url: str | None) -> None:
    """Ask ClickHouse, read-only, and print the rows; without SQL, it is read from standard input.

    A FORMAT clause in the SQL wins over --format.
    """
    statement = sql if sql is not None else click.get_text_stream("stdin").read()
    settings = load(ClickHouseClientSettings, clickhouse_url=clickhouse_url)
    wanted = wanted_by(statement, parameters)
    for name in parameters:
        if name not in wanted:
            click.echo(f"sluice: the SQL has no parameter {{{name}:Type}}; it is passed over", err=True)
    answer = ask(settings.clickhouse_url, statement, FORMATS[output], wanted)
    rows = parse_rows(answer) if output == "table" else None
    if rows is None:
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()
        return
    show_table(*rows)
    click.echo(number(len(rows[2]), "row"), err=True)


def wanted_by(statement: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """Give those of the parameters that the statement has: several questions may be asked with the same ones."""
    return {
        name: value for name, value in parameters.items() if re.search(rf"\{{\s*{re.escape(name)}\s*:", statement)
    }


def ask(url: str, statement: str, output_format: str, parameters: Mapping[str, str]) -> bytes:
    """Send one statement with the values of its parameters and give the answer's bytes; without rows, none.

    Raises `Unusable` where a parameter of the statement has no value, with ClickHouse's own words where it refuses,
    and where it cannot be reached.
    """
    from sluice.cli.reading.clickhouse import ERRORS, READ_ONLY, connected, sentence

    statement = statement.strip().rstrip(";")
    if not statement:
        raise Unusable("there is nothing to ask: give the SQL as an argument or on standard input")
    client = connected(url)
    try:
        # The header, unlike a clause, leaves a FORMAT of the statement's own in force.
        return bytes(
            client.raw_query(
                statement,
                parameters=dict(parameters),
                settings=READ_ONLY,
                transport_settings={"X-ClickHouse-Format": output_format},
            )
        )
    except ERRORS as error:
        raise Unusable(refusal(sentence(error))) from error
    finally:
        client.close()


def refusal(words: str) -> str:
    """Give what ClickHouse says of a statement, or how to give the parameter whose value it misses."""
    missing = re.search(r"Substitution `(.+?)` is not set", words)
    return f"the SQL has a parameter without a value: give it by --param {missing[1]}=..." if missing else words


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
