"""The store on disk: what a journal's suite does not see of it."""

from __future__ import annotations

import logging
import resource
import shutil
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING

import pytest

from sluice.contract.errors import Retry, Unusable
from sluice.processors.changelog import Position
from sluice.processors.journal import Marker
from sluice.processors.state import Entry
from sluice.processors.state_rocksdb import Stores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sluice.processors.state_rocksdb import RocksState

POSITION = Position("topic", 17, 1_800_000_000_000)
MARKER = Marker("raw", 3)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    stores = Stores(tmp_path / "state")
    yield stores
    stores.close()


def filled(stores: Stores, keys: int = 1000) -> RocksState:
    store = stores.open(0)
    store.apply({n.to_bytes(16, "big"): Entry(b"value" * 20, n) for n in range(keys)}, MARKER, POSITION)
    return store


def read_all(store: RocksState, keys: int) -> None:
    for n in range(keys):
        store.get(n.to_bytes(16, "big"))


def damage(directory: Path, pattern: str) -> None:
    """Write over the largest file of a kind, but for its first bytes."""
    file = max(directory.glob(pattern), key=lambda found: found.stat().st_size)
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.seek(min(10, size))
        opened.write(b"\xff" * size)


def in_a_process_of_its_own(what: Callable[[Path], None], directory: Path) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        processes.submit(what, directory).result()


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file of this process grow beyond 1000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_new_store_is_empty(stores: Stores):
    store = stores.open(0)
    assert (store.marker, store.position, store.get(b"k"), store.forgettable(2**60, 10)) == (None, None, None, [])
    store.close()


def test_marker_and_position_change_with_the_entries(stores: Stores):
    filled(stores).close()
    store = stores.open(0)
    assert (store.marker, store.position, store.get(bytes(16))) == (MARKER, POSITION, Entry(b"value" * 20))
    store.apply({}, None, Position("topic", 18, 1))
    assert (store.marker, store.position) == (MARKER, Position("topic", 18, 1))
    store.close()


def test_a_store_that_is_cleared_is_empty_and_can_be_used(stores: Stores):
    store = filled(stores)
    assert store.forgettable(5, 2)
    store.clear()
    assert (store.marker, store.position, store.forgettable(2**60, 1)) == (None, None, [])
    store.apply({b"k": Entry(b"v", 1)}, MARKER, POSITION)
    assert store.forgettable(2, 1) == [b"k"]
    store.close()


def test_partitions_have_own_stores(stores: Stores):
    one, other = filled(stores), stores.open(1)
    assert other.get(bytes(16)) is None
    one.close()
    other.close()


def test_a_store_can_be_closed_twice(stores: Stores):
    store = stores.open(0)
    store.close()
    store.close()


def test_a_store_that_is_open_cannot_be_opened_again(stores: Stores):
    store = stores.open(0)
    with pytest.raises(Retry, match="LOCK"):
        stores.open(0)
    store.close()


def test_two_workers_on_one_directory_are_told_to_take_their_own(stores: Stores, tmp_path: Path):
    with pytest.raises(Unusable, match=r"another worker keeps its state in .*state: give each .* SLUICE_DATA_DIR"):
        Stores(tmp_path / "state")
    stores.close()
    Stores(tmp_path / "state").close()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(Unusable, match=r"file/state: Not a directory; set SLUICE_DATA_DIR"):
        Stores(tmp_path / "file" / "state")


@pytest.mark.parametrize("pattern", ["MANIFEST-*", "CURRENT", "*.sst"])
def test_a_store_whose_files_are_damaged_is_thrown_away_with_one_loud_line(
    stores: Stores, tmp_path: Path, caplog: pytest.LogCaptureFixture, pattern: str
):
    filled(stores).close()
    stores.open(0).close()  # RocksDB makes a file of what was in its log
    damage(tmp_path / "state" / "0", pattern)
    store = stores.open(0)
    assert (store.position, store.get(bytes(16))) == (None, None)
    [line] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "thrown away, and read again" in line.getMessage()
    store.close()


@pytest.mark.parametrize("pattern", ["MANIFEST-*", "CURRENT", "*.sst"])
def test_a_store_of_which_a_file_is_missing_starts_empty(stores: Stores, tmp_path: Path, pattern: str):
    filled(stores).close()
    stores.open(0).close()
    for file in (tmp_path / "state" / "0").glob(pattern):
        file.unlink()
    store = stores.open(0)
    assert (store.position, store.get(bytes(16))) == (None, None)
    store.apply({b"k": Entry(b"v")}, MARKER, POSITION)
    store.close()
    again = stores.open(0)
    assert (again.position, again.get(b"k")) == (POSITION, Entry(b"v"))
    again.close()


def test_damage_that_shows_only_on_reading_is_thrown_away_too(stores: Stores, tmp_path: Path):
    filled(stores, 20_000).close()
    stores.open(0).close()
    directory = tmp_path / "state" / "0"
    file = max(directory.glob("*.sst"), key=lambda found: found.stat().st_size)
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        opened.write(b"\xff" * 20_000)
    store = stores.open(0)
    with pytest.raises(Retry, match="Corruption"):
        read_all(store, 20_000)
    assert not directory.exists()
    store.close()
    again = stores.open(0)
    assert again.position is None
    again.close()


def test_files_that_vanish_under_a_store_are_a_reason_to_open_it_again(stores: Stores, tmp_path: Path):
    filled(stores, 20_000).close()
    store = stores.open(0)
    for file in (tmp_path / "state" / "0").iterdir():
        file.unlink()
    store.close()
    again = stores.open(0)
    assert again.position is None
    again.close()


def test_a_store_that_cannot_be_closed_well_is_closed_with_one_line_in_the_log(
    stores: Stores, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    store = filled(stores)
    shutil.rmtree(tmp_path / "state" / "0")
    store.close()
    [line] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "No such file" in line.getMessage()
    assert "read again from the changelog" in line.getMessage()
    store.close()


def write_to_a_full_disk(directory: Path) -> None:
    stores = Stores(directory)
    store = filled(stores)
    with full_disk():
        for _ in range(2):
            with pytest.raises(Retry, match="File too large"):
                store.apply({b"k": Entry(b"v" * 1000)}, Marker("raw", 4), Position("topic", 18, 1))
        store.close()
        with pytest.raises(Retry, match="File too large"):
            stores.open(0)
    again = stores.open(0)
    assert (again.marker, again.position, again.get(b"k")) == (MARKER, POSITION, None)
    again.close()
    stores.close()


def test_a_full_disk_is_a_reason_to_try_again_until_there_is_room(tmp_path: Path):
    in_a_process_of_its_own(write_to_a_full_disk, tmp_path / "state")


def clear_on_a_full_disk(directory: Path) -> None:
    stores = Stores(directory)
    store = filled(stores)
    with full_disk():
        with pytest.raises(Retry, match="File too large"):
            store.clear()
        store.close()
    again = stores.open(0)
    assert again.position is None
    again.close()
    stores.close()


def test_a_store_that_is_cleared_while_the_disk_is_full_is_empty_once_there_is_room(tmp_path: Path):
    in_a_process_of_its_own(clear_on_a_full_disk, tmp_path / "state")


def test_a_store_whose_directory_is_gone_can_be_cleared(stores: Stores, tmp_path: Path):
    store = filled(stores)
    shutil.rmtree(tmp_path / "state" / "0")
    store.clear()
    assert store.position is None
    store.close()


def test_files_that_cannot_be_removed_are_a_reason_to_try_again(stores: Stores, tmp_path: Path):
    """Here a file stands where the directory would be moved."""
    in_the_way = tmp_path / "state" / "0.thrown-away"
    in_the_way.touch()
    store = filled(stores)
    with pytest.raises(Retry, match="Not a directory"):
        store.clear()
    in_the_way.unlink()
    store.clear()
    assert store.position is None
    store.close()


def test_what_is_left_of_a_store_and_cannot_be_removed_is_named_at_the_start(tmp_path: Path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "0.thrown-away").touch()
    with pytest.raises(Unusable, match=r"state: Not a directory; set SLUICE_DATA_DIR"):
        Stores(tmp_path / "state")
