"""The gateway's process on a real broker: what was answered with 202 is on events.raw, byte for byte."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from typing import TYPE_CHECKING

import aiohttp
import pytest
from tests.conftest import PARTITIONS
from tests.integration.gateway.process import GatewayProcess
from tests.integration.gateway.reading import read_topic

from sluice.contract import ndjson, raw, topics
from sluice.contract.routing import partition_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.integration.stack import Stack

LOAD = {"Authorization": "Bearer pulse_prod_load"}


@pytest.fixture
async def gateway(deployment: Stack, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    process = GatewayProcess(tmp_path, deployment.kafka_bootstrap)
    process.start()
    yield process
    process.stop()


def event(run: str, number: int, **changes: object) -> bytes:
    fields = {"site_id": "a", "event_type": "click", "timestamp": int(time.time() * 1000), "session_id": run}
    return json.dumps(fields | {"number": number} | changes).encode()


async def lines_of(stack: Stack, run: str) -> dict[int, list[raw.RawLine]]:
    """The lines of one test by partition; others share the topic."""
    found: dict[int, list[raw.RawLine]] = {}
    for partition, values in (await read_topic(stack.kafka_bootstrap, topics.RAW.name, PARTITIONS)).items():
        ours = [line for value in values for line in ndjson.split(value) if run.encode() in line]
        found[partition] = [raw.decode(line) for line in ours]
    return found


async def test_every_accepted_event_is_there_once_as_it_was_sent(stack: Stack, gateway: GatewayProcess):
    sent = [event("exact", number, deep=[1, 2.50, "é\u0000"]) for number in range(1200)]
    async with aiohttp.ClientSession(headers=LOAD) as session:

        async def batch(events: list[bytes]) -> int:
            body = gzip.compress(b'{"events":[' + b",\n".join(events) + b"]}")
            async with session.post(
                gateway.url + "/collect/batch", data=body, headers={"Content-Encoding": "gzip"}
            ) as answer:
                return int((await answer.json())["accepted"])

        accepted = await asyncio.gather(*(batch(sent[start : start + 100]) for start in range(0, 1000, 100)))
        assert sum(accepted) == 1000

        async def single(text: bytes) -> int:
            async with session.post(gateway.url + "/collect", data=text) as answer:
                return answer.status

        assert set(await asyncio.gather(*map(single, sent[1000:]))) == {202}
    found = await lines_of(stack, "exact")
    assert sorted(bytes(line.event) for lines in found.values() for line in lines) == sorted(sent)
    assert len({line.id for lines in found.values() for line in lines}) == 1200


async def test_lines_with_a_routing_key_are_on_its_partition(stack: Stack, gateway: GatewayProcess):
    async with aiohttp.ClientSession(headers=LOAD) as session:
        for number in range(20):
            text = event("routed", number, event_type="confirmation", orderId=f"order-{number}")
            async with session.post(gateway.url + "/collect", data=text) as answer:
                assert answer.status == 202
    found = await lines_of(stack, "routed")
    assert sum(map(len, found.values())) == 20
    for partition, lines in found.items():
        for line in lines:
            assert line.key == f"load/order/order-{json.loads(bytes(line.event))['number']}"
            assert partition == partition_of(line.key, PARTITIONS)


async def test_an_event_of_10_mib_arrives(stack: Stack, gateway: GatewayProcess):
    text = event("large", 1, padding="x" * (10 * 1024 * 1024 - 200))
    async with (
        aiohttp.ClientSession(headers=LOAD) as session,
        session.post(
            gateway.url + "/collect", data=gzip.compress(text), headers={"Content-Encoding": "gzip"}
        ) as answer,
    ):
        assert answer.status == 202
    found = await lines_of(stack, "large")
    assert [bytes(line.event) for lines in found.values() for line in lines] == [text]


async def test_sigterm_finishes_what_is_in_flight(stack: Stack, gateway: GatewayProcess):
    """Every request gets an answer or no connection; every 202 is on the topic, and nothing else is."""
    accepted: list[bytes] = []
    stopping = asyncio.Event()

    async with aiohttp.ClientSession(headers=LOAD) as session:

        async def sender(name: int) -> None:
            number = 0
            while True:
                number += 1
                text = event("drained", number, sender=name)
                try:
                    async with session.post(gateway.url + "/collect", data=text) as answer:
                        assert answer.status == 202
                except aiohttp.ClientConnectionError:
                    assert stopping.is_set()
                    return
                accepted.append(text)

        senders = [asyncio.create_task(sender(name)) for name in range(8)]
        async with asyncio.timeout(10):
            while len(accepted) < 200:
                await asyncio.sleep(0.01)
        stopping.set()
        code = await asyncio.to_thread(gateway.terminate)
        await asyncio.gather(*senders)
    assert code == 0
    found = sorted(bytes(line.event) for lines in (await lines_of(stack, "drained")).values() for line in lines)
    assert [text for text in accepted if text not in found] == []
    assert len(found) == len(set(found))
