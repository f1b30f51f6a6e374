"""Pages of sessions: what the roll-up shows, held against what the event log has."""

from __future__ import annotations

import pytest

from sluice.cli.forgetting.sessions import NO_PAGES, Pages, Stretch, pages, wrong

STRETCH = Stretch("shop", "site", 7, 202611)
ENTRY, EXIT = '001700000000000["https://x/a",""]', "101700000000000https://x/b"


def test_a_first_page_is_compared_with_its_time():
    assert pages(ENTRY, EXIT) == Pages(ENTRY, EXIT)


def test_a_referrer_without_a_page_is_shown_too():
    referred = '101700000000000["","https://elsewhere/"]'
    assert pages(referred, "") == Pages(referred, "")


@pytest.mark.parametrize("entry", ["", '101700000000000["",""]', '199999999999999["",""]', '001700000000000["",""]'])
@pytest.mark.parametrize("leaving", ["", "001700000000000", "000000000000000", "101700000000000"])
def test_where_nothing_is_shown_times_do_not_matter(entry: str, leaving: str):
    assert pages(entry, leaving) == NO_PAGES


def test_a_session_that_shows_what_the_event_log_has_is_right():
    assert wrong({STRETCH: Pages(ENTRY, EXIT)}, {STRETCH: Pages(ENTRY, EXIT)}) == set()


def test_a_session_that_shows_what_the_event_log_has_not_is_wrong():
    assert wrong({STRETCH: Pages(ENTRY, EXIT)}, {}) == {7}


def test_a_session_that_does_not_show_what_the_event_log_has_is_wrong():
    assert wrong({STRETCH: NO_PAGES}, {STRETCH: Pages(ENTRY, EXIT)}) == {7}


def test_a_session_without_pages_need_not_be_in_both():
    assert wrong({STRETCH: NO_PAGES}, {STRETCH._replace(source_month=202612): NO_PAGES}) == set()


def test_a_session_is_right_only_if_each_of_its_months_is():
    december = STRETCH._replace(source_month=202612)
    rolled = {STRETCH: Pages(ENTRY), december: Pages(ENTRY)}
    assert wrong(rolled, {STRETCH: Pages(ENTRY), december: Pages("", EXIT)}) == {7}
