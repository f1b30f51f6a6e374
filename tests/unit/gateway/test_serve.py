"""Listening on an address."""

from __future__ import annotations

import logging
import resource
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from sluice.contract.errors import Unusable
from sluice.gateway.serve import allow_connections, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


async def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Unusable, match=f"port {port}.*in use.*SLUICE_GATEWAY_PORT"):
            async with serving(web.Application(), "127.0.0.1", port):
                pass


async def test_the_port_of_another_setting_is_named_by_it():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Unusable, match="set SLUICE_GATEWAY_METRICS_PORT"):
            async with serving(web.Application(), "127.0.0.1", port, port_setting="SLUICE_GATEWAY_METRICS_PORT"):
                pass


@contextmanager
def files_permitted(soft: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_as_many_files_may_be_open_as_connections_need():
    with files_permitted(512):
        allow_connections(300)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 556


def test_what_is_permitted_already_stays_so():
    with files_permitted(1000):
        allow_connections(300)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 1000


def test_a_system_that_permits_less_is_told_of(caplog: pytest.LogCaptureFixture):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        pytest.skip("this system permits everything")
    with files_permitted(512), caplog.at_level(logging.WARNING):
        allow_connections(hard)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    assert f"only {hard} are permitted" in caplog.text
