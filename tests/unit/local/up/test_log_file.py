from __future__ import annotations

from sluice.local.up.log_file import rotate, size, tail


def test_a_small_log_goes_on(tmp_path):
    log = tmp_path / "x.log"
    log.write_text("small")
    rotate(log, rotate_at_bytes=10)
    assert log.read_text() == "small"


def test_a_large_log_moves_aside_and_the_oldest_goes(tmp_path):
    log = tmp_path / "x.log"
    for number in range(5):
        log.write_text(f"log number {number}")
        rotate(log, rotate_at_bytes=10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.log.1", "x.log.2", "x.log.3"]
    assert (tmp_path / "x.log.1").read_text() == "log number 4"


def test_the_tail_is_what_was_written_since(tmp_path):
    log = tmp_path / "x.log"
    log.write_text("an earlier life\n")
    since = size(log)
    with log.open("a") as stream:
        stream.write("one\n\ntwo\nthree\n")
    assert tail(log, lines=2, since_byte=since) == ["two", "three"]
    assert tail(log, lines=9, since_byte=since) == ["one", "two", "three"]


def test_without_a_log_there_is_no_tail(tmp_path):
    assert size(tmp_path / "none.log") == 0
    assert tail(tmp_path / "none.log", lines=5) == []
