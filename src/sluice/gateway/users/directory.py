"""The known users of a deployment: written to the log that all gateways read, found in a replica of it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from sluice.contract.errors import Retry
from sluice.contract.routing import partition_of
from sluice.contract.topics import USERS_KNOWN
from sluice.gateway.publishing.kafka import KafkaPublisher
from sluice.gateway.users.log import open_log
from sluice.gateway.users.records import change_of, key_of, known_of, value_of
from sluice.gateway.users.replica import Replica
from sluice.gateway.users.store import KnownStore
from sluice.role.clock import system_clock
from sluice.role.ready import say_status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from sluice.gateway.publishing.port import Publisher
    from sluice.gateway.users.port import Identifier, Known, Link

BATCH_BYTES = USERS_KNOWN.max_bytes // 4
"""What cannot be compressed must fit a record too."""


@asynccontextmanager
async def known_users(
    bootstrap: str,
    directory: Path,
    *,
    topic: str = USERS_KNOWN.name,
    deadline_s: float = 10.0,
    say: Callable[[str], None] = say_status,
) -> AsyncIterator[KafkaUsers]:
    """Open the known users of the cluster at `bootstrap`, with their replica in `directory`, once it is complete.

    `say` is told how far a long load has come, as `LoadReport` does.

    Raises `Unusable` when Kafka does not answer, the topic does not exist, or the directory cannot be used.
    """
    publisher = KafkaPublisher(bootstrap, topic=topic, batch_bytes=BATCH_BYTES, deadline_s=deadline_s)
    try:
        partitions = await publisher.start()
        connect = partial(open_log, bootstrap, topic, partitions)
        replica = Replica(KnownStore(directory), connect, system_clock, say)
        try:
            await replica.start()
            yield KafkaUsers(publisher, partitions, replica, deadline_s=deadline_s)
        finally:
            await replica.close()
    finally:
        await publisher.close()


class KafkaUsers:
    """See `sluice.gateway.users.port.UserDirectory`.

    `publisher` is one to the log, which has `partitions`; `deadline_s` is how long saving may take.
    """

    def __init__(self, publisher: Publisher, partitions: int, replica: Replica, *, deadline_s: float = 10.0) -> None:
        self._publisher = publisher
        self._partitions = partitions
        self._replica = replica
        self._deadline_s = deadline_s

    @property
    def ready(self) -> bool:
        """Whether users can be found and saved now, as far as is known."""
        return self._replica.ready and self._publisher.ready

    @property
    def records_read(self) -> int:
        """How many records the replica has read since this process started."""
        return self._replica.records_read

    @property
    def foreign_records(self) -> int:
        """How many of them were none of ours, and were skipped."""
        return self._replica.foreign_records

    def find(self, identifier: Identifier) -> Known | None:
        """Look one up in the replica."""
        value = self._replica.find(key_of(identifier))
        return None if value is None else known_of(value)

    async def save(self, links: Sequence[Link]) -> None:
        """Write links to the log, each on its key's partition, and wait until the replica has read them back."""
        read_before = self._replica.next_offsets()
        deadline = asyncio.get_running_loop().time() + self._deadline_s
        latest = {link.identifier: link.known for link in links}
        written = await asyncio.gather(
            *(self._publish(identifier, known) for identifier, known in latest.items()), return_exceptions=True
        )
        last: dict[int, int] = {}
        for place in written:
            if isinstance(place, BaseException):
                raise place
            partition, offset = place
            last[partition] = max(offset, last.get(partition, 0))
            if offset < read_before.get(partition, 0):
                self._replica.distrust(f"a new record of partition {partition} stands before what was read already")
        try:
            async with asyncio.timeout_at(deadline):
                for partition, offset in last.items():
                    await self._replica.passed(partition, offset)
        except TimeoutError as error:
            raise Retry("What was saved has not come back from Kafka") from error

    async def _publish(self, identifier: Identifier, known: Known) -> tuple[int, int]:
        key = key_of(identifier)
        record = change_of(key.encode(), value_of(known))
        partition = partition_of(key, self._partitions)
        offset = await self._publisher.publish(partition, record.value or b"", record.key)
        if offset < 0:
            raise Retry("Kafka does not say where it has put a known user")
        return partition, offset
