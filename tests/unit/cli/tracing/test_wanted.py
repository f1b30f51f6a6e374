"""What an id says by itself."""

from __future__ import annotations

import pytest
import uuid_utils

from sluice.cli.tracing.wanted import Wanted, wanted
from sluice.contract.errors import Unusable

OURS = "01a1fee1-6bbf-71f7-9a13-c7dc16e0644e"
MADE_AT = 0x01A1FEE16BBF


def test_an_id_of_ours_says_when_it_was_made():
    assert wanted(OURS) == Wanted(OURS, OURS, MADE_AT)


def test_an_id_that_is_made_now_says_so():
    made = uuid_utils.uuid7()
    assert wanted(str(made)).made_at == made.timestamp


def test_an_event_id_may_be_written_in_capitals_but_a_request_id_is_taken_as_it_is():
    assert wanted(OURS.upper()) == Wanted(OURS.upper(), OURS, MADE_AT)


def test_a_uuid_of_another_version_may_be_an_event_but_tells_no_time():
    other = "b5f1f0ec-4d1c-5d9e-8f6e-0d8f6b1d2c3a"
    assert wanted(other) == Wanted(other, other, None)


@pytest.mark.parametrize(
    "text",
    [
        "order-1",
        "17",
        OURS[:-1],
        OURS + "0",
        "{" + OURS + "}",
        OURS.replace("-", ""),
        OURS + "\n",
        "'; DROP",
        "x" * 10_000,
    ],
)
def test_anything_else_is_the_id_of_a_request_or_an_order(text):
    assert wanted(text) == Wanted(text)


def test_nothing_is_no_id():
    with pytest.raises(Unusable, match="an empty id"):
        wanted("")


def test_what_is_no_utf_8_is_no_id():
    with pytest.raises(Unusable, match="UTF-8"):
        wanted("\udcff")
