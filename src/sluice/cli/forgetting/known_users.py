"""The names that gateways know users by: read from `users.known`, and taken back there."""

from __future__ import annotations

from itertools import count, islice
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from sluice.cli.reading.log import Log, side_by_side
from sluice.contract import topics
from sluice.contract.errors import Retry
from sluice.contract.routing import partition_of
from sluice.gateway.users.records import Foreign, change_of, known_of
from sluice.kafka.producer import abandon
from sluice.kafka.steady_client import make_steady

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sluice.cli.forgetting.people import Names


NO_PROJECT = "-"
"""What no project is called."""


class KnownUsers:
    """The known users of one project, of the cluster at `bootstrap`. Raises `Retry` while Kafka is away."""

    def __init__(self, bootstrap: str, project: str) -> None:
        self._bootstrap = bootstrap
        self._prefix = f"{project}/".encode()
        self._log = Log(bootstrap, topics.USERS_KNOWN.name)

    async def read(self) -> dict[str, Names]:
        """Give what each key ties together: the name that it is, and by which names its user goes."""
        found: dict[bytes, bytes | None] = {}
        held = await self._log.ranges()

        async def one(partition: int) -> None:
            async with self._log.opened(partition) as log:
                async for records in log.records(held[partition], at_once=5_000):
                    for record in records:
                        if record.key is not None and record.key.startswith(self._prefix):
                            found[record.key] = record.value

        await side_by_side(held, one)
        return {key.decode(): tied for key, value in found.items() if (tied := _tied(key, value))}

    async def forget(self, keys: Collection[str]) -> None:
        """Write for each key the record that makes it unknown, and return once all in-sync replicas have it."""
        partitions = len(await self._log.ranges())
        await self._write([(partition_of(key, partitions), key) for key in sorted(keys)])

    async def turn_over(self) -> None:
        """Write to each partition that a name is unknown which nobody has.

        Kafka closes a segment, and compacts it, only when something more is written.
        """
        partitions = await self._log.ranges()
        nobody = (f"{NO_PROJECT}/id/{number}" for number in count())
        by_partition = {partition_of(key, len(partitions)): key for key in islice(nobody, 100 * len(partitions))}
        await self._write(list(by_partition.items()))

    async def _write(self, unknown: Sequence[tuple[int, str]]) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all", enable_idempotence=True)
        make_steady(producer.client)
        try:
            await producer.start()
            for partition, key in unknown:
                await producer.send_and_wait(self._log.name, None, key.encode(), partition=partition)
        except (KafkaError, OSError) as error:
            raise Retry(f"Kafka at {self._bootstrap} does not answer: {error!r}") from error
        finally:
            await abandon(producer)


def _tied(key: bytes, value: bytes | None) -> Names | None:
    try:
        change = change_of(key, value)
    except Foreign:  # no gateway wrote it
        return None
    if change.value is None:
        return None
    known = known_of(change.value)
    _, _, name = key.decode().split("/", 2)
    return frozenset(filter(None, (name, known.user_id, known.email)))
