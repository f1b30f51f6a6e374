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
        """Show what a role says it is doing; may come many times a second, and may be left out.

        An empty text takes back what it said before.
        """

    def line(self, text: str) -> None:
        """Show something that must be seen."""

    def settle(self) -> None:
        """Take note that the start is over: from now on show lines, and of the roles only what they say."""


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
        if text and now - self._last_status_at.get(name, -_PLAIN_STATUS_EVERY_S) >= _PLAIN_STATUS_EVERY_S:
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
    """A table that is redrawn in place: of all roles while they start, later of those that have something to say."""

    def __init__(self, console: Console | None = None) -> None:
        # Only a terminal pays for importing rich.
        from rich.console import Console

        self._console = console or Console(highlight=False, soft_wrap=True)
        self._rows: dict[str, str] = {}
        self._settled = False
        self._live: Live | None = None

    def state(self, name: str, text: str) -> None:
        """Draw the state; print it once the start is over, and take back what the role said before."""
        if self._settled:
            self._show(name, "")
            self.line(f"{name}: {text}")
        else:
            self._show(name, text)

    def status(self, name: str, text: str) -> None:
        """Draw what a role says, until it says something else or reaches another state."""
        if text or self._settled:
            self._show(name, text)

    def line(self, text: str) -> None:
        """Print above the table."""
        with contextlib.suppress(OSError):
            self._console.print(text, markup=False)

    def settle(self) -> None:
        """Take the table away, until a role has something to say."""
        self._settled = True
        self._rows.clear()
        self._draw()

    def _show(self, name: str, text: str) -> None:
        if text:
            self._rows[name] = text
        else:
            self._rows.pop(name, None)
        self._draw()

    def _draw(self) -> None:
        from rich.live import Live

        with contextlib.suppress(OSError):
            if not self._rows:
                live, self._live = self._live, None
                if live is not None:
                    live.stop()
                return
            if self._live is None:
                # A new one each time: one that is started again would first go up as many lines as it had before.
                self._live = Live(
                    console=self._console, auto_refresh=not self._settled, refresh_per_second=8, transient=True
                )
                self._live.start()
            self._live.update(self._table(), refresh=self._settled)

    def _table(self) -> RenderableType:
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1))
        for name, text in self._rows.items():
            if self._settled:
                mark: RenderableType = Text("!", "yellow")
            elif text.startswith(("ready", "done")):
                mark = Text("✓", "green")
            else:
                mark = Spinner("dots")
            table.add_row(mark, Text(name, "bold"), Text(text))
        return table
