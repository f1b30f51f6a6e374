"""The directory of stores, with a process killed in it."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import pytest

from sluice.processors.state_directory import remove, take

if TYPE_CHECKING:
    from pathlib import Path


def a_store(store: Path) -> Path:
    store.mkdir(parents=True)
    for name in ("CURRENT", "MANIFEST-000001", "000002.log"):
        (store / name).touch()
    return store


def names(directory: Path) -> list[str]:
    return sorted(found.name for found in directory.iterdir())


def be_killed_while_removing(store: Path) -> None:
    removed = []

    def kill_at_the_second_file(event: str, _: Any) -> None:
        if event == "os.remove":
            removed.append(event)
            if len(removed) == 2:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(kill_at_the_second_file)
    remove(store)


def test_a_kill_while_a_store_is_removed_leaves_no_half_of_it(tmp_path: Path):
    store = a_store(tmp_path / "0")
    processes = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    with processes, pytest.raises(BrokenProcessPool):
        processes.submit(be_killed_while_removing, store).result()
    assert names(tmp_path) == ["0.thrown-away"]
    assert len(names(tmp_path / "0.thrown-away")) == 2


def test_what_a_kill_has_left_is_removed_when_the_directory_is_taken(tmp_path: Path):
    a_store(tmp_path / "0.thrown-away")
    a_store(tmp_path / "1")
    with take(tmp_path):
        assert names(tmp_path) == ["1", "lock"]
        assert len(names(tmp_path / "1")) == 3


def test_what_a_kill_has_left_is_removed_before_another_store(tmp_path: Path):
    a_store(tmp_path / "0.thrown-away")
    remove(a_store(tmp_path / "0"))
    assert names(tmp_path) == []


def test_removing_a_store_that_is_not_there_changes_nothing(tmp_path: Path):
    a_store(tmp_path / "1")
    remove(tmp_path / "0")
    assert names(tmp_path) == ["1"]


def test_a_directory_is_one_owners_until_the_lock_is_closed(tmp_path: Path):
    with take(tmp_path / "state"), pytest.raises(BlockingIOError):
        take(tmp_path / "state")
    take(tmp_path / "state").close()


def test_nothing_is_removed_while_another_owns_the_directory(tmp_path: Path):
    with take(tmp_path):
        a_store(tmp_path / "0.thrown-away")
        with pytest.raises(BlockingIOError):
            take(tmp_path)
        assert names(tmp_path) == ["0.thrown-away", "lock"]
