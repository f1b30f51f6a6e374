"""Of who denies consent the gateway writes no address to Kafka, whichever API the event comes by."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.gateway.harness import demo_projects, encoded, gateway_with
from tests.unit.gateway.test_own_rules import ANN, KLAVIYO, client, events, ingest, pulse, standard

from sluice.gateway.users.port import Identifier

ADDRESS = "127.0.0.1"
APIS = {"pulse": pulse, "events": events, "ingest": ingest, "client": client, "user_event": standard}


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(("given", "ip"), [(True, ADDRESS), (False, "")])
async def test_no_address_reaches_kafka_without_consent(api: str, given: bool, ip: str):
    path, body = APIS[api]("page_view", {"consentGiven": given})
    assert await sent(path, body) == [ip]


async def test_a_request_may_hold_events_with_consent_and_without():
    path, body = events("page_view", {"properties": {"consent": "denied"}})
    body["messageBody"].append({"type": "page_view"})
    assert await sent(path, body) == ["", ADDRESS]


async def sent(path: str, body: Any) -> list[str]:
    """Send a request; give the address that each of its raw lines has."""
    headers = KLAVIYO if path.startswith("/api/") else {"Authorization": "Bearer pulse_prod_demo"}
    async with gateway_with(demo_projects()) as gateway:
        gateway.users.known[Identifier("demo", "id", "ann")] = ANN
        answer = await gateway.send(path, encoded(body), headers | {"User-Agent": "shop/1.0"})
        assert answer.status < 300, answer.body
        assert [line.client.user_agent for line in gateway.lines()] == ["shop/1.0"] * len(gateway.lines())
        addresses = [line.client.ip for line in gateway.lines()]
        [(_, value)] = gateway.publisher.records
        assert [ADDRESS.encode() in line for line in value.splitlines()] == [bool(ip) for ip in addresses]
        return addresses
