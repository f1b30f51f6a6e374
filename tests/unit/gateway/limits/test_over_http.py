"""What clients see while nobody can count their requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.gateway.harness import Clock, demo_projects, event, gateway_with

from sluice.contract.errors import Retry
from sluice.gateway.limits.fail_open import FailOpen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.unit.gateway.harness import Gateway

    from sluice.contract.projects import Rule
    from sluice.gateway.limits.port import Decision


class Away:
    """A limiter whose counters nobody reaches."""

    async def take(self, bucket: str, rules: Sequence[Rule], cost: int) -> Decision:
        raise Retry("nobody there")

    async def give_back(self, bucket: str, rules: Sequence[Rule], cost: int, taken: Decision) -> None:
        raise Retry("nobody there")


@pytest.fixture
def limiter() -> FailOpen:
    return FailOpen(Away(), Clock())


@pytest.fixture
async def gateway(limiter: FailOpen) -> AsyncIterator[Gateway]:
    async with gateway_with(demo_projects(), limiter=limiter) as served:
        yield served


async def test_a_request_is_accepted_and_told_nothing_of_its_limit(gateway: Gateway, limiter: FailOpen):
    answer = await gateway.collect(event())
    assert (answer.status, limiter.failures) == (202, 1)
    assert "X-RateLimit-Remaining" not in answer.headers


async def test_a_wrong_request_is_told_what_is_wrong_and_nothing_of_its_limit(gateway: Gateway, limiter: FailOpen):
    answer = await gateway.collect(event(site_id=...))
    assert (answer.status, limiter.failures) == (400, 0)
    assert "X-RateLimit-Remaining" not in answer.headers


async def test_a_request_that_kafka_does_not_take_is_told_to_come_back(gateway: Gateway):
    gateway.publisher.away = True
    answer = await gateway.collect(event())
    assert answer.status == 503
    assert "X-RateLimit-Remaining" not in answer.headers
