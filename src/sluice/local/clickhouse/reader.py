"""What the read-only user may do: the rules in front of the engine's own.

The engine refuses that user most of it by itself (its role holds no FILE, URL, REMOTE, ... and `readonly` is 2).
What it cannot refuse stands here: the function `file`, which no grant covers; table functions that run code or
reach Python; settings that name files, addresses or SQL; any naming of the overlay database. The rules look at the
statement twice: at its tokens, and at the tree that ClickHouse's own parser made of it (`parseQueryToJSON`), so
that a difference between the two readings opens nothing.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from sluice.local.clickhouse.access import OVERLAY
from sluice.local.clickhouse.errors import ACCESS_DENIED, READONLY, ClickHouseError
from sluice.local.clickhouse.lexer import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sluice.local.clickhouse.lexer import Token
    from sluice.local.clickhouse.statement import Statement

VERBS = frozenset({"SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS"})
"""First keywords of what this user may execute."""

TABLE_FUNCTIONS = frozenset({
    "format", "generaterandom", "generateseries", "generate_series", "loop", "merge", "null",
    "numbers", "numbers_mt", "primes", "values", "view", "viewifpermitted", "zeros", "zeros_mt",
    "mergetreeindex", "mergetreeprojection",
})  # fmt: skip
"""Table functions that reach nothing but tables and numbers, in lower case."""

REFUSED_FUNCTIONS = frozenset({
    "file", "filesystemavailable", "filesystemcapacity", "filesystemunreserved", "python", "arrowstream",
    "executable", "eval", "viewexplain", "catboostevaluate", "evalmlmethod", "naivebayesclassifier",
    "naivebayesclassifierwithprob", "naivebayesclassifierwithallprobs", "addresstoline",
    "addresstolinewithinlines", "addresstosymbol", "showcertificate", "logtrace", "getclienthttpheader",
    "aiclassify", "aiembed", "aiextract", "aifilter", "aigenerate", "airedact", "aisimilarity", "aitranslate",
})  # fmt: skip
"""Functions that read files, run code, or call out, in lower case."""

_SETTING_PREFIXES = (
    "max_", "min_", "join_", "optimize_", "query_plan_", "output_format_", "date_time_", "group_by_",
    "cast_", "format_csv_", "format_tsv_", "format_custom_", "format_binary_", "format_display_", "bool_",
    "result_", "read_", "timeout_", "use_", "enable_", "distributed_product_", "input_format_json_",
)  # fmt: skip
_SETTINGS = frozenset({
    "aggregate_functions_null_for_empty", "allow_experimental_analyzer", "any_join_distinct_right_table_keys",
    "async_insert", "cast_keep_nullable", "connect_timeout", "cross_to_inner_join_rewrite",
    "empty_result_for_aggregation_by_empty_set", "extremes", "final", "http_wait_end_of_query",
    "insert_deduplicate", "limit", "log_comment", "log_queries", "offset",
    "prefer_column_name_to_alias", "priority", "readonly", "receive_timeout", "select_sequential_consistency",
    "send_timeout", "session_timezone", "short_circuit_function_evaluation", "totals_mode", "transform_null_in",
    "union_default_mode", "wait_for_async_insert", "sort_overflow_mode", "set_overflow_mode",
    "distinct_overflow_mode", "transfer_overflow_mode", "allow_suspicious_low_cardinality_types",
    "allow_experimental_json_type", "allow_experimental_object_type", "allow_experimental_variant_type",
    "allow_experimental_dynamic_type",
})  # fmt: skip
_EXPLAIN_OPTIONS = frozenset({
    "actions", "column_structure", "compact", "description", "distributed", "dump_ast", "dump_passes", "dump_tree",
    "graph", "header", "indexes", "input_headers", "json", "keep_logical_steps", "oneline", "passes", "pretty",
    "projections", "query_tree_passes", "run_passes", "run_query_tree_passes", "sorting",
})  # fmt: skip
_OPENING, _CLOSING = (b"(", b"[", b"{"), (b")", b"]", b"}")
_REFUSED_SETTINGS = ("dialect", "schema", "path", "url", "template", "into_outfile", "file")


def allow(statement: Statement, settings: Mapping[str, str], params: Mapping[str, str]) -> None:
    """Judge by the tokens. Raises `ClickHouseError` that says what is refused."""
    if statement.verb not in VERBS:
        raise ClickHouseError(READONLY, "Cannot execute query in readonly mode.")
    for name in settings:
        _allow_setting(name)
    for name, value in params.items():
        if value.lower().split(".")[0] == OVERLAY or value.lower() in REFUSED_FUNCTIONS:
            raise _denied(f"the parameter {name} names {value}")
    _allow_tokens(statement.tokens)
    for name in _settings_named(statement.tokens):
        _allow_setting(name)
    if not has_tree(statement):
        _allow_no_calls(statement.tokens)


def has_tree(statement: Statement) -> bool:
    """Tell whether ClickHouse gives a tree of the statement; it does so for SELECT and EXPLAIN."""
    return statement.verb in {"SELECT", "WITH", "FROM", "EXPLAIN"}


def _allow_no_calls(found: Sequence[Token]) -> None:
    """Without a tree nothing may be called, nor a subquery stand: brackets only behind IN."""
    for index, token in enumerate(found):
        if token.is_sign(b"(") and not found[index - 1].is_word(b"IN"):
            raise _denied("functions and subqueries in SHOW, DESCRIBE and EXISTS are not for the read-only user")


def _allow_tokens(found: Sequence[Token]) -> None:
    for index, token in enumerate(found):
        if not token.is_identifier:
            continue
        name = token.value.lower()
        behind_dot = index > 0 and found[index - 1].is_sign(b".")
        called = index + 1 < len(found) and found[index + 1].is_sign(b"(")
        if name.decode("latin-1") in REFUSED_FUNCTIONS and (called or not behind_dot):
            raise _denied(f"the function {name.decode('latin-1')} is not for the read-only user")
        if name == OVERLAY.encode() and not behind_dot:
            raise _denied(f"the database {OVERLAY} is not for the read-only user")
        if token.kind is Kind.QUOTED and b"\0" in token.value:
            raise _denied("an identifier with a NUL is not for the read-only user")


def _settings_named(found: Sequence[Token]) -> Iterator[str]:
    """Give the names in every SETTINGS clause: `SETTINGS a = ..., b = ...`, whatever stands in the values."""
    for start, token in enumerate(found):
        if not token.is_word(b"SETTINGS"):
            continue
        depth, expected = 0, True
        for name, follower in itertools.pairwise(found[start + 1 :]):
            if expected and not (name.is_identifier and follower.is_sign(b"=")):
                break
            if expected:
                yield name.value.decode("utf-8", "replace")
            depth += sum(name.is_sign(sign) for sign in _OPENING) - sum(name.is_sign(sign) for sign in _CLOSING)
            expected = depth == 0 and name.is_sign(b",")


def allow_tree(tree_json: bytes) -> None:
    """Judge by ClickHouse's own reading of the statement, the answer of `parseQueryToJSON`.

    Raises `ClickHouseError` that says what is refused.
    """
    try:
        tree = json.loads(tree_json)
    except RecursionError:
        raise ClickHouseError(167, "AST is too deep for the read-only user.", "TOO_DEEP_AST") from None
    for key, node in _nodes(None, tree):
        _allow_node(key, node)


def _allow_node(key: str | None, node: dict[str, Any]) -> None:
    kind = str(node.get("type", ""))
    name = str(node.get("func_name", node.get("name", ""))).lower()
    if kind in {"Function", "Identifier", "ColumnsApplyTransformer"} and name in REFUSED_FUNCTIONS:
        raise _denied(f"the function {name} is not for the read-only user")
    if key == "table_function":
        if name not in TABLE_FUNCTIONS:
            raise _denied(f"the table function {node.get('name')} is not for the read-only user")
        _allow_arguments(node)
    if kind == "TableIdentifier" and str(node.get("name_parts", [""])[0]).lower() == OVERLAY:
        raise _denied(f"the database {OVERLAY} is not for the read-only user")
    if kind == "SetQuery":
        for change in node.get("changes", []):
            _allow_setting(str(change.get("name")))


def _allow_arguments(function: dict[str, Any]) -> None:
    for _, node in _nodes(None, function.get("arguments", {})):
        value = node.get("value")
        if isinstance(value, dict) and str(value.get("value")).lower() == OVERLAY:
            raise _denied(f"the database {OVERLAY} is not for the read-only user")


def _nodes(key: str | None, tree: Any) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Give every object of the tree with the key that it stands under."""
    pending: list[tuple[str | None, Any]] = [(key, tree)]
    while pending:
        key, node = pending.pop()
        if isinstance(node, dict):
            yield key, node
            pending.extend(node.items())
        elif isinstance(node, list):
            pending.extend((key, child) for child in node)


def _allow_setting(name: str) -> None:
    known = name in _SETTINGS | _EXPLAIN_OPTIONS or name.startswith(_SETTING_PREFIXES)
    if not known or any(part in name for part in _REFUSED_SETTINGS):
        raise ClickHouseError(
            READONLY, f"Cannot modify '{name}' setting in readonly mode: it is not for the read-only user."
        )


def _denied(what: str) -> ClickHouseError:
    return ClickHouseError(ACCESS_DENIED, f"Not enough privileges: {what}.")
