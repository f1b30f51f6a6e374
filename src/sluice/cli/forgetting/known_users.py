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
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sluice.cli.forgetting.people import Names


NO_PROJECT = "-"
"""What no project is called."""


class KnownUsers:
    """The known users of one project, of the cluster at `bootstrap`. Raises `Retry` while Kafka is away."""

    def __init__(self, bootstrap: str, project: str) -> None:
        self._bootstrap = bootstrap
        self._prefix = f"{project}/".encode()
        self._log = Log(bootstrap, topics.USERS_KNOWN.name)

    async def read(self) -> Known:
        """Give whom each name means now."""
        latest: dict[bytes, bytes | None] = {}
        held = await self._log.ranges()

        async def one(partition: int) -> None:
            async with self._log.opened(partition) as log:
                async for records in log.records(held[partition], at_once=5_000):
                    for record in records:
                        if record.key is not None and record.key.startswith(self._prefix):
                            latest[record.key] = record.value

        await side_by_side(held, one)
        return Known(latest)

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


class Known:
    """The latest record of each key. They are many, so they are kept as they are, and read each time."""

    def __init__(self, latest: Mapping[bytes, bytes | None]) -> None:
        self._latest = {key: value for key, value in latest.items() if value is not None}

    def anybody(self) -> bool:
        """Tell whether there is any name."""
        return any(True for _ in self._tied())

    def ties(self) -> Iterator[Names]:
        """Give what each key ties together: the name that it is, and the names of its user."""
        for _, names in self._tied():
            yield names

    def tied_to(self, names: Names) -> dict[str, Names]:
        """Give the keys that tie any of these names to others, and what each ties together."""
        return {key: tied for key, tied in self._tied() if not tied.isdisjoint(names)}

    def _tied(self) -> Iterator[tuple[str, Names]]:
        for sent, value in self._latest.items():
            try:
                change_of(sent, value)
            except Foreign:  # no gateway wrote it
                continue
            key, known = sent.decode(), known_of(value)
            yield key, frozenset(filter(None, (key.split("/", 2)[2], known.user_id, known.email)))
