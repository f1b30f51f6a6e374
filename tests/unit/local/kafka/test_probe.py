from __future__ import annotations

import socket
import struct
import threading

import pytest

from sluice.local.kafka.port import free_port
from sluice.local.kafka.probe import counts_brokers, metadata_request, serves


def test_the_request_is_metadata_version_1_for_no_topics():
    request = metadata_request()
    length, api_key, version, correlation_id, client_length = struct.unpack_from(">ihhih", request)
    assert length == len(request) - 4
    assert (api_key, version, correlation_id) == (3, 1, 7)
    assert request[14:] == b"sluice-probe" + struct.pack(">i", 0)
    assert client_length == len("sluice-probe")


@pytest.mark.parametrize(
    ("answer", "brokers"),
    [
        (struct.pack(">ii", 7, 1) + b"the broker", 1),
        (struct.pack(">ii", 7, 0), 0),
        (struct.pack(">ii", 8, 1), 0),  # the answer to somebody else's request
        (b"", 0),
        (b"HTTP/1.", 0),
    ],
)
def test_an_answer_counts_the_brokers_that_take_part(answer, brokers):
    assert counts_brokers(answer) == brokers


@pytest.mark.parametrize(
    ("sent", "expected"),
    [(struct.pack(">iii", 8, 7, 1), True), (struct.pack(">iii", 8, 7, 0), False), (b"", False), (b"\x00", False)],
)
def test_a_listener_serves_only_if_it_names_a_broker(sent, expected):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(100)
                connection.sendall(sent)

        thread = threading.Thread(target=answer)
        thread.start()
        assert serves("127.0.0.1", server.getsockname()[1], timeout_s=5) is expected
        thread.join()


def test_a_closed_port_serves_not():
    assert not serves("127.0.0.1", free_port(), timeout_s=5)
