"""Ending a process at once, where going on could lose something."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

EX_SOFTWARE = 70
"""The exit code, as in sysexits.h: an internal error."""


@contextmanager
def ending_process_on_error(doing: str) -> Iterator[None]:
    """Let no exception escape: log it and end the process without any clean-up; the supervisor starts it anew.

    For an agent's body: an exception that escaped it would make Faust acknowledge events that were not processed.
    """
    try:
        yield
    except Exception:
        log.critical("%s failed; ending this process", doing, exc_info=True)
        logging.shutdown()
        os._exit(EX_SOFTWARE)
