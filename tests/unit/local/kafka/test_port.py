from __future__ import annotations

import socket

import pytest

from sluice.contract.errors import Unusable
from sluice.local.kafka.port import free_port, refuse_taken_port


def test_a_taken_port_is_refused_with_the_option_that_changes_it():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        expected = (
            f"port {port} on 127.0.0.1, for the gateway, is taken by another process; "
            "choose another with --gateway-port"
        )
        with pytest.raises(Unusable, match=f"^{expected}$"):
            refuse_taken_port("127.0.0.1", port, "the gateway", "--gateway-port")


def test_an_address_that_is_not_ours_is_refused():
    with pytest.raises(Unusable, match="cannot be used"):
        refuse_taken_port("192.0.2.1", 1, "the gateway", "--gateway-port")


def test_a_free_port_passes_even_after_a_connection_was_closed_on_it():
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(("127.0.0.1", port)):
        server.accept()[0].close()
    refuse_taken_port("127.0.0.1", port, "the gateway", "--gateway-port")
