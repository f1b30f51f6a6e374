from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.local.clickhouse.lexer import Kind, tokens

W, Q, S, N, P, X = Kind.WORD, Kind.QUOTED, Kind.STRING, Kind.NUMBER, Kind.SIGN, Kind.BROKEN


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", []),
        ("SELECT 1", [(W, "SELECT"), (N, "1")]),
        ("a1_b$c", [(W, "a1_b$c")]),
        ("1e-5 0x1F 1.5 1_000", [(N, "1e-5"), (N, "0x1F"), (N, "1.5"), (N, "1_000")]),
        ("1-1", [(N, "1"), (P, "-"), (N, "1")]),
        ("t.1", [(W, "t"), (P, "."), (N, "1")]),
        # strings and quoted identifiers: backslashes, doubled quotes, curly quotes
        (r"'a\'b' ';'", [(S, "a'b"), (S, ";")]),
        ("'a''b'", [(S, "a'b")]),
        (r"'\\' 'x'", [(S, "\\"), (S, "x")]),
        (r"'\x41\t\n\q'", [(S, "A\t\nq")]),
        ('`a``b` "c""d"', [(Q, "a`b"), (Q, 'c"d')]),
        (r"`f\x69le`", [(Q, "file")]),
        ("\u201cfile\u201d \u2018x\u2019", [(Q, "file"), (S, "x")]),
        ("'two\nlines'", [(S, "two\nlines")]),
        # comments and white space
        ("a -- b ; c\nd", [(W, "a"), (W, "d")]),
        ("a // b\nc # d\n#! e\nf", [(W, "a"), (W, "c"), (W, "f")]),
        ("a#b", [(W, "a"), (P, "#"), (W, "b")]),
        ("a/* b /* c */ ; */d", [(W, "a"), (W, "d")]),
        ("a\u00a0b\u3000c\ufeff", [(W, "a"), (W, "b"), (W, "c")]),
        ("a /* open", [(W, "a"), (X, "/* open")]),
        # heredocs
        ("$$a;b$$", [(S, "a;b")]),
        ("$tag$a;$$b$tag$ c", [(S, "a;$$b"), (W, "c")]),
        ("$tag$ open", [(W, "$tag"), (P, "$"), (W, "open")]),
        ("$1", [(W, "$1")]),
        # what cannot be read ends it
        ("a 'open; b", [(W, "a"), (X, "'open; b")]),
        ("a `open", [(W, "a"), (X, "`open")]),
        ("a \0 b", [(W, "a"), (X, "\0 b")]),
        ("a \u00d7 b", [(W, "a"), (X, "\u00d7 b")]),
        ("1\u22121", [(N, "1"), (P, "-"), (N, "1")]),
    ],
)
def test_sql_is_cut_as_clickhouse_cuts_it(sql, expected):
    assert [(t.kind, t.value.decode()) for t in tokens(sql.encode())] == expected


@given(st.binary(max_size=200))
def test_any_bytes_are_cut_without_overlap_and_to_the_end(sql):
    position = 0
    for token in tokens(sql):
        assert position <= token.start < token.end <= len(sql)
        position = token.end


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_a_string_means_what_was_quoted(value):
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    [token] = tokens(f"'{quoted}'".encode())
    assert (token.kind, token.value) == (Kind.STRING, value.encode())


@given(st.text(alphabet="ab'`\"\\;-/*# \n$", max_size=30), st.sampled_from("'`\""))
def test_nothing_inside_quotes_is_seen_outside(inside, quote):
    text = inside.replace("\\", "\\\\").replace(quote, quote * 2)
    found = list(tokens(f"a {quote}{text}{quote} b".encode()))
    assert [t.value for t in found] == [b"a", inside.encode(), b"b"]
