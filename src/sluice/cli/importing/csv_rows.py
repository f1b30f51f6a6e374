"""Users as CSV (RFC 4180): a header that names the columns, `email` or `_id` among them, then a row for each user.

All values are strings, and an empty cell means that the user has no such attribute.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import msgspec

from sluice.cli.importing.rows import BadRow, row_of
from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sluice.cli.importing.rows import Lines, Row


class _TooLong(Exception):
    """A line that is too long to be parsed."""


class _Text:
    """The lines of a file as the parser wants them; it keeps those of the row that is being read."""

    def __init__(self, lines: Lines) -> None:
        self._lines = iter(lines)
        self._row: list[str] = []
        self._number = 0
        self.first_line = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        # What is no UTF-8 is found when the row is complete: quotes and commas are the same in any case.
        text = line.text.decode("utf-8", "surrogateescape")
        self._row.append(text)
        self._number = line.number
        if line.too_long:
            raise _TooLong
        return text

    def next_row(self) -> None:
        """Forget the lines of the row before."""
        self._row.clear()
        self.first_line = self._number + 1

    @property
    def row(self) -> str:
        """The lines of this row, with what is no UTF-8 spelt out."""
        text = "".join(self._row).rstrip("\r\n")
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def rows(lines: Lines) -> Iterator[Row | BadRow]:
    """Read the rows of a file; empty lines are none.

    Raises `Unusable` when the header cannot be used.
    """
    text = _Text(lines)
    parser = csv.reader(text, strict=True)
    names = _header(text, parser)
    while True:
        text.next_row()
        try:
            cells = next(parser)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(text.first_line, f"is not CSV: {error}", text=text.row)
        except _TooLong:
            yield BadRow(text.first_line, "is longer than 10 MiB", text=text.row)
        else:
            if cells:
                yield _row(text, names, cells)


def _row(text: _Text, names: Sequence[str], cells: Sequence[str]) -> Row | BadRow:
    if len(cells) != len(names):
        why = f"has {len(cells)} values, but the header names {len(names)} columns"
        return BadRow(text.first_line, why, text=text.row)
    user = {name: cell for name, cell in zip(names, cells, strict=True) if cell}
    try:
        members = {name: msgspec.Raw(msgspec.json.encode(cell)) for name, cell in user.items()}
    except UnicodeEncodeError:
        return BadRow(text.first_line, "is not UTF-8", text=text.row)
    return row_of(text.first_line, msgspec.json.encode(members), members)


def _header(text: _Text, parser: Iterator[list[str]]) -> list[str]:
    try:
        names = [name.strip() for name in next(parser)]
        ",".join(names).encode()
    except StopIteration:
        raise Unusable("the file is empty: its first line must name the columns") from None
    except UnicodeEncodeError:
        raise Unusable("the file must be UTF-8; its first line is not") from None
    except (csv.Error, _TooLong) as error:
        raise Unusable(f"the first line must name the columns, as CSV: {error}") from None
    if "" in names:
        raise Unusable(f"column {names.index('') + 1} has no name in the first line")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Unusable(f"the first line names the column {twice[0]} twice")
    if not {"email", "_id"} & set(names):
        raise Unusable(
            f"the first line must name a column email or _id, separated by commas; it names {', '.join(names)[:200]}"
        )
    return names
