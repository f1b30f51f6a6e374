"""Going through rejected events, page by page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from tests import factories
from tests.unit.cli.replaying.events import MemoryOriginals, MemoryTable, kept

from sluice.cli.replaying import candidates
from sluice.cli.replaying.candidates import Candidates, Order, Survey, fitting, survey
from sluice.cli.replaying.filters import Filters
from sluice.cli.replaying.lines import Outgoing
from sluice.contract import raw

if TYPE_CHECKING:
    from sluice.cli.replaying.lines import Refused
    from sluice.cli.replaying.rows import Kept


def bot(number: int, **changes: Any) -> Kept:
    return kept(factories.raw_line(number=number, received_at=factories.NOW + number // 2), **changes)


async def gone_through(
    table: MemoryTable, originals: MemoryOriginals | None = None, limit: int | None = None
) -> list[Outgoing | Refused]:
    order = Order(Filters(), 3, limit)
    found = Candidates(table, originals or MemoryOriginals(), 4, order)
    return [one async for page in found.pages() for one in page]


def numbers(found: list[Outgoing | Refused]) -> list[int]:
    return [UUID(one.row.event_id).int for one in found if isinstance(one, Outgoing)]


def reason(found: list[Outgoing | Refused]) -> str:
    [refused] = found
    assert not isinstance(refused, Outgoing)
    return refused.reason


async def test_where_nothing_is_rejected_there_is_nothing_to_do():
    assert await gone_through(MemoryTable()) == []


async def test_events_come_in_the_order_in_which_they_were_received(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(candidates, "PAGE_ROWS", 3)
    table = MemoryTable([bot(number) for number in (5, 2, 7, 1, 4, 3, 6)])
    assert numbers(await gone_through(table)) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(("limit", "expected"), [(1, [1]), (3, [1, 2, 3]), (4, [1, 2, 3, 4]), (9, [1, 2, 3, 4, 5])])
async def test_a_limit_counts_what_is_sent(monkeypatch: pytest.MonkeyPatch, limit: int, expected: list[int]):
    monkeypatch.setattr(candidates, "PAGE_ROWS", 3)
    table = MemoryTable([bot(number) for number in range(1, 6)])
    assert numbers(await gone_through(table, limit=limit)) == expected


@pytest.mark.parametrize("page_rows", [1, 2, 3, 100])
async def test_a_limit_does_not_count_what_is_refused(monkeypatch: pytest.MonkeyPatch, page_rows: int):
    monkeypatch.setattr(candidates, "PAGE_ROWS", page_rows)
    table = MemoryTable([bot(1, stored=True), bot(2), bot(3, stored=True), bot(4), bot(5)])
    assert numbers(await gone_through(table, limit=2)) == [2, 4]


async def test_a_page_holds_no_more_than_so_many_bytes(monkeypatch: pytest.MonkeyPatch):
    rows = [bot(number) for number in range(1, 6)]
    monkeypatch.setattr(candidates, "PAGE_BYTES", 2 * rows[0].candidate.size)
    table = MemoryTable(rows)
    assert numbers(await gone_through(table)) == [1, 2, 3, 4, 5]
    assert table.given == [2, 2, 1]


@pytest.mark.parametrize(
    ("sizes", "limit", "count"),
    [([], 5, 0), ([5], 5, 1), ([6], 5, 1), ([6, 1], 5, 1), ([1, 4], 5, 2), ([1, 5], 5, 1), ([0, 0], 0, 2)],
)
def test_as_many_fit_as_there_is_room_for_and_one_at_least(sizes: list[int], limit: int, count: int):
    assert fitting(sizes, limit) == count


async def test_what_may_not_be_sent_in_again_says_why():
    assert reason(await gone_through(MemoryTable([bot(1, stored=True)]))) == "it was sent in again since, and stored"


async def test_what_is_of_somebody_forgotten_is_not_sent_in_again():
    forgotten, other = bot(1), bot(2)
    table = MemoryTable([forgotten, other], forgotten_ids={forgotten.candidate.row.event_id})
    found = await gone_through(table)
    assert numbers(found) == [2]
    assert "was to be forgotten" in reason(found[:1])


async def test_what_clickhouse_refused_comes_from_events_raw():
    line = factories.raw_line()
    refused = kept(line, stage="sink", outcome="invalid")._replace(raw_line=b"")
    originals = MemoryOriginals({refused.candidate.row.source: raw.encode(line)})
    [found] = await gone_through(MemoryTable([refused]), originals)
    assert isinstance(found, Outgoing)
    assert (found.line.id, found.line.replay) == (line.id, 1)


async def test_what_events_raw_does_not_hold_any_more_is_gone():
    refused = kept(factories.raw_line(), stage="sink", outcome="invalid")._replace(raw_line=b"")
    assert "events.raw does not hold it any more" in reason(await gone_through(MemoryTable([refused])))


def unreadable(number: int = 1) -> Kept:
    """What could not be read when it was decided, and can be today."""
    line = factories.raw_line(number=number)
    found = kept(line, project="", event_id=str(UUID(int=1000 + number)), outcome="invalid")
    return found._replace(raw_line=b"", payload=raw.encode(line))


async def test_what_can_be_read_today_is_sent_under_its_own_id():
    [found] = await gone_through(MemoryTable([unreadable(7)]))
    assert isinstance(found, Outgoing)
    assert (found.line.id, found.line.replay) == (str(UUID(int=7)), 1)


async def test_what_can_be_read_today_and_was_sent_since_is_not_sent_again():
    table = MemoryTable([unreadable(7)], ids={str(UUID(int=7))})
    assert reason(await gone_through(table)) == f"it was sent in again since, as event {UUID(int=7)}"


async def test_an_event_that_is_known_as_itself_is_no_hindrance():
    assert numbers(await gone_through(MemoryTable([bot(7)], ids={str(UUID(int=7))}))) == [7]


async def test_an_event_is_not_taken_for_a_line_of_the_same_id_that_can_be_read_today():
    found = await gone_through(MemoryTable([bot(7), unreadable(7)], ids={str(UUID(int=7))}))
    assert (numbers(found), len(found)) == ([7], 2)


async def test_one_that_cannot_be_made_ready_does_not_keep_the_others():
    broken = bot(2)._replace(payload=b"no json")
    found = await gone_through(MemoryTable([bot(1), broken, bot(3)]))
    assert (numbers(found), len(found)) == ([1, 3], 3)


async def test_a_survey_counts_what_would_be_sent_and_why_the_rest_would_not(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(candidates, "PAGE_ROWS", 2)
    rows = [bot(1), bot(2), bot(3, stored=True), bot(4, outcome="duplicate"), bot(5, replay=3), bot(6, stored=True)]
    found = await survey(MemoryTable(rows), Order(Filters(), 3, None))
    assert (found.ready, found.staying) == (2, {"duplicate": 1})
    assert found.refused == {
        "it was sent in again since, and stored": 2,
        "it was sent in again 3 times; --max-replays allows no more": 1,
    }


async def test_a_survey_of_nothing_finds_nothing():
    assert await survey(MemoryTable(), Order(Filters(), 3, 5)) == Survey(0, Counter(), {})


@pytest.mark.parametrize(("limit", "ready"), [(1, 1), (2, 2), (3, 2)])
async def test_a_survey_says_no_more_than_the_limit(limit: int, ready: int):
    assert (await survey(MemoryTable([bot(1), bot(2)]), Order(Filters(), 3, limit))).ready == ready
