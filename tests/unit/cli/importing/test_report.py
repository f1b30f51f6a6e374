from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from sluice.cli.importing.ndjson_rows import rows
from sluice.cli.importing.report import SHOWN, Rejected
from sluice.cli.importing.rows import BadRow, Lines, Row
from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from pathlib import Path

BAD = BadRow(7, "because", user=b'{"_id":1.50}')


@pytest.fixture
def shown() -> list[str]:
    return []


def test_without_a_bad_row_there_is_no_file(tmp_path: Path, shown: list[str]):
    with Rejected(tmp_path / "r", shown.append):
        pass
    assert not (tmp_path / "r").exists()
    assert shown == []


def test_a_bad_row_keeps_its_user_or_its_text_with_its_line_and_the_reason(tmp_path: Path, shown: list[str]):
    with Rejected(tmp_path / "r", shown.append) as report:
        report.add(BAD)
        report.add(BadRow(8, "is not JSON", text="ümlaut"))
    assert (tmp_path / "r").read_text() == (
        '{"user":{"_id":1.50},"line":7,"why":"because"}\n{"text":"ümlaut","line":8,"why":"is not JSON"}\n'
    )
    assert shown == ["line 7: because", "line 8: is not JSON"]


def test_the_report_can_be_imported(tmp_path: Path, shown: list[str]):
    with Rejected(tmp_path / "r", shown.append) as report:
        report.add(BAD)
        report.add(BadRow(8, "is not JSON", text="x"))
    found = list(rows(Lines(io.BytesIO((tmp_path / "r").read_bytes()))))
    assert isinstance(found[0], Row)
    assert found[0].user == b'{"_id":1.50}'
    assert isinstance(found[1], BadRow)
    assert found[1].why == "has neither email nor _id"


@pytest.mark.parametrize(("count", "more"), [(SHOWN, []), (SHOWN + 1, ["... and 1 more"])])
def test_a_few_are_shown_and_all_are_written(tmp_path: Path, shown: list[str], count: int, more: list[str]):
    with Rejected(tmp_path / "r", shown.append) as report:
        for number in range(count):
            report.add(BadRow(number, "because", text="x"))
    assert shown == [f"line {number}: because" for number in range(SHOWN)] + more
    assert [json.loads(line)["line"] for line in (tmp_path / "r").read_text().splitlines()] == list(range(count))


def test_the_report_of_an_earlier_import_is_kept_beside(tmp_path: Path, shown: list[str]):
    (tmp_path / "r").write_text("mended with much work")
    with Rejected(tmp_path / "r", shown.append):
        pass
    assert not (tmp_path / "r").exists()
    assert (tmp_path / "r~").read_text() == "mended with much work"


def test_a_report_that_cannot_be_written_is_named(tmp_path: Path, shown: list[str]):
    with Rejected(tmp_path / "missing" / "r", shown.append) as report, pytest.raises(Unusable, match="--rejected"):
        report.add(BAD)
