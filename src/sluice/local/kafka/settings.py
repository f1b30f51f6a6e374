"""Settings of the embedded broker."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pydantic import Field

from sluice.role.settings import RoleSettings


def _user_cache() -> Path:
    """Give the directory that the XDG base directory specification names for caches, with `sluice` in it."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "sluice"
    except RuntimeError:  # neither HOME nor an entry in the password database, as in some containers
        return Path(tempfile.gettempdir()) / f"sluice-{os.getuid()}"


class BrokerSettings(RoleSettings):
    """Where the embedded broker listens, keeps its data and finds its jars."""

    kafka_host: str = Field("127.0.0.1", description="Address on which the embedded broker listens.")
    kafka_port: int = Field(9092, ge=1, le=65535, description="Port on which the embedded broker listens.")
    kafka_heap_mb: int = Field(
        256, ge=128, le=8192, description="Most that the embedded broker's Java heap may grow to, in MiB."
    )
    data_dir: Path = Field(Path(".sluice"), description="Directory that holds all data of the local stack.")
    cache_dir: Path = Field(
        default_factory=_user_cache,
        description="Directory that keeps the broker's jars for all checkouts of one user.",
    )
    maven_repository: str | None = Field(
        None, description="URL of a Maven repository to use in place of Maven Central."
    )
