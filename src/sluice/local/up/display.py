"""Showing how the local stack is doing: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

_PLAIN_STATUS_EVERY_S = 2.0


class Display(Protocol):
    """Where the supervisor shows what happens."""

    def state(self, name: str, text: str) -> None:
        """Show that a role or step passed into another state: starting, ready, done, stopped."""

    def status(self, name: str, text: str) -> None:
        """Show what a role says it is doing; may come many times a second, and may be left out."""

    def line(self, text: str) -> None:
        """Show something that must be seen."""

    def settle(self) -> None:
        """Take note that the start is over: from now on show lines only."""


def display_for(stream: TextIO) -> Display:
    """Choose by whether somebody is looking."""
    return LiveDisplay() if stream.isatty() else PlainDisplay(stream)


class PlainDisplay:
    """One line for each thing that happens, for logs and pipes."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._last_status_at: dict[str, float] = {}

    def state(self, name: str, text: str) -> None:
        """Print the state."""
        self.line(f"{name}: {text}")

    def status(self, name: str, text: str) -> None:
        """Print what a role says, at most every two seconds for each."""
        now = time.monotonic()
        if now - self._last_status_at.get(name, -_PLAIN_STATUS_EVERY_S) >= _PLAIN_STATUS_EVERY_S:
            self._last_status_at[name] = now
            self.line(f"{name}: {text}")

    def line(self, text: str) -> None:
        """Print the line."""
        with contextlib.suppress(OSError):  # nobody reads it any more, which must not stop the stack
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def settle(self) -> None:
        """Change nothing: these are lines already."""


class LiveDisplay:
    """A table of the roles that is redrawn in place while they start."""

    def __init__(self, console: Console | None = None) -> None:
        # Only a terminal pays for importing rich.
        from rich.console import Console
        from rich.live import Live

        self._console = console or Console(highlight=False, soft_wrap=True)
        self._rows: dict[str, str] = {}
        self._settled = False
        self._live: Live = Live(console=self._console, refresh_per_second=8, transient=True)
        self._live.start()

    def state(self, name: str, text: str) -> None:
        """Draw the state; print it once the table is gone."""
        self._show(name, text)
        if self._settled:
            self.line(f"{name}: {text}")

    def status(self, name: str, text: str) -> None:
        """Draw what a role says."""
        self._show(name, text)

    def line(self, text: str) -> None:
        """Print above the table."""
        with contextlib.suppress(OSError):
            self._console.print(text, markup=False)

    def settle(self) -> None:
        """Take the table away."""
        self._settled = True
        self._live.stop()

    def _show(self, name: str, text: str) -> None:
        self._rows[name] = text
        if not self._settled:
            self._live.update(self._table())

    def _table(self) -> RenderableType:
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1))
        for name, text in self._rows.items():
            over = text.startswith(("ready", "done"))
            table.add_row(Text("✓", "green") if over else Spinner("dots"), Text(name, "bold"), Text(text))
        return table
