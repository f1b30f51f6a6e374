"""`python -m sluice.local.kafka.lock` resolves the broker's jars anew and writes `jars.lock`.

The transitive resolution reads some hundred POM files and takes 15 to 20 seconds, and its result may drift with
the repository; so it is done here, once for each version, and every user gets exactly what was tested.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from sluice.local.kafka.jars import describe, render_lock

KAFKA_VERSION = "4.1.2"
WANTED = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    # Kafka's POM names no SLF4J binding, and without one the broker logs nothing. This one writes to stderr.
    "org.slf4j:slf4j-simple:1.7.36",
)
LOCK = Path(__file__).with_name("jars.lock")


def main() -> None:
    """Resolve, download, and write the lock beside this module."""
    from jgo.maven import MavenContext
    from jgo.parse import Coordinate

    with tempfile.TemporaryDirectory() as cache:
        context = MavenContext(repo_cache=Path(cache))
        wanted = [
            context.create_dependency(replace(Coordinate.parse(coordinate), scope="compile")) for coordinate in WANTED
        ]
        inputs, transitive = context.resolver.resolve(wanted)
        needed: list[Any] = [*inputs, *(d for d in transitive if d.scope in {"compile", "runtime"})]
        jars = {
            describe(f"{d.groupId}:{d.artifactId}:{d.version}", d.artifact.resolve())
            for d in needed
            if d.type == "jar" and not d.optional
        }
    header = ["Written by `python -m sluice.local.kafka.lock`; do not edit.", f"Resolved from {' '.join(WANTED)}"]
    LOCK.write_text(render_lock(jars, header))
    sys.stdout.write(f"{LOCK.name}: {len(jars)} jars, {sum(j.size_bytes for j in jars) / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main()
