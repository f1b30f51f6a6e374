"""Saying that a role is ready, by the protocol of systemd's sd_notify(3), or by a file.

Whoever starts the process may set NOTIFY_SOCKET to a Unix datagram socket; the role sends `READY=1` to it once
it serves. Without the variable nothing is sent. So the same role runs under `sluice up` and under systemd. Whoever
cannot listen on a socket, as a container's health check, may set READY_FILE; the role makes that file once it serves.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


def say_ready() -> None:
    """Tell the supervisor, if there is one, that this role serves from now on."""
    _send("READY=1")
    if ready_file := os.environ.get("READY_FILE"):
        Path(ready_file).touch()


def say_status(text: str) -> None:
    """Tell the supervisor, if there is one, in a few words what this role is doing; in none, that it is as usual.

    Each status replaces the one before. Where several parts of a role have something to say, see `Statuses`.
    """
    _send("STATUS=" + " ".join(text.split()))  # the protocol has one line for it


class Statuses:
    """What the parts of a role say at the same time, as its one status; each takes back only its own words.

    `say` is `say_status`, or stands for it. Parts may speak in threads of their own.
    """

    def __init__(self, say: Callable[[str], None] = say_status) -> None:
        self._say_all = say
        self._said: dict[str, str] = {}
        self._lock = threading.Lock()

    def of(self, part: str) -> Callable[[str], None]:
        """Give what that part says its own status with: a few words, or none to take them back."""
        return partial(self._say, part)

    def _say(self, part: str, text: str) -> None:
        with self._lock:
            if text:
                self._said[part] = text
            else:
                self._said.pop(part, None)
            self._say_all("; ".join(self._said.values()))


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
