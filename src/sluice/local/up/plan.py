"""What `sluice up` runs, in which order, and with which environment: plain tables. Pure."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from sluice.local.up.settings import UpSettings


@dataclass(frozen=True, slots=True)
class Role:
    """A process that serves until it is stopped, and says READY=1 once it does."""

    name: str
    command: tuple[str, ...]
    stopped_by_s: float
    """Seconds after the stop began by which it must be gone; then it is killed. Roles with the same figure stop
    side by side, those with a lower one before."""


@dataclass(frozen=True, slots=True)
class Step:
    """A process that does one thing and ends; those after it wait for it."""

    name: str
    command: tuple[str, ...]
    shows: str = ""
    """Lines of its log that begin so are shown to the user; without it, none."""


Plan = tuple[tuple[Role | Step, ...], ...]
"""Stages; what stands in one stage starts side by side, and the next stage starts when all of it is ready or done."""


def sluice(*arguments: str) -> tuple[str, ...]:
    """Give the command line of one of Sluice's own commands."""
    return (sys.executable, "-m", "sluice", *arguments)


LOCAL_STACK: Plan = (
    # The stores stop last, and together: a sink that is still writing must find both.
    (
        Role("broker", sluice("broker"), stopped_by_s=14),
        Role("clickhouse", sluice("clickhouse"), stopped_by_s=14),
    ),
    (Step("topics", sluice("topics", "create")), Step("schema", sluice("migrate", "--rebuild"), shows="filled ")),
    # The gateway stops first, so that nothing new comes in while the others finish.
    (
        Role("gateway", sluice("gateway"), stopped_by_s=4),
        Role("processors", sluice("processors"), stopped_by_s=8),
        Role("sinks", sluice("sinks"), stopped_by_s=11),
    ),
)


def roles(plan: Plan) -> tuple[Role, ...]:
    """Give all roles of a plan in the order in which they start."""
    return tuple(entry for stage in plan for entry in stage if isinstance(entry, Role))


def names_of(plan: Plan) -> tuple[str, ...]:
    """Give the names of all roles and steps of a plan in the order in which they start."""
    return tuple(entry.name for stage in plan for entry in stage)


def without(plan: Plan, names: Collection[str]) -> Plan:
    """Leave out the roles and steps of these names; raise `ValueError` naming one that the plan does not have."""
    known = names_of(plan)
    if unknown := sorted(set(names) - set(known)):
        raise ValueError(f"{unknown[0]} is none of {', '.join(known)}")
    return tuple(kept for stage in plan if (kept := tuple(e for e in stage if e.name not in names)))


def stop_order(plan: Plan) -> tuple[tuple[Role, ...], ...]:
    """Group the roles by their deadline, the earliest first."""
    deadlines = sorted({role.stopped_by_s for role in roles(plan)})
    return tuple(tuple(r for r in roles(plan) if r.stopped_by_s == deadline) for deadline in deadlines)


def environment(settings: UpSettings, inherited: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of every process of the local stack.

    What the user has set for a single role passes through. Addresses come from the settings, which have read the
    user's own variables, so that all roles agree on them.
    """
    data_dir = settings.data_dir.absolute()
    return {
        # A default of ClickHouse's 30 s would outlast its time in the stop order.
        "SLUICE_CLICKHOUSE_STOP_TIMEOUT_S": "2",
        # Static members of their groups: a worker that is started again gets its partitions back at once.
        "SLUICE_PROCESSORS_INSTANCE": "local",
        "SLUICE_SINKS_INSTANCE": "local",
        **inherited,
        "PYTHONUNBUFFERED": "1",  # what a role printed before it died is in its log
        "SLUICE_LOCAL": "1",
        "SLUICE_DATA_DIR": str(data_dir),
        "SLUICE_SETTINGS_FILE": str(settings.settings_file or own_settings_file(data_dir)),
        "SLUICE_KAFKA_HOST": settings.kafka_host,
        "SLUICE_KAFKA_PORT": str(settings.kafka_port),
        "SLUICE_KAFKA_BOOTSTRAP": f"{settings.kafka_host}:{settings.kafka_port}",
        "SLUICE_CLICKHOUSE_HOST": settings.clickhouse_host,
        "SLUICE_CLICKHOUSE_PORT": str(settings.clickhouse_port),
        "SLUICE_CLICKHOUSE_PATH": str(data_dir / "clickhouse"),
        "SLUICE_CLICKHOUSE_URL": f"http://{settings.clickhouse_host}:{settings.clickhouse_port}",
        "SLUICE_GATEWAY_HOST": settings.gateway_host,
        "SLUICE_GATEWAY_PORT": str(settings.gateway_port),
        "SLUICE_GATEWAY_DATA_DIR": str(data_dir / "gateway"),
    }


def own_settings_file(data_dir: Path) -> Path:
    """Give where the local stack keeps its own projects and keys, which begin as a copy of the demo's."""
    return data_dir / "sluice.toml"


def demo_settings_file() -> str:
    """Give the path of the demo's projects and keys."""
    return str(files("sluice.local").joinpath("demo.toml"))
