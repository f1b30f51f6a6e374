"""`sluice query` on a real ClickHouse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.stack import Stack


def query(stack: Stack, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sluice", "query", *arguments],
        env={**os.environ, "SLUICE_CLICKHOUSE_URL": stack.clickhouse_url},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_rows_are_printed_as_a_table(stack: Stack):
    answer = query(stack, "SELECT number AS n, toString(number) AS s FROM numbers(2)")
    assert (answer.returncode, answer.stderr) == (0, "2 rows\n")
    assert "│ 0 │ 0 │" in answer.stdout


@pytest.mark.parametrize(
    ("output", "printed"),
    [("tsv", "n\n0\n1\n"), ("csv", '"n"\n0\n1\n'), ("jsonl", '{"n":0}\n{"n":1}\n'), ("markdown", "| n |\n")],
)
def test_other_formats_are_printed_as_clickhouse_writes_them(stack: Stack, output, printed):
    answer = query(stack, "--format", output, "SELECT toUInt8(number) AS n FROM numbers(2)")
    assert answer.returncode == 0
    assert answer.stdout.startswith(printed)


def test_a_format_clause_wins(stack: Stack):
    assert query(stack, "SELECT 1 FORMAT CSV").stdout == "1\n"


def test_the_sql_may_come_from_standard_input(stack: Stack):
    assert query(stack, "--format", "tsv", stdin="SELECT 'a' AS b;\n").stdout == "b\na\n"


def test_parameters_are_values_and_never_sql(stack: Stack):
    value = "it's 100 %\t\\ {x:String} = 1; DROP TABLE t"
    answer = query(stack, "--format", "jsonl", "--param", f"text={value}", "SELECT {text:String} AS text")
    assert json.loads(answer.stdout) == {"text": value}


def test_several_parameters_are_taken_by_their_names(stack: Stack):
    answer = query(
        stack,
        "--format",
        "tsv",
        "--param",
        "day=2026-03-02",
        "--param",
        "n=",
        "SELECT {day:Date} + 1 AS d, {n:String} AS n",
    )
    assert answer.stdout == "d\tn\n2026-03-03\t\n"


def test_a_percent_sign_is_no_parameter(stack: Stack):
    answer = query(stack, "--format", "tsv", "--param", "x=ab", "SELECT {x:String} LIKE 'a%' AS like, 7 % 4 AS rest")
    assert answer.stdout == "like\trest\n1\t3\n"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--param", "x"], "'x' is not NAME=VALUE"),
        (["--param", "=1"], "'=1' is not NAME=VALUE"),
        (["--param", "x=1", "--param", "x=2"], "x is given twice"),
        (["--param", "x=many"], "many"),
        ([], "give it by --param x=..."),
        (["--param", "X=1"], "give it by --param x=..."),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused(stack: Stack, given, words):
    answer = query(stack, *given, "SELECT {x:UInt8}")
    assert answer.returncode != 0
    assert words in answer.stderr


def test_a_parameter_that_the_sql_lacks_is_passed_over_and_named(stack: Stack):
    answer = query(stack, "--format", "tsv", "--param", "y=1", "--param", "x=2", "SELECT {x:UInt8} AS x")
    assert (answer.returncode, answer.stdout) == (0, "x\n2\n")
    assert answer.stderr == "sluice: the SQL has no parameter {y:Type}; it is passed over\n"


def test_a_percent_sign_beside_a_parameter_that_the_sql_lacks_is_one(stack: Stack):
    answer = query(stack, "--format", "tsv", "--param", "y=1", "SELECT 'ab' LIKE 'a%' AS like, '%s %(y)s' AS text")
    assert (answer.returncode, answer.stdout) == (0, "like\ttext\n1\t%s %(y)s\n")


def test_a_statement_without_rows_prints_none(stack: Stack):
    answer = query(stack, "SET max_threads = 1")
    assert (answer.returncode, answer.stdout) == (0, "")


def test_a_statement_that_changes_something_is_refused(stack: Stack):
    answer = query(stack, "CREATE TABLE sluice.cli_query (n Int8) ENGINE = Memory")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "readonly mode" in answer.stderr


@pytest.mark.parametrize(
    ("sql", "words"), [("SELEC 1", "Syntax error"), ("SELECT * FROM nowhere", "nowhere"), ("", "nothing")]
)
def test_an_error_is_one_sentence_and_exit_code_1(stack: Stack, sql, words):
    answer = query(stack, sql)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith("sluice: ")
    assert words in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_a_clickhouse_that_is_away_is_named():
    answer = subprocess.run(
        [sys.executable, "-m", "sluice", "query", "--clickhouse-url", "http://127.0.0.1:1", "SELECT 1"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.returncode == 1
    assert answer.stderr == "sluice: ClickHouse at http://127.0.0.1:1 does not answer: Connection refused\n"
