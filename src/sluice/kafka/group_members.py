"""Who is in a consumer group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code

from sluice.contract.errors import Retry

if TYPE_CHECKING:
    from collections.abc import Sequence


async def members_of(bootstrap: str, group: str) -> Sequence[str]:
    """Give where each member of a group runs, as the broker sees it; nothing where there is no such group.

    One that was killed stays a member until its session has timed out. Raises `Retry` while Kafka cannot be asked.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        [answer] = await admin.describe_consumer_groups([group])
    except (KafkaError, OSError) as error:
        raise Retry(f"Kafka at {bootstrap} does not answer: {error!r}") from error
    finally:
        await admin.close()
    [(code, _, _, _, _, members, *_)] = answer.groups
    if code:
        raise Retry(f"Kafka does not tell who is in the group {group}: {for_code(code).__name__}")
    return [_host(member) for member in members]


def _host(member: Any) -> str:
    _, _, host, *_ = member
    return str(host).removeprefix("/")
