"""What every journal promises; run on the twin in memory and on the real Kafka with RocksDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.journal_cluster import KafkaCluster, MemoryCluster
from tests.factories import TOPIC, processed_line

from sluice.contract import ndjson, processed
from sluice.contract.errors import Fenced
from sluice.processors.journal import Marker
from sluice.processors.state import Entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from tests.conformance.journal_cluster import Cluster
    from tests.integration.stack import Stack

    from sluice.processors.journal import Journal
    from sluice.processors.state import State

PARTITION, OTHER_PARTITION = 0, 1


@pytest.fixture(params=["memory", "kafka"])
async def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cluster]:
    if request.param == "memory":
        yield MemoryCluster()
        return
    stack: Stack = request.getfixturevalue("stack")
    cluster = KafkaCluster(stack.kafka_bootstrap, tmp_path)
    await cluster.create_topics()
    yield cluster
    await cluster.close()


def values(*offsets: int) -> Sequence[bytes]:
    return [ndjson.join([processed.encode(processed_line(offset))]) for offset in offsets]


def key(n: int) -> bytes:
    return n.to_bytes(16, "big")


async def remember(journal: Journal, changes: Mapping[bytes, Entry | None], offset: int = 0) -> None:
    """Commit changes that come with no output."""
    await journal.commit(PARTITION, [], changes, Marker(TOPIC, offset))


async def opened(cluster: Cluster, worker: str = "one") -> tuple[Journal, State]:
    journal = cluster.journal(worker)
    return journal, (await journal.open(PARTITION)).state


async def rebuilt(cluster: Cluster, journal: Journal) -> tuple[Journal, State]:
    """Close a worker's journal, and open it again with nothing on its disk."""
    await journal.close(PARTITION)
    cluster.lose_disk()
    return await opened(cluster)


async def test_a_partition_of_which_nothing_was_decided_has_no_marker(cluster: Cluster):
    journal = cluster.journal()
    assert (await journal.open(PARTITION)).marker is None
    await journal.close(PARTITION)


async def test_a_commit_shows_its_output_and_its_marker(cluster: Cluster):
    journal = cluster.journal()
    await journal.open(PARTITION)
    await journal.commit(PARTITION, values(0, 1), {}, Marker(TOPIC, 1))
    await journal.commit(PARTITION, values(2), {}, Marker(TOPIC, 2))
    await journal.close(PARTITION)
    assert await cluster.output(PARTITION) == values(0, 1, 2)
    successor = cluster.journal()
    assert (await successor.open(PARTITION)).marker == Marker(TOPIC, 2)
    await successor.close(PARTITION)


async def test_whoever_opens_a_partition_fences_the_one_before(cluster: Cluster):
    paused, successor = cluster.journal("paused"), cluster.journal("successor")
    await paused.open(PARTITION)
    await paused.commit(PARTITION, values(0), {}, Marker(TOPIC, 0))
    assert (await successor.open(PARTITION)).marker == Marker(TOPIC, 0)
    with pytest.raises(Fenced):
        await paused.commit(PARTITION, values(1), {}, Marker(TOPIC, 1))
    await successor.commit(PARTITION, values(1), {}, Marker(TOPIC, 1))
    assert await cluster.output(PARTITION) == values(0, 1)
    await paused.close(PARTITION)
    await successor.close(PARTITION)


async def test_the_one_that_was_fenced_may_open_the_partition_again(cluster: Cluster):
    one, other = cluster.journal(), cluster.journal("other")
    await one.open(PARTITION)
    await other.open(PARTITION)
    await other.commit(PARTITION, values(0), {key(1): Entry(b"the other's")}, Marker(TOPIC, 0))
    marker, state = await one.open(PARTITION)
    assert (marker, state.get(key(1))) == (Marker(TOPIC, 0), Entry(b"the other's"))
    await one.commit(PARTITION, values(1), {}, Marker(TOPIC, 1))
    assert await cluster.output(PARTITION) == values(0, 1)
    await one.close(PARTITION)
    await other.close(PARTITION)


async def test_partitions_have_own_markers_states_and_owners(cluster: Cluster):
    one, other = cluster.journal(), cluster.journal("other")
    await one.open(PARTITION)
    state = (await other.open(OTHER_PARTITION)).state
    await one.commit(PARTITION, [], {key(1): Entry(b"one's")}, Marker(TOPIC, 5))
    await other.commit(OTHER_PARTITION, [], {}, Marker(TOPIC, 7))
    assert state.get(key(1)) is None
    await one.close(PARTITION)
    assert (await one.open(PARTITION)).marker == Marker(TOPIC, 5)
    await one.close(PARTITION)
    await other.close(OTHER_PARTITION)


async def test_what_was_closed_can_be_closed_again(cluster: Cluster):
    journal = cluster.journal()
    await journal.open(PARTITION)
    await journal.close(PARTITION)
    await journal.close(PARTITION)


async def test_a_partition_that_is_open_can_be_opened_again(cluster: Cluster):
    journal, _ = await opened(cluster)
    await remember(journal, {key(1): Entry(b"v")})
    marker, state = await journal.open(PARTITION)
    assert (marker, state.get(key(1))) == (Marker(TOPIC, 0), Entry(b"v"))
    await journal.close(PARTITION)


async def test_the_state_shows_what_was_committed_last(cluster: Cluster):
    journal, state = await opened(cluster)
    assert state.get(key(1)) is None
    await remember(journal, {key(1): Entry(b"first"), key(2): Entry(b"", 1), key(3): Entry(b"gone")})
    assert [state.get(key(n)) for n in (1, 2, 3)] == [Entry(b"first"), Entry(b"", 1), Entry(b"gone")]
    await remember(journal, {key(1): Entry(b"second", 2**60), key(3): None, key(4): None}, 1)
    assert [state.get(key(n)) for n in (1, 2, 3, 4)] == [Entry(b"second", 2**60), Entry(b"", 1), None, None]
    await journal.close(PARTITION)


async def test_keys_may_have_one_byte_or_64(cluster: Cluster):
    journal, state = await opened(cluster)
    entries = {b"s": Entry(b"1"), b"\x00": Entry(b"2", 5), b"\xff" * 64: Entry(b"3", 5), b"marker": Entry(b"4")}
    await remember(journal, entries)
    assert {k: state.get(k) for k in entries} == entries
    assert set(state.forgettable(6, 10)) == {b"\x00", b"\xff" * 64}
    journal, state = await rebuilt(cluster, journal)
    assert {k: state.get(k) for k in entries} == entries
    await journal.close(PARTITION)


async def test_the_state_outlives_its_journal(cluster: Cluster):
    journal, _ = await opened(cluster)
    await remember(journal, {key(1): Entry(b"v", 7)})
    await journal.close(PARTITION)
    journal, state = await opened(cluster)
    assert state.get(key(1)) == Entry(b"v", 7)
    await journal.close(PARTITION)


async def test_the_state_outlives_the_disk_that_it_was_on(cluster: Cluster):
    journal, _ = await opened(cluster)
    await remember(journal, {key(1): Entry(b"old", 7), key(2): Entry(b"v")}, 1)
    await remember(journal, {key(1): Entry(b"new", 8)}, 2)
    await journal.close(PARTITION)
    cluster.lose_disk()
    journal = cluster.journal()
    marker, state = await journal.open(PARTITION)
    assert (marker, state.get(key(1)), state.get(key(2))) == (Marker(TOPIC, 2), Entry(b"new", 8), Entry(b"v"))
    await journal.close(PARTITION)


async def test_the_state_goes_with_the_partition_from_worker_to_worker_and_back(cluster: Cluster):
    one, other = cluster.journal(), cluster.journal("other")
    await one.open(PARTITION)
    await remember(one, {key(1): Entry(b"one's"), key(2): Entry(b"stays"), key(3): Entry(b"to be forgotten")}, 1)
    await one.close(PARTITION)
    state = (await other.open(PARTITION)).state
    assert state.get(key(1)) == Entry(b"one's")
    await remember(other, {key(1): Entry(b"other's"), key(3): None}, 2)
    await other.close(PARTITION)
    marker, state = await one.open(PARTITION)
    assert marker == Marker(TOPIC, 2)
    assert [state.get(key(n)) for n in (1, 2, 3)] == [Entry(b"other's"), Entry(b"stays"), None]
    await one.close(PARTITION)


async def test_what_a_fenced_worker_committed_is_not_in_the_state(cluster: Cluster):
    paused, successor = cluster.journal("paused"), cluster.journal("successor")
    stale = (await paused.open(PARTITION)).state
    await remember(paused, {key(1): Entry(b"before")})
    state = (await successor.open(PARTITION)).state
    with pytest.raises(Fenced):
        await remember(paused, {key(1): Entry(b"too late"), key(2): Entry(b"too late")}, 1)
    assert (stale.get(key(1)), stale.get(key(2))) == (Entry(b"before"), None)
    assert (state.get(key(1)), state.get(key(2))) == (Entry(b"before"), None)
    await successor.close(PARTITION)
    marker, state = await paused.open(PARTITION)
    assert (marker, state.get(key(1)), state.get(key(2))) == (Marker(TOPIC, 0), Entry(b"before"), None)
    await paused.close(PARTITION)


async def test_what_was_forgotten_is_gone_after_a_rebuild_too(cluster: Cluster):
    journal, _ = await opened(cluster)
    await remember(journal, {key(1): Entry(b"v", 5), key(2): Entry(b"v", 5)}, 1)
    await remember(journal, {key(1): None}, 2)
    journal, state = await rebuilt(cluster, journal)
    assert (state.get(key(1)), state.get(key(2))) == (None, Entry(b"v", 5))
    assert state.forgettable(6, 10) == [key(2)]
    await journal.close(PARTITION)


async def test_forgettable_are_those_whose_time_lies_before_the_oldest_first(cluster: Cluster):
    journal, state = await opened(cluster)
    times = {key(1): 300, key(2): 1, key(3): 200, key(4): 0, key(5): 2**40}
    await remember(journal, {k: Entry(b"v", at) for k, at in times.items()})
    for _ in range(2):
        assert state.forgettable(0, 10) == []
        assert state.forgettable(1, 10) == []
        assert state.forgettable(2, 10) == [key(2)]
        assert state.forgettable(300, 10) == [key(2), key(3)]
        assert state.forgettable(301, 10) == [key(2), key(3), key(1)]
        assert state.forgettable(301, 2) == [key(2), key(3)]
        assert state.forgettable(-5, 10) == []
        assert state.forgettable(301, 0) == []
        assert state.forgettable(300, 10) == [key(2), key(3)]
        journal, state = await rebuilt(cluster, journal)
    await journal.close(PARTITION)


async def test_the_time_of_forgetting_is_that_of_the_latest_entry(cluster: Cluster):
    journal, state = await opened(cluster)
    await remember(journal, {key(1): Entry(b"v", 100), key(2): Entry(b"v", 100), key(3): Entry(b"v", 900)}, 1)
    await remember(journal, {key(1): Entry(b"v", 500), key(2): Entry(b"v"), key(3): Entry(b"v", 50)}, 2)
    for _ in range(2):
        assert state.forgettable(101, 10) == [key(3)]
        assert state.forgettable(1000, 10) == [key(3), key(1)]
        journal, state = await rebuilt(cluster, journal)
    await journal.close(PARTITION)


async def test_what_was_forgotten_is_not_forgettable_again_until_it_is_remembered(cluster: Cluster):
    journal, state = await opened(cluster)
    await remember(journal, {key(n): Entry(b"v", n) for n in range(1, 6)}, 1)
    forgotten = state.forgettable(4, 10)
    assert forgotten == [key(1), key(2), key(3)]
    await remember(journal, dict.fromkeys(forgotten), 2)
    assert state.forgettable(6, 10) == [key(4), key(5)]
    assert state.forgettable(4, 10) == []
    await remember(journal, {key(2): Entry(b"again", 2)}, 3)
    assert state.forgettable(4, 10) == [key(2)]
    assert state.forgettable(6, 10) == [key(2), key(4), key(5)]
    await journal.close(PARTITION)


async def test_a_commit_may_hold_ten_thousand_changes(cluster: Cluster):
    journal, state = await opened(cluster)
    changes = {key(n): Entry(n.to_bytes(200, "big"), n % 3) for n in range(10_000)}
    await journal.commit(PARTITION, values(0), changes, Marker(TOPIC, 1))
    await remember(journal, {key(n): None for n in range(0, 10_000, 2)}, 2)
    for _ in range(2):
        assert all(state.get(key(n)) == (changes[key(n)] if n % 2 else None) for n in range(10_000))
        journal, state = await rebuilt(cluster, journal)
    await journal.close(PARTITION)


async def test_a_value_may_be_large(cluster: Cluster):
    journal, state = await opened(cluster)
    large = Entry(bytes(range(256)) * 20_000, 1)
    await remember(journal, {key(0): Entry(b"before"), key(1): large, key(2): Entry(b"after")})
    for _ in range(2):
        assert [state.get(key(n)) for n in range(3)] == [Entry(b"before"), large, Entry(b"after")]
        journal, state = await rebuilt(cluster, journal)
    await journal.close(PARTITION)


async def test_changes_need_no_output_and_output_needs_no_changes(cluster: Cluster):
    journal, state = await opened(cluster)
    await journal.commit(PARTITION, [], {key(1): Entry(b"v")}, Marker(TOPIC, 0))
    await journal.commit(PARTITION, values(1), {}, Marker(TOPIC, 1))
    await journal.commit(PARTITION, [], {}, Marker(TOPIC, 2))
    assert await cluster.output(PARTITION) == values(1)
    marker, state = await journal.open(PARTITION)
    assert (marker, state.get(key(1))) == (Marker(TOPIC, 2), Entry(b"v"))
    await journal.close(PARTITION)
