"""What a wrong setting of the gateway says."""

from __future__ import annotations

import pytest

from sluice.contract.errors import Unusable
from sluice.gateway.settings import GatewaySettings
from sluice.role.settings import load


def test_the_defaults_are_good():
    settings = load(GatewaySettings)
    assert settings.gateway_trusted_proxies == ""
    assert settings.gateway_metrics_port is None


def test_proxies_that_are_no_networks_are_named():
    with pytest.raises(Unusable, match=r"SLUICE_GATEWAY_TRUSTED_PROXIES: 'proxy\.example' is neither an address nor"):
        load(GatewaySettings, gateway_trusted_proxies="10.0.0.0/8, proxy.example")


def test_proxies_may_be_addresses_and_networks():
    proxies = "10.0.0.0/8, 192.0.2.7, 2001:db8::/32"
    assert load(GatewaySettings, gateway_trusted_proxies=proxies).gateway_trusted_proxies == proxies


NOT_ZERO = [
    "gateway_head_timeout_ms",
    "gateway_body_timeout_ms",
    "gateway_answer_timeout_ms",
    "gateway_keepalive_timeout_ms",
    "gateway_max_requests",
    "gateway_max_connections",
]


@pytest.mark.parametrize("name", NOT_ZERO)
def test_no_limit_may_be_zero(name):
    assert getattr(load(GatewaySettings, **{name: 1}), name) == 1
    with pytest.raises(Unusable, match=f"SLUICE_{name.upper()}: Input should be greater than or equal to 1"):
        load(GatewaySettings, **{name: 0})


def test_the_memory_for_bodies_is_enough_for_the_largest_of_them():
    with pytest.raises(Unusable, match="SLUICE_GATEWAY_MAX_HELD_BYTES"):
        load(GatewaySettings, gateway_max_held_bytes=32 * 1024 * 1024 - 1)
