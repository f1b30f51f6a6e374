"""Times, blank texts and addresses: what the document allows is accepted, and what it forbids is refused.

These are the texts of which languages and standards differ, so that examples drawn at random seldom meet them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jsonschema_rs
import pytest
from tests.unit.gateway.documented import DOCUMENT, example_headers, good_key
from tests.unit.gateway.harness import encoded

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.gateway.harness import Gateway

SPACES = [chr(code) for code in range(0x10000) if chr(code).isspace()]
LIKE_SPACES = ["\ufeff", "\u200b", "\u180e", "\u2060", "\0"]
"""Which are taken for spaces by one language or the other, but not by Python."""

TIMES = [
    "2023-12-19T15:53:54.567Z",
    "2023-12-19T15:53:54Z",
    "2023-12-19T15:53Z",
    "2023-12-19T15:53:54,5Z",
    "2023-12-19T15:53:54.1234567890123Z",
    "2023-12-19T15:53:54+00:00",
    "2023-12-19T15:53:54-00:00",
    "2023-12-19T15:53:54+0000",
    "2023-12-19T15:53:54+00",
    "2023-12-19T15:53:54+02:00",
    "2023-12-19T15:53:54-23:59",
    "2023-12-19T15:53:54+24:00",
    "2023-12-19T15:53:54+02:60",
    "2023-12-19T15:53:54",
    "2023-12-19T15:53",
    "2023-12-19T15Z",
    "2023-12-19",
    "2023-12-19t15:53:54Z",
    "2023-12-19T15:53:54z",
    "2023-12-19 15:53:54Z",
    "20231219T155354Z",
    "2023-12-19T15:53:54.Z",
    "2023-12-19T15:53.5Z",
    "2016-12-31T23:59:60Z",
    "2023-12-19T24:00:00Z",
    "2023-12-19T15:60:00Z",
    "2023-13-19T15:53:54Z",
    "2023-00-19T15:53:54Z",
    "2023-12-32T15:53:54Z",
    "2023-12-00T15:53:54Z",
    " 2023-12-19T15:53:54Z",
    "2023-12-19T15:53:54Z ",
    "2023-12-19T15:53:54Z\n",
    "1703001234567",
    "now",
    "",
]


class Place(NamedTuple):
    """Where in a body a text stands."""

    path: str
    body: Callable[[str], Any]


def ingest(timestamp: str) -> Any:
    named = dict.fromkeys(("eventName", "anonymousId", "sessionId"), "a")
    return {"events": [named | {"consentGiven": True, "timestamp": timestamp}]}


def events(timestamp: str) -> Any:
    return {"messageBody": [{"type": "click", "timestamp": timestamp}]}


def user_event(timestamp: str) -> Any:
    return {"user": {"email": "ann@example.com"}, "event": {"search": {"timestamp": timestamp}}}


def client(profile: dict[str, Any], **attributes: Any) -> Any:
    metric = {"data": {"type": "metric", "attributes": {"name": "Viewed"}}}
    events = [{"type": "event", "attributes": {"properties": {}, "metric": metric} | attributes}]
    whose = {"data": {"type": "profile", "attributes": profile}}
    return {
        "data": {"type": "event-bulk-create", "attributes": {"profile": whose, "events": {"data": events}}},
    }


def client_time(time: str) -> Any:
    return client({"external_id": "a"}, time=time)


OF_TIME = [
    Place("/v1/ingest", ingest),
    Place("/collect/event", events),
    Place("/client/event-bulk-create/", client_time),
    Place("/event/", user_event),
]
OF_SPACE = [
    Place("/client/event-bulk-create/", lambda text: client({"external_id": text})),
    Place("/client/event-bulk-create/", lambda text: client({"external_id": "a", "phone_number": text})),
    Place(
        "/client/event-bulk-create/", lambda text: client({"external_id": "a", "location": {"latitude": text + "1"}})
    ),
    Place("/user/", lambda text: {"user": {"email": text}}),
    Place("/event/", lambda text: {"user": {"email": "ann@example.com"}, "event": {"login": {"email": text}}}),
]
ADDRESS = Place("/user/", lambda text: {"user": {"email": text}})


def allows(path: str, body: Any) -> bool:
    schema = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return jsonschema_rs.is_valid(
        schema | {"components": DOCUMENT["components"]}, body, draft=jsonschema_rs.Draft202012, validate_formats=True
    )


async def accepts(gateway: Gateway, path: str, body: Any) -> bool:
    operation = DOCUMENT["paths"][path]["post"]
    query, headers = good_key(operation)
    gateway.clock.now_ms += 60_000  # no limit holds for one request a minute
    answer = await gateway.send("?".join([path, *query]), encoded(body), headers | example_headers(operation))
    assert answer.status in {200, 201, 202, 400}
    return answer.status < 300


async def disagreed(gateway: Gateway, place: Place, texts: list[str]) -> dict[str, str]:
    """Give the texts of which document and gateway think differently."""
    assert await accepts(gateway, "/user/", {"user": {"email": "ann@example.com"}})
    allowed = {text for text in texts if allows(place.path, place.body(text))}
    accepted = {text for text in texts if await accepts(gateway, place.path, place.body(text))}
    assert allowed
    assert allowed < set(texts)
    return dict.fromkeys(allowed - accepted, "is refused") | dict.fromkeys(accepted - allowed, "is forbidden")


@pytest.mark.parametrize("place", OF_TIME, ids=lambda place: place.path)
async def test_a_time_is_read_when_the_document_allows_it(gateway: Gateway, place: Place):
    assert await disagreed(gateway, place, TIMES) == {}


@pytest.mark.parametrize("place", OF_SPACE)
async def test_the_document_takes_the_same_characters_for_spaces(gateway: Gateway, place: Place):
    assert await disagreed(gateway, place, ["", "a", *SPACES, *LIKE_SPACES]) == {}


async def test_spaces_around_an_address_count_for_its_length(gateway: Gateway):
    texts = ["a" * 256, "a" * 257, " " + "a" * 255, " " + "a" * 256, "a" * 256 + " ", "İ" * 256, "İ" * 257]
    assert await disagreed(gateway, ADDRESS, texts) == {}
