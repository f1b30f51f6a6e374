"""What the processors remember under some keys, as it was committed last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.cli.reading.log import Log
from sluice.contract import topics
from sluice.processors.changelog import changes_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from sluice.processors.state import Entry


async def entries_of(bootstrap: str, partition: int, keys: Collection[bytes]) -> dict[bytes, Entry]:
    """Read a partition's changelog from its start, and give the entries of these keys.

    Raises `Retry` while Kafka is away.
    """
    log = Log(bootstrap, topics.CHANGELOG.name)
    held = (await log.ranges())[partition]
    latest: dict[bytes, Entry | None] = {}
    async with log.opened(partition) as changelog:
        async for records in changelog.records(held):
            changes = changes_of(records).entries
            latest |= {key: changes[key] for key in changes.keys() & keys}
    return {key: entry for key, entry in latest.items() if entry is not None}
