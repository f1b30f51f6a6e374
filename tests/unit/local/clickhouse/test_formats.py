from __future__ import annotations

import pytest

from sluice.local.clickhouse.formats import STREAMED, header_length


@pytest.mark.parametrize(
    ("name", "header", "rows"),
    [
        ("TSV", b"", b"1\n"),
        ("Native", b"", b"\x01\x01"),
        ("TSVWithNames", b"a\tb\n", b"1\t2\n"),
        ("TabSeparatedWithNamesAndTypes", b"a\nInt8\n", b"1\n"),
        ("CSVWithNames", b'"a ""\n"",\n b","c"\n', b"1,2\n"),
        ("CSVWithNamesAndTypes", b'"a\n\n"\n"Enum8(\'x\n\' = 1)"\n', b'"x\n"\n'),
        ("JSONCompactEachRowWithNames", b'["a\\n"]\n', b"[1]\n"),
        ("JSONCompactEachRowWithNamesAndTypes", b'["a"]\n["Int8"]\n', b"[1]\n"),
        ("RowBinaryWithNames", b"\x02\x01a\x01b", b"\n\n"),
        ("RowBinaryWithNamesAndTypes", b"\x01\x01a\x04Int8", b"\x01"),
        ("rowbinarywithnamesandtypes", b"\x01\x80\x01" + b"n" * 128 + b"\x04Int8", b"\x01"),
    ],
)
def test_the_header_of_a_block_is_told_from_its_rows(name, header, rows):
    assert header_length(name, header + rows) == len(header)


@pytest.mark.parametrize("name", ["JSON", "Parquet", "Pretty", "Values", "ArrowStream", "XML", "Template", "ORC"])
def test_formats_with_a_frame_are_not_streamed(name):
    assert name.lower() not in STREAMED
