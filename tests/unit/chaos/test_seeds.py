from __future__ import annotations

import click
import pytest
from tests.chaos.__main__ import Seeds


@pytest.mark.parametrize(
    ("text", "seeds"), [("7", [7]), ("1..3", [1, 2, 3]), ("4..4", [4]), ("0", [0]), ("0..1", [0, 1])]
)
def test_one_seed_or_several_are_read(text: str, seeds: list[int]):
    assert list(Seeds().convert(text, None, None)) == seeds


@pytest.mark.parametrize("text", ["", "x", "1..x", "..3", "1.5"])
def test_what_is_no_number_is_refused(text: str):
    with pytest.raises(click.BadParameter, match="is neither a number nor two"):
        Seeds().convert(text, None, None)


def test_a_last_seed_before_the_first_is_refused():
    with pytest.raises(click.BadParameter, match="the last is less than the first"):
        Seeds().convert("5..4", None, None)
