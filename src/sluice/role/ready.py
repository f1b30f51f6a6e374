"""Saying that a role is ready, by the protocol of systemd's sd_notify(3), or by a file.

Whoever starts the process may set NOTIFY_SOCKET to a Unix datagram socket; the role sends `READY=1` to it once
it serves. Without the variable nothing is sent. So the same role runs under `sluice up` and under systemd. Whoever
cannot listen on a socket, as a container's health check, may set READY_FILE; the role makes that file once it serves.
"""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path

log = logging.getLogger(__name__)


def say_ready() -> None:
    """Tell the supervisor, if there is one, that this role serves from now on."""
    _send("READY=1")
    if ready_file := os.environ.get("READY_FILE"):
        Path(ready_file).touch()


def say_status(text: str) -> None:
    """Tell the supervisor, if there is one, in a few words what this role is doing; in none, that it is as usual."""
    _send(f"STATUS={text}")


def _send(message: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # Linux's abstract namespace
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(message.encode(), address)
    except OSError as error:  # a supervisor that has gone is no reason to stop serving
        log.warning("cannot tell %s that %s: %s", address, message, error)
