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
    anonymous_id: str | None = None,
    by_user: bool = False,
    rule: tuple[str, str] | None = None,
    dedup_id: str | None = None,
) -> str | None:
    """Give the routing key of an event, or None where any partition will do.

    `user` is who an email open is counted for: the user's id or address. Where neither is known it is `anonymous_id`,
    which may read like another's user id. `by_user` events change that user, or are deduplicated or counted among
    the user's own. `rule` is the name of a project's own rule that the event comes under, and the event's key for it.
    `dedup_id` is the request's Idempotency-Key. Names of projects and rules hold no slash, so keys of two kinds or
    projects never meet.
    """
    if event_type == CONFIRMATION and order_id:
        return f"{order_prefix(project)}{order_id}"
    if event_type == EMAIL_OPEN and (of_user := _user_key(project, user, anonymous_id)):
        return of_user
    if rule:
        name, value = rule
        return f"{rule_prefix(project, name)}{value}"
    if by_user and (of_user := _user_key(project, user, anonymous_id)):
        return of_user
    if dedup_id:
        return f"{project}/id/{dedup_id}"
    return None


def order_prefix(project: str) -> str:
    """Give how the routing keys of a project's orders begin."""
    return f"{project}/order/"


def user_prefix(project: str) -> str:
    """Give how the routing keys of a project's users begin, whose id or address is known."""
    return f"{project}/user/"


def anonymous_prefix(project: str) -> str:
    """Give how the routing keys of a project's users begin of whom only an anonymous id is known."""
    return f"{project}/anonymous/"


def user_prefixes(project: str) -> tuple[str, str]:
    """Give how any routing key begins under which a project's events are counted for each user."""
    return user_prefix(project), anonymous_prefix(project)


def rule_prefix(project: str, name: str) -> str:
    """Give how the routing keys of a project's own rule begin."""
    return f"{project}/rule/{name}/"


def _user_key(project: str, user: str | None, anonymous_id: str | None) -> str | None:
    if user:
        return f"{user_prefix(project)}{user}"
    return f"{anonymous_prefix(project)}{anonymous_id}" if anonymous_id else None


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
