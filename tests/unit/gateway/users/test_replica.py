"""When a replica answers, when it does not, and when it reads everything again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.unit.gateway.users.fake_topic import PARTITIONS, Clock, FakeTopic

from sluice.contract.errors import Retry
from sluice.contract.routing import partition_of
from sluice.gateway.users import replica as module
from sluice.gateway.users.directory import KafkaUsers
from sluice.gateway.users.mark import LONGEST_ABSENCE_MS
from sluice.gateway.users.port import Identifier, Known, Link
from sluice.gateway.users.records import key_of, value_of
from sluice.gateway.users.replica import NOTE_MS, RECONNECT_MS, SILENT_MS, Replica
from sluice.gateway.users.store import KnownStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHECK_S", "FIRST_PAUSE_S", "LONGEST_PAUSE_S"):
        monkeypatch.setattr(module, name, 0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def topic(clock: Clock) -> FakeTopic:
    return FakeTopic(clock)


@asynccontextmanager
async def following(topic: FakeTopic, directory: Path) -> AsyncIterator[Replica]:
    """A replica that has been started; whether it is complete is for the test to see."""
    replica = Replica(KnownStore(directory), topic.connect, topic.clock)
    starting = asyncio.create_task(replica.start())
    try:
        yield replica
    finally:
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await replica.close()


@asynccontextmanager
async def complete(topic: FakeTopic, directory: Path) -> AsyncIterator[Replica]:
    async with following(topic, directory) as replica:
        await until(lambda: replica.ready)
        yield replica


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0)


async def some_turns() -> None:
    for _ in range(100):
        await asyncio.sleep(0)


def key(number: int) -> str:
    return key_of(Identifier("shop", "id", f"{number}"))


def write(topic: FakeTopic, numbers: range, user: str = "u") -> None:
    for number in numbers:
        topic.write(partition_of(key(number), PARTITIONS), key(number).encode(), value_of(Known(f"{user}{number}")))


def finds(replica: Replica, numbers: range, user: str = "u") -> bool:
    try:
        return all(replica.find(key(number)) == value_of(Known(f"{user}{number}")) for number in numbers)
    except Retry:
        return False


async def test_it_is_ready_once_it_has_read_what_the_log_held(topic: FakeTopic, tmp_path: Path):
    write(topic, range(50))
    topic.held = True
    async with following(topic, tmp_path) as replica:
        await some_turns()
        assert not replica.ready
        with pytest.raises(Retry, match="are being read"):
            replica.find(key(1))
        topic.held = False
        await until(lambda: replica.ready)
        assert finds(replica, range(50))
        assert replica.find(key(50)) is None


async def test_its_start_returns_once_it_is_ready(topic: FakeTopic, tmp_path: Path):
    write(topic, range(50))
    topic.held = True
    replica = Replica(KnownStore(tmp_path), topic.connect, topic.clock)
    starting = asyncio.create_task(replica.start())
    await some_turns()
    assert not starting.done()
    topic.held = False
    await starting
    assert replica.ready
    await replica.close()


async def test_it_goes_on_with_what_comes_later(topic: FakeTopic, tmp_path: Path):
    async with complete(topic, tmp_path) as replica:
        write(topic, range(50))
        await until(lambda: finds(replica, range(50)))
        write(topic, range(1), "other")
        await until(lambda: finds(replica, range(1), "other"))


async def test_a_long_log_is_applied_piece_by_piece(
    topic: FakeTopic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "LOAD_CHANGES", 1000)
    topic.at_most = 300
    write(topic, range(5000))
    async with complete(topic, tmp_path) as replica:
        assert finds(replica, range(5000))
        assert replica.records_read == 5000


async def test_it_begins_where_it_stopped(topic: FakeTopic, tmp_path: Path):
    write(topic, range(50))
    async with complete(topic, tmp_path):
        pass
    write(topic, range(50, 53))
    async with complete(topic, tmp_path) as replica:
        assert finds(replica, range(53))
        assert replica.records_read == 3


async def test_a_load_that_was_interrupted_is_continued(
    topic: FakeTopic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "LOAD_CHANGES", 1000)
    topic.at_most = 300
    write(topic, range(5000))
    async with following(topic, tmp_path) as replica:
        await until(lambda: replica.records_read >= 3000)
    async with complete(topic, tmp_path) as replica:
        assert finds(replica, range(5000))
        assert replica.records_read < 5000


async def test_away_it_answers_from_what_it_knows_but_is_not_ready(topic: FakeTopic, clock: Clock, tmp_path: Path):
    write(topic, range(5))
    async with complete(topic, tmp_path) as replica:
        topic.away = True
        clock.now_ms += SILENT_MS
        await some_turns()
        assert not replica.ready
        assert finds(replica, range(5))
        topic.away = False
        await until(lambda: replica.ready)


async def test_after_a_long_silence_it_connects_again(topic: FakeTopic, clock: Clock, tmp_path: Path):
    async with complete(topic, tmp_path) as replica:
        topic.held = True  # connected, and nothing comes
        clock.now_ms += RECONNECT_MS + 1
        await until(lambda: topic.connections > 1)
        topic.held = False
        await until(lambda: replica.ready)


async def test_a_broker_that_is_away_at_the_start_is_waited_for(topic: FakeTopic, tmp_path: Path):
    write(topic, range(5))
    topic.away = True
    async with following(topic, tmp_path) as replica:
        await some_turns()
        assert not replica.ready
        topic.away = False
        await until(lambda: replica.ready)
        assert finds(replica, range(5))


async def test_a_topic_that_is_made_anew_is_read_from_its_start_in_one_loud_line(
    topic: FakeTopic, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    write(topic, range(5))
    async with complete(topic, tmp_path) as replica:
        topic.make_anew()
        write(topic, range(100, 200))  # longer than the old one was
        await until(lambda: finds(replica, range(100, 200)))
        assert replica.find(key(1)) is None
        assert replica.ready
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "the known users are read again from the start: the topic was made anew"
    ]


async def test_a_topic_that_was_made_anew_meanwhile_is_read_from_its_start(topic: FakeTopic, tmp_path: Path):
    write(topic, range(5))
    async with complete(topic, tmp_path):
        pass
    topic.make_anew()
    write(topic, range(100, 200))
    async with complete(topic, tmp_path) as replica:
        assert finds(replica, range(100, 200))
        assert replica.find(key(1)) is None


async def test_a_log_that_was_cut_short_is_read_from_its_start(topic: FakeTopic, tmp_path: Path):
    write(topic, range(20))
    async with complete(topic, tmp_path) as replica:
        for log in topic.partitions:
            del log[3:]
        await until(lambda: replica.ready and replica.records_read == 26)
        assert replica.next_offsets() == {0: 3, 1: 3}


async def test_who_was_away_for_long_reads_everything_again(topic: FakeTopic, clock: Clock, tmp_path: Path):
    write(topic, range(5))
    async with complete(topic, tmp_path):
        pass
    clock.now_ms += LONGEST_ABSENCE_MS
    async with complete(topic, tmp_path) as replica:
        assert replica.records_read == 5


async def test_who_has_been_following_was_not_away_though_nothing_came(
    topic: FakeTopic, clock: Clock, tmp_path: Path
):
    write(topic, range(5))
    async with complete(topic, tmp_path) as replica:
        for _ in range(3):
            clock.now_ms += LONGEST_ABSENCE_MS // 2
            await some_turns()
        assert replica.records_read == 5
    clock.now_ms += NOTE_MS
    async with complete(topic, tmp_path) as replica:
        assert replica.records_read == 0


async def test_a_machine_that_slept_for_long_reads_everything_again(topic: FakeTopic, clock: Clock, tmp_path: Path):
    write(topic, range(5))
    async with complete(topic, tmp_path) as replica:
        clock.now_ms += LONGEST_ABSENCE_MS
        await until(lambda: replica.ready and replica.records_read == 10)


async def test_a_disk_that_is_full_is_waited_for(topic: FakeTopic, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    store = KnownStore(tmp_path)
    replica = Replica(store, topic.connect, topic.clock)
    await replica.start()
    store._writer.execute("PRAGMA max_page_count = 1")
    write(topic, range(2000))
    await until(lambda: "full" in caplog.text)
    store._writer.execute("PRAGMA max_page_count = 1000000")
    await until(lambda: finds(replica, range(2000)))
    await replica.close()


async def test_nothing_of_a_log_that_is_doubted_outlasts_the_new_beginning(topic: FakeTopic, tmp_path: Path):
    async with complete(topic, tmp_path) as replica:
        topic.on_connect = topic.make_anew
        write(topic, range(1))  # it is read, but not applied any more
        replica.distrust("because")
        await until(lambda: replica.ready)
        assert replica.records_read == 1
        assert replica.find(key(0)) is None
        assert replica.next_offsets() == {0: 0, 1: 0}


class Saving:
    """A directory over the replica, whose publisher writes to the same topic."""

    def __init__(self, topic: FakeTopic, replica: Replica, deadline_s: float = 5.0) -> None:
        self.users = KafkaUsers(topic, PARTITIONS, replica, deadline_s=deadline_s)

    async def save(self, number: int, user: str) -> None:
        await self.users.save([Link(Identifier("shop", "id", f"{number}"), Known(user))])

    def find(self, number: int) -> Known | None:
        return self.users.find(Identifier("shop", "id", f"{number}"))


async def test_a_save_returns_when_it_has_been_read_back(topic: FakeTopic, tmp_path: Path):
    async with complete(topic, tmp_path) as replica:
        directory = Saving(topic, replica)
        topic.held = True
        saving = asyncio.create_task(directory.save(1, "u1"))
        await some_turns()
        assert not saving.done()
        assert directory.find(1) is None
        topic.held = False
        await saving
        assert directory.find(1) == Known("u1")


async def test_a_save_that_does_not_come_back_in_time_is_to_be_tried_again(topic: FakeTopic, tmp_path: Path):
    async with complete(topic, tmp_path) as replica:
        topic.held = True
        with pytest.raises(Retry, match="has not come back"):
            await Saving(topic, replica, deadline_s=0.01).save(1, "u1")


async def test_a_record_without_a_known_place_cannot_be_read_back(topic: FakeTopic, tmp_path: Path):
    async with complete(topic, tmp_path) as replica:

        async def placeless(partition: int, value: bytes, key: bytes | None = None) -> int:
            return -1

        topic.publish = placeless  # type: ignore[method-assign, assignment]
        with pytest.raises(Retry, match="does not say where"):
            await Saving(topic, replica).save(1, "u1")
        assert replica.ready


async def test_all_of_a_save_is_found_when_it_returns(topic: FakeTopic, tmp_path: Path):
    topic.at_most = 1
    async with complete(topic, tmp_path) as replica:
        links = [Link(Identifier("shop", "id", f"{number}"), Known("u1")) for number in range(20)]
        users = KafkaUsers(topic, PARTITIONS, replica)
        await users.save(links)
        assert [users.find(link.identifier) for link in links] == [Known("u1")] * 20


async def test_a_new_record_before_what_was_read_makes_the_replica_read_again(
    topic: FakeTopic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "CHECK_S", 3600)
    write(topic, range(50))
    async with complete(topic, tmp_path) as replica:
        directory = Saving(topic, replica)
        topic.held = True  # the reader sees nothing of it
        topic.make_anew()
        saving = asyncio.create_task(directory.save(77, "u77"))
        await some_turns()
        write(topic, range(100, 300))  # now the log is longer than the old one was
        assert not saving.done()
        with pytest.raises(Retry):
            directory.find(1)
        topic.held = False
        await saving
        await until(lambda: replica.ready)
        assert directory.find(77) == Known("u77")
        assert directory.find(1) is None
        assert finds(replica, range(100, 300))
