"""First wins for a key within a window: who wins, what is remembered of it, and in which form."""

from __future__ import annotations

import struct
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract.errors import Unusable
from sluice.contract.event import Outcome
from sluice.processors.rules.first_wins import Claim, Holder, Lost, claim_key, decode, encode, settle
from sluice.processors.state import Entry
from sluice.processors.state_memory import MemoryState

ONE, OTHER, THIRD = (str(UUID(int=n)) for n in (1, 2, 3))
KEY, OTHER_KEY = claim_key("a"), claim_key("b")
NOW = 1_795_000_000_000
HOUR = 3_600_000


def claim(at: int = NOW, **changes: Any) -> Claim:
    fields: dict[str, Any] = {
        "key": KEY,
        "at": at,
        "window_ms": None,
        "outcome": Outcome.DUPLICATE,
        "reason": "there was one",
    }
    return Claim(**(fields | changes))


def holding(*claims: tuple[Claim, str]) -> MemoryState:
    """Give a state in which these events hold these claims."""
    return MemoryState({c.key: Entry(encode(Holder(event_id, c.at)), c.forget_at) for c, event_id in claims})


def settled(*claims: Claim, event_id: str = OTHER, received_at: int = NOW, state: MemoryState) -> Lost | list[Any]:
    return settle(claims, event_id, received_at, state)


def test_who_comes_first_holds_the_claim():
    won = settled(claim(), event_id=ONE, state=MemoryState())
    assert won == [(KEY, Entry(encode(Holder(ONE, NOW)), 0))]


def test_who_comes_second_loses_and_learns_to_whom():
    first = claim()
    assert settled(claim(NOW + 1), state=holding((first, ONE))) == Lost(claim(NOW + 1), Holder(ONE, NOW), [])


def test_an_event_without_claims_wins_and_leaves_nothing():
    assert settled(state=MemoryState()) == []


def test_the_first_claim_that_is_lost_decides():
    state = holding((claim(), ONE), (claim(key=OTHER_KEY), THIRD))
    lost = settled(claim(key=OTHER_KEY, reason="second"), claim(), state=state)
    assert isinstance(lost, Lost)
    assert (lost.claim.reason, lost.holder.event_id) == ("second", THIRD)


def remembered_although_lost(*claims: Claim, state: MemoryState) -> list[Any]:
    lost = settled(*claims, state=state)
    assert isinstance(lost, Lost)
    return lost.remember


def test_who_loses_one_claim_is_remembered_for_none():
    assert remembered_although_lost(claim(key=OTHER_KEY), claim(), state=holding((claim(), ONE))) == []


def test_unless_a_claim_that_it_has_won_is_kept():
    kept = claim(key=OTHER_KEY, kept=True, forget_at=NOW + 5)
    remembered = remembered_although_lost(kept, claim(), state=holding((claim(), ONE)))
    assert remembered == [(OTHER_KEY, Entry(encode(Holder(OTHER, NOW)), NOW + 5))]


def test_nor_is_one_that_comes_after_the_claim_that_was_lost():
    kept = claim(key=OTHER_KEY, kept=True)
    assert remembered_although_lost(claim(), kept, state=holding((claim(), ONE))) == []


def test_an_event_does_not_lose_to_itself():
    assert settled(claim(NOW + 1), event_id=ONE, state=holding((claim(), ONE))) == []


def test_unless_the_claim_is_strict():
    lost = settled(claim(strict=True), event_id=ONE, state=holding((claim(strict=True), ONE)))
    assert isinstance(lost, Lost)
    assert lost.holder.event_id == ONE


@pytest.mark.parametrize(
    ("after_ms", "wins", "moves"),
    [
        (0, False, False),
        (HOUR - 1, False, False),
        (HOUR, True, True),
        (-1, False, False),
        (-HOUR + 1, False, False),
        (-HOUR, True, False),
        (-1000 * HOUR, True, False),
    ],
)
def test_a_window_is_counted_from_the_holder_in_both_directions_and_moves_on_only(after_ms, wins, moves):
    first = claim(window_ms=HOUR)
    second = settled(claim(NOW + after_ms, window_ms=HOUR), state=holding((first, ONE)))
    assert isinstance(second, list) is wins
    if wins:
        assert second == ([(KEY, Entry(encode(Holder(OTHER, NOW + after_ms)), 0))] if moves else [])


@pytest.mark.parametrize(("received_at", "wins"), [(NOW - 1, False), (NOW, False), (NOW + 1, True)])
def test_what_should_be_forgotten_counts_no_more_even_if_it_is_still_there(received_at, wins):
    state = holding((claim(forget_at=NOW), ONE))
    assert isinstance(settled(claim(), received_at=received_at, state=state), list) is wins


def test_what_is_never_to_be_forgotten_always_counts():
    assert isinstance(settled(claim(), received_at=1 << 60, state=holding((claim(), ONE))), Lost)


def test_what_is_remembered_says_when_to_forget_it():
    assert settled(claim(forget_at=NOW + 5), state=MemoryState()) == [
        (KEY, Entry(encode(Holder(OTHER, NOW)), NOW + 5))
    ]


def test_the_reason_names_the_holder_and_its_time():
    lost = Lost(claim(reason="order 7 was confirmed before"), Holder(ONE, NOW + 1), [])
    assert lost.reason == f"order 7 was confirmed before: event {ONE} of 2026-11-18T11:06:40.001Z"


@pytest.mark.parametrize("at", [0, 10_413_791_999_999])
def test_the_reason_shows_any_time_that_an_event_may_have(at: int):
    assert Lost(claim(), Holder(ONE, at), []).reason.endswith({0: "1970-01-01T00:00:00.000Z"}.get(at, "59:59.999Z"))


def test_forgetting_decides_nothing():
    """With or without what should be forgotten, every claim is settled alike."""
    entry = (claim(forget_at=NOW), ONE)
    for received_at in (NOW + 1, NOW + HOUR):
        there = settled(claim(), received_at=received_at, state=holding(entry))
        assert there == settled(claim(), received_at=received_at, state=MemoryState())


KEYS = st.sampled_from([claim_key(name) for name in "abc"])


@given(st.lists(st.tuples(st.lists(KEYS, unique=True, max_size=3), st.integers(0, 10**12)), max_size=40))
def test_of_any_events_at_most_one_holds_a_key_for_ever(events: list[tuple[list[bytes], int]]):
    state = MemoryState()
    stored: list[list[bytes]] = []
    for number, (keys, at) in enumerate(events):
        claims = [claim(at, key=key) for key in keys]
        outcome = settle(claims, str(UUID(int=number)), at, state)
        taken = {key for others in stored for key in others}
        assert isinstance(outcome, Lost) is bool(taken & set(keys))
        if not isinstance(outcome, Lost):
            stored.append(keys)
            state.apply(dict(outcome))
    assert state.entries.keys() == {key for keys in stored for key in keys}


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_two_keys_are_the_same_only_where_all_their_parts_are(one: list[str], other: list[str]):
    assert (claim_key(*one) == claim_key(*other)) == (one == other)
    assert len(claim_key(*one)) == 16


def test_a_key_of_any_length_is_remembered_in_16_bytes():
    assert len(claim_key("user", "x" * 1_000_000)) == 16


class TestForm:
    @given(st.uuids(), st.integers(-(2**63), 2**63 - 1))
    def test_a_holder_is_read_as_it_was_written(self, event_id: UUID, at: int):
        assert decode(encode(Holder(str(event_id), at))) == Holder(str(event_id), at)

    def test_it_never_changes(self):
        """What was written years ago must be read."""
        written = bytes.fromhex("01" + "00" * 15 + "01" + "000001a1ed48fe00")
        assert encode(Holder(ONE, 0x1A1ED48FE00)) == written
        assert decode(written) == Holder(ONE, 0x1A1ED48FE00)

    def test_an_older_form_is_upgraded_as_it_is_read(self):
        def decode_0(value: bytes) -> Holder:
            (at,) = struct.unpack(">xq", value)
            return Holder(ONE, at)

        assert decode(struct.pack(">xq", NOW), {0: decode_0}) == Holder(ONE, NOW)

    @pytest.mark.parametrize("form", [2, 255])
    def test_a_newer_form_stops_the_process_and_says_why(self, form: int):
        newer = bytes([form]) + encode(Holder(ONE, NOW))[1:]
        with pytest.raises(
            Unusable, match=rf"written by a newer version \(form {form}\): run that version, or a later"
        ):
            decode(newer)

    @pytest.mark.parametrize("broken", [b"", b"\x01", b"\x01" * 24, b"\x01" * 26])
    def test_what_no_version_wrote_stops_the_process_too(self, broken: bytes):
        with pytest.raises(Unusable, match="the state"):
            decode(broken)

    def test_a_newer_form_is_not_taken_for_a_free_key(self):
        state = MemoryState({KEY: Entry(b"\x02")})
        with pytest.raises(Unusable):
            settled(claim(), state=state)
