"""Every API routes the events that come under a rule of their project by the rule's key, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.gateway.harness import NOW, demo_projects, encoded, gateway_with

from sluice.contract.event import Api
from sluice.contract.first_wins import FirstWins
from sluice.gateway.users.port import Identifier, Known

if TYPE_CHECKING:
    from sluice.contract.projects import Projects

COUPONS = FirstWins(name="coupons", event_types=frozenset({"coupon_used"}), key="coupon")
SEARCHES = FirstWins(name="searches", event_types=frozenset({"search"}), key="@user")

KLAVIYO = {"Authorization": "Klaviyo-API-Key pulse_prod_demo", "revision": "2026-07-15"}
ANN = Known("ann", "ann@example.com")


def pulse(event_type: str, members: dict[str, Any]) -> tuple[str, Any]:
    event = {"site_id": "s", "event_type": event_type, "timestamp": NOW, "session_id": "s", "user_id": "ann"}
    return "/collect", event | members


def events(event_type: str, members: dict[str, Any]) -> tuple[str, Any]:
    return "/collect/event", {"messageBody": [{"type": event_type, "userId": "ann"} | members]}


def ingest(event_type: str, members: dict[str, Any]) -> tuple[str, Any]:
    event = {
        "eventName": event_type,
        "timestamp": "2023-12-19T15:53:54.567Z",
        "anonymousId": "a",
        "sessionId": "s",
        "consentGiven": True,
        "userId": "ann",
    }
    return "/v1/ingest", {"events": [event | members]}


def client(event_type: str, members: dict[str, Any]) -> tuple[str, Any]:
    attributes = {"metric": {"data": {"type": "metric", "attributes": {"name": event_type}}}} | members
    profile = {"data": {"type": "profile", "attributes": {"external_id": "ann"}}}
    sent = {"data": [{"type": "event", "attributes": attributes}]}
    bulk = {"type": "event-bulk-create", "attributes": {"profile": profile, "events": sent}}
    job = {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": [bulk]}}}
    return "/api/event-bulk-create-jobs", {"data": job}


def generic(event_type: str, members: dict[str, Any]) -> tuple[str, Any]:
    event = {"generic": {"generic": {"event_name": event_type} | members}}
    return "/event/", {"user": {"_id": "ann"}, "event": event}


def standard(event_type: str, members: dict[str, Any]) -> tuple[str, Any]:
    return "/event/", {"user": {"_id": "ann"}, "event": {event_type: members}}


REQUESTS = {
    "pulse": (Api.PULSE, pulse),
    "events": (Api.EVENTS, events),
    "ingest": (Api.INGEST, ingest),
    "client": (Api.CLIENT, client),
    "generic": (Api.USER_EVENT, generic),
    "standard": (Api.USER_EVENT, standard),
}


def settings(*rules: FirstWins) -> Projects:
    demo = demo_projects()
    changes = {"event_types": "*", "standard_events": frozenset({"coupon_used"}), "first_wins": rules}
    return demo.model_copy(
        update={"projects": demo.projects | {"demo": demo.projects["demo"].model_copy(update=changes)}}
    )


async def routed(settings: Projects, path: str, body: Any, **headers: str) -> str | None:
    """Send one event and give its routing key."""
    async with gateway_with(settings) as gateway:
        gateway.users.known[Identifier("demo", "id", "ann")] = ANN
        authorized = KLAVIYO if path.startswith("/api/") else {"Authorization": "Bearer pulse_prod_demo"}
        answer = await gateway.send(path, encoded(body), authorized | headers)
        assert answer.status < 300, answer.body
        (line,) = gateway.lines()
        return line.key


@pytest.mark.parametrize("of", REQUESTS)
@pytest.mark.parametrize(
    "members", [{"coupon": "C1"}, {"properties": {"coupon": "C1"}}], ids=["the event", "its properties"]
)
async def test_by_a_member_of(of: str, members: dict[str, Any]):
    _, make = REQUESTS[of]
    under_rules = settings(COUPONS, SEARCHES)
    request = make("coupon_used", members)
    assert await routed(under_rules, *request) == "demo/rule/coupons/C1"
    assert await routed(under_rules, *request, **{"Idempotency-Key": "k1"}) == "demo/rule/coupons/C1"


@pytest.mark.parametrize("of", REQUESTS)
async def test_by_the_user(of: str):
    _, make = REQUESTS[of]
    assert await routed(settings(COUPONS, SEARCHES), *make("search", {})) == "demo/user/ann"


@pytest.mark.parametrize("of", REQUESTS)
async def test_an_event_without_the_key_is_routed_as_without_the_rule(of: str):
    _, make = REQUESTS[of]
    request = make("coupon_used", {"properties": {"voucher": "C1"}})
    for headers in ({}, {"Idempotency-Key": "k1"}):
        without_a_rule = await routed(settings(), *request, **headers)
        assert await routed(settings(COUPONS), *request, **headers) == without_a_rule


@pytest.mark.parametrize("of", REQUESTS)
async def test_a_rule_for_other_apis_does_not_count(of: str):
    api, make = REQUESTS[of]
    request = make("coupon_used", {"coupon": "C1"})
    others = COUPONS.model_copy(update={"apis": frozenset(Api) - {api}})
    assert await routed(settings(others), *request) == await routed(settings(), *request)


async def test_a_user_who_is_saved_comes_under_no_rule():
    everything = FirstWins(name="all", key="coupon")
    request = "/user/", {"user": {"_id": "ann", "coupon": "C1"}}
    assert await routed(settings(everything), *request) == "demo/user/ann"


async def test_an_update_goes_by_its_user_unless_a_rule_says_otherwise():
    everything = FirstWins(name="all", key="coupon")
    request = standard("update", {"coupon": "C1"})
    assert await routed(settings(COUPONS), *request) == "demo/user/ann"
    assert await routed(settings(everything), *request) == "demo/rule/all/C1"
