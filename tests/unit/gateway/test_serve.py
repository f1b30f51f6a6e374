"""Listening on an address."""

from __future__ import annotations

import socket

import pytest
from aiohttp import web

from sluice.contract.errors import Unusable
from sluice.gateway.serve import serving


async def test_a_taken_port_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Unusable, match=f"port {port}.*in use.*SLUICE_GATEWAY_PORT"):
            async with serving(web.Application(), "127.0.0.1", port):
                pass
