"""The report of what was not imported: the first few on the screen, all of them in a file that can be mended."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import msgspec

from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from sluice.cli.importing.rows import BadRow

SHOWN = 10


class Rejected:
    """Writes rows to `path`, which is made for the first of them; the file of an earlier import moves to `<path>~`.

    Each line is `{"user": ..., "line": ..., "why": ...}`, which can be imported once its user is mended; what is no
    user stands in `text`.
    """

    def __init__(self, path: Path, show: Callable[[str], None]) -> None:
        self.path = path
        self._show = show
        self._file: IO[bytes] | None = None
        self.count = 0

    def __enter__(self) -> Rejected:
        try:
            if self.path.exists():
                self.path.replace(self.path.with_name(f"{self.path.name}~"))
        except OSError as error:
            raise self._unusable(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        if self.count > SHOWN:
            self._show(f"... and {self.count - SHOWN:,} more")

    def add(self, row: BadRow) -> None:
        """Take a row in."""
        self.count += 1
        if self.count <= SHOWN:
            self._show(f"line {row.line}: {row.why}")
        line: dict[str, object] = {"user": msgspec.Raw(row.user)} if row.user is not None else {"text": row.text}
        try:
            if self._file is None:
                self._file = self.path.open("wb")
            self._file.write(msgspec.json.encode(line | {"line": row.line, "why": row.why}) + b"\n")
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> Unusable:
        return Unusable(f"{self.path} cannot be written: {error.strerror}; name another file with --rejected")
