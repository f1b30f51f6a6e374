"""Reading a topic from its start to its end."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer, TopicPartition

from sluice.kafka.reader import stop


async def read_topic(bootstrap: str, topic: str, partitions: int) -> dict[int, list[bytes]]:
    """Every record's value by partition, in the order of offsets; partitions without any are left out."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", fetch_max_bytes=1 << 27)
    try:
        await consumer.start()
        assigned = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(assigned)
        ends = await consumer.end_offsets(assigned)
        found: dict[int, list[bytes]] = {}
        while any([await consumer.position(partition) < ends[partition] for partition in assigned]):
            for partition, records in (await consumer.getmany(timeout_ms=1000)).items():
                found.setdefault(partition.partition, []).extend(record.value for record in records)
        return found
    finally:
        await stop(consumer)
