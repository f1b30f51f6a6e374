"""What every directory of known users does, in memory or on a real broker.

A subclass gives a fixture `known`: a directory without users, whose broker can go away and come back.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

import pytest

from sluice.contract.errors import Retry
from sluice.gateway.users.port import Identifier, Known, Link

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluice.gateway.users.port import UserDirectory

ANN = Known("u1", "ann@example.com")
BOB = Known("u2", "bob@example.com")

STRANGE = {
    "unicode": "jürgen☃𝄞@example.com",
    "slashes": "a/b//id/c/",
    "another kind's key": "shop/email/ann@example.com",
    "256 characters": "é" * 256,
    "NUL": "a\0b",
    "only NUL": "\0",
    "quotes": "o'neil\"; DROP TABLE known; --",
    "backslashes": "\\u0041\\",
    "line breaks": "a\r\nb\u2028c",
    "a space": " ",
    "two forms of one letter": "e\u0301",
}


class Directory(Protocol):
    users: UserDirectory

    def away(self) -> None:
        """Let the broker be silent."""

    def back(self) -> None:
        """Let it answer again."""


def email(value: str, project: str = "shop") -> Identifier:
    return Identifier(project, "email", value)


def user_id(value: str, project: str = "shop") -> Identifier:
    return Identifier(project, "id", value)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.02)


class UsersSuite:
    async def test_it_is_ready(self, known: Directory):
        assert known.users.ready

    async def test_nobody_is_known_at_first(self, known: Directory):
        assert known.users.find(email("ann@example.com")) is None

    async def test_who_was_saved_is_found_at_once(self, known: Directory):
        await known.users.save([Link(email("ann@example.com"), ANN)])
        assert known.users.find(email("ann@example.com")) == ANN

    async def test_a_later_link_wins(self, known: Directory):
        for user in (ANN, BOB, ANN, BOB):
            await known.users.save([Link(email("shared@example.com"), user)])
            assert known.users.find(email("shared@example.com")) == user

    async def test_the_later_one_wins_within_a_save_too(self, known: Directory):
        await known.users.save([Link(user_id("1"), ANN), Link(user_id("2"), ANN), Link(user_id("1"), BOB)])
        assert [known.users.find(user_id(number)) for number in ("1", "2")] == [BOB, ANN]

    async def test_saving_the_same_again_changes_nothing(self, known: Directory):
        for _ in range(2):
            await known.users.save([Link(email("ann@example.com"), ANN)])
        assert known.users.find(email("ann@example.com")) == ANN

    async def test_a_user_may_be_anonymous(self, known: Directory):
        await known.users.save([Link(user_id("7"), Known("7"))])
        assert known.users.find(user_id("7")) == Known("7", "")

    async def test_projects_are_separate(self, known: Directory):
        await known.users.save([Link(user_id("1", "shop"), ANN)])
        assert known.users.find(user_id("1", "blog")) is None
        await known.users.save([Link(user_id("1", "blog"), BOB)])
        assert known.users.find(user_id("1", "shop")) == ANN

    async def test_kinds_are_separate(self, known: Directory):
        await known.users.save([Link(email("same"), ANN)])
        assert known.users.find(user_id("same")) is None
        await known.users.save([Link(user_id("same"), BOB)])
        assert known.users.find(email("same")) == ANN

    async def test_many_links_are_saved_in_one_go(self, known: Directory):
        links = [Link(user_id(f"{number}"), Known(f"u{number}")) for number in range(1000)]
        await known.users.save(links)
        assert [known.users.find(link.identifier) for link in links] == [link.known for link in links]

    async def test_saving_nothing_is_done_at_once(self, known: Directory):
        await known.users.save([])

    @pytest.mark.parametrize("value", STRANGE.values(), ids=STRANGE)
    async def test_a_strange_identifier_is_found_to_the_character(self, known: Directory, value: str):
        await known.users.save([Link(user_id(value), Known(value, value))])
        assert known.users.find(user_id(value)) == Known(value, value)
        assert known.users.find(user_id(value + "x")) is None
        assert known.users.find(user_id("x" + value)) is None

    async def test_saves_at_the_same_time_are_all_kept(self, known: Directory):
        links = [Link(user_id(f"{number}"), Known(f"u{number}")) for number in range(200)]
        await asyncio.gather(*(known.users.save([link]) for link in links))
        assert [known.users.find(link.identifier) for link in links] == [link.known for link in links]

    async def test_each_save_is_found_before_the_next_one_begins_whatever_others_do(self, known: Directory):
        async def count_up(name: str) -> None:
            for number in range(20):
                await known.users.save([Link(user_id(name), Known(f"{number}"))])
                assert known.users.find(user_id(name)) == Known(f"{number}")

        await asyncio.gather(*(count_up(f"counter{number}") for number in range(10)))

    async def test_while_the_broker_is_away_nothing_can_be_saved_but_who_is_known_is_found(self, known: Directory):
        await known.users.save([Link(user_id("1"), ANN)])
        known.away()
        with pytest.raises(Retry):
            await known.users.save([Link(user_id("2"), BOB)])
        assert known.users.find(user_id("1")) == ANN
        await until(lambda: not known.users.ready)
        known.back()
        await until(lambda: known.users.ready)
        await known.users.save([Link(user_id("3"), BOB)])
        assert [known.users.find(user_id(number)) for number in ("1", "3")] == [ANN, BOB]
