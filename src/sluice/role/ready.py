"""Saying that a role is ready, by the protocol of systemd's sd_notify(3).

Whoever starts the process may set NOTIFY_SOCKET to a Unix datagram socket; the role sends `READY=1` to it once
it serves. Without the variable nothing is sent. So the same role runs under `sluice up` and under systemd.
"""

from __future__ import annotations

import os
import socket


def say_ready() -> None:
    """Tell the supervisor, if there is one, that this role serves from now on."""
    _send("READY=1")


def say_status(text: str) -> None:
    """Tell the supervisor, if there is one, in a few words what this role is doing."""
    _send(f"STATUS={text}")


def _send(message: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # Linux's abstract namespace
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(message.encode(), address)
