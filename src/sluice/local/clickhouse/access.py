"""Who may do what inside the engine: the configuration that chdb's engine starts with.

chdb runs every connection as its user `default`. That user gets two roles here and no rights of its own: `writer`
has all but FILE, so that neither `file()` nor the overlay database `default`, which shows files as tables, can be
read by anybody; `reader` may only read tables. A connection that serves the read-only user gives up `writer` by
`SET ROLE reader` before it sees a statement.

The dialect is fixed, since another one would have to be understood by the front as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sluice.local.clickhouse.settings import ClickHouseSettings

READER_ROLE = "reader"
OVERLAY = "default"
"""The engine's own database, in which every file of the machine is a table; requests are kept away from it."""

_FIXED = (
    "dialect", "implicit_select", "polyglot_dialect", "enable_json_ast_dialect", "enable_trino_dialect",
    "allow_experimental_kusto_dialect", "allow_experimental_prql_dialect", "allow_experimental_polyglot_dialect",
    "allow_experimental_eval_table_function",
)  # fmt: skip

_SHARE_OF_ONE_QUERY = 0.6  # so that one greedy read leaves room for inserts

_USERS = """\
<clickhouse>
    <profiles><default>
        <implicit_select>0</implicit_select>
        <max_memory_usage>{query_memory}</max_memory_usage>
        <allow_introspection_functions>0</allow_introspection_functions>
        <constraints>{constraints}</constraints>
    </default></profiles>
    <quotas><default/></quotas>
    <roles>
        <writer><grants>
            <query>GRANT ALL ON *.*</query>
            <query>REVOKE FILE ON *.*</query>
        </grants></writer>
        <{reader}><grants>
            <query>GRANT SELECT, SHOW, dictGet, CREATE TEMPORARY TABLE ON *.*</query>
            <query>REVOKE SELECT, SHOW ON {overlay}.*</query>
        </grants></{reader}>
    </roles>
    <users><default>
        <password></password>
        <networks><ip>::/0</ip></networks>
        <profile>default</profile>
        <quota>default</quota>
        <grants><query>GRANT writer</query><query>GRANT {reader}</query></grants>
    </default></users>
</clickhouse>
"""

_SERVER = """\
<clickhouse>
    <merge_tree>
        <fsync_after_insert>{fsync}</fsync_after_insert>
        <fsync_part_directory>{fsync}</fsync_part_directory>
    </merge_tree>
</clickhouse>
"""


def users_xml(settings: ClickHouseSettings) -> str:
    """Give the engine's users, roles, fixed settings, and what one query may take of the memory by default."""
    query_memory = int(settings.clickhouse_memory_bytes * _SHARE_OF_ONE_QUERY)
    constraints = "".join(f"<{name}><const/></{name}>" for name in _FIXED)
    return _USERS.format(query_memory=query_memory, constraints=constraints, reader=READER_ROLE, overlay=OVERLAY)


def server_xml(settings: ClickHouseSettings) -> str:
    """Give the engine's server settings that its connection string cannot carry."""
    return _SERVER.format(fsync=int(settings.clickhouse_fsync))


def write_configuration(directory: Path, settings: ClickHouseSettings) -> tuple[Path, Path]:
    """Write both files and give their paths, server's first. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    server, users = directory / "server.xml", directory / "users.xml"
    server.write_text(server_xml(settings), encoding="utf-8")
    users.write_text(users_xml(settings), encoding="utf-8")
    return server, users
