"""What is the same for every API: request ids, CORS, paths that belong to none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from tests.unit.gateway.harness import demo_projects, event, gateway_with
from tests.unit.gateway.wire import wire

from sluice.gateway.dialects import DIALECTS
from sluice.gateway.head import request_id

if TYPE_CHECKING:
    from tests.unit.gateway.harness import Gateway


ODD_PATHS = ["//collect", "/collect//batch", "/collect%2Fbatch", "/a/../collect", "/collect;a", "*", "/%00", "/é"]


@pytest.mark.parametrize("path", ODD_PATHS)
async def test_a_path_that_only_looks_like_one_of_ours_is_404(gateway: Gateway, path):
    async with wire(gateway.url) as client:
        await client.send(f"OPTIONS {quote(path, safe='/%*;.')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = await client.answer()
    assert (answer.status, answer.json) == (404, {"error": "Not found"})


@pytest.mark.parametrize(
    "path", ["/%63ollect", "http://elsewhere.example/collect", "/collect?a=/nowhere", "/collect#a"]
)
async def test_a_path_may_be_written_in_other_ways(gateway: Gateway, path):
    async with wire(gateway.url) as client:
        await client.send(f"OPTIONS {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert (await client.answer()).status == 204


@pytest.mark.parametrize("path", ["/health", "/ready", "/openapi.json", "/docs"])
async def test_a_page_may_ask_before_it_reads_what_belongs_to_no_api(gateway: Gateway, path):
    answer = await gateway.send(path, method="OPTIONS", headers={"Origin": "https://shop.example"})
    assert (answer.status, answer.body) == (204, b"")
    assert "GET" in answer.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("path", ["/", "/collect/", "/collect/batch/", "/COLLECT", "/collect/x", "/favicon.ico"])
async def test_an_unknown_path_is_404(gateway: Gateway, path):
    for method in ("GET", "POST", "OPTIONS"):
        answer = await gateway.send(path, method=method)
        assert (answer.status, answer.json) == (404, {"error": "Not found"})
        assert answer.headers["X-Request-Id"]


async def test_a_wrong_method_outside_the_apis_is_405(gateway: Gateway):
    answer = await gateway.send("/ready", method="POST")
    assert (answer.status, answer.json) == (405, {"error": "Method not allowed"})
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_a_wrong_method_on_an_apis_path_is_405_in_its_shape(gateway: Gateway, method):
    for path in ("/collect", "/collect/batch"):
        answer = await gateway.send(path, method=method)
        assert (answer.status, answer.error) == (405, "Method not allowed")
        assert answer.headers["Allow"] == "POST, OPTIONS"


@pytest.mark.parametrize("sane", ["abc", "0189-aF", "trace/1:2", "a" * 128])
def test_a_clients_request_id_is_taken_over(sane):
    assert request_id(sane, lambda: "new") == sane


@pytest.mark.parametrize("odd", [None, "", "a b", "a" * 129, "é", "\udcff", '"', "a\nb"])
def test_an_odd_request_id_is_replaced(odd):
    assert request_id(odd, lambda: "new") == "new"


async def test_every_answer_has_a_request_id_of_its_own(gateway: Gateway):
    answers = [await gateway.collect(event()), await gateway.collect({}), await gateway.send("/nowhere")]
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == 3


async def test_errors_can_be_read_from_pages_too(gateway: Gateway):
    origin = {"Origin": "https://shop.example"}
    for answer in (await gateway.collect({}, origin), await gateway.send("/nowhere", headers=origin)):
        assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert "X-RateLimit-Remaining" in answer.headers["Access-Control-Expose-Headers"]


async def test_without_an_origin_there_are_no_cors_headers(gateway: Gateway):
    answer = await gateway.collect(event())
    assert not [name for name in answer.headers if name.startswith("Access-Control")]


async def test_head_is_as_good_as_get_for_probes(gateway: Gateway):
    assert (await gateway.send("/ready", method="HEAD")).status == 200


@pytest.mark.parametrize(
    ("kafka_away", "users_away", "words"),
    [
        (True, False, "Kafka is not available"),
        (False, True, "The known users are not up to date"),
        (True, True, "Kafka is not available"),
    ],
)
async def test_a_probe_is_told_what_is_missing(gateway: Gateway, kafka_away: bool, users_away: bool, words: str):
    gateway.publisher.away, gateway.users.away = kafka_away, users_away
    probe = await gateway.send("/ready", method="GET")
    assert (probe.status, probe.json) == (503, {"error": words})
    assert int(probe.headers["Retry-After"]) > 0
    gateway.publisher.away = gateway.users.away = False
    probe = await gateway.send("/ready", method="GET")
    assert (probe.status, probe.json) == (200, {"status": "ready"})


async def test_a_gateway_that_stops_says_so_and_takes_what_comes_all_the_same():
    stop = asyncio.Event()
    async with gateway_with(demo_projects(), stopping=stop.is_set) as gateway:
        assert (await gateway.send("/ready", method="GET")).status == 200
        assert "Connection" not in (await gateway.collect(event())).headers
        stop.set()
        probe = await gateway.send("/ready", method="GET")
        assert (probe.status, probe.json) == (503, {"error": "The gateway is stopping"})
        assert int(probe.headers["Retry-After"]) > 0
        assert (await gateway.send("/health", method="GET")).status == 200
        answer = await gateway.collect(event())
        assert (answer.status, answer.headers["Connection"]) == (202, "close")


def test_no_two_endpoints_share_a_path():
    paths = [path for dialect in DIALECTS for endpoint in dialect.ENDPOINTS for path in endpoint.paths]
    assert len(paths) == len(set(paths))
