"""What the processors remember under some keys, as it was committed last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka import TopicPartition

from sluice.contract import topics
from sluice.kafka.reader import reading
from sluice.processors.state import Entry

if TYPE_CHECKING:
    from collections.abc import Collection

STATE = b"s"
"""How the keys of the changelog begin that belong to the state."""


async def entries_of(bootstrap: str, partition: int, keys: Collection[bytes]) -> dict[bytes, Entry]:
    """Read a partition's changelog from its start, and give the entries of these keys.

    Raises `Retry` while Kafka is away.
    """
    wanted = {STATE + key for key in keys}
    entries: dict[bytes, Entry] = {}
    if not wanted:
        return entries
    changelog = TopicPartition(topics.CHANGELOG.name, partition)
    async with reading(bootstrap, changelog) as consumer:
        await consumer.seek_to_beginning(changelog)
        end = (await consumer.end_offsets([changelog]))[changelog]
        while await consumer.position(changelog) < end:
            batches = await consumer.getmany(changelog, timeout_ms=1000)
            for record in batches.get(changelog, ()):
                if record.key not in wanted:
                    continue
                key = record.key[len(STATE) :]
                if record.value is None:
                    entries.pop(key, None)
                else:
                    entries[key] = Entry(record.value[8:], int.from_bytes(record.value[:8], "big"))
    return entries
