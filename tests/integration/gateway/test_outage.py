"""The broker hangs, dies, comes back: clients are told to come back, and nothing that was refused appears later."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from typing import TYPE_CHECKING

import aiohttp
import pytest
from tests.integration.gateway.process import GatewayProcess
from tests.integration.gateway.reading import read_topic
from tests.integration.stack import DidNotStart, RoleProcess

from sluice.contract import ndjson, raw, topics
from sluice.kafka.topics import create_topics
from sluice.local.kafka.port import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

LOAD = {"Authorization": "Bearer pulse_prod_load"}
DEADLINE_S = 2.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RoleProcess]:
    port = free_port()
    process = RoleProcess("broker", tmp_path, {"SLUICE_KAFKA_PORT": str(port), "SLUICE_DATA_DIR": str(tmp_path)})
    process.start()
    yield process
    process.kill()


@pytest.fixture
def bootstrap(broker: RoleProcess) -> str:
    return f"127.0.0.1:{broker._environment['SLUICE_KAFKA_PORT']}"


@pytest.fixture
async def gateway(bootstrap: str, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    await create_topics(bootstrap, topics.ALL, partitions=2, replication=1)
    deadline_ms = str(int(DEADLINE_S * 1000))
    process = GatewayProcess(tmp_path, bootstrap, SLUICE_GATEWAY_PUBLISH_DEADLINE_MS=deadline_ms)
    process.start()
    yield process
    process.stop()


class Sender:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self.answers: dict[str, int] = {}

    async def send(self, name: str) -> int:
        event = {"site_id": "a", "event_type": "e", "timestamp": int(time.time() * 1000), "session_id": name}
        async with self._session.post(self._url + "/collect", data=json.dumps(event)) as answer:
            assert answer.status in {202, 503}
            if answer.status == 503:
                assert int(answer.headers["Retry-After"]) > 0
                assert (await answer.json())["success"] is False
            self.answers[name] = answer.status
            return answer.status

    async def until_ready(self, ready: bool) -> None:
        async with asyncio.timeout(30):
            while True:
                async with self._session.get(self._url + "/ready") as answer:
                    if (answer.status == 200) == ready:
                        return
                await asyncio.sleep(0.05)


async def stored(bootstrap: str) -> list[str]:
    values = [value for values in (await read_topic(bootstrap, topics.RAW.name, 2)).values() for value in values]
    lines = [raw.decode(line) for value in values for line in ndjson.split(value)]
    return sorted(json.loads(bytes(line.event))["session_id"] for line in lines)


async def test_a_dead_broker_is_answered_with_503_and_found_again_without_a_restart(
    broker: RoleProcess, bootstrap: str, gateway: GatewayProcess
):
    async with aiohttp.ClientSession(headers=LOAD) as session:
        sender = Sender(session, gateway.url)
        assert await sender.send("before") == 202
        broker.kill()
        started = time.monotonic()
        assert await asyncio.gather(*(sender.send(f"dead{number}") for number in range(5))) == [503] * 5
        assert time.monotonic() - started < DEADLINE_S + 2
        started = time.monotonic()
        assert await sender.send("at once") == 503
        assert time.monotonic() - started < 1
        await sender.until_ready(False)
        broker.start()
        await sender.until_ready(True)
        assert await sender.send("after") == 202
        assert gateway.terminate() == 0
    assert await stored(bootstrap) == ["after", "before"]
    assert "Traceback" not in gateway.log_text()


async def test_a_broker_that_hangs_and_goes_on_is_used_again(
    broker: RoleProcess, bootstrap: str, gateway: GatewayProcess
):
    async with aiohttp.ClientSession(headers=LOAD) as session:
        sender = Sender(session, gateway.url)
        assert await sender.send("before") == 202
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            assert await sender.send("hanging") == 503
            assert await sender.send("refused at once") == 503
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        await sender.until_ready(True)
        assert await sender.send("after") == 202
    found = await stored(bootstrap)
    # What was under way when the broker stopped may have been written: nobody can know. Nothing comes twice.
    assert [name for name in found if name != "hanging"] == ["after", "before"]
    assert found.count("hanging") <= 1


async def test_a_short_restart_costs_time_and_no_request(broker: RoleProcess, bootstrap: str, tmp_path: Path):
    await create_topics(bootstrap, topics.ALL, partitions=2, replication=1)
    gateway = GatewayProcess(tmp_path, bootstrap, SLUICE_GATEWAY_PUBLISH_DEADLINE_MS="60000")
    gateway.start()
    try:
        async with aiohttp.ClientSession(headers=LOAD) as session:
            sender = Sender(session, gateway.url)
            assert await sender.send("before") == 202
            broker.stop()
            during = [asyncio.create_task(sender.send(f"during{number}")) for number in range(5)]
            await asyncio.to_thread(broker.start)
            assert await asyncio.gather(*during) == [202] * 5
    finally:
        gateway.stop()
    assert await stored(bootstrap) == ["before", *(f"during{number}" for number in range(5))]


async def until_it_waits_for_kafka(gateway: GatewayProcess) -> None:
    async with asyncio.timeout(60):
        while not gateway.log.exists() or gateway.log_text().count("does not answer; trying again") < 2:
            await asyncio.sleep(0.05)


async def test_a_gateway_that_starts_while_kafka_is_away_waits_for_it(
    broker: RoleProcess, bootstrap: str, tmp_path: Path
):
    await create_topics(bootstrap, topics.ALL, partitions=2, replication=1)
    broker.stop()
    gateway = GatewayProcess(tmp_path, bootstrap)
    started = asyncio.create_task(asyncio.to_thread(gateway.start))
    try:
        await until_it_waits_for_kafka(gateway)
        await asyncio.to_thread(broker.start)
        await started
        async with aiohttp.ClientSession(headers=LOAD) as session:
            assert await Sender(session, gateway.url).send("after") == 202
    finally:
        gateway.stop()
    assert await stored(bootstrap) == ["after"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_gateway_that_waits_for_kafka_ends_when_it_is_asked_to(tmp_path: Path, number: signal.Signals):
    gateway = GatewayProcess(tmp_path, f"127.0.0.1:{free_port()}")
    started = asyncio.create_task(asyncio.to_thread(gateway.start))
    try:
        await until_it_waits_for_kafka(gateway)
        os.kill(gateway.pid, number)
        with pytest.raises(DidNotStart, match="ended with code 0"):
            await started
    finally:
        gateway.stop()
    assert "Traceback" not in gateway.log_text()
