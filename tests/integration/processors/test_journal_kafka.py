"""The journal on the real broker and the real disk: what breaks, and what a store must read again."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from tests.conformance.journal_cluster import KafkaCluster
from tests.factories import TOPIC, processed_line

from sluice.contract import ndjson, processed
from sluice.contract.durations import HOUR_MS
from sluice.contract.errors import Retry, Unusable
from sluice.contract.topics import MIB
from sluice.processors.changelog import LONGEST_ABSENCE_MS
from sluice.processors.decide import RESULTS_BYTES
from sluice.processors.journal import Marker
from sluice.processors.state import Entry
from sluice.processors.state_rocksdb import RocksState
from sluice.role.clock import system_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.integration.stack import Stack

    from sluice.processors.changelog import Position
    from sluice.processors.journal import Journal

PARTITION = 0
DEADLINE_S = 30.0


@pytest.fixture
async def cluster(stack: Stack, tmp_path: Path) -> AsyncIterator[KafkaCluster]:
    cluster = KafkaCluster(stack.kafka_bootstrap, tmp_path)
    await cluster.create_topics()
    yield cluster
    await cluster.close()


class Applied(NamedTuple):
    changes: int
    marker: Marker | None


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> list[Applied]:
    """What all stores were asked to apply."""
    seen: list[Applied] = []
    apply = RocksState.apply

    def noted(self: RocksState, changes: Mapping[bytes, Entry | None], marker: Marker | None, at: Position) -> None:
        seen.append(Applied(len(changes), marker))
        apply(self, changes, marker, at)

    monkeypatch.setattr(RocksState, "apply", noted)
    return seen


def changes(applied: list[Applied]) -> int:
    return sum(one.changes for one in applied)


def key(n: int) -> bytes:
    return n.to_bytes(16, "big")


def value(offset: int) -> bytes:
    return ndjson.join([processed.encode(processed_line(offset))])


async def remember(journal: Journal, changes: Mapping[bytes, Entry | None], offset: int = 0) -> None:
    await journal.commit(PARTITION, [value(offset)], changes, Marker(TOPIC, offset))


async def test_a_transaction_that_the_broker_refuses_in_part_leaves_neither_output_nor_state(
    stack: Stack, tmp_path: Path
):
    cluster = KafkaCluster(stack.kafka_bootstrap, tmp_path)
    cluster.processed = replace(cluster.processed, max_bytes=MIB)
    await cluster.create_topics()
    cluster.processed = replace(cluster.processed, max_bytes=8 * MIB)  # so the producer lets it pass
    journal = cluster.journal()
    state = (await journal.open(PARTITION)).state
    await remember(journal, {key(1): Entry(b"before")})
    refused = ndjson.join([str(n).encode() * 9 for n in range(400_000)])
    with pytest.raises(Unusable, match=r"MessageSizeTooLarge.*: raise the topic's max\.message\.bytes"):
        await journal.commit(
            PARTITION, [value(1), refused], {key(1): Entry(b"no"), key(2): Entry(b"no")}, Marker(TOPIC, 1)
        )
    assert (state.get(key(1)), state.get(key(2))) == (Entry(b"before"), None)
    marker, state = await journal.open(PARTITION)
    assert (marker, state.get(key(1)), state.get(key(2))) == (Marker(TOPIC, 0), Entry(b"before"), None)
    await remember(journal, {key(2): Entry(b"after")}, 1)
    assert await cluster.output(PARTITION) == [value(0), value(1)]
    await journal.close(PARTITION)
    await cluster.close()


async def test_what_the_producer_itself_refuses_for_its_size_is_not_to_be_tried_again(cluster: KafkaCluster):
    journal = cluster.journal()
    await journal.open(PARTITION)
    with pytest.raises(Unusable, match=r"MessageSizeTooLarge.*: raise the topic's max\.message\.bytes"):
        await journal.commit(PARTITION, [b"x" * cluster.processed.max_bytes], {}, Marker(TOPIC, 0))
    assert (await journal.open(PARTITION)).marker is None
    await journal.close(PARTITION)


async def test_as_much_as_the_decisions_on_a_record_come_to_can_be_written(cluster: KafkaCluster):
    journal = cluster.journal()
    await journal.open(PARTITION)
    noise = Random(7).randbytes(RESULTS_BYTES)  # which does not get smaller
    await journal.commit(PARTITION, [noise], {}, Marker(TOPIC, 0))
    await journal.close(PARTITION)
    assert await cluster.output(PARTITION) == [noise]


async def test_a_commit_that_is_cut_off_at_any_moment_took_place_with_all_it_holds_or_not_at_all(
    cluster: KafkaCluster,
):
    journal = cluster.journal()
    await journal.open(PARTITION)
    expected: list[bytes] = []
    for n in range(12):
        committing = asyncio.create_task(remember(journal, {key(n): Entry(b"v")}, n))
        await asyncio.wait([committing], timeout=n * 0.004)
        committing.cancel()
        await asyncio.wait([committing])
        marker, state = await journal.open(PARTITION)
        took_place = marker == Marker(TOPIC, n)
        assert state.get(key(n)) == (Entry(b"v") if took_place else None)
        expected += [value(n)] if took_place else []
        assert await cluster.output(PARTITION) == expected
    await journal.close(PARTITION)


async def test_a_commit_that_takes_too_long_is_to_be_tried_again(cluster: KafkaCluster):
    journal = cluster.journal(transaction_timeout_ms=1)
    journal = replace(journal, request_timeout_ms=10_000)
    await journal.open(PARTITION)
    with pytest.raises(Retry, match="broke its transaction off"):
        await remember(journal, {key(1): Entry(b"v")})
    await journal.close(PARTITION)


async def test_where_the_disk_failed_after_the_commit_the_state_is_caught_up(
    cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch
):
    journal = cluster.journal()
    await journal.open(PARTITION)

    def fail(*_: object) -> None:
        raise Retry("no space left")

    with monkeypatch.context() as full:
        full.setattr(RocksState, "apply", fail)
        with pytest.raises(Retry, match="no space left"):
            await remember(journal, {key(1): Entry(b"v")})
    marker, state = await journal.open(PARTITION)
    assert (marker, state.get(key(1))) == (Marker(TOPIC, 0), Entry(b"v"))
    assert await cluster.output(PARTITION) == [value(0)]
    await journal.close(PARTITION)


async def test_a_restart_reads_nothing_that_the_disk_has(cluster: KafkaCluster, applied: list[Applied]):
    journal = cluster.journal()
    await journal.open(PARTITION)
    await remember(journal, {key(n): Entry(b"v") for n in range(100)})
    await journal.close(PARTITION)
    applied.clear()
    journal = cluster.journal()
    assert (await journal.open(PARTITION)).state.get(key(99)) == Entry(b"v")
    assert changes(applied) == 0
    await journal.close(PARTITION)


async def test_a_partition_that_comes_back_reads_only_what_others_changed(
    cluster: KafkaCluster, applied: list[Applied]
):
    one, other = cluster.journal(), cluster.journal("other")
    await one.open(PARTITION)
    await remember(one, {key(n): Entry(b"v") for n in range(100)})
    await other.open(PARTITION)
    await remember(other, {key(1): Entry(b"new"), key(2): None}, 1)
    applied.clear()
    state = (await one.open(PARTITION)).state
    assert changes(applied) == 2
    assert [state.get(key(n)) for n in range(4)] == [Entry(b"v"), Entry(b"new"), None, Entry(b"v")]
    await one.close(PARTITION)
    await other.close(PARTITION)


@pytest.mark.parametrize("away_ms", [-LONGEST_ABSENCE_MS - HOUR_MS, LONGEST_ABSENCE_MS])
async def test_a_store_that_was_away_for_so_long_that_it_may_have_missed_a_forgetting_is_read_again(
    cluster: KafkaCluster, applied: list[Applied], caplog: pytest.LogCaptureFixture, away_ms: int
):
    journal = cluster.journal(clock=lambda: system_clock() - away_ms)
    await journal.open(PARTITION)
    await remember(journal, {key(1): Entry(b"v")})
    await journal.close(PARTITION)
    applied.clear()
    journal = cluster.journal()
    assert (await journal.open(PARTITION)).state.get(key(1)) == Entry(b"v")
    assert changes(applied) == 1
    assert "read from the start: it was last complete 1" in caplog.text
    await journal.close(PARTITION)


async def test_a_changelog_that_was_made_anew_brings_its_own_state(
    cluster: KafkaCluster, caplog: pytest.LogCaptureFixture
):
    journal = cluster.journal()
    await journal.open(PARTITION)
    await remember(journal, {key(1): Entry(b"v")})
    await journal.close(PARTITION)
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    await admin.start()
    await admin.delete_topics([cluster.changelog.name])
    async with asyncio.timeout(DEADLINE_S):
        while cluster.changelog.name in await admin.list_topics():
            await asyncio.sleep(0.1)
    await admin.close()
    await cluster.create_topics()
    journal = cluster.journal()
    marker, state = await journal.open(PARTITION)
    assert (marker, state.get(key(1))) == (None, None)
    assert "read from the start: the changelog was made anew" in caplog.text
    await journal.close(PARTITION)


async def test_a_store_that_is_damaged_is_read_again(cluster: KafkaCluster, caplog: pytest.LogCaptureFixture):
    journal = cluster.journal()
    await journal.open(PARTITION)
    await remember(journal, {key(1): Entry(b"v", 5)})
    await journal.close(PARTITION)
    for file in cluster.directory().glob("*/MANIFEST*"):
        file.write_bytes(b"\xff" * 100)
    marker, state = await journal.open(PARTITION)
    assert (marker, state.get(key(1)), state.forgettable(6, 1)) == (Marker(TOPIC, 0), Entry(b"v", 5), [key(1)])
    assert [r.levelname for r in caplog.records if "thrown away" in r.getMessage()] == [logging.getLevelName(40)]
    await journal.close(PARTITION)


async def test_two_workers_cannot_share_a_directory(cluster: KafkaCluster):
    journal = cluster.journal()
    with pytest.raises(Unusable, match="SLUICE_DATA_DIR"):
        type(journal.stores)(cluster.directory())


async def test_while_kafka_is_away_opening_is_to_be_tried_again_and_leaves_the_store_free(
    cluster: KafkaCluster,
):
    journal = cluster.journal()
    astray = replace(journal, bootstrap="127.0.0.1:1", _opened={})
    for _ in range(2):
        with pytest.raises(Retry, match=r"127\.0\.0\.1:1"):
            await astray.open(PARTITION)
    await journal.open(PARTITION)
    await journal.close(PARTITION)


async def test_a_follower_has_what_the_owner_commits_and_takes_over_without_reading(
    cluster: KafkaCluster, applied: list[Applied]
):
    owner, standby = cluster.journal(), cluster.journal("standby")
    await owner.open(PARTITION)
    await remember(owner, {key(1): Entry(b"before", 5)}, 1)
    following = asyncio.create_task(standby.follow(PARTITION))
    await remember(owner, {key(2): Entry(b"while"), key(1): None}, 2)
    async with asyncio.timeout(DEADLINE_S):
        while [one.marker for one in applied].count(Marker(TOPIC, 2)) < 2:  # the owner's, and the follower's
            await asyncio.sleep(0.05)
    following.cancel()
    await asyncio.wait([following])
    assert following.cancelled()
    applied.clear()
    marker, state = await standby.open(PARTITION)
    assert (marker, state.get(key(1)), state.get(key(2))) == (Marker(TOPIC, 2), None, Entry(b"while"))
    assert changes(applied) == 0
    await owner.close(PARTITION)
    await standby.close(PARTITION)


async def test_a_follower_does_not_see_what_is_not_committed_and_fences_nobody(cluster: KafkaCluster):
    owner, standby = cluster.journal(), cluster.journal("standby")
    await owner.open(PARTITION)
    following = asyncio.create_task(standby.follow(PARTITION))
    await remember(owner, {key(1): Entry(b"v")}, 1)
    committing = asyncio.create_task(remember(owner, {key(2): Entry(b"cut off")}, 2))
    await asyncio.wait([committing], timeout=0.005)
    committing.cancel()
    await asyncio.wait([committing])
    state = (await owner.open(PARTITION)).state
    await remember(owner, {key(3): Entry(b"v")}, 3)
    following.cancel()
    await asyncio.wait([following])
    taken = (await standby.open(PARTITION)).state
    assert taken.get(key(2)) == state.get(key(2))
    assert (taken.get(key(1)), taken.get(key(3))) == (Entry(b"v"), Entry(b"v"))
    await owner.close(PARTITION)
    await standby.close(PARTITION)
