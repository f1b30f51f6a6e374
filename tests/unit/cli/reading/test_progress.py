"""How far the processors are, read from the end of their changelog."""

from __future__ import annotations

from tests.unit.cli.reading.partition_log import Committed, MemoryPartitionLog

from sluice.cli.reading.progress import last_marker
from sluice.processors.changelog import records_of
from sluice.processors.journal import Marker
from sluice.processors.state import Entry


def changelog(*commits: tuple[int, int]) -> Committed:
    """Commits up to an offset, with so many changes of state each."""
    committed = Committed()
    for offset, changes in commits:
        entries = {str(number).encode(): Entry(b"v") for number in range(changes)}
        committed.add(*records_of(entries, Marker("t", offset)))
    return committed


async def found(committed: Committed, start: int = 0) -> tuple[Marker | None, list[range]]:
    log = MemoryPartitionLog(committed.records)
    return await last_marker(log, range(start, committed.stop)), log.asked


async def test_the_last_marker_counts():
    assert await found(changelog((3, 0), (9, 0))) == (Marker("t", 9), [range(4)])


async def test_only_the_end_is_read():
    committed = changelog(*((offset, 1) for offset in range(100)))
    assert await found(committed) == (Marker("t", 99), [range(292, 300)])


async def test_more_is_read_while_no_marker_is_there():
    committed = changelog((3, 2))
    for offset in range(committed.stop, committed.stop + 20):
        committed.records.pop(offset, None)
    committed.stop += 20
    assert await found(committed) == (Marker("t", 3), [range(16, 24), range(24)])


async def test_a_changelog_without_a_marker_has_none():
    assert await found(Committed()) == (None, [range(0)])
    assert await found(changelog((3, 0)), start=2) == (None, [range(2, 2)])
