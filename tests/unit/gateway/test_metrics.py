"""What is counted, and how it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.gateway.harness import DEMO, Answer, demo_projects, event, gateway_with

from sluice.gateway.app import create_metrics_app
from sluice.gateway.dialects import DIALECTS
from sluice.gateway.ids import uuid7
from sluice.gateway.load import Load
from sluice.gateway.metrics import BUCKETS_S, Metrics
from sluice.gateway.serve import serving

if TYPE_CHECKING:
    from tests.unit.gateway.harness import Gateway


def values(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """Give a metric's values by those of its labels."""
    text = metrics.text("")[0].decode()
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def test_requests_are_counted_by_api_endpoint_and_status():
    metrics = Metrics()
    tally = metrics.tally("pulse", "collect")
    for status in (202, 202, 400):
        tally.answered(status, 0.01, 100)
    metrics.tally("pulse", "batch").answered(202, 0.01, 0)
    assert values(metrics, "sluice_gateway_requests_total") == {
        ("pulse", "collect", "202"): 2,
        ("pulse", "collect", "400"): 1,
        ("pulse", "batch", "202"): 1,
    }
    assert values(metrics, "sluice_gateway_received_bytes_total")["pulse", "collect"] == 300


def test_an_endpoint_has_one_tally():
    metrics = Metrics()
    assert metrics.tally("pulse", "collect") is metrics.tally("pulse", "collect")
    assert metrics.tally("pulse", "collect") is not metrics.tally("ingest", "collect")


def test_times_are_counted_up_to_and_with_each_bound():
    metrics = Metrics()
    tally = metrics.tally("pulse", "collect")
    for seconds in (0.0, 0.001, 0.0011, 10.0, 10.1):
        tally.answered(202, seconds, 0)
    buckets = values(metrics, "sluice_gateway_request_duration_seconds_bucket")
    assert len(buckets) == len(BUCKETS_S) + 1
    for bound, count in (("0.001", 2), ("0.0025", 3), ("5.0", 3), ("10.0", 4), ("+Inf", 5)):
        assert buckets["pulse", "collect", bound] == count
    assert values(metrics, "sluice_gateway_request_duration_seconds_count")["pulse", "collect"] == 5
    assert values(metrics, "sluice_gateway_request_duration_seconds_sum")["pulse", "collect"] == pytest.approx(
        20.1021
    )


def test_what_others_count_is_read_when_somebody_asks():
    metrics, count = Metrics(), 0
    metrics.gauge("things", "Things", lambda: count)
    metrics.counter("misses_total", "Misses", lambda: count * 2)
    for count in (1, 2):
        assert values(metrics, "sluice_gateway_things") == {(): count}
        assert values(metrics, "sluice_gateway_misses_total") == {(): count * 2}


def test_the_process_itself_is_told_of():
    assert values(Metrics(), "process_resident_memory_bytes")[()] > 0


def test_two_gateways_in_one_process_count_apart():
    one, other = Metrics(), Metrics()
    one.accepted("pulse", "demo", 1)
    assert values(one, "sluice_gateway_events_accepted_total") == {("pulse", "demo"): 1}
    assert values(other, "sluice_gateway_events_accepted_total") == {}


def test_openmetrics_is_spoken_to_those_who_ask_for_it():
    text, content_type = Metrics().text("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")
    assert Metrics().text("")[1].startswith("text/plain")


async def test_requests_and_events_of_a_gateway_are_counted(gateway: Gateway):
    await gateway.collect(event())
    await gateway.batch([event()] * 5)
    await gateway.batch([event(), {}])
    await gateway.send("/collect", b"{}")
    metrics = gateway.intake.metrics
    assert values(metrics, "sluice_gateway_requests_total") == {
        ("pulse", "collect", "202"): 1,
        ("pulse", "collect", "401"): 1,
        ("pulse", "batch", "202"): 1,
        ("pulse", "batch", "400"): 1,
    }
    assert values(metrics, "sluice_gateway_events_accepted_total") == {("pulse", "demo"): 6}
    assert values(metrics, "sluice_gateway_request_duration_seconds_count")["pulse", "batch"] == 2


async def test_what_is_not_durable_is_not_counted_as_accepted(gateway: Gateway):
    gateway.publisher.away = True
    await gateway.collect(event())
    metrics = gateway.intake.metrics
    assert values(metrics, "sluice_gateway_requests_total") == {("pulse", "collect", "503"): 1}
    assert values(metrics, "sluice_gateway_events_accepted_total") == {}


async def test_a_request_too_many_is_counted():
    async with gateway_with(demo_projects(), load=Load(max_requests=0)) as gateway:
        await gateway.collect(event())
        assert values(gateway.intake.metrics, "sluice_gateway_requests_total") == {("pulse", "collect", "503"): 1}


async def test_bytes_are_counted_as_they_came(gateway: Gateway):
    await gateway.send("/collect", b"a" * 1234, DEMO)
    assert values(gateway.intake.metrics, "sluice_gateway_received_bytes_total")["pulse", "collect"] == 1234


async def test_requests_that_belong_to_no_api_are_counted_together(gateway: Gateway):
    await gateway.send("/nowhere")
    await gateway.send("/somewhere?api_key=secret")
    await gateway.send("/ready")
    await gateway.send("/ready", method="GET")
    assert values(gateway.intake.metrics, "sluice_gateway_requests_total") == {
        ("none", "none", "404"): 2,
        ("none", "none", "405"): 1,
    }


async def test_no_label_holds_what_a_client_sent(gateway: Gateway):
    odd = {"X-Request-Id": "oddity", "Idempotency-Key": "oddity", "User-Agent": "oddity", "Origin": "oddity"}
    for path in ("/collect?api_key=oddity", "/oddity", "/v1/ingest"):
        await gateway.send(path, b'{"oddity":"oddity"}', odd, method="POST")
    await gateway.collect(event(site_id="oddity", event_type="oddity", session_id="oddity"), odd)
    text = gateway.intake.metrics.text("")[0]
    assert b"oddity" not in text
    assert b"demo" in text
    assert b"pulse_prod" not in text


def test_every_endpoint_is_told_of_from_the_start(gateway: Gateway):
    told = values(gateway.intake.metrics, "sluice_gateway_request_duration_seconds_count")
    assert set(told) == {(dialect.API, endpoint.name) for dialect in DIALECTS for endpoint in dialect.ENDPOINTS}


async def asked(gateway: Gateway, url: str, path: str) -> Answer:
    async with gateway.session.get(url + path) as response:
        return Answer(response.status, response.headers, await response.read())


async def test_metrics_are_served_apart_from_the_apis(gateway: Gateway):
    metrics = gateway.intake.metrics
    await gateway.collect(event())
    async with serving(create_metrics_app(metrics, uuid7), "127.0.0.1", 0) as url:
        answer = await asked(gateway, url, "/metrics")
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert b'sluice_gateway_requests_total{api="pulse",endpoint="collect",status="202"} 1.0' in answer.body
        assert (await asked(gateway, url, "/collect")).json == {"error": "Not found"}
    assert (await gateway.send("/metrics", method="GET")).status == 404
