"""Making the topics of a deployment, and refusing one that was made otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from sluice.contract.errors import Retry, Unusable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.contract.topics import Topic


async def create_topics(
    bootstrap: str, topics: Sequence[Topic], *, partitions: int, replication: int
) -> dict[str, bool]:
    """Create the topics that do not exist yet; give for each name whether it was created now.

    `partitions` is the one count of a deployment, for all topics; `replication` is the number of copies.

    Raises `Unusable` when a topic exists with another count of partitions: growth is a migration, because every
    ledger and all state are bound to a partition's number. Raises `Retry` while the broker cannot be asked.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        existing = await _partition_counts(admin, {topic.name for topic in topics})
        _refuse_other_counts(existing, partitions)
        missing = [topic for topic in topics if topic.name not in existing]
        if missing:
            await _create(admin, missing, partitions, replication)
        return {topic.name: topic.name not in existing for topic in topics}
    except (KafkaError, OSError) as error:
        raise Retry(f"Kafka at {bootstrap} does not answer") from error
    finally:
        await admin.close()


async def _partition_counts(admin: AIOKafkaAdminClient, names: set[str]) -> dict[str, int]:
    present = sorted(names & set(await admin.list_topics()))
    if not present:
        return {}
    return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics(present)}


def _refuse_other_counts(existing: dict[str, int], partitions: int) -> None:
    for name, count in sorted(existing.items()):
        if count != partitions:
            raise Unusable(
                f"topic {name} has {count} partitions, not {partitions}: it is fixed when a deployment is made; "
                f"set SLUICE_PARTITIONS={count}"
            )


async def _create(admin: AIOKafkaAdminClient, topics: Sequence[Topic], partitions: int, replication: int) -> None:
    answer = await admin.create_topics(
        [NewTopic(topic.name, partitions, replication, topic_configs=topic.kafka_config()) for topic in topics]
    )
    for name, code, *message in answer.topic_errors:
        # Another process may create the same topic at the same moment.
        if code and code != TopicAlreadyExistsError.errno:
            reason = message[0] if message and message[0] else for_code(code).__name__
            raise Unusable(f"Kafka refuses to create topic {name}: {reason}")
