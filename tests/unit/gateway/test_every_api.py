"""HTTP on every path of every API: what is refused before a body is read has the API's own shape, for pages too."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from pydantic import TypeAdapter
from tests.unit.gateway.documented import GOOD_KEYS
from tests.unit.gateway.harness import Answer, Gateway, demo_projects, encoded, gateway_with
from tests.unit.gateway.wire import wire

from sluice.gateway.body import MAX_BYTES
from sluice.gateway.dialects import DIALECTS
from sluice.gateway.limits.port import Decision, State
from sluice.gateway.load import Load

if TYPE_CHECKING:
    from sluice.gateway.dialects.port import Dialect, Endpoint

ORIGIN = "https://shop.example"


class Place(NamedTuple):
    """One path of an endpoint."""

    dialect: Dialect
    endpoint: Endpoint
    path: str

    def refuses(self, answer: Answer, status: int) -> bool:
        """Tell whether an answer has this status, and the API's shape."""
        assert answer.headers["Content-Type"] == self.dialect.CONTENT_TYPE
        assert answer.headers["X-Request-Id"]
        assert TypeAdapter(self.dialect.ERROR).validate_json(answer.body)
        return answer.status == status

    def request(self, *names: str) -> tuple[str, dict[str, str]]:
        """Give a path and headers with a good key, shown in the first of these ways that the endpoint has."""
        name = next(name for name in (*names, *self.endpoint.keys) if name in self.endpoint.keys)
        query, headers = GOOD_KEYS[name]
        needed = {
            parameter.name: str(parameter.example)
            for parameter in self.endpoint.parameters
            if parameter.required and parameter.place == "header"
        }
        return "?".join([self.path, *query]), headers | needed


PLACES = [
    Place(dialect, endpoint, path)
    for dialect in DIALECTS
    for endpoint in dialect.ENDPOINTS
    for path in endpoint.paths
]
FOR_PAGES = ("query_key", "company_id")

every_path = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.path)
every_path_for_pages = pytest.mark.parametrize(
    "place", [place for place in PLACES if set(FOR_PAGES) & set(place.endpoint.keys)], ids=lambda place: place.path
)


@every_path
async def test_a_page_may_ask_beforehand(gateway: Gateway, place: Place):
    wishes = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "revision"}
    answer = await gateway.send(place.path, headers=wishes, method="OPTIONS")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert answer.headers["Vary"] == "Origin"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"].split(", ")
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    allowed = {name.lower() for name in answer.headers["Access-Control-Allow-Headers"].split(", ")}
    own = {parameter.name.lower() for parameter in place.endpoint.parameters if parameter.place == "header"}
    shown = {name.lower() for way in place.endpoint.keys if way in GOOD_KEYS for name in GOOD_KEYS[way][1]}
    assert own | shown | {"content-type", "content-encoding", "idempotency-key", "x-request-id"} <= allowed


@every_path
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_a_wrong_method_is_405(gateway: Gateway, place: Place, method):
    path, headers = place.request()
    answer = await gateway.send(path, headers=headers, method=method)
    assert place.refuses(answer, 405)
    assert answer.headers["Allow"] == "POST, OPTIONS"


@every_path
async def test_head_is_405_without_a_body(gateway: Gateway, place: Place):
    answer = await gateway.send(place.path, method="HEAD")
    assert (answer.status, answer.body) == (405, b"")
    assert answer.headers["Allow"] == "POST, OPTIONS"


@every_path
async def test_an_encoding_that_nobody_reads_is_415(gateway: Gateway, place: Place):
    path, headers = place.request()
    answer = await gateway.send(path, b"{}", headers | {"Content-Encoding": "snappy"})
    assert place.refuses(answer, 415)
    assert answer.headers["Accept-Encoding"] == "gzip, deflate, br, zstd"


@every_path
@pytest.mark.parametrize("authenticated", [True, False])
async def test_a_body_that_is_declared_too_long_is_413_before_it_comes(gateway: Gateway, place: Place, authenticated):
    answer = await ask(gateway, place, b"Content-Length: %d\r\n\r\n" % (MAX_BYTES + 1), authenticated=authenticated)
    assert place.refuses(answer, 413)


@every_path
@pytest.mark.parametrize("authenticated", [True, False])
async def test_a_body_that_takes_too_long_is_408(place: Place, authenticated):
    async with gateway_with(demo_projects(), body_timeout_s=0.001) as gateway:
        answer = await ask(gateway, place, b"Content-Length: 2\r\n\r\n{", authenticated=authenticated)
        assert place.refuses(answer, 408)
        assert answer.headers["Connection"] == "close"


@every_path
async def test_a_request_too_many_is_503_before_its_body_comes(place: Place):
    async with gateway_with(demo_projects(), load=Load(max_requests=0)) as gateway:
        answer = await ask(gateway, place, b"Content-Length: 2\r\n\r\n")
        assert place.refuses(answer, 503)
        assert int(answer.headers["Retry-After"]) > 0


@every_path
async def test_a_body_that_cannot_be_held_is_503(place: Place):
    async with gateway_with(demo_projects(), load=Load(max_body_bytes=1)) as gateway:
        path, headers = place.request()
        answer = await gateway.send(path, b"{}", headers)
        assert place.refuses(answer, 503)
        assert int(answer.headers["Retry-After"]) > 0


@every_path_for_pages
async def test_a_beacon_is_as_good_as_a_request(gateway: Gateway, place: Place):
    path, headers = place.request(*FOR_PAGES)
    body = encoded(place.endpoint.example)
    usual = await gateway.send(path, body, headers | {"Content-Type": "application/json"})
    beacon = await gateway.send(path, body, headers | {"Content-Type": "text/plain;charset=UTF-8", "Origin": ORIGIN})
    assert beacon.status == usual.status not in {401, 403, 415}
    assert beacon.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert beacon.headers["Access-Control-Allow-Credentials"] == "true"


@every_path
async def test_a_page_can_read_why_it_was_refused(gateway: Gateway, place: Place):
    answer = await gateway.send(place.path, b"{", {"Origin": ORIGIN})
    assert answer.status >= 400
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    state = State(limit=1, remaining=1, reset_ms=0, retry_after_ms=0)
    of_the_limit = place.dialect.rate_headers(Decision(passed=True, states=(state, state)), now_ms=0)
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert {"Retry-After", "X-Request-Id", *of_the_limit} <= exposed


@every_path
@pytest.mark.parametrize("method", ["POST", "OPTIONS", "GET"])
async def test_an_answer_to_no_page_is_not_kept_for_one(gateway: Gateway, place: Place, method: str):
    path, headers = place.request()
    answer = await gateway.send(path, encoded(place.endpoint.example), headers, method)
    assert answer.headers.getall("Vary") == ["Origin"]
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("path", ["/health", "/ready", "/nowhere"])
async def test_an_answer_of_no_api_is_not_kept_for_a_page_either(gateway: Gateway, path: str):
    assert (await gateway.send(path, method="GET")).headers.getall("Vary") == ["Origin"]


@every_path
async def test_a_slash_more_or_less_is_another_path(gateway: Gateway, place: Place):
    other = place.path.rstrip("/") if place.path.endswith("/") else place.path + "/"
    if other in place.endpoint.paths:
        return
    for method in ("POST", "OPTIONS", "GET"):
        answer = await gateway.send(other, method=method)
        assert (answer.status, answer.json) == (404, {"error": "Not found"})


async def ask(gateway: Gateway, place: Place, rest: bytes, *, authenticated: bool = True) -> Answer:
    """Send a head and whatever comes after it, and nothing more."""
    path, headers = place.request()
    if not authenticated:
        path, headers = place.path, {}
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    async with wire(gateway.url) as client:
        await client.send("\r\n".join([*lines, ""]).encode() + rest)
        return await client.answer()
