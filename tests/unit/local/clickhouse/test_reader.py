from __future__ import annotations

import json

import pytest

from sluice.local.clickhouse.errors import ClickHouseError
from sluice.local.clickhouse.reader import allow, allow_tree, has_tree
from sluice.local.clickhouse.statement import classify


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM t",
        "SELECT 'file(1)', t.file, properties['file'] FROM t",
        "SELECT 'default' FROM t WHERE database = 'default'",
        "SELECT a FROM t.default",
        "SHOW TABLES WHERE name IN ('a', 'b')",
        "EXPLAIN SELECT 1",
        "SELECT settings, url FROM t WHERE url = 'x' SETTINGS max_threads = 1, log_comment = 'a, url_base = 1'",
        "SELECT 1 AS settings WHERE (settings = 1) AND url = 'x'",
    ],
)
def test_reading_is_allowed(sql):
    allow(classify(sql.encode()), {"max_threads": "1", "log_comment": "x"}, {"x": "1"})


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("INSERT INTO t VALUES (1)", 164),
        ("DROP TABLE t", 164),
        ("SET readonly = 0", 164),
        ("USE default", 164),
        ("CREATE TEMPORARY TABLE t (a Int)", 164),
        ("SELECT file('x')", 497),
        ("SELECT FILE ('x')", 497),
        ("SELECT `file`('x')", 497),
        ("SELECT t.file('x')", 497),
        ("SELECT arrayMap(file, [1])", 497),
        ("SELECT * APPLY file", 497),
        ("SELECT * FROM default.t", 497),
        ('SELECT * FROM "default" . t', 497),
        ("SHOW TABLES FROM default", 497),
        ("SHOW TABLES WHERE lower(name) = 'x'", 497),
        ("DESCRIBE (SELECT 1)", 497),
        ("SELECT `x\\0y`", 497),
        ("SELECT 1 SETTINGS format_schema = 'x'", 164),
        ("SELECT 1 SETTINGS max_threads = 1, `dialect` = 'x'", 164),
        ("SELECT 1 SETTINGS max_threads = {'a': 'b', 'c': 1}, log_comment = 'x,y', url_base = 'x'", 164),
        ("SELECT * FROM (SELECT 1 SETTINGS additional_result_filter = '1') FORMAT TSV", 164),
    ],
)
def test_anything_else_is_refused(sql, code):
    with pytest.raises(ClickHouseError) as caught:
        allow(classify(sql.encode()), {}, {})
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("settings", "params"),
    [
        ({"format_template_row": "/x"}, {}),
        ({"output_format_schema": "/x"}, {}),
        ({"additional_result_filter": "1"}, {}),
        ({"dialect": "prql"}, {}),
        ({"nosuch": "1"}, {}),
        ({}, {"d": "default"}),
        ({}, {"t": "Default.x"}),
        ({}, {"f": "file"}),
    ],
)
def test_settings_and_parameters_that_reach_further_are_refused(settings, params):
    with pytest.raises(ClickHouseError):
        allow(classify(b"SELECT 1"), settings, params)


def _function(name, *arguments):
    return {"type": "Function", "name": name, "arguments": {"type": "ExpressionList", "children": list(arguments)}}


def _text(value):
    return {"type": "Literal", "value": {"field_type": "String", "value": value}}


@pytest.mark.parametrize(
    "node",
    [
        _function("file", _text("/x")),
        _function("plus", _function("file", _text("/x"))),
        {"type": "Identifier", "name": "file"},
        {"type": "ColumnsApplyTransformer", "func_name": "file"},
        {"table_function": _function("url", _text("http://x"))},
        {"table_function": _function("loop", _text("default"), _text("x"))},
        {"table_function": _function("view", {"select": [_function("file")]})},
        {"type": "TableIdentifier", "name": "default.t", "name_parts": ["default", "t"]},
        {"type": "SetQuery", "changes": [{"name": "format_schema", "value": {}}]},
    ],
)
def test_the_tree_is_judged_wherever_the_node_stands(node):
    tree = {"type": "SelectQuery", "select": {"children": [{"deep": [node]}]}}
    with pytest.raises(ClickHouseError):
        allow_tree(json.dumps(tree).encode())


def test_a_tree_of_plain_reading_is_allowed():
    tree = {
        "type": "SelectQuery",
        "select": _function("plus", {"type": "Identifier", "name": "t.file"}, _text("default")),
        "tables": {"table_function": _function("numbers", _text("1"))},
        "settings": {"type": "SetQuery", "changes": [{"name": "max_threads"}]},
    }
    allow_tree(json.dumps(tree).encode())


def test_only_select_and_explain_have_a_tree():
    assert [has_tree(classify(sql)) for sql in (b"SELECT 1", b"EXPLAIN SELECT 1", b"SHOW TABLES")] == [
        True,
        True,
        False,
    ]
