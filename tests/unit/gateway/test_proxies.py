"""Who a client is, behind proxies that are believed and others that are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from tests.unit.gateway.harness import demo_projects, event, gateway_with

from sluice.gateway.proxies import TrustedProxies

TRUSTED = TrustedProxies.parse("10.0.0.0/8, 192.0.2.7,2001:db8::/32, fd00::1")


def client(peer: str, *forwarded: str, proxies: TrustedProxies = TRUSTED) -> str:
    return proxies.client(peer, CIMultiDict([("X-Forwarded-For", line) for line in forwarded]))


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        # one proxy, several, none that is ours
        ("10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("192.0.2.7", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.1.2.3", "198.51.100.1,10.9.9.9 ,\t192.0.2.7", "198.51.100.1"),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),
        ("192.0.2.8", "198.51.100.1", "192.0.2.8"),
        # what stands before the client's own address, the client has written
        ("10.1.2.3", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "10.5.5.5, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.1.2.3", "garbage, 198.51.100.1", "198.51.100.1"),
        # all of them are ours: the first
        ("10.1.2.3", "10.5.5.5, 10.9.9.9", "10.5.5.5"),
        # ports and brackets
        ("10.1.2.3", "198.51.100.1:4711", "198.51.100.1"),
        ("10.1.2.3", "2001:db9::1", "2001:db9::1"),
        ("10.1.2.3", "[2001:db9::1]", "2001:db9::1"),
        ("10.1.2.3", "[2001:db9::1]:443", "2001:db9::1"),
        ("10.1.2.3", "2001:DB9:0:0::1", "2001:db9::1"),
        ("10.1.2.3", "198.51.100.1, [2001:db8::5]:443", "198.51.100.1"),
        ("2001:db8::5", "198.51.100.1", "198.51.100.1"),
        ("fd00::1", "198.51.100.1", "198.51.100.1"),
        ("fd00::2", "198.51.100.1", "fd00::2"),
        # an IPv4 address may come in IPv6's clothes
        ("::ffff:10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "::ffff:198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", "198.51.100.1, ::ffff:10.9.9.9", "198.51.100.1"),
        ("10.1.2.3", "::ffff:c633:6401", "198.51.100.1"),
        # what is no address ends the search at the nearest that is one
        ("10.1.2.3", "", "10.1.2.3"),
        ("10.1.2.3", "unknown", "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1, unknown", "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1, unknown, 10.9.9.9", "10.9.9.9"),
        ("10.1.2.3", "198.51.100.1, 256.1.1.1", "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1:", "10.1.2.3"),
        ("10.1.2.3", "198.51.100.1:a", "10.1.2.3"),
        ("10.1.2.3", "[198.51.100.1", "10.1.2.3"),
        ("10.1.2.3", "198.51.100", "10.1.2.3"),
        ("10.1.2.3", "010.1.1.1", "10.1.2.3"),
        ("10.1.2.3", "fe80::1%<script>", "10.1.2.3"),
        ("10.1.2.3", "10.0.0.0/8", "10.1.2.3"),
        ("10.1.2.3", "\udcff", "10.1.2.3"),
        ("10.1.2.3", "\u0661.1.1.1", "10.1.2.3"),
        # empty elements of a list mean nothing
        ("10.1.2.3", ",198.51.100.1, ,", "198.51.100.1"),
        ("10.1.2.3", ",", "10.1.2.3"),
        # a peer without an address: a Unix socket
        ("", "198.51.100.1", ""),
    ],
)
def test_the_client_is_the_last_that_is_no_trusted_proxy(peer, forwarded, found):
    assert client(peer, forwarded) == found


def test_several_lines_are_one_list():
    assert client("10.1.2.3", "1.1.1.1", "198.51.100.1, 10.9.9.9", "10.8.8.8") == "198.51.100.1"
    assert client("10.1.2.3", "198.51.100.1", "") == "198.51.100.1"


def test_without_a_header_the_client_is_the_peer():
    assert client("10.1.2.3") == "10.1.2.3"


def test_nobody_is_believed_where_no_proxy_is_named():
    assert client("127.0.0.1", "198.51.100.1", proxies=TrustedProxies()) == "127.0.0.1"
    assert client("127.0.0.1", "198.51.100.1", proxies=TrustedProxies.parse(" ")) == "127.0.0.1"


@given(forwarded=st.text(max_size=60))
def test_whatever_is_sent_the_answer_is_an_address(forwarded):
    found = client("10.1.2.3", forwarded)
    assert set(found) <= set("0123456789abcdef.:")
    assert found


@pytest.mark.parametrize(
    "wrong", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8,", "10.0.0.0/8 192.0.2.7", "::1%eth0/64", "*"]
)
def test_what_is_no_network_is_named(wrong):
    with pytest.raises(ValueError, match="is neither an address nor a network such as"):
        TrustedProxies.parse(wrong)


async def test_events_carry_the_address_that_a_trusted_proxy_tells():
    forwarded = {"X-Forwarded-For": "198.51.100.1"}
    async with gateway_with(demo_projects(), proxies=TrustedProxies.parse("127.0.0.1")) as gateway:
        await gateway.collect(event(), forwarded)
        await gateway.collect(event())
        assert [line.client.ip for line in gateway.lines()] == ["198.51.100.1", "127.0.0.1"]
    async with gateway_with(demo_projects()) as gateway:
        await gateway.collect(event(), forwarded)
        assert [line.client.ip for line in gateway.lines()] == ["127.0.0.1"]
