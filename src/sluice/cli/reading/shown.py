"""Text, times and tables as they are shown: what senders wrote must not steer the terminal that shows it."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

_NUMBER = re.compile(r"^(?:Nullable\()?(?:U?Int|Float|Decimal)")
_WIDEST = 200
_WIDE_CONSOLE = 10_000


def printable(text: str, widest: int = _WIDEST) -> str:
    """Give a text on one line, without control characters, and cut where it has more characters than `widest`."""
    cut = text if len(text) <= widest else text[: widest - 1] + "…"
    return cut if cut.isprintable() else "".join(one if one.isprintable() else _escaped(one) for one in cut)


def moment(ms: int) -> str:
    """Give a time, in milliseconds since 1970 in UTC, for people."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{ms % 1000:03d}"


def number(count: int, what: str) -> str:
    """Give a count with its noun, in the plural unless it is one."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def show_table(names: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on standard output; `types` are ClickHouse's, and numbers stand on the right."""
    from rich.console import Console

    # A file or a pipe is as wide as the table; only a terminal folds.
    console = Console() if sys.stdout.isatty() else Console(width=_WIDE_CONSOLE)
    console.print(table(names, types, rows))


def table(names: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Lay rows out, numbers to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    laid_out = Table(box=box.ROUNDED)
    for name, kind in zip(names, types, strict=True):
        laid_out.add_column(Text(name), justify="right" if _NUMBER.match(kind) else "left", overflow="fold")
    for row in rows:
        laid_out.add_row(*map(Text, row))
    return laid_out


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
