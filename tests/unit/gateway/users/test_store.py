from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from sluice.contract.errors import Retry, Unusable
from sluice.gateway.users import store as module
from sluice.gateway.users.mark import Mark, Stale
from sluice.gateway.users.store import FILE, LOCK, VERSION, KnownStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARK = Mark("id-1", 1_795_000_000_000, {0: 0, 1: 7})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KnownStore]:
    opened = KnownStore(tmp_path)
    opened.begin(MARK)
    yield opened
    opened.close()


def reopened(store: KnownStore, directory: Path) -> KnownStore:
    """Close a store as the end of its process would, and open it again."""
    store.close()
    return KnownStore(directory)


def test_a_new_store_knows_nobody_and_has_no_mark(tmp_path: Path):
    store = KnownStore(tmp_path / "made" / "when needed")
    assert store.mark() is None
    assert store.find(b"shop/id/1") is None
    store.close()


def test_changes_and_how_far_they_come_outlast_the_process(store: KnownStore, tmp_path: Path):
    store.apply({b"b": b"2", b"a": b"1", b"c\0'": b"\0"}, {0: 3})
    store.apply({b"a": b"9"}, {0: 4, 1: 8}, complete_at=1_795_000_060_000)
    again = reopened(store, tmp_path)
    assert [again.find(key) for key in (b"a", b"b", b"c\0'", b"c", b"d")] == [b"9", b"2", b"\0", None, None]
    assert again.mark() == Mark("id-1", 1_795_000_060_000, {0: 4, 1: 8})
    again.close()


def test_a_change_without_a_value_forgets(store: KnownStore):
    store.apply({b"a": b"1", b"b": b"2"}, {0: 2})
    store.apply({b"a": None, b"never seen": None}, {0: 4})
    assert [store.find(key) for key in (b"a", b"b")] == [None, b"2"]


def test_a_change_that_fails_changes_nothing_and_the_next_one_succeeds(store: KnownStore):
    with pytest.raises(sqlite3.IntegrityError):
        store.apply({b"a": b"1"}, {0: None})  # type: ignore[dict-item]
    assert store.find(b"a") is None
    assert store.mark() == MARK
    store.apply({b"a": b"1"}, {0: 1})
    assert store.find(b"a") == b"1"


def test_a_full_disk_is_no_reason_to_throw_anything_away(store: KnownStore):
    store.apply({b"a": b"1"}, {0: 1})
    store._writer.execute("PRAGMA max_page_count = 1")
    with pytest.raises(Retry, match="full"):
        store.apply({b"%d" % number: b"x" * 1000 for number in range(1000)}, {0: 1001})
    assert store.find(b"a") == b"1"
    store._writer.execute("PRAGMA max_page_count = 1000000")
    store.apply({b"b": b"2"}, {0: 2})
    assert store.find(b"b") == b"2"


def test_clearing_forgets_everything_and_the_mark(store: KnownStore):
    store.apply({b"a": b"1"}, {0: 1})
    store.clear()
    assert store.find(b"a") is None
    assert store.mark() is None
    store.begin(MARK)
    assert store.mark() == MARK


def test_two_processes_cannot_have_the_same_directory(store: KnownStore, tmp_path: Path):
    with pytest.raises(
        Unusable, match=f"another gateway keeps its known users in {tmp_path}.*SLUICE_GATEWAY_DATA_DIR"
    ):
        KnownStore(tmp_path)
    store.apply({b"a": b"1"}, {0: 1})
    reopened(store, tmp_path).close()


@pytest.mark.parametrize("content", [b"not a database, but long enough to be looked at" * 100, b"\0" * 4096])
def test_a_file_that_is_no_database_is_thrown_away_loudly(tmp_path: Path, content, caplog: pytest.LogCaptureFixture):
    (tmp_path / FILE).write_bytes(content)
    store = KnownStore(tmp_path)
    assert store.mark() is None
    assert "thrown away, and read again from Kafka" in caplog.text
    store.close()


def test_a_file_of_another_version_is_thrown_away_loudly(
    store: KnownStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    store._writer.execute(f"PRAGMA user_version = {VERSION + 1}")
    again = reopened(store, tmp_path)
    assert again.mark() is None
    assert f"it is of version {VERSION + 1}, and this gateway reads {VERSION}" in caplog.text
    again.close()


def test_a_page_that_is_damaged_shows_when_it_is_read(store: KnownStore, tmp_path: Path):
    store.apply({b"%05d" % number: b"x" * 100 for number in range(5000)}, {0: 5000})
    store.close()
    with (tmp_path / FILE).open("r+b") as file:
        file.seek(10 * 4096)
        file.write(b"\xff" * 50 * 4096)
    damaged = KnownStore(tmp_path)
    with pytest.raises(Stale, match="damaged"):
        list(map(damaged.find, (b"%05d" % number for number in range(5000))))
    with pytest.raises(Stale, match="damaged"):
        damaged.apply({b"%05d" % number: b"y" for number in range(5000)}, {0: 5001})
    damaged.clear()
    assert damaged.find(b"00001") is None
    damaged.close()


@pytest.mark.parametrize("obstacle", ["users", f"users/{LOCK}", f"users/{FILE}"])
def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path, obstacle: str):
    directory = tmp_path / "users"
    if obstacle == "users":
        directory.write_text("")
    else:
        (tmp_path / obstacle).mkdir(parents=True)
    with pytest.raises(Unusable, match=f"cannot be kept in {directory}: .*SLUICE_GATEWAY_DATA_DIR"):
        KnownStore(directory)


def test_a_long_write_ahead_log_is_moved_into_the_file(
    store: KnownStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "CHECKPOINT_BYTES", 100_000)
    wanted = [store.wants_checkpoint]
    store.apply({b"%05d" % number: b"x" * 100 for number in range(5000)}, {0: 5000})
    wanted.append(store.wants_checkpoint)
    before = (tmp_path / FILE).stat().st_size
    store.checkpoint()
    wanted.append(store.wants_checkpoint)
    assert wanted == [False, True, False]
    assert (tmp_path / FILE).stat().st_size > before
    assert store.find(b"00001") == b"x" * 100


def test_what_was_forgotten_stands_nowhere_on_the_disk(store: KnownStore, tmp_path: Path):
    store.apply({b"shop/id/%05d" % number: b"ann@example.com" for number in range(500)}, {0: 500})
    store.checkpoint()
    store.apply({b"shop/id/%05d" % number: None for number in range(500)}, {0: 1000})
    wanted = [store.wants_checkpoint]
    store.checkpoint()
    wanted.append(store.wants_checkpoint)
    assert wanted == [True, False]
    assert [file.name for file in tmp_path.iterdir() if b"ann@example.com" in file.read_bytes()] == []


def test_what_is_being_written_does_not_hold_readers_up(store: KnownStore):
    store.apply({b"a": b"1"}, {0: 1})
    with store._transaction() as writer:
        writer.execute("UPDATE known SET value = x'32'")
        assert store.find(b"a") == b"1"
    assert store.find(b"a") == b"2"
