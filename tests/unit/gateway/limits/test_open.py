"""Where limits are counted, as the settings say."""

from __future__ import annotations

import logging

import pytest

from sluice.contract.errors import Unusable
from sluice.contract.projects import FixedWindow
from sluice.gateway.limits.open import open_limiter
from sluice.gateway.limits.port import UNCOUNTED
from sluice.gateway.settings import GatewaySettings
from sluice.local.kafka.port import free_port

RULES = (FixedWindow(limit=10, per_s=60),)


def clock() -> int:
    return 5_000


async def test_without_a_redis_they_are_counted_in_memory():
    async with open_limiter("", 0.1, clock) as limiter:
        assert (await limiter.take("a", RULES, 1)).states[0].remaining == 9


async def test_a_redis_that_is_away_does_not_keep_the_gateway_from_starting():
    async with open_limiter(f"redis://127.0.0.1:{free_port()}/0", 5, clock) as limiter:
        assert await limiter.take("a", RULES, 1) == UNCOUNTED
        assert limiter.failures == 1


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://localhost:6379",
        "redis://:s3cret@localhost:port/0",
        "redis://:s3cret@localhost:70000/0",
        "redis://:s3cret/with-slash@localhost:6379/0",
        "redis://:s3cret@localhost:6379?db=first",
        "redis://:s3cret@localhost:6379?databse=1",
    ],
)
async def test_a_url_that_is_none_of_redis_stops_the_start_and_is_not_repeated(url: str):
    with pytest.raises(Unusable, match="SLUICE_REDIS_URL is not the URL of a Redis: redis://user") as refused:
        async with open_limiter(url, 0.1, clock):
            pass
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("url", ["redis://ann:s3cret@127.0.0.1:1/0", "redis://127.0.0.1:1/0?password=s3cret"])
async def test_the_log_names_the_redis_without_its_password(url: str, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        async with open_limiter(url, 5, clock) as limiter:
            await limiter.take("a", RULES, 1)
    assert caplog.messages[0] == "limits are counted at redis://127.0.0.1:1/0"
    assert "s3cret" not in caplog.text


def test_settings_do_not_show_the_password():
    settings = GatewaySettings.model_validate({"redis_url": "redis://:s3cret@localhost:6379/0"})
    assert "s3cret" not in repr(settings)
    assert settings.redis_url.get_secret_value() == "redis://:s3cret@localhost:6379/0"
