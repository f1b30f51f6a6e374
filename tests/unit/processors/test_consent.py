"""Of who denies consent no address is kept, by whichever API, and whatever a gateway wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.factories import raw_line

from sluice.contract.event import Api, Consent, Event
from sluice.processors.rules.canonical.visitor import Visitors
from sluice.processors.rules.rulebook import Rulebook
from sluice.processors.state import Draft
from sluice.processors.state_memory import MemoryState

ADDRESS = "192.0.2.1"


def event_of(api: Api, said: dict[str, Any]) -> dict[str, Any]:
    """Make an event of an API that says this, where its own members stand."""
    metric = {"data": {"type": "metric", "attributes": {"name": "Viewed"}}}
    events: dict[Api, dict[str, Any]] = {
        Api.PULSE: {"site_id": "s", "event_type": "page_view", "timestamp": 1, "session_id": "s", **said},
        Api.EVENTS: {"type": "page_view", **said},
        Api.INGEST: {"eventName": "page_viewed", "timestamp": "2026-02-16T10:30:00.000Z", "anonymousId": "a",
                     "sessionId": "s", "consentGiven": True, **said},
        Api.CLIENT: {"type": "event", "attributes": {"metric": metric, **said}},
        Api.USER_EVENT: {"user": {"email": "ann@example.com"}, "event": {"page_view": said}},
    }  # fmt: skip
    return events[api]


def judged(api: Api, **said: Any) -> Event:
    line = raw_line(json.dumps(event_of(api, said)).encode(), api=api)
    return Rulebook(Visitors(b"secret")).judge(line, Draft(MemoryState())).event


@pytest.mark.parametrize("api", Api)
def test_without_consent_there_is_no_address(api: Api):
    event = judged(api, consentGiven=False)
    assert (event.consent, event.ip, event.user_agent) == (Consent.DENIED, "", "Mozilla/5.0")


@pytest.mark.parametrize("api", Api)
def test_with_consent_the_address_is_kept(api: Api):
    event = judged(api, consentGiven=True)
    assert (event.consent, event.ip) == (Consent.GRANTED, ADDRESS)


@pytest.mark.parametrize("api", [api for api in Api if api is not Api.INGEST])
def test_of_who_says_nothing_nothing_is_known_and_the_address_is_kept(api: Api):
    event = judged(api)
    assert (event.consent, event.ip) == (Consent.UNKNOWN, ADDRESS)
