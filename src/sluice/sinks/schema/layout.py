"""Where the schema lives: on one server, or on every replica of a cluster.

Migrations are templates (`string.Template`); a layout fills them in. Their text for a single server is what they are
known by in `sluice.migrations`, whatever the layout.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import Template

_CLUSTER_NAME = re.compile(r"[A-Za-z0-9_.{}-]+")


@dataclass(frozen=True)
class SingleServer:
    """One ClickHouse, whose tables are plain MergeTree."""

    def render(self, template: str) -> str:
        """Fill a template in. The window counts blocks: without one, a repeated block is stored twice."""
        return Template(template).substitute(
            on_cluster="", replicated="", deduplication_window="non_replicated_deduplication_window = 1000000"
        )


@dataclass(frozen=True)
class Cluster:
    """One shard whose replicas hold the same rows.

    `name` stands in the servers' `remote_servers`, or is a macro such as "{cluster}". Paths and names of replicas are
    the servers' defaults (`default_replica_path`, `default_replica_name`).

    Raises `ValueError` for what cannot be a name.
    """

    name: str

    def __post_init__(self) -> None:
        if not _CLUSTER_NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name of a cluster: letters, digits and _ . - {'{}'} make one")

    def render(self, template: str) -> str:
        """Fill a template in. Keeper holds a node for each block of a window, so it is smaller than on one server.

        Seconds count from the latest block, and by default end after an hour.
        """
        return Template(template).substitute(
            on_cluster=f" ON CLUSTER '{self.name}'",
            replicated="Replicated",
            deduplication_window="replicated_deduplication_window = 100000,"
            " replicated_deduplication_window_seconds = 2592000",
        )


Layout = SingleServer | Cluster


def layout_of(cluster: str) -> Layout:
    """Give the layout for a cluster's name; an empty one means a single server."""
    return Cluster(cluster) if cluster else SingleServer()
