from __future__ import annotations

import pytest

from sluice.local.clickhouse.answers import error_answer, trailer
from sluice.local.clickhouse.errors import VERSION, ClickHouseError, from_engine

TAIL = f"(version {VERSION} (official build))"


@pytest.mark.parametrize(
    ("raised", "code", "name", "message"),
    [
        ("Code: 60. DB::Exception: No t. (UNKNOWN_TABLE)", 60, "UNKNOWN_TABLE", "No t."),
        ("Streaming query failed: Code: 395. DB::Exception: boom. (X_Y)", 395, "X_Y", "boom."),
        (
            "Streaming insert finish failed: Code: 27. DB::Exception: a\n: (b): c. (NAME) (version 26.9.2.1)",
            27, "NAME", "a\n: (b): c.",
        ),
        (
            "Code: 73. DB::Exception: Code: 73. DB::Exception: No. (F) (version 26.9.2.1). (F) (version 26.9). (F)",
            73, "F", "No.",
        ),
        ("Code: 47. DB::Exception: of (F). Maybe (x). (UNKNOWN)", 47, "UNKNOWN", "of (F). Maybe (x)."),
        ("no such thing", 1002, "UNKNOWN_EXCEPTION", "no such thing"),
        ("", 1002, "UNKNOWN_EXCEPTION", "the engine gave no reason"),
    ],
)  # fmt: skip
def test_what_chdb_raises_becomes_what_clickhouse_says(raised, code, name, message):
    error = from_engine(raised)
    assert (error.code, error.name, error.message) == (code, name, message)
    assert error.text == f"Code: {code}. DB::Exception: {message} ({name}) {TAIL}"


@pytest.mark.parametrize(
    ("code", "status"),
    [(62, 400), (194, 401), (497, 403), (516, 403), (60, 404), (115, 404), (159, 408), (229, 413), (48, 501),
     (209, 503), (164, 500), (202, 500), (241, 500), (373, 500), (9999, 500)],
)  # fmt: skip
def test_each_code_has_its_http_status(code, status):
    assert ClickHouseError(code, "x", "NAME").status == status


def test_an_error_names_its_code_in_a_header_and_cannot_split_it():
    answer = error_answer(ClickHouseError(62, "x"), "id\r\nX-Evil: 1")
    assert answer.headers["X-ClickHouse-Exception-Code"] == "62"
    assert answer.headers["X-ClickHouse-Query-Id"] == "id??X-Evil: 1"


def test_the_trailer_counts_the_bytes_of_the_text():
    error = ClickHouseError(62, "\u00fc")
    text = error.text.encode() + b"\n"
    assert trailer(error, "t" * 16) == (
        b"\r\n__exception__\r\n"
        + b"t" * 16
        + b"\r\n"
        + text
        + b"%d " % len(text)
        + b"t" * 16
        + b"\r\n__exception__\r\n"
    )
