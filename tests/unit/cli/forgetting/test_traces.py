"""What is bound to one statement, and what stands around an address."""

from __future__ import annotations

import re
import sys

import pytest

from sluice.cli.forgetting.traces import BOUND_BYTES, TEXTS_AT_ONCE, WHITE_SPACE, cut

LONG = "x" * BOUND_BYTES


@pytest.mark.parametrize(
    ("texts", "sizes"),
    [
        ([], []),
        (["a"] * TEXTS_AT_ONCE, [TEXTS_AT_ONCE]),
        (["a"] * (TEXTS_AT_ONCE + 1), [TEXTS_AT_ONCE, 1]),
        ([LONG, "a"], [1, 1]),
        ([LONG[1:], "a", "a"], [2, 1]),
        (["\u00e9" * (BOUND_BYTES // 2), "a"], [1, 1]),
        ([LONG + "x", "a"], [1, 1]),
    ],
)
def test_texts_are_cut_into_as_many_as_may_be_bound(texts: list[str], sizes: list[int]):
    parts = list(cut(texts))
    assert [len(part) for part in parts] == sizes
    assert [text for part in parts for text in part] == texts


def test_white_space_is_what_is_taken_from_around_an_address():
    taken = "".join(filter(str.isspace, map(chr, range(sys.maxunicode))))
    assert "".join(re.findall(f"[{WHITE_SPACE}]", "".join(map(chr, range(sys.maxunicode))))) == taken
