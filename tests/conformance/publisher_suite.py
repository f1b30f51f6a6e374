"""What every publisher does, in memory or on a real broker.

A subclass gives a fixture `publishing`: a publisher with at least two partitions, and a way to read back.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sluice.gateway.publishing.port import Publisher

MIB = 1024 * 1024


class Publishing(Protocol):
    publisher: Publisher

    async def records(self) -> dict[int, list[bytes]]:
        """Every record's value by partition, in the order of offsets."""


class PublisherSuite:
    async def test_it_is_ready(self, publishing: Publishing):
        assert publishing.publisher.ready

    async def test_what_was_published_is_there_byte_for_byte_on_its_partition(self, publishing: Publishing):
        value = bytes(range(256)) * 8
        await publishing.publisher.publish(1, value)
        await publishing.publisher.publish(0, b'{"a":1}\n')
        assert await publishing.records() == {0: [b'{"a":1}\n'], 1: [value]}

    async def test_each_value_is_a_record_of_its_own(self, publishing: Publishing):
        values = [b"%d\n" % number for number in range(50)]
        await asyncio.gather(*(publishing.publisher.publish(0, value) for value in values))
        assert sorted((await publishing.records())[0]) == sorted(values)

    async def test_one_after_the_other_they_keep_their_order(self, publishing: Publishing):
        values = [b"%d\n" % number for number in range(20)]
        for value in values:
            await publishing.publisher.publish(1, value)
        assert (await publishing.records())[1] == values

    async def test_it_gives_each_records_offset_on_its_partition(self, publishing: Publishing):
        places = [await publishing.publisher.publish(partition, b"a") for partition in (0, 1, 0, 0, 1)]
        assert places == [0, 0, 1, 2, 1]

    async def test_the_largest_event_passes(self, publishing: Publishing):
        value = bytes(10 * MIB) + b"with what the gateway adds to it" * 1000
        await publishing.publisher.publish(0, value)
        assert (await publishing.records())[0] == [value]
