"""Ports on this machine: is one taken, and which one is free."""

from __future__ import annotations

import errno
import socket

from sluice.contract.errors import Unusable


def refuse_taken_port(host: str, port: int, what: str, how_to_change: str) -> None:
    """Raise `Unusable` if nothing could listen there: `what` names the listener, `how_to_change` its option."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections in TIME_WAIT do not count
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = (
                "is taken by another process"
                if error.errno == errno.EADDRINUSE
                else f"cannot be used ({error.strerror})"
            )
            raise Unusable(
                f"port {port} on {host}, for {what}, {reason}; choose another with {how_to_change}"
            ) from None


def free_port(host: str = "127.0.0.1") -> int:
    """Give a port that nobody listened on a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
