"""Asks an engine of its own, with the whole schema on it, as a role that has some grants and no others.

Reads `{"directory": ..., "grants": [...], "statements": [...]}` from standard input and writes for each statement
ClickHouse's error code, or 0. A process of its own, since an engine stays in its process.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import chdb

from sluice.sinks.schema.layout import SingleServer
from sluice.sinks.schema.migration import packaged

USERS = """
<clickhouse>
    <profiles><default/></profiles><quotas><default/></quotas>
    <roles>
        <owner><grants><query>GRANT ALL ON *.*</query></grants></owner>
        <asker><grants>{grants}</grants></asker>
    </roles>
    <users><default>
        <password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
        <grants><query>GRANT owner</query><query>GRANT asker</query></grants>
    </default></users>
</clickhouse>
"""


def code_of(connection: chdb.Connection, statement: str) -> int:
    try:
        connection.query(statement)
    except RuntimeError as error:
        return int(re.findall(r"Code: (\d+)", str(error))[0])
    return 0


def main() -> None:
    asked = json.load(sys.stdin)
    directory = Path(asked["directory"])
    server, users = directory / "server.xml", directory / "users.xml"
    server.write_text("<clickhouse/>")
    users.write_text(USERS.format(grants="".join(f"<query>GRANT {grant}</query>" for grant in asked["grants"])))
    connection = chdb.connect(f"{directory / 'data'}?config-file={server}&users_config={users}")
    connection.query("CREATE DATABASE sluice")
    for migration in packaged():
        for statement in migration.statements(SingleServer()):
            connection.query(statement)
    connection.query("SET ROLE asker")
    json.dump([code_of(connection, statement) for statement in asked["statements"]], sys.stdout)


if __name__ == "__main__":
    main()
