from __future__ import annotations

import pytest

from sluice.gateway.dialects.client.iso4217 import CODES, is_currency


@pytest.mark.parametrize("code", ["USD", "usd", "Eur", "XCG", "XXX", "CHE"])
def test_a_code_is_a_currency_in_either_case(code):
    assert is_currency(code)


@pytest.mark.parametrize("code", ["HRK", "ANG", "BGN"])
def test_a_currency_that_was_withdrawn_lately_still_is_one(code):
    assert is_currency(code)


@pytest.mark.parametrize("code", ["", "US", "USDT", "DEM", "XYZ", "840", " USD", "ﬆn", "ﬃk"])
def test_nothing_else_is(code):
    assert not is_currency(code)


def test_every_code_has_three_letters():
    assert all(len(code) == 3 and code.isalpha() and code.isupper() and code.isascii() for code in CODES)
