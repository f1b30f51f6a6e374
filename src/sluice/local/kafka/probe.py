"""Asking a broker whether it serves: one Metadata request, by Kafka's binary protocol.

The port opens a moment before the controller lets the broker take part ("unfenced"); until then a topic cannot be
created. A broker that names itself in a Metadata answer is past that point. Plain sockets, since a client library
costs ten times the memory and start-up time of this question.
Source: https://kafka.apache.org/protocol (Metadata, version 1; request header 1, response header 0).
"""

from __future__ import annotations

import socket
import struct

_METADATA, _VERSION, _CORRELATION_ID = 3, 1, 7
_CLIENT_ID = b"sluice-probe"
_NO_TOPICS = 0
_LENGTH = struct.Struct(">i")
_ANSWER_START = struct.Struct(">ii")
_LARGEST_ANSWER_BYTES = 1_000_000


def metadata_request() -> bytes:
    """Encode a request for the brokers alone, its length in front."""
    header = struct.pack(
        f">hhih{len(_CLIENT_ID)}s", _METADATA, _VERSION, _CORRELATION_ID, len(_CLIENT_ID), _CLIENT_ID
    )
    body = header + struct.pack(">i", _NO_TOPICS)
    return _LENGTH.pack(len(body)) + body


def counts_brokers(answer: bytes) -> int:
    """Decode how many live brokers an answer (without its length) names; 0 if it is no answer to our request."""
    if len(answer) < _ANSWER_START.size:
        return 0
    correlation_id, brokers = _ANSWER_START.unpack_from(answer)
    return brokers if correlation_id == _CORRELATION_ID else 0


def serves(host: str, port: int, timeout_s: float) -> bool:
    """Say whether the broker at this address is up and takes part in its cluster."""
    try:
        with (
            socket.create_connection((host, port), timeout=timeout_s) as connection,
            connection.makefile("rb") as stream,
        ):
            connection.sendall(metadata_request())
            (length,) = _LENGTH.unpack(stream.read(_LENGTH.size))
            return counts_brokers(stream.read(min(length, _LARGEST_ANSWER_BYTES))) > 0
    except (OSError, struct.error):
        return False
