"""The first things that a role's process does: its name in `ps`, and its log."""

from __future__ import annotations

import logging
import sys

import setproctitle

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"

_CHATTY = ("aiokafka", "faust", "mode", "sluice.stream.committed")
"""Libraries that tell of every step; their warnings are enough."""


def name_process(role: str) -> None:
    """Show this process as `sluice <role>` in `ps`."""
    setproctitle.setproctitle(f"sluice {role}")


def log_to_stderr(level: str) -> None:
    """Log to standard error, one line a record, times in local time with milliseconds.

    `level` is debug, info, warning or error. Libraries that tell of every step show their warnings only, unless the
    level is debug.
    """
    logging.basicConfig(level=level.upper(), format=LOG_FORMAT, stream=sys.stderr)
    if level.lower() != "debug":
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
