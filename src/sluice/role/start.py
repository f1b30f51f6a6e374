"""The first things that a role's process does: its name in `ps`, and its log."""

from __future__ import annotations

import logging
import sys

import setproctitle

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def name_process(role: str) -> None:
    """Show this process as `sluice <role>` in `ps`."""
    setproctitle.setproctitle(f"sluice {role}")


def log_to_stderr(level: str) -> None:
    """Log to standard error, one line a record, times in local time with milliseconds."""
    logging.basicConfig(level=level.upper(), format=LOG_FORMAT, stream=sys.stderr)
