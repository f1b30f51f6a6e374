"""Users as NDJSON: one object on each line.

A line is the user, or what POST /user/ takes: an object whose `user` is one. Other members beside `user` mean
nothing, so the report of an earlier import can be mended and imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sluice.cli.importing.rows import BadRow, Row, row_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sluice.cli.importing.rows import Line, Lines

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def rows(lines: Lines) -> Iterator[Row | BadRow]:
    """Read the rows of a file; empty lines are none."""
    for line in lines:
        if line.text.strip():
            yield _row(line)


def _row(line: Line) -> Row | BadRow:
    if line.too_long:
        return _bad(line, "is longer than 10 MiB")
    text = line.text.strip()
    try:
        text.decode()
        members = _members.decode(text)
        if "user" in members and not {"email", "_id"} & members.keys():
            text = bytes(members["user"])
            members = _members.decode(text)
    except UnicodeDecodeError:
        return _bad(line, "is not UTF-8")
    except msgspec.ValidationError:
        return _bad(line, "is not a JSON object")
    except (msgspec.DecodeError, RecursionError) as error:
        return _bad(line, f"is not JSON: {error}")
    return row_of(line.number, text, members)


def _bad(line: Line, why: str) -> BadRow:
    return BadRow(line.number, why, text=line.text.rstrip(b"\r\n").decode("utf-8", "backslashreplace"))
