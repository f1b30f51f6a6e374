from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.gateway.users.fake_topic import FakeRecord

from sluice.gateway.users.applying import AT_ONCE, Applier
from sluice.gateway.users.log import Batch
from sluice.gateway.users.mark import Mark
from sluice.gateway.users.store import KnownStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANN = b'{"user_id":"u1","email":""}'
BOB = b'{"user_id":"u2","email":""}'


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KnownStore]:
    opened = KnownStore(tmp_path)
    opened.begin(Mark("id-1", 0, {0: 0}))
    yield opened
    opened.close()


@pytest.fixture
def applier(store: KnownStore) -> Iterator[Applier]:
    made = Applier(store)
    yield made
    made.close()


def batch(*changes: tuple[bytes | None, bytes | None], start: int = 0) -> Batch:
    records = [FakeRecord(0, start + index, key, value) for index, (key, value) in enumerate(changes)]
    return Batch(records, {0: start + len(changes)})


def key(number: int) -> bytes:
    return b"shop/id/%d" % number


async def test_of_each_key_the_latest_change_is_applied(applier: Applier, store: KnownStore):
    applier.gather(batch((key(1), ANN), (key(2), ANN), (key(1), BOB)))
    applier.gather(batch((key(2), None), (key(3), ANN), start=3))
    assert applier.pending == 3
    assert store.find(key(1)) is None
    assert await applier.apply() == {0: 5}
    assert [store.find(key(number)) for number in (1, 2, 3)] == [BOB, None, ANN]
    assert applier.pending == 0
    assert applier.records_read == 5


async def test_there_may_be_nothing_to_apply(applier: Applier):
    assert await applier.apply() == {}


async def test_foreign_records_are_counted_logged_and_passed(
    applier: Applier, store: KnownStore, caplog: pytest.LogCaptureFixture
):
    applier.gather(batch((None, ANN), (key(1), b"x"), (key(2), ANN), (b"x", ANN)))
    assert await applier.apply() == {0: 4}
    assert (applier.records_read, applier.foreign_records) == (4, 3)
    assert store.find(key(2)) == ANN
    (record,) = caplog.records
    assert record.message == (
        "skipped what is no known user, 3 records by now; "
        "partition 0, offset 3: its key is not <project>/<kind>/<value>"
    )


@pytest.mark.parametrize("count", [AT_ONCE, AT_ONCE + 1])
async def test_few_changes_and_many_are_applied_alike(applier: Applier, store: KnownStore, count: int):
    applier.gather(batch(*((key(number), ANN) for number in range(count))))
    assert await applier.apply() == {0: count}
    assert all(store.find(key(number)) == ANN for number in range(count))


async def test_what_was_dropped_is_not_applied(applier: Applier, store: KnownStore):
    applier.gather(batch((key(1), ANN)))
    applier.drop()
    assert await applier.apply() == {}
    assert store.find(key(1)) is None
