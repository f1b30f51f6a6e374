"""Whether anybody listens where a command is to send."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from sluice.contract.errors import Unusable


def refuse_absent(url: str) -> None:
    """Say at once that nobody listens; later a gateway that is away is waited for."""
    try:
        socket.create_connection(_address(url), timeout=5).close()
    except OSError as error:
        raise Unusable(
            f"no gateway answers at {url} ({error.strerror or error}): start the pipeline with `make run`, "
            "or say with --url where it is"
        ) from error


def _address(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Unusable(f"--url must be like http://127.0.0.1:8080, not '{url}'")
    return parts.hostname, port
