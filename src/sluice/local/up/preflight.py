"""What must hold before the first process starts: a directory of our own with projects in it, room, free ports."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sluice.contract.errors import Unusable
from sluice.local.kafka.port import refuse_taken_port
from sluice.local.up.plan import demo_settings_file

if TYPE_CHECKING:
    from collections.abc import Collection

    from sluice.local.up.settings import UpSettings

LEAST_FREE_BYTES = 500_000_000


def own_directory(data_dir: Path) -> IO[str]:
    """Make the data directory and lock it for this process; the lock holds until the returned file is closed.

    Raises `Unusable` if another supervisor has it, or it cannot be written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "lock").open("a+")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise Unusable(
            f"another `sluice up` (process {owner}) is using {data_dir}; stop it, or choose another --data-dir"
        ) from None
    except OSError as error:
        raise Unusable(
            f"the data directory {data_dir} cannot be used ({error.strerror}); choose another with --data-dir"
        ) from error
    return lock


def provide_settings_file(path: Path) -> None:
    """Give the local stack a copy of the demo's projects and keys, unless it has projects and keys already."""
    if path.exists():
        return
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(Path(demo_settings_file()).read_bytes())
    unfinished.replace(path)


def refuse_full_disk(data_dir: Path, least_free_bytes: int = LEAST_FREE_BYTES) -> None:
    """Raise `Unusable` if the data directory's disk has too little room to start."""
    free_bytes = shutil.disk_usage(data_dir).free
    if free_bytes < least_free_bytes:
        raise Unusable(
            f"the disk of {data_dir.absolute()} has {free_bytes / 1e6:.0f} MB left, and the local stack needs "
            f"{least_free_bytes / 1e6:.0f} MB; make room, or choose another --data-dir"
        )


def refuse_taken_ports(settings: UpSettings, roles: Collection[str]) -> None:
    """Raise `Unusable` naming the first port that one of these roles needs and another process has."""
    listeners = {
        "gateway": (settings.gateway_host, settings.gateway_port, "the gateway", "--gateway-port"),
        "clickhouse": (settings.clickhouse_host, settings.clickhouse_port, "ClickHouse", "--clickhouse-port"),
        "broker": (settings.kafka_host, settings.kafka_port, "the Kafka broker", "--kafka-port"),
    }
    for role, (host, port, what, option) in listeners.items():
        if role in roles:
            refuse_taken_port(host, port, what, option)
