"""Routing keys and partitions: two events that share a state key must meet on one partition.

State is local to a partition. So a confirmation is routed by its order, whatever is limited by user by its user,
and everything else by the client's own deduplication id; an event with none of them may go to any partition.
"""

from __future__ import annotations

CONFIRMATION = "confirmation"
EMAIL_OPEN = "email_open"


def routing_key(
    project: str,
    event_type: str,
    *,
    order_id: str | None = None,
    user: str | None = None,
    by_user: bool = False,
    dedup_id: str | None = None,
) -> str | None:
    """Give the routing key of an event, or None where any partition will do.

    `user` is who an email open is counted for. `by_user` events change that user, or are deduplicated among the
    user's own. `dedup_id` is the request's Idempotency-Key. A project's name holds no slash, so keys of two kinds
    or projects never meet.
    """
    if event_type == CONFIRMATION and order_id:
        return f"{project}/order/{order_id}"
    if (by_user or event_type == EMAIL_OPEN) and user:
        return f"{project}/user/{user}"
    if dedup_id:
        return f"{project}/id/{dedup_id}"
    return None


def partition_of(key: str, partitions: int) -> int:
    """Give the partition of a routing key: the same as Kafka's Java client gives for the key's UTF-8 bytes."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Hash bytes to an unsigned 32-bit number as `org.apache.kafka.common.utils.Utils.murmur2` does."""
    length = len(data)
    mix = 0x5BD1E995
    hashed = 0x9747B28C ^ length
    whole = length & ~3
    for start in range(0, whole, 4):
        word = (int.from_bytes(data[start : start + 4], "little") * mix) & 0xFFFFFFFF
        word = ((word ^ (word >> 24)) * mix) & 0xFFFFFFFF
        hashed = ((hashed * mix) & 0xFFFFFFFF) ^ word
    if length > whole:
        hashed = ((hashed ^ int.from_bytes(data[whole:], "little")) * mix) & 0xFFFFFFFF
    hashed = ((hashed ^ (hashed >> 13)) * mix) & 0xFFFFFFFF
    return hashed ^ (hashed >> 15)
