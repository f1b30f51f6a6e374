"""Identifiers: how the gateway makes them, as a parameter to everything that needs them."""

from __future__ import annotations

from collections.abc import Callable

import uuid_utils

NewId = Callable[[], str]
"""Gives a new UUID of version 7 as text."""


def uuid7() -> str:
    """Give a new UUID of version 7: those made later sort later."""
    return str(uuid_utils.uuid7())
