"""The built-in rules that remember, on whole lines: confirmations, email opens, repeats of requests and of events."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import NOW
from tests.unit.processors.partition import (
    DAY,
    MINUTE,
    Partition,
    confirmation,
    email_open,
    event_id,
    line,
    metric,
    page_view,
    request,
)

from sluice.contract.event import Api, Outcome
from sluice.contract.first_wins import FirstWins
from sluice.contract.processed import UserChange
from sluice.contract.projects import Project
from sluice.contract.raw import Client, Context
from sluice.processors.rules.claims import claims_of

STORED, DUPLICATE, THROTTLED = "stored", "duplicate", "throttled"
YEAR = 366 * DAY


class TestConfirmations:
    def test_the_first_of_an_order_is_stored_and_no_other(self):
        assert Partition().outcomes(*(confirmation("A-17") for _ in range(3))) == [STORED, DUPLICATE, DUPLICATE]

    def test_it_holds_for_ever(self):
        late = [confirmation("A-17", received_at=NOW + after) for after in (0, DAY, 100 * YEAR)]
        assert Partition().outcomes(*late) == [STORED, DUPLICATE, DUPLICATE]

    def test_another_order_is_another_confirmation(self):
        assert Partition().outcomes(confirmation("A-17"), confirmation("A-18"), confirmation("a-17")) == [STORED] * 3

    def test_another_project_has_orders_of_its_own(self):
        two = confirmation("7"), confirmation("7", project="shop")
        assert Partition().outcomes(*two) == [STORED, STORED]

    @pytest.mark.parametrize("other", [Api.PULSE, Api.EVENTS])
    def test_an_order_is_the_same_on_every_api(self, other: Api):
        assert Partition().outcomes(confirmation("7"), confirmation("7", api=other)) == [STORED, DUPLICATE]
        assert Partition().outcomes(confirmation("7", api=other), confirmation("7")) == [STORED, DUPLICATE]

    def test_an_integer_is_compared_as_its_string(self):
        assert Partition().outcomes(confirmation(7), confirmation("7")) == [STORED, DUPLICATE]
        assert Partition().outcomes(confirmation("007"), confirmation(7)) == [STORED, STORED]

    def test_a_repeat_names_the_first(self):
        partition = Partition()
        partition.decide(confirmation("A-17", number=1))
        repeat = partition.decide(confirmation("A-17", number=2))
        assert (repeat.event.event_id, repeat.duplicate_of) == (event_id(2), event_id(1))
        assert repeat.reason == f"order A-17 was confirmed before: event {event_id(1)} of 2026-11-18T11:06:40.000Z"

    def test_a_second_repeat_names_the_first_too(self):
        partition = Partition()
        found = [partition.decide(confirmation("A-17", number=n)).duplicate_of for n in (1, 2, 3)]
        assert found == [None, event_id(1), event_id(1)]

    def test_without_an_order_it_is_stored_as_it_is(self):
        nameless = {"type": "confirmation"}
        assert Partition().outcomes(*(line(Api.EVENTS, nameless, None) for _ in range(2))) == [STORED, STORED]
        of_a_request = line(Api.EVENTS, nameless, None)
        assert Partition().outcomes(*request("k1", of_a_request, of_a_request)) == [STORED, STORED]
        of_a_user = [metric("confirmation", unique_id=unique_id) for unique_id in "ab"]
        assert Partition().outcomes(*of_a_user) == [STORED, STORED]

    def test_an_order_may_hold_anything(self):
        orders = ["/", "a/b", "demo/order/x", "\0", "ä", "x" * 256]
        assert Partition().outcomes(*(confirmation(order) for order in orders * 2)) == [STORED] * 6 + [DUPLICATE] * 6

    def test_an_order_of_another_type_of_event_is_no_confirmation(self):
        purchase = page_view(sent={"order_id": "A-17"})
        assert Partition().outcomes(confirmation("A-17"), purchase, purchase) == [STORED, STORED, STORED]


class TestEmailOpens:
    @pytest.mark.parametrize("own_time", [True, False], ids=["its own time", "the time of receipt"])
    def test_one_in_20_minutes_is_stored_to_the_millisecond(self, own_time: bool):
        after = [0, 20 * MINUTE - 1, 20 * MINUTE, 40 * MINUTE - 1, 40 * MINUTE]
        opens = [email_open(NOW + ms) if own_time else email_open(received_at=NOW + ms) for ms in after]
        assert Partition().outcomes(*opens) == [STORED, THROTTLED, STORED, THROTTLED, STORED]

    def test_its_own_time_may_be_iso_8601(self):
        def iso(at_ms: int) -> str:
            return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")

        opens = [email_open(iso(NOW)), email_open(iso(NOW + 20 * MINUTE - 1)), email_open(NOW + 20 * MINUTE)]
        assert Partition().outcomes(*opens) == [STORED, THROTTLED, STORED]

    def test_its_own_time_counts_and_not_that_of_receipt(self):
        opens = [email_open(NOW), email_open(NOW + 20 * MINUTE), email_open(NOW + 39 * MINUTE, received_at=NOW + DAY)]
        assert Partition().outcomes(*opens) == [STORED, STORED, THROTTLED]

    def test_a_rejected_one_does_not_extend_the_20_minutes(self):
        opens = [email_open(NOW + minute * MINUTE) for minute in (0, 10, 19, 20)]
        assert Partition().outcomes(*opens) == [STORED, THROTTLED, THROTTLED, STORED]

    @pytest.mark.parametrize(
        ("before_ms", "outcome"), [(1, THROTTLED), (20 * MINUTE - 1, THROTTLED), (20 * MINUTE, STORED)]
    )
    def test_a_late_one_is_held_against_the_last_accepted(self, before_ms: int, outcome: str):
        assert Partition().outcomes(email_open(NOW), email_open(NOW - before_ms)) == [STORED, outcome]

    def test_a_late_one_that_is_stored_leaves_the_window_where_it_is(self):
        late, between, next_one = (email_open(NOW + minute * MINUTE) for minute in (-30, 19, 20))
        assert Partition().outcomes(email_open(NOW), late, between, next_one) == [STORED, STORED, THROTTLED, STORED]

    def test_every_user_has_20_minutes_of_their_own(self):
        opens = [email_open(NOW, user=user) for user in ("u1", "u2", "u1")]
        assert Partition().outcomes(*opens) == [STORED, STORED, THROTTLED]

    def test_one_of_whom_only_an_anonymous_id_is_known_has_20_minutes_too(self):
        opens = [email_open(NOW + ms, key="demo/anonymous/a1") for ms in (0, 20 * MINUTE - 1, 20 * MINUTE)]
        assert Partition().outcomes(*opens) == [STORED, THROTTLED, STORED]

    def test_an_anonymous_id_is_not_held_against_a_user_id_that_reads_alike(self):
        opens = [email_open(NOW, key=key) for key in ("demo/user/42", "demo/anonymous/42")]
        assert Partition().outcomes(*opens) == [STORED, STORED]

    def test_every_project_has_users_of_its_own(self):
        assert Partition().outcomes(email_open(NOW), email_open(NOW, project="shop")) == [STORED, STORED]

    def test_what_is_throttled_names_the_open_that_was_stored(self):
        partition = Partition()
        partition.decide(email_open(NOW, number=1))
        second = partition.decide(email_open(NOW + MINUTE, number=2))
        assert second.duplicate_of == event_id(1)
        assert second.reason == (
            f"this user opened an email within 20 minutes: event {event_id(1)} of 2026-11-18T11:06:40.000Z"
        )

    def test_one_of_nobody_is_stored_as_it_is(self):
        of_nobody = {
            "eventName": "email_open",
            "timestamp": "2026-11-18T11:06:40Z",
            "anonymousId": "x" * 2048,
            "sessionId": "s1",
            "consentGiven": True,
        }
        assert Partition().outcomes(*(line(Api.INGEST, of_nobody, None) for _ in range(2))) == [STORED, STORED]

    def test_one_of_nobody_that_is_routed_by_its_request_is_stored_as_it_is(self):
        of_nobody = line(Api.EVENTS, {"type": "email_open"}, None)
        assert Partition().outcomes(*request("k1", of_nobody, of_nobody)) == [STORED, STORED]

    def test_any_reader_is_remembered_in_as_little(self):
        partition = Partition()
        partition.decide(email_open(NOW, user="u" * 2048))
        assert [(len(key), len(entry.value)) for key, entry in partition.state.entries.items()] == [(16, 25)]

    @given(st.lists(st.integers(-90 * MINUTE, 90 * MINUTE), max_size=30))
    def test_each_is_decided_by_the_last_accepted_alone(self, after: list[int]):
        last: int | None = None
        expected = []
        for at in after:
            stored = last is None or abs(at - last) >= 20 * MINUTE
            expected.append(STORED if stored else THROTTLED)
            last = at if last is None or (stored and at > last) else last
        assert Partition().outcomes(*(email_open(NOW + at) for at in after)) == expected

    @given(st.lists(st.integers(0, 3 * MINUTE), max_size=60))
    def test_of_those_in_order_the_stored_ones_lie_20_minutes_apart(self, gaps: list[int]):
        times = list(itertools.accumulate(gaps, initial=NOW))
        outcomes = Partition().outcomes(*map(email_open, times))
        stored = [at for at, outcome in zip(times, outcomes, strict=True) if outcome == STORED]
        assert stored[0] == NOW
        assert all(later - earlier >= 20 * MINUTE for earlier, later in itertools.pairwise(stored))
        assert all(any(0 <= at - one < 20 * MINUTE for one in stored) for at in times)


class TestUniqueIds:
    def test_the_first_with_a_unique_id_is_stored_and_no_other(self):
        partition = Partition()
        events = [metric(unique_id="x-1", time=f"2026-11-1{day}T00:00:00Z") for day in (1, 2)]
        assert partition.outcomes(*events) == [STORED, DUPLICATE]

    @pytest.mark.parametrize(
        "other",
        [
            metric(unique_id="x-2"),
            metric(unique_id="x-1", user="u2"),
            metric("Placed Order", unique_id="x-1"),
            metric(unique_id="X-1"),
        ],
        ids=["id", "profile", "metric", "case"],
    )
    def test_it_counts_for_a_profile_and_a_metric(self, other):
        assert Partition().outcomes(metric(unique_id="x-1"), other) == [STORED, STORED]

    def test_without_one_the_time_to_the_second_stands_in_for_it(self):
        times = ["11:06:40.000", "11:06:40.999", "11:06:41.000"]
        events = [metric(time=f"2026-11-18T{time}Z") for time in times]
        assert Partition().outcomes(*events) == [STORED, DUPLICATE, STORED]

    def test_one_of_null_is_none(self):
        assert Partition().outcomes(metric(unique_id=None), metric()) == [STORED, DUPLICATE]

    @pytest.mark.parametrize("sent", [{}, {"time": None}], ids=["no time", "null"])
    def test_without_a_time_the_second_of_receipt_counts(self, sent):
        after = [0, 999 - NOW % 1000, 1000]
        events = [metric(**sent, line_changes={"received_at": NOW + ms}) for ms in after]
        assert Partition().outcomes(*events) == [STORED, DUPLICATE, STORED]

    def test_profiles_that_stand_together_by_a_rule_of_their_project_are_told_apart(self):
        events = [metric(unique_id="x", user=u, line_changes={"key": "demo/rule/r/1"}) for u in ("u1", "u2", "u1")]
        assert Partition().outcomes(*events) == [STORED, STORED, DUPLICATE]

    def test_a_second_that_was_sent_is_remembered_for_ever_and_one_of_receipt_for_a_minute(self):
        sent, received = Partition(), Partition()
        sent.decide(metric(time="2026-11-18T11:06:40Z"))
        received.decide(metric())
        assert [entry.forget_at for entry in sent.state.entries.values()] == [0]
        assert [entry.forget_at for entry in received.state.entries.values()] == [NOW + MINUTE]

    def test_an_id_that_reads_like_a_second_is_none(self):
        assert Partition().outcomes(metric(), metric(unique_id=str(NOW // 1000))) == [STORED, STORED]

    def test_a_repeat_says_so(self):
        partition = Partition()
        partition.decide(metric(unique_id="x-1", line_changes={"number": 1}))
        assert partition.decide(metric(unique_id="x-1")).reason.startswith(
            "this profile had an event of this metric with the unique_id x-1 before: event 00000000-"
        )

    def test_other_apis_know_no_unique_id(self):
        twice = [page_view(sent={"unique_id": "x-1"}, number=n) for n in (1, 2)]
        assert Partition().outcomes(*twice) == [STORED, STORED]

    def test_orders_of_one_second_do_not_meet(self):
        events = [metric("confirmation", orderId=n, line_changes={"key": f"demo/order/{n}"}) for n in (1, 2, 1)]
        assert Partition().outcomes(*events) == [STORED, STORED, DUPLICATE]


class TestRepeatedRequests:
    def test_a_repeat_within_24_hours_is_all_duplicates(self):
        partition = Partition()
        sent = [page_view(), page_view(), confirmation("A-17"), email_open(NOW)]
        assert partition.outcomes(*request("k1", *sent)) == [STORED] * 4
        assert partition.outcomes(*request("k1", *sent, received_at=NOW + DAY - 1)) == [DUPLICATE] * 4

    def test_after_24_hours_it_is_another_request(self):
        partition = Partition()
        partition.outcomes(*request("k1", page_view()))
        assert partition.outcomes(*request("k1", page_view(), received_at=NOW + DAY)) == [STORED]
        assert partition.outcomes(*request("k1", page_view(), received_at=NOW + 2 * DAY - 1)) == [DUPLICATE]

    def test_a_repeat_does_not_extend_the_24_hours(self):
        partition = Partition()
        outcomes = [
            partition.outcomes(*request("k1", page_view(), received_at=NOW + ms))[0] for ms in (0, DAY - 1, DAY)
        ]
        assert outcomes == [STORED, DUPLICATE, STORED]

    def test_a_request_is_remembered_for_24_hours(self):
        partition = Partition()
        partition.outcomes(*request("k1", page_view()))
        assert [entry.forget_at for entry in partition.state.entries.values()] == [NOW + DAY]

    def test_a_repeat_that_a_slow_clock_has_stamped_is_one(self):
        partition = Partition()
        partition.outcomes(*request("k1", page_view()))
        assert partition.outcomes(*request("k1", page_view(), received_at=NOW - MINUTE)) == [DUPLICATE]

    def test_another_key_is_another_request(self):
        partition = Partition()
        assert partition.outcomes(*request("k1", page_view()), *request("k2", page_view())) == [STORED, STORED]

    @pytest.mark.parametrize("change", [{"project": "shop", "key": "shop/id/k1"}, {"api": Api.EVENTS}])
    def test_a_key_counts_for_a_project_and_an_api(self, change):
        partition = Partition()
        partition.outcomes(*request("k1", page_view()))
        other = page_view(sent={"type": "page_view"}, **change)
        assert partition.outcomes(*request("k1", other)) == [STORED]

    def test_a_repeat_of_what_was_throttled_is_a_duplicate_of_it_also_when_the_window_has_passed(self):
        partition = Partition()
        partition.decide(email_open(received_at=NOW))
        [lost] = request("k1", email_open(), received_at=NOW + 19 * MINUTE)
        assert partition.decide(lost).outcome == Outcome.THROTTLED
        repeat = partition.decide(*request("k1", email_open(), received_at=NOW + 21 * MINUTE))
        assert (repeat.outcome, repeat.duplicate_of) == (Outcome.DUPLICATE, lost.id)
        assert partition.outcomes(email_open(received_at=NOW + 21 * MINUTE)) == [STORED]

    def test_so_it_is_in_one_record(self):
        sent = [*request("k1", email_open()), *request("k1", email_open())]
        decided = Partition().decide_all(email_open(), *sent)
        assert [found.outcome.value for found in decided] == [STORED, THROTTLED, DUPLICATE]

    def test_what_was_lost_is_remembered_for_24_hours(self):
        partition = Partition()
        partition.decide(confirmation("A-17", number=1))
        found = []
        for ms in (0, DAY - 1, DAY):
            [sent] = request("k1", confirmation("A-17"), received_at=NOW + ms)
            found.append((sent.id, partition.decide(sent).duplicate_of))
        assert [first for _, first in found] == [event_id(1), found[0][0], event_id(1)]

    def test_of_an_event_that_is_lost_nothing_else_is_remembered(self):
        partition = Partition()
        partition.decide(email_open(NOW))
        before = dict(partition.state.entries)
        [lost] = request("k1", email_open(NOW + MINUTE))
        assert partition.decide(lost).outcome == Outcome.THROTTLED
        assert [entry.forget_at for key, entry in partition.state.entries.items() if key not in before] == [NOW + DAY]
        assert before.items() <= partition.state.entries.items()

    def test_a_profile_is_not_applied_again_where_its_event_was_a_duplicate(self):
        def of_plan(plan: str) -> Context:
            profile = b'{"type":"profile","attributes":{"properties":{"plan":"%s"}}}' % plan.encode()
            return Context(user_id="u1", profile=msgspec.Raw(profile))

        partition = Partition()
        partition.decide(metric(unique_id="x"))
        to_pro = metric(unique_id="x", line_changes={"context": of_plan("pro")})
        first = partition.decide(*request("k1", to_pro, received_at=NOW + MINUTE))
        assert (first.outcome, first.user_change) == (Outcome.DUPLICATE, UserChange(set={"plan": "pro"}))
        partition.decide(metric(unique_id="y", line_changes={"context": of_plan("cancelled")}))
        again = partition.decide(*request("k1", to_pro, received_at=NOW + 2 * MINUTE))
        assert (again.outcome, again.user_change) == (Outcome.DUPLICATE, None)

    @pytest.mark.parametrize(
        ("broken", "changes"),
        [
            ("bot", {"client": Client("192.0.2.1", "Googlebot/2.1 (+http://www.google.com/bot.html)")}),
            ("invalid", {"event": msgspec.Raw(b"[]")}),
        ],
    )
    def test_what_a_bot_sent_or_a_rule_failed_on_is_not_remembered(self, broken: str, changes: dict[str, Any]):
        partition = Partition()
        assert partition.outcomes(*request("k1", page_view(), **changes)) == [broken]
        assert partition.state.entries == {}
        assert partition.outcomes(*request("k1", page_view())) == [STORED]

    def test_a_repeat_says_so(self):
        partition = Partition()
        [first] = request("k1", page_view())
        partition.decide(first)
        repeat = partition.decide(*request("k1", page_view()))
        assert repeat.duplicate_of == first.id
        assert repeat.reason == (
            "a request with the Idempotency-Key k1 was accepted and decided within 24 hours: "
            f"event {first.id} of 2026-11-18T11:06:40.000Z"
        )

    def test_what_is_routed_elsewhere_does_not_meet_it(self):
        """Two events of one key and place, which stand on one partition only by chance."""
        partition = Partition()
        assert partition.outcomes(*request("k1", confirmation("A-17")), *request("k1", page_view())) == [STORED] * 2


class TestReplays:
    def again(self, sent, replay: int = 1, refusals: int = 0):
        return msgspec.structs.replace(sent, replay=replay, refusals=refusals or msgspec.UNSET)

    def test_an_event_that_is_sent_in_again_is_stored_once(self):
        sent = page_view()
        again = [self.again(sent), self.again(sent), self.again(sent, 2)]
        assert Partition().outcomes(*again) == [STORED, DUPLICATE, DUPLICATE]

    def test_an_event_that_still_holds_its_order_is_stored(self):
        """It was stored here, and rejected by the sink."""
        first = confirmation("A-17")
        assert Partition().outcomes(first, self.again(first), confirmation("A-17")) == [STORED, STORED, DUPLICATE]

    def test_an_event_that_still_holds_its_20_minutes_is_stored(self):
        first = email_open(NOW)
        partition = Partition()
        assert partition.outcomes(first, self.again(first)) == [STORED, STORED]
        assert partition.outcomes(email_open(NOW + 20 * MINUTE - 1), email_open(NOW + 20 * MINUTE)) == [
            THROTTLED,
            STORED,
        ]

    def test_an_event_of_a_request_with_a_key_is_stored(self):
        [first] = request("k1", page_view())
        assert Partition().outcomes(first, self.again(first), *request("k1", page_view())) == [
            STORED,
            STORED,
            DUPLICATE,
        ]

    def test_one_whose_order_another_has_confirmed_meanwhile_is_a_duplicate(self):
        partition = Partition()
        partition.decide(confirmation("A-17", number=1))
        late = partition.decide(self.again(confirmation("A-17", number=2)))
        assert (late.outcome, late.duplicate_of) == (Outcome.DUPLICATE, event_id(1))

    def test_one_that_is_lost_may_be_sent_in_again(self):
        """It was not stored, so it does not hold its own id."""
        partition = Partition()
        partition.decide(email_open(NOW))
        lost = email_open(NOW + MINUTE)
        assert partition.outcomes(self.again(lost)) == [THROTTLED]
        later = msgspec.structs.replace(self.again(lost, 2), event=email_open(NOW + DAY).event)
        assert partition.outcomes(later) == [STORED]

    def test_each_refusal_by_clickhouse_lets_one_more_through(self):
        sent = page_view()
        again = [self.again(sent, 1 + refusals, refusals) for refusals in (0, 1, 2)]
        assert Partition().outcomes(*again, *again) == [STORED] * 3 + [DUPLICATE] * 3

    def test_two_replays_at_once_of_what_clickhouse_refused_are_stored_once(self):
        sent = page_view()
        at_once = [self.again(sent, 2, refusals=1)] * 2
        assert Partition().outcomes(self.again(sent), *at_once) == [STORED, STORED, DUPLICATE]

    def test_no_refusals_are_as_good_as_none_that_are_said(self):
        sent = page_view()
        said = msgspec.structs.replace(sent, replay=1, refusals=0)
        assert Partition().outcomes(self.again(sent), said) == [STORED, DUPLICATE]

    def test_what_clickhouse_refused_still_holds_its_order(self):
        first = confirmation("A-17")
        others = [confirmation("A-17"), self.again(first, 2, refusals=1), confirmation("A-17")]
        assert Partition().outcomes(first, self.again(first), *others) == [
            STORED,
            STORED,
            DUPLICATE,
            STORED,
            DUPLICATE,
        ]

    def test_the_change_of_a_user_is_made_by_each_replay_that_passes_and_by_no_other(self):
        """ClickHouse refuses a change together with its row."""
        sent = line(
            Api.USER_EVENT,
            {"user": {"_id": "u1", "plan": "gold"}},
            "demo/user/u1",
            context=Context(user_id="u1"),
        )
        replays = [self.again(sent), self.again(sent, 2, refusals=1), self.again(sent, 2, refusals=1)]
        partition = Partition()
        assert [partition.decide(one).user_change is not None for one in replays] == [True, True, False]

    def test_a_repeat_says_so(self):
        partition = Partition()
        sent = page_view(number=7)
        partition.decide(self.again(sent))
        repeat = partition.decide(self.again(sent))
        assert (repeat.duplicate_of, repeat.replay) == (event_id(7), 1)
        assert repeat.reason.startswith("this event was sent in again before, and stored: event ")


class TestTogether:
    def test_lines_of_one_record_see_each_other(self):
        decided = Partition().decide_all(confirmation("A-17"), confirmation("A-17"), confirmation("A-18"))
        assert [found.outcome.value for found in decided] == [STORED, DUPLICATE, STORED]

    def test_keys_of_two_kinds_never_meet(self):
        """All that can be remembered reads alike, and nothing is held against anything else."""
        own = FirstWins(name="order", event_types=frozenset({"x"}), key="x")
        partition = Partition({"demo": Project(first_wins=(own,))})
        lines = [
            confirmation("x"),
            email_open(NOW, user="x"),
            metric("x", user="y", unique_id="x"),
            *request("x", page_view()),
            page_view("demo/rule/order/x", sent={"event_type": "x"}),
            page_view(replay=1),
        ]
        assert partition.outcomes(*lines) == [STORED] * 6
        assert len(partition.state.entries) == 6

    def test_claims_on_one_routing_key_do_not_meet(self):
        """What a user may call himself cannot make his events another's."""
        key = "demo/user/u1"
        lines = [email_open(NOW), metric("email_open", unique_id="second", line_changes={"received_at": NOW + DAY})]
        partition = Partition()
        assert partition.outcomes(*lines, *request("email_open", page_view(key))) == [STORED] * 3

    def test_a_line_that_nobody_routed_competes_with_nobody(self):
        unrouted = [msgspec.structs.replace(confirmation("A-17"), key=None) for _ in range(2)]
        assert Partition().outcomes(*unrouted) == [STORED, STORED]

    def test_every_claim_but_that_of_its_own_id_holds_the_routing_key(self):
        """So that events which make the same claim stand on one partition, and others never meet there."""
        partition = Partition()
        for sent in (confirmation("A-17"), email_open(NOW), metric(), metric(unique_id="x")):
            routed_elsewhere = msgspec.structs.replace(sent, key=f"{sent.key}-2")
            keys = []
            for one in (*request("k1", sent), *request("k1", routed_elsewhere)):
                event = partition.rules.judge(one, partition.state).event
                keys.append({claim.key for claim in claims_of(one, event, Project())})
            assert len(keys[0]) == len(keys[1]) >= 2
            assert not keys[0] & keys[1]

    def test_what_was_remembered_years_ago_is_found(self):
        """These are the keys under which it stands."""
        own = FirstWins(name="coupons", event_types=frozenset({"x"}), key="coupon")
        partition = Partition({"demo": Project(first_wins=(own,))})
        lines = [
            confirmation("A-17"),
            email_open(NOW),
            metric(unique_id="x-1"),
            metric(),
            page_view("demo/rule/coupons/C1", sent={"event_type": "x"}),
            page_view("demo/id/k1", idempotency_key="k1"),
            page_view(replay=1, number=1),
            page_view(replay=2, number=1, refusals=1),
        ]
        keys = []
        for one in lines:
            before = set(partition.state.entries)
            partition.decide(one)
            keys += [key.hex() for key in partition.state.entries.keys() - before]
        assert keys == [
            "9adff8ef5d8e19c9d44b1d38071a33e5",
            "1855a0ee2e666c9bbe18fefeb5463e6f",
            "dcc7b44f0c34cd68b2a03c7cbe512cae",
            "ed8351555d0db4236728e4079ae8b525",
            "1110a1cd6be86c77a18a9e65233e3639",
            "1b2f1de998906f03e81f418892758584",
            "59cb969fece7e9f23dc950cdea5eeb67",
            "61a9fbb18786fee25488c7e18c7aa4fb",
        ]

    @given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 40 * DAY)), max_size=30))
    def test_at_most_one_confirmation_of_an_order_is_stored(self, sent: list[tuple[str, int]]):
        lines = [confirmation(order, received_at=NOW + at) for order, at in sent]
        outcomes = Partition().outcomes(*lines)
        stored = [order for (order, _), outcome in zip(sent, outcomes, strict=True) if outcome == STORED]
        assert sorted(stored) == sorted({order for order, _ in sent})
