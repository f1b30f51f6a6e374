"""Text, times and tables as they are shown: what senders wrote must not steer the terminal that shows it."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_NUMBER = re.compile(r"^(?:Nullable\()?(?:U?Int|Float|Decimal)")
_WIDEST = 200
_WHOLE = 36
"""A text of so many characters is never folded: a UUID has as many."""

_FRAME = 3
"""Characters that a column takes besides its cells: two of padding, and a line."""

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
    """Print rows on standard output; `types` are ClickHouse's, and numbers stand on the right."""
    from rich.console import Console

    # A file or a pipe is as wide as the table; only a terminal folds.
    console = Console() if sys.stdout.isatty() else Console(width=_WIDE_CONSOLE)
    print_rows(console, names, types, rows)


def print_rows(console: Console, names: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table where the console is wide enough, else the rows one below the other."""
    if fits(names, types, rows, console.width):
        console.print(table(names, types, rows))
    else:
        console.print(vertical(names, rows), soft_wrap=True)


def fits(names: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> bool:
    """Tell whether a table has room for whole numbers and ids. Without rows there are none to fold."""
    from rich.cells import cell_len

    columns = zip(names, types, *rows, strict=True)
    longest = ((kind, max(map(cell_len, (name, *cells)))) for name, kind, *cells in columns)
    least = (length if _NUMBER.match(kind) else min(length, _WHOLE) for kind, length in longest)
    return not rows or 1 + sum(length + _FRAME for length in least) <= width


def vertical(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Text:
    """Lay rows out one below the other, with a line for each cell and an empty line in between."""
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    widest = max(map(cell_len, names))
    blocks = (
        "\n".join(f"{set_cell_size(name, widest)}  {cell}".rstrip() for name, cell in zip(names, row, strict=True))
        for row in rows
    )
    return Text("\n\n".join(blocks))


def table(names: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Lay rows out, numbers to the right and never folded."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    framed = Table(box=box.ROUNDED)
    for name, kind in zip(names, types, strict=True):
        if _NUMBER.match(kind):
            framed.add_column(Text(name), justify="right", no_wrap=True)
        else:
            framed.add_column(Text(name), overflow="fold")
    for row in rows:
        framed.add_row(*map(Text, row))
    return framed


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
