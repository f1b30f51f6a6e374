"""The rules in the order in which they are applied, and those of a project's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.factories import NOW
from tests.unit.processors.partition import DAY, SECOND, Partition, confirmation, event_id, line, page_view

from sluice.contract.event import Api, Event, Outcome
from sluice.contract.first_wins import FirstWins
from sluice.contract.projects import Project
from sluice.contract.raw import Client, RawLine

STORED, DUPLICATE, THROTTLED = "stored", "duplicate", "throttled"
BOT = Client("192.0.2.1", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")


class TestBots:
    def test_a_known_crawlers_event_is_rejected_with_its_name(self):
        decided = Partition().decide(page_view(client=BOT))
        assert decided.outcome == Outcome.BOT
        assert decided.reason.startswith("its user agent is a known crawler's: Google")

    def test_a_bot_claims_nothing(self):
        partition = Partition()
        assert partition.outcomes(confirmation("A-17", client=BOT), confirmation("A-17")) == ["bot", STORED]

    def test_a_bot_is_a_bot_also_where_it_would_be_a_duplicate(self):
        assert Partition().outcomes(confirmation("A-17"), confirmation("A-17", client=BOT)) == [STORED, "bot"]

    def test_a_project_may_keep_them(self):
        partition = Partition({"demo": Project(bots="keep")})
        assert partition.outcomes(page_view(client=BOT), page_view(client=BOT, project="shop")) == [STORED, "bot"]

    def test_a_bot_that_is_sent_in_again_is_stored_once_the_project_keeps_them(self):
        partition = Partition()
        bot = confirmation("A-17", client=BOT)
        again = [msgspec.structs.replace(bot, replay=n) for n in (1, 2, 3)]
        assert partition.outcomes(bot, again[0]) == ["bot", "bot"]
        partition.rules = replace(partition.rules, projects={"demo": Project(bots="keep")})
        assert partition.outcomes(again[1], again[2]) == [STORED, DUPLICATE]

    def test_one_that_was_stored_since_is_a_duplicate_also_where_the_project_rejects_them_again(self):
        partition = Partition({"demo": Project(bots="keep")})
        bot = page_view(client=BOT, replay=1, number=7)
        assert partition.outcomes(bot) == [STORED]
        partition.rules = replace(partition.rules, projects={})
        again = partition.decide(msgspec.structs.replace(bot, replay=2))
        assert (again.outcome, again.duplicate_of) == (Outcome.DUPLICATE, event_id(7))


def rule(**changes: Any) -> FirstWins:
    fields = {"name": "coupons", "event_types": frozenset({"coupon_used"}), "key": "coupon"}
    return FirstWins.model_validate(fields | changes)


def used(coupon: str = "C1", *, at: int = NOW, name: str = "coupons", **changes: Any) -> RawLine:
    """Make an event that the gateway has routed by a rule of the project."""
    sent = {"event_type": "coupon_used", "coupon": coupon, "timestamp": at}
    return page_view(f"demo/rule/{name}/{coupon}", sent=sent, **changes)


def searched(user: str = "u1", *, kind: str = "user", at: int = NOW, **changes: Any) -> RawLine:
    sent = {"event_type": "search", "user_id": user, "timestamp": at}
    return page_view(f"demo/{kind}/{user}", sent=sent, **changes)


def under(*rules: FirstWins) -> Partition:
    return Partition({"demo": Project(first_wins=rules)})


class TestAProjectsOwnRules:
    def test_the_first_with_a_key_is_stored_and_no_other(self):
        assert under(rule()).outcomes(used("C1"), used("C2"), used("C1")) == [STORED, STORED, DUPLICATE]

    def test_without_a_window_it_is_for_ever(self):
        late = NOW + 100 * 366 * DAY
        assert under(rule()).outcomes(used(), used(at=late, received_at=late)) == [STORED, DUPLICATE]

    def test_within_a_window_to_the_millisecond(self):
        after = (0, 60 * SECOND - 1, 60 * SECOND, 120 * SECOND - 1, 120 * SECOND)
        events = [used(at=NOW + ms) for ms in after]
        assert under(rule(window_s=60)).outcomes(*events) == [STORED, DUPLICATE, STORED, DUPLICATE, STORED]

    def test_the_outcome_is_the_rules(self):
        assert under(rule(outcome="throttled")).outcomes(used(), used()) == [STORED, THROTTLED]

    def test_for_each_user(self):
        by_user = rule(name="searches", event_types=frozenset({"search"}), key="@user", window_s=60)
        events = [searched(), searched(at=NOW + 1), searched("u2"), searched(at=NOW + 60 * SECOND)]
        assert under(by_user).outcomes(*events) == [STORED, DUPLICATE, STORED, STORED]

    def test_for_each_of_whom_only_an_anonymous_id_is_known(self):
        by_user = rule(name="searches", event_types=frozenset({"search"}), key="@user")
        events = [searched(user, kind=kind) for kind in ("user", "anonymous", "anonymous") for user in ("u1", "u2")]
        assert under(by_user).outcomes(*events) == [STORED] * 4 + [DUPLICATE] * 2

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({}, "rule coupons: there was an event with this coupon"),
            ({"window_s": 60}, "rule coupons: there was an event with this coupon within 60 s"),
        ],
    )
    def test_a_repeat_says_which_rule_it_was(self, changes: dict[str, Any], reason: str):
        partition = under(rule(**changes))
        partition.decide(used(number=1))
        lost = partition.decide(used(number=2))
        assert lost.reason == f"{reason}: event {event_id(1)} of 2026-11-18T11:06:40.000Z"
        assert lost.duplicate_of == event_id(1)

    def test_a_repeat_of_a_user_says_so(self):
        partition = under(rule(name="searches", event_types=frozenset({"search"}), key="@user"))
        partition.decide(searched())
        assert partition.decide(searched()).reason.startswith("rule searches: there was an event of this user: event")

    def test_other_projects_and_types_do_not_come_under_it(self):
        other_type = page_view("demo/rule/coupons/C1", sent={"event_type": "x", "coupon": "C1"})
        other_project = page_view("shop/rule/coupons/C1", sent={"event_type": "coupon_used"}, project="shop")
        for events in ([other_type] * 2, [other_project] * 2):
            assert under(rule()).outcomes(used(), *events) == [STORED, STORED, STORED]

    @pytest.mark.parametrize(
        "key",
        [None, "demo/id/k1", "demo/user/C1", "demo/rule/other/C1", "demo/rule/coupons-2/C1", "shop/rule/coupons/C1"],
    )
    def test_what_the_gateway_has_not_routed_by_it_does_not_come_under_it(self, key: str | None):
        """The gateway took the rule a moment later, or the event lacks the key."""
        unrouted = [msgspec.structs.replace(used(), key=key) for _ in range(2)]
        assert under(rule()).outcomes(*unrouted) == [STORED, STORED]

    def test_a_rule_that_is_gone_does_not_count(self):
        assert under().outcomes(used(), used()) == [STORED, STORED]

    def test_a_rule_that_goes_by_another_member_begins_anew(self):
        partition = under(rule())
        partition.decide(used("7"))
        partition.rules = replace(partition.rules, projects={"demo": Project(first_wins=(rule(key="voucher"),))})
        assert partition.outcomes(used("7"), used("7")) == [STORED, DUPLICATE]

    def test_a_rule_with_another_window_goes_on(self):
        partition = under(rule(window_s=60))
        partition.decide(used())
        partition.rules = replace(partition.rules, projects={"demo": Project(first_wins=(rule(window_s=120),))})
        assert partition.outcomes(used(at=NOW + 119 * SECOND), used(at=NOW + 120 * SECOND)) == [DUPLICATE, STORED]

    @pytest.mark.parametrize(("window_s", "forget_at"), [(60, NOW + 60 * SECOND + DAY), (None, 0)])
    def test_a_window_is_remembered_a_day_longer(self, window_s: int | None, forget_at: int):
        partition = under(rule(window_s=window_s))
        partition.decide(used(at=NOW - 5))
        assert [entry.forget_at for entry in partition.state.entries.values()] == [forget_at]

    def test_an_event_of_the_future_is_remembered_until_its_own_time(self):
        partition = under(rule(window_s=60))
        partition.decide(used(at=NOW + 300 * DAY))
        assert [entry.forget_at for entry in partition.state.entries.values()] == [NOW + 301 * DAY + 60 * SECOND]

    def test_an_event_that_comes_a_day_late_is_held_against_it_and_a_later_one_not(self):
        partition = under(rule(window_s=60))
        partition.decide(used())
        until = NOW + 60 * SECOND + DAY
        assert partition.outcomes(used(received_at=until), used(received_at=until + 1)) == [DUPLICATE, STORED]

    def test_confirmations_keep_their_own_rule(self):
        partition = under(rule(event_types="*", key="orderId", window_s=1))
        late = confirmation("7", received_at=NOW + DAY)
        assert partition.outcomes(confirmation("7"), late) == [STORED, DUPLICATE]

    @pytest.mark.parametrize("api", [Api.EVENTS, Api.USER_EVENT])
    def test_it_holds_on_every_api_that_it_names(self, api: Api):
        sent: dict[Api, dict[str, Any]] = {
            Api.EVENTS: {"type": "coupon_used", "coupon": "C1"},
            Api.USER_EVENT: {
                "user": {"_id": "u1"},
                "event": {"generic": {"event_name": "coupon_used", "coupon": "C1"}},
            },
        }
        named = under(rule(apis=frozenset({api})))
        event = line(api, sent[api], "demo/rule/coupons/C1")
        assert named.outcomes(event, line(api, sent[api], "demo/rule/coupons/C1")) == [STORED, DUPLICATE]
        assert named.outcomes(used(), used()) == [STORED, STORED]


def test_a_time_that_no_column_holds_is_no_ones_claim():
    partition = Partition()
    impossible = confirmation("A-17", api=Api.EVENTS)
    impossible = msgspec.structs.replace(
        impossible, event=msgspec.Raw(b'{"type":"confirmation","orderId":"A-17","timestamp":-1}')
    )
    assert partition.outcomes(impossible, confirmation("A-17")) == ["invalid", STORED]


def test_a_stored_event_is_passed_on_as_its_api_reads_it():
    stored = Partition().decide(confirmation("A-17", api=Api.EVENTS))
    assert isinstance(stored.event, Event)
    assert (stored.event.event_type, stored.event.order_id) == ("confirmation", "A-17")
