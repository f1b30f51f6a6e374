"""What of a file is a user, what is not, and why; the same for both formats where it can be."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from sluice.cli.importing import csv_rows, ndjson_rows, rows
from sluice.cli.importing.rows import BadRow, Lines, Row
from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Read = Callable[[Lines], Iterator[Row | BadRow]]


def read(reader: Read, text: str | bytes) -> list[Row | BadRow]:
    return list(reader(Lines(io.BytesIO(text if isinstance(text, bytes) else text.encode()))))


def csv(text: str | bytes) -> list[Row | BadRow]:
    return read(csv_rows.rows, text)


def ndjson(text: str | bytes) -> list[Row | BadRow]:
    return read(ndjson_rows.rows, text)


def users(found: list[Row | BadRow]) -> list[object]:
    return [json.loads(row.user) for row in found if isinstance(row, Row)]


def bad(found: list[Row | BadRow]) -> list[tuple[int, str]]:
    return [(row.line, row.why) for row in found if isinstance(row, BadRow)]


# CSV


def test_a_row_is_a_user_with_the_columns_as_attributes():
    found = csv("email,_id,plan\nann@example.com,u1,gold\nbob@example.com,u2,\n")
    assert users(found) == [
        {"email": "ann@example.com", "_id": "u1", "plan": "gold"},
        {"email": "bob@example.com", "_id": "u2"},
    ]
    assert [row.line for row in found] == [2, 3]


@pytest.mark.parametrize("header", ["email", "_id", " email ,plan", "plan,_id"])
def test_one_of_the_two_columns_is_enough(header: str):
    assert bad(csv(f"{header}\n")) == []


def test_values_are_strings_and_kept_to_the_character():
    (user,) = users(csv('_id,a,b,c,d\n007, x ,true,"say ""hi"", Ann","zwei\r\nZeilen"\n'))
    assert user == {"_id": "007", "a": " x ", "b": "true", "c": 'say "hi", Ann', "d": "zwei\r\nZeilen"}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("last", [True, False])
def test_line_breaks_and_a_byte_order_mark_may_be_as_they_are(end: str, bom: str, last: bool):
    text = f"{bom}email,plan{end}ann@example.com,gold{end}{end}jürgen@example.com,☃{end if last else ''}"
    assert users(csv(text)) == [
        {"email": "ann@example.com", "plan": "gold"},
        {"email": "jürgen@example.com", "plan": "☃"},
    ]


@pytest.mark.parametrize("row", ["a@example.com", "a@example.com,x,y", "a@example.com;x"])
def test_a_row_of_another_width_is_bad_and_the_others_are_not(row: str):
    found = csv(f"email,plan\nb@example.com,x\n{row}\nc@example.com,y\n")
    (problem,) = bad(found)
    assert problem == (3, f"has {row.count(',') + 1} values, but the header names 2 columns")
    assert len(users(found)) == 2
    assert found[1] == BadRow(3, problem[1], text=row)


@pytest.mark.parametrize("row", [",gold", '"",gold'])
def test_a_row_without_a_name_is_bad(row: str):
    (found,) = csv(f"email,plan\n{row}\n")
    assert found == BadRow(2, "has neither email nor _id", user=b'{"plan":"gold"}')


def test_text_that_is_no_utf_8_is_bad_and_shown_byte_for_byte():
    found = csv(b"email,plan\nann@example.com,caf\xe9\nbob@example.com,x\n")
    assert found[0] == BadRow(2, "is not UTF-8", text="ann@example.com,caf\\xe9")
    assert users(found) == [{"email": "bob@example.com", "plan": "x"}]


def test_a_wrong_quote_is_bad_and_the_rows_after_it_are_read():
    found = csv('email,plan\n"ann"@example.com,x\nbob@example.com,y\n')
    assert bad(found) == [(2, "is not CSV: ',' expected after '\"'")]
    assert found[0] == BadRow(2, "is not CSV: ',' expected after '\"'", text='"ann"@example.com,x')
    assert users(found) == [{"email": "bob@example.com", "plan": "y"}]


def test_a_quote_that_is_never_closed_takes_the_rest_of_the_file_into_the_report():
    found = csv('email,plan\nann@example.com,"x\nbob@example.com,y\n')
    assert found == [
        BadRow(2, "is not CSV: unexpected end of data", text='ann@example.com,"x\nbob@example.com,y'),
    ]


def test_a_quote_that_is_not_closed_for_long_loses_nothing():
    rows_after = [f"u{number}@example.com,{'x' * 1000}" for number in range(300)]
    found = csv("\n".join(["email,plan", 'ann@example.com,"x', *rows_after]))
    first = found[0]
    assert isinstance(first, BadRow)
    assert first.line == 2
    assert "field larger than field limit" in first.why
    reported = (first.text or "").split("\n")
    assert reported + [json.loads(row.user)["email"] + "," + "x" * 1000 for row in found if isinstance(row, Row)] == [
        'ann@example.com,"x',
        *rows_after,
    ]


def test_the_line_of_a_row_is_its_first_one():
    found = csv('email,plan\na@example.com,"x\ny"\nb@example.com,z\n')
    assert [row.line for row in found] == [2, 4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("\n", "must name a column email or _id"),
        ("name,plan\nx,y\n", "must name a column email or _id, separated by commas; it names name, plan"),
        ("email;_id\n", "separated by commas; it names email;_id"),
        ("email,plan,plan\n", "names the column plan twice"),
        ("email,email\n", "names the column email twice"),
        ("email,,plan\n", "column 2 has no name"),
        ('email,"plan\n', "must name the columns, as CSV: unexpected end of data"),
        (b"email,caf\xe9\n", "the file must be UTF-8"),
        ("email,plan\n".encode("utf-16"), "the file must be UTF-8"),
    ],
)
def test_a_header_that_cannot_be_used_says_why(text, words: str):
    with pytest.raises(Unusable, match=words):
        csv(text)


# NDJSON


def test_a_line_is_a_user_as_it_stands():
    text = '{"email":"ann@example.com" , "n":1.50,"big":12345678901234567890123,"o":{"a":[null]}}'
    (row,) = ndjson(text + "\r\n")
    assert isinstance(row, Row)
    assert row.user == text.encode()


def test_what_the_api_takes_is_a_user_too():
    assert users(ndjson('{"user":{"email":"ann@example.com"},"line":7,"why":"because"}')) == [
        {"email": "ann@example.com"}
    ]


def test_a_user_may_have_an_attribute_of_that_name():
    assert users(ndjson('{"_id":1,"user":{"email":"x"}}')) == [{"_id": 1, "user": {"email": "x"}}]


def test_empty_lines_and_a_byte_order_mark_are_passed_over():
    found = ndjson(b'\xef\xbb\xbf{"_id":"1"}\n\n  \r\n{"_id":"2"}')
    assert users(found) == [{"_id": "1"}, {"_id": "2"}]
    assert [row.line for row in found] == [1, 4]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("x", "is not JSON"),
        ('{"email":"a"', "is not JSON"),
        ('{"email":"a"}}', "is not JSON"),
        ('{"email":NaN}', "is not JSON"),
        ('{"_id":"\\ud800"}', "is not JSON"),
        ('["a"]', "is not a JSON object"),
        ('"a"', "is not a JSON object"),
        ('{"user":5}', "is not a JSON object"),
        ("{}", "has neither email nor _id"),
        ('{"email":null,"_id":""}', "has neither email nor _id"),
        ('{"user":{"plan":"x"}}', "has neither email nor _id"),
    ],
)
def test_a_line_that_is_no_user_says_why_and_the_others_are_read(line: str, why: str):
    found = ndjson(f'{{"_id":"1"}}\n{line}\n{{"_id":"2"}}\n')
    ((number, said),) = bad(found)
    assert number == 2
    assert said.startswith(why)
    assert len(users(found)) == 2


def test_a_line_that_is_no_utf_8_is_bad():
    (row,) = ndjson(b'{"email":"caf\xe9"}\n')
    assert row == BadRow(1, "is not UTF-8", text='{"email":"caf\\xe9"}')


def test_a_line_nested_without_end_is_bad():
    (row,) = ndjson('{"_id":' + "[" * 100_000)
    assert isinstance(row, BadRow)


# Both


@pytest.mark.parametrize("reader", [csv_rows.rows, ndjson_rows.rows])
def test_a_line_that_is_too_long_is_passed_over_and_never_held(reader: Read, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rows, "MAX_LINE_BYTES", 100)
    monkeypatch.setattr(rows, "SHOWN_OF_TOO_LONG", 10)
    header, line = ("email\n", "{}") if reader is csv_rows.rows else ("", '{{"email":"{}"}}')
    text = header + line.format("a" * 1000) + "\n" + line.format("b")
    found = read(reader, text)
    assert users(found) == [{"email": "b"}]
    assert [why for _, why in bad(found)] == ["is longer than 10 MiB"]
    assert isinstance(found[0], BadRow)
    assert len(found[0].text or "") == 10


@pytest.mark.parametrize("length", [99, 100])
def test_a_line_of_the_greatest_length_is_read(length: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rows, "MAX_LINE_BYTES", 100)
    assert bad(ndjson('{"_id":"' + "x" * (length - 10) + '"}')) == []


def test_how_far_it_has_come_is_told_in_bytes():
    lines = Lines(io.BytesIO(b'{"_id":"1"}\n{"_id":"2"}\n'))
    reading = ndjson_rows.rows(lines)
    assert [lines.bytes_read, next(reading) and lines.bytes_read, next(reading) and lines.bytes_read] == [0, 12, 24]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"email":"Ann@Example.com "}', '{"email":"ann@example.com"}', True),
        ('{"_id":7}', '{"_id":"7"}', True),
        ('{"_id":"A"}', '{"_id":"a"}', False),
        ('{"_id":"x","email":"a"}', '{"_id":"y","email":"a"}', True),
        ('{"_id":"x"}', '{"email":"x"}', False),
    ],
)
def test_rows_of_the_same_user_share_a_name(one: str, other: str, same: bool):
    first, second = ndjson(f"{one}\n{other}")
    assert isinstance(first, Row)
    assert isinstance(second, Row)
    assert bool(first.names & second.names) is same
