from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from tests.integration.clickhouse.server import ClickHouseProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_numbers = itertools.count()


@pytest.fixture
def start_server() -> Iterator[Callable[..., ClickHouseProcess]]:
    """Starts servers of a test's own: `start_server(path, name=value)`; what still runs at its end is killed."""
    started: list[ClickHouseProcess] = []

    def start(path: Path, **env: object) -> ClickHouseProcess:
        named = {f"SLUICE_CLICKHOUSE_{name.upper()}": str(value) for name, value in env.items()}
        started.append(ClickHouseProcess(path, named))
        return started[-1].start()

    yield start
    for process in started:
        if process.is_running:
            process.kill()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseProcess]:
    """One embedded ClickHouse for all tests of this directory."""
    process = ClickHouseProcess(tmp_path_factory.mktemp("clickhouse")).start()
    yield process
    assert process.stop() == 0, "".join(process.log)
    assert not [line for line in process.log if "Traceback" in line or " ERROR " in line], "".join(process.log)


@pytest.fixture
def table(server: ClickHouseProcess) -> Iterator[str]:
    """The name of an empty table `(a UInt64, s String)`."""
    name = f"t{next(_numbers)}"
    answer = server.ask(f"CREATE TABLE {name} (a UInt64, s String DEFAULT 'none') ENGINE = MergeTree ORDER BY a")
    assert answer.status == 200, answer.text
    yield name
    server.ask(f"DROP TABLE {name}")
