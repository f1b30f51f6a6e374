"""What two events compete for is what the gateway has routed them by: how many partitions there are decides nothing.

The lines come from the gateway itself, over HTTP, so that the two cannot drift apart.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import pytest
from tests.unit.gateway.harness import demo_projects, encoded, gateway_with
from tests.unit.gateway.test_golden import GOLDEN, load, users
from tests.unit.processors.partition import Partition

from sluice.contract.event import Api
from sluice.contract.first_wins import FirstWins
from sluice.contract.routing import partition_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.unit.gateway.harness import Gateway

    from sluice.contract.projects import Project, Projects
    from sluice.contract.raw import RawLine

RULES = (
    FirstWins(name="coupons", event_types=frozenset({"coupon_used"}), key="coupon"),
    FirstWins(name="searches", event_types=frozenset({"search"}), key="@user", window_s=60),
)


def settings() -> Projects:
    """Give the demo's projects, without limits and with rules of its own."""
    demo = demo_projects()
    ruled = demo.projects["demo"].model_copy(
        update={
            "limits": "none",
            "event_types": "*",
            "standard_events": frozenset({"coupon_used"}),
            "first_wins": RULES,
            "bots": "keep",
        }
    )
    return demo.model_copy(update={"projects": demo.projects | {"demo": ruled}})


Decision = tuple[str, str, str]


def decided(lines: Sequence[RawLine], projects: Mapping[str, Project], partitions: int) -> list[Decision]:
    """Decide lines in order, each on the partition of its routing key; give outcome, `duplicate_of` and reason."""
    places = {number: Partition(projects) for number in range(partitions)}
    found = []
    for line in lines:
        anywhere = int(UUID(line.id)) % partitions  # where it was, it is sent in again
        place = anywhere if line.key is None else partition_of(line.key, partitions)
        decision = places[place].decide(line)
        found.append((decision.outcome.value, decision.duplicate_of or "", decision.reason))
    return found


def and_again(lines: Sequence[RawLine]) -> list[RawLine]:
    """Give lines, and after them the same sent in again, twice."""
    return [*lines, *(msgspec.structs.replace(line, replay=1) for line in [*lines, *lines])]


async def send(gateway: Gateway, path: str, body: Any, headers: Mapping[str, str]) -> None:
    answer = await gateway.send(path, encoded(body), {"Authorization": "Bearer pulse_prod_demo"} | dict(headers))
    assert answer.status < 300, answer.body


def requests(now_ms: int) -> Iterator[tuple[str, Any, dict[str, str]]]:
    """Make requests to every API whose events meet in all the ways that there are."""
    types = ("confirmation", "email_open", "coupon_used", "search", "page_view")
    names = ("u1", "u2")
    for event_type, user, number, key in itertools.product(types, names, (1, 2), (None, "k1", "k2")):
        headers = {"Idempotency-Key": key} if key else {}
        members: dict[str, Any] = {"orderId": number, "coupon": f"c{number}"}
        pulse = {"site_id": "s", "event_type": event_type, "timestamp": now_ms, "session_id": "s", "user_id": user}
        yield "/collect/batch", {"events": [pulse | members, pulse | {"user_id": None} | members]}, headers
        events = {"type": event_type, "userId": user, "properties": members}
        yield "/collect/event", {"messageBody": [events, {"type": event_type, "email": f"{user}@b.c"}]}, headers
        ingest = {
            "eventName": event_type,
            "timestamp": "2026-11-18T11:06:40Z",
            "anonymousId": user,
            "sessionId": "s",
            "consentGiven": True,
            "properties": {"coupon": f"c{number}", "orderId": str(number)},
        }
        yield "/v1/ingest", {"events": [ingest, ingest | {"userId": user}, ingest | {"userId": "u" * 2048}]}, headers
        metric = {"data": {"type": "metric", "attributes": {"name": event_type}}}
        of_api_4 = [
            {"type": "event", "attributes": {"metric": metric, "properties": members} | more}
            for more in ({}, {"unique_id": "x"}, {"unique_id": f"x{number}"}, {"time": "2026-11-18T11:06:40Z"})
        ]
        profile = {"data": {"type": "profile", "attributes": {"external_id": user, "email": f"{user}@b.c"}}}
        bulk = {"type": "event-bulk-create", "attributes": {"profile": profile, "events": {"data": of_api_4}}}
        job = {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": [bulk]}}}}
        klaviyo = {"Authorization": "Klaviyo-API-Key pulse_prod_demo", "revision": "2026-07-15"}
        yield "/api/event-bulk-create-jobs", job, headers | klaviyo
        yield "/user/", {"user": {"_id": user, "email": f"{user}@b.c", "n": number}}, headers
        yield "/event/", {"user": {"_id": user}, "event": {event_type: members}}, headers
        yield "/event/", {"user": {"_id": user}, "event": {"update": members}}, headers
        generic = {"generic": {"generic": {"event_name": "coupon_used"} | members}}
        yield "/event/", {"user": {"email": f"{user}@b.c"}, "event": generic}, headers


NOW_IN_2026 = 1_795_000_000_000


@pytest.fixture(scope="module")
async def crowd() -> list[RawLine]:
    """The lines of all these requests, each sent twice, with ids of their own."""
    async with gateway_with(settings()) as gateway:
        gateway.clock.now_ms = NOW_IN_2026
        for path, body, headers in [*requests(NOW_IN_2026)] * 2:
            gateway.clock.now_ms += 7
            await send(gateway, path, body, headers)
        return gateway.lines()


@pytest.mark.parametrize("partitions", [2, 3, 61])
async def test_how_many_partitions_there_are_decides_nothing(crowd: list[RawLine], partitions: int):
    projects = settings().projects
    lines = and_again(crowd)
    on_one = decided(lines, projects, 1)
    assert decided(lines, projects, partitions) == on_one
    assert {outcome for outcome, _, _ in on_one} == {"stored", "duplicate", "throttled"}


async def test_the_lines_meet_in_every_way_that_there_is(crowd: list[RawLine]):
    lines = and_again(crowd)
    reasons = " ".join(reason for _, _, reason in decided(lines, settings().projects, 1))
    for rule in ("confirmed", "opened an email", "Idempotency-Key", "unique_id x", "same second", "sent in again"):
        assert rule in reasons
    for own in RULES:
        assert f"rule {own.name}" in reasons
    assert {line.api for line in crowd} == set(Api)


async def test_nothing_of_a_request_with_an_idempotency_key_is_decided_twice(crowd: list[RawLine]):
    lines = [line for line in crowd if line.idempotency_key]
    decisions = decided(lines, settings().projects, 61)
    half = len(lines) // 2
    assert {outcome for outcome, _, _ in decisions[:half]} == {"stored", "duplicate", "throttled"}
    for outcome, _, reason in decisions[half:]:
        assert (outcome, reason[:35]) == ("duplicate", "a request with the Idempotency-Key ")


@pytest.mark.parametrize("api", list(Api))
async def test_so_it_is_for_every_recorded_request(api: Api):
    lines: list[RawLine] = []
    async with gateway_with(settings()) as gateway:
        for path in GOLDEN:
            golden = load(path)
            if path.parent.name != api or not golden["stored"]:
                continue
            gateway.clock.now_ms = golden.get("now", gateway.clock.now_ms)
            gateway.users.known.clear()
            gateway.users.known.update(users(golden.get("users", [])))
            request = golden["request"]
            for _ in range(2):
                await gateway.send(request["path"], request.get("body", "").encode(), request.get("headers"))
            lines += gateway.lines()
            gateway.publisher.records.clear()
    assert len(lines) > 50
    assert decided(lines, settings().projects, 61) == decided(lines, settings().projects, 1)
