"""The known users on a real broker: the same suite as the twin in memory, and what only a broker can do to them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from tests.conformance.users_suite import ANN, BOB, UsersSuite, email, until, user_id
from tests.integration.stack import RoleProcess

from sluice.contract.errors import Retry, Unusable
from sluice.contract.routing import partition_of
from sluice.contract.topics import USERS_KNOWN, Topic
from sluice.gateway.users import replica
from sluice.gateway.users.directory import KafkaUsers, known_users
from sluice.gateway.users.port import Identifier, Known, Link
from sluice.gateway.users.records import key_of, value_of
from sluice.gateway.users.store import FILE
from sluice.kafka.topics import create_topics
from sluice.local.kafka.port import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

PARTITIONS = 3
DEADLINE_S = 2.0


class Broker(RoleProcess):
    """A broker of these tests' own, since it is stopped and killed."""

    def __init__(self, directory: Path) -> None:
        port = free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        super().__init__("broker", directory, {"SLUICE_KAFKA_PORT": str(port), "SLUICE_DATA_DIR": str(directory)})

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    process = Broker(tmp_path_factory.mktemp("broker"))
    process.start()
    yield process
    process.kill()


@pytest.fixture
async def topic(broker: Broker) -> str:
    """A topic of this test's own."""
    made = Topic(f"{USERS_KNOWN.name}.{uuid4().hex[:8]}", USERS_KNOWN.max_bytes, USERS_KNOWN.config)
    await create_topics(broker.bootstrap, [made], partitions=PARTITIONS, replication=1)
    return made.name


class OnKafka:
    def __init__(self, users: KafkaUsers, broker: Broker) -> None:
        self.users = users
        self._broker = broker

    def away(self) -> None:
        self._broker.freeze()

    def back(self) -> None:
        self._broker.thaw()


class TestKafkaUsers(UsersSuite):
    @pytest.fixture
    async def known(self, broker: Broker, topic: str, tmp_path: Path) -> AsyncIterator[OnKafka]:
        async with known_users(broker.bootstrap, tmp_path / "users", topic=topic, deadline_s=DEADLINE_S) as users:
            yield OnKafka(users, broker)
            broker.thaw()


class OpenUsers(Protocol):
    def __call__(self, name: str = ...) -> AbstractAsyncContextManager[KafkaUsers]: ...


@pytest.fixture
def open_users(broker: Broker, topic: str, tmp_path: Path) -> OpenUsers:
    """Opens this test's users; each name stands for a gateway with a directory of its own."""
    return lambda name="first": known_users(broker.bootstrap, tmp_path / name, topic=topic, deadline_s=DEADLINE_S)


def links(count: int, start: int = 0) -> list[Link]:
    return [Link(user_id(f"{number}"), Known(f"u{number}")) for number in range(start, start + count)]


def all_found(users: KafkaUsers, expected: list[Link]) -> bool:
    return all(users.find(link.identifier) == link.known for link in expected)


async def test_whoever_starts_again_reads_only_what_is_new(open_users: OpenUsers):
    async with open_users("other") as other:
        async with open_users() as users:
            await users.save(links(500))
        await other.save(links(20, start=500))
        async with open_users() as users:
            assert all_found(users, links(520))
            assert users.records_read == 20
    async with open_users() as users:
        assert all_found(users, links(520))
        assert users.records_read == 0


async def test_whoever_has_lost_its_disk_reads_everything(open_users: OpenUsers, tmp_path: Path):
    async with open_users() as users:
        await users.save(links(500))
    shutil.rmtree(tmp_path / "first")
    async with open_users() as users:
        assert users.records_read == 500
        assert all_found(users, links(500))


async def test_a_gateway_knows_everybody_once_it_is_open_and_not_before(
    open_users: OpenUsers, broker: Broker, topic: str
):
    everybody = links(30_000)
    await write(broker, topic, {key_of(each.identifier): value_of(each.known) for each in everybody})
    async with open_users() as users:
        assert all_found(users, everybody)


async def test_what_one_gateway_saves_all_others_find(open_users: OpenUsers):
    async with open_users("first") as first, open_users("second") as second:
        await first.save([Link(email("ann@example.com"), ANN)])
        await until(lambda: second.find(email("ann@example.com")) == ANN)
        await second.save([Link(email("ann@example.com"), BOB)])
        await until(lambda: first.find(email("ann@example.com")) == BOB)


async def test_two_gateways_may_not_share_a_directory(open_users: OpenUsers):
    async with open_users():
        with pytest.raises(Unusable, match="give each gateway a SLUICE_GATEWAY_DATA_DIR of its own"):
            async with open_users():
                pass


async def test_without_the_topic_there_are_no_users(broker: Broker, tmp_path: Path):
    with pytest.raises(Unusable, match=r"no topic users\.known\.missing: .* `sluice topics create`"):
        async with known_users(broker.bootstrap, tmp_path, topic="users.known.missing"):
            pass


async def test_without_a_broker_there_are_no_users(tmp_path: Path):
    with pytest.raises(Unusable, match="does not answer"):
        async with known_users("127.0.0.1:1", tmp_path, deadline_s=1):
            pass


async def test_a_record_without_a_value_forgets(open_users: OpenUsers, broker: Broker, topic: str):
    async with open_users() as users:
        await users.save(links(2))
        await write(broker, topic, {"shop/id/0": None})
        await until(lambda: users.find(user_id("0")) is None)
        assert users.find(user_id("1")) == Known("u1")


async def test_foreign_records_are_skipped_counted_and_logged(
    open_users: OpenUsers, broker: Broker, topic: str, caplog: pytest.LogCaptureFixture
):
    await write(broker, topic, {"shop/id/1": b"not JSON", "shop": b"{}"})
    async with open_users() as users:
        assert users.foreign_records == 2
        await users.save([Link(user_id("1"), ANN)])
        assert users.find(user_id("1")) == ANN
    assert "skipped what is no known user" in caplog.text


async def test_a_broker_that_was_killed_costs_time_and_nothing_else(open_users: OpenUsers, broker: Broker):
    async with open_users() as users:
        await users.save(links(10))
        broker.kill()
        with pytest.raises(Retry):
            await users.save(links(1, start=100))
        await asyncio.to_thread(broker.start)
        await until(lambda: users.ready)
        await users.save(links(10, start=10))
        assert all_found(users, links(20))
        assert users.records_read in {20, 21}  # what was refused may have been written


async def test_a_broker_that_was_dead_for_long_is_found_again(
    open_users: OpenUsers, broker: Broker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(replica, "CHECK_S", 0.1)
    monkeypatch.setattr(replica, "RECONNECT_MS", 500)
    async with open_users() as users:
        await users.save(links(10))
        broker.kill()
        # It gives its connection up, with requests under way, and looks for another one.
        await until(lambda: "sluice.gateway.users.replica" in {record.name for record in caplog.records})
        await asyncio.to_thread(broker.start)
        await until(lambda: users.ready)
        await users.save(links(10, start=10))
        assert all_found(users, links(20))


async def test_a_topic_that_is_made_anew_under_a_running_gateway_is_read_from_its_start(
    open_users: OpenUsers,
    broker: Broker,
    topic: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(replica, "CHECK_S", 0.1)
    async with open_users() as users:
        await users.save(links(10))
        await make_anew(broker, topic)
        await until(lambda: found_or_retry(users, user_id("1")) is None)
        await until(lambda: users.ready)
        await save_again_and_again(users, links(2, start=5))
        assert [users.find(link.identifier) for link in links(10)] == [None] * 5 + [Known("u5"), Known("u6")] + [
            None
        ] * 3
    assert "read again from the start" in caplog.text


async def test_a_topic_that_is_made_anew_shows_in_the_first_save(
    open_users: OpenUsers, broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(replica, "CHECK_S", 3600)
    async with open_users() as users:
        for number in range(10):
            await users.save(links(10, start=number))  # each partition is further than the new one will be
        await make_anew(broker, topic)
        await save_again_and_again(users, links(1, start=50))
        assert users.find(user_id("50")) == Known("u50")
        assert users.find(user_id("1")) is None


async def test_a_topic_that_was_made_anew_between_two_starts_is_read_from_its_start(
    open_users: OpenUsers, broker: Broker, topic: str
):
    async with open_users() as users:
        await users.save(links(10))
    await make_anew(broker, topic)
    async with open_users("other") as other:
        await other.save(links(20, start=100))
        async with open_users() as users:
            assert users.find(user_id("1")) is None
            assert all_found(users, links(20, start=100))


async def test_a_file_that_is_damaged_under_a_running_gateway_is_made_anew(
    open_users: OpenUsers, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    async with open_users() as users:
        await users.save(links(5000))
    with (tmp_path / "first" / FILE).open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(4096 * 4)
        file.write(b"\xff" * (size - 4096 * 4))
    async with open_users() as users:
        assert any(isinstance(found_or_retry(users, link.identifier), Retry) for link in links(5000))
        await until(lambda: users.ready)
        assert all_found(users, links(5000))
    assert "damaged" in caplog.text


async def write(broker: Broker, topic: str, records: dict[str, bytes | None]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        sent = [
            await producer.send(topic, value, key.encode(), partition_of(key, PARTITIONS))
            for key, value in records.items()
        ]
        await asyncio.gather(*sent)


@asynccontextmanager
async def administering(broker: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def make_anew(broker: Broker, topic: str) -> None:
    async with administering(broker) as admin:
        await admin.delete_topics([topic])
    made = Topic(topic, USERS_KNOWN.max_bytes, USERS_KNOWN.config)
    async with asyncio.timeout(30):
        while not (await create_topics(broker.bootstrap, [made], partitions=PARTITIONS, replication=1))[topic]:
            await asyncio.sleep(0.05)


def found_or_retry(users: KafkaUsers, identifier: Identifier) -> Known | Retry | None:
    try:
        return users.find(identifier)
    except Retry as retry:
        return retry


async def save_again_and_again(users: KafkaUsers, new: list[Link]) -> None:
    """Save as a client does that is told to come back."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(Retry):
                await users.save(new)
                return
            await asyncio.sleep(0.1)
