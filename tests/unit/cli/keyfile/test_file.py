"""The settings file on disk is replaced whole, by one at a time, or stays as it was."""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from sluice.cli.keyfile.file import changing, read
from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from pathlib import Path

VALID = f'salt = "{"ab" * 16}"\nprojects = {{}}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "sluice.toml"
    path.write_text(VALID)
    return path


def others(path: Path) -> list[str]:
    """What stands beside a file, without its lock."""
    return [found.name for found in path.parent.iterdir() if found.name not in {path.name, f".{path.name}.lock"}]


def test_a_file_becomes_what_was_made_of_it(path: Path):
    with changing(path) as change:
        assert change.text == VALID
        change.text = f"# changed\n{VALID}"
    assert path.read_text() == f"# changed\n{VALID}"
    assert others(path) == []


def test_its_bytes_are_not_translated(path: Path):
    text = f"# é\r\n{VALID}"
    path.write_bytes(text.encode())
    with changing(path) as change:
        assert change.text == text
    assert path.read_bytes() == text.encode()


def test_a_file_that_does_not_exist_is_made_for_its_owner_alone(tmp_path: Path):
    path = tmp_path / "new.toml"
    with changing(path) as change:
        assert change.text is None
        change.text = VALID
    assert path.read_text() == VALID
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_file_is_made_where_nothing_became_of_it(tmp_path: Path):
    with changing(tmp_path / "new.toml"):
        pass
    assert not (tmp_path / "new.toml").exists()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_its_mode_stays(path: Path, mode):
    path.chmod(mode)
    with changing(path) as change:
        change.text = f"# changed\n{VALID}"
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_its_owner_stays(path: Path):
    os.chown(path, 12345, 23456)
    with changing(path):
        pass
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


def test_a_link_stays_and_what_it_points_to_is_replaced(path: Path, tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.toml"
    link.symlink_to("../sluice.toml")
    with changing(link) as change:
        change.text = f"# changed\n{VALID}"
    assert link.is_symlink()
    assert not path.is_symlink()
    assert path.read_text() == f"# changed\n{VALID}"


def test_a_reader_finds_the_old_file_until_the_new_one_is_whole(path: Path):
    with path.open() as reader:
        with changing(path) as change:
            change.text = f"# changed\n{VALID}"
            assert path.read_text() == VALID
        assert reader.read() == VALID  # whoever had it open reads on in the old one
    assert path.read_text() == f"# changed\n{VALID}"


def test_an_error_leaves_the_file_as_it_was(path: Path):
    def fail() -> None:
        with changing(path) as change:
            change.text = "# changed"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == VALID
    assert others(path) == []


@pytest.mark.parametrize("broken", ["salt = ", "", 'salt = "ab"\nprojects = {}\n'])
def test_a_file_that_no_gateway_would_take_is_not_written(path: Path, broken):
    with pytest.raises(Unusable, match="settings file"), changing(path) as change:
        change.text = broken
    assert path.read_text() == VALID


def test_a_file_that_cannot_be_read_is_named(path: Path):
    path.unlink()
    path.mkdir()
    with (
        pytest.raises(Unusable, match=r"cannot read the settings file .*sluice\.toml: Is a directory"),
        changing(path),
    ):
        pass


def test_a_file_that_cannot_be_replaced_is_named_and_nothing_is_left_behind(path: Path):
    def fail() -> None:
        with changing(path) as change:
            change.text = f"# changed\n{VALID}"
            path.unlink()
            path.mkdir()

    with pytest.raises(Unusable, match=r"cannot write the settings file .*sluice\.toml: Is a directory"):
        fail()
    assert others(path) == []


def test_a_directory_that_is_missing_is_named(tmp_path: Path):
    with (
        pytest.raises(Unusable, match=r"cannot write the settings file .*no/sluice\.toml: No such file"),
        changing(tmp_path / "no" / "sluice.toml"),
    ):
        pass


def test_two_at_once_wait_for_each_other(path: Path):
    """Without the lock, one of the two lines would be lost."""
    first_is_in, second_waits = threading.Event(), threading.Event()

    def first() -> None:
        with changing(path) as change:
            first_is_in.set()
            assert second_waits.wait(10)
            change.text = f"# first\n{change.text}"

    def second() -> None:
        assert first_is_in.wait(10)
        second_waits.set()
        with changing(path) as change:
            change.text = f"# second\n{change.text}"

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert path.read_text() == f"# second\n# first\n{VALID}"


def test_what_is_no_text_is_refused(path: Path):
    path.write_bytes(b"\xff")
    with pytest.raises(Unusable, match="is not TOML"):
        read(path)
