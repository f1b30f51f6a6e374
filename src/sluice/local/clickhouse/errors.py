"""ClickHouse's errors as its clients know them: a code, a name, a text, an HTTP status.

Source: ClickHouse's `ErrorCodes` and `exceptionCodeToHTTPStatus`, version 26.9.
"""

from __future__ import annotations

import re

VERSION = "26.9.2.1"
"""Version of the embedded engine; `Engine.start` sees to it that the engine agrees."""

SYNTAX_ERROR = 62
UNKNOWN_SETTING = 115
READONLY = 164
TOO_MANY_QUERIES = 202
ACCESS_DENIED = 497
AUTHENTICATION_FAILED = 516

NAMES = {
    6: "CANNOT_PARSE_TEXT",
    36: "BAD_ARGUMENTS",
    48: "NOT_IMPLEMENTED",
    62: "SYNTAX_ERROR",
    78: "UNKNOWN_TYPE_OF_QUERY",
    89: "UNKNOWN_COMPRESSION_METHOD",
    115: "UNKNOWN_SETTING",
    164: "READONLY",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    210: "NETWORK_ERROR",
    229: "QUERY_IS_TOO_LARGE",
    236: "ABORTED",
    271: "CANNOT_DECOMPRESS",
    358: "INTO_OUTFILE_NOT_ALLOWED",
    372: "SESSION_NOT_FOUND",
    373: "SESSION_IS_LOCKED",
    374: "INVALID_SESSION_TIMEOUT",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
    1001: "STD_EXCEPTION",
    1002: "UNKNOWN_EXCEPTION",
}
"""The codes that the front itself raises; the engine's own errors bring their names along."""

_STATUS_BY_CODES: dict[int, frozenset[int]] = {
    400: frozenset(
        {6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676}
    ),
    401: frozenset({194}),
    403: frozenset({192, 193, 497, 512, 516}),
    404: frozenset({46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511}),
    408: frozenset({159}),
    411: frozenset({381}),
    413: frozenset({229}),
    415: frozenset({779}),
    501: frozenset({48}),
    503: frozenset({76, 209, 439}),
}
_STATUS = {code: status for status, codes in _STATUS_BY_CODES.items() for code in codes}

_WRAPPERS = re.compile(
    r"^(?:Streaming query failed: |Streaming insert (?:append|finish) failed: "
    r"|Failed to (?:create connection|cancel streaming query|cancel insert stream): )+"
)
_CODES = re.compile(r"(?:Code: (\d+)\. DB::Exception: )+")
_TAIL = re.compile(
    r"\s*\(([A-Z][A-Z0-9_]*)\)(?:\s*\(version [0-9.]+(?: \(official build\))?\)\.?(?:\s*\([A-Z][A-Z0-9_]*\))?)*\s*$"
)


class ClickHouseError(Exception):
    """An answer that ClickHouse would give instead of a result.

    `code` is ClickHouse's number, `name` its name, `message` the text between them, without version.
    """

    def __init__(self, code: int, message: str, name: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.name = name or NAMES[code]
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status that ClickHouse sends with this code; 500 for every code without one of its own."""
        return _STATUS.get(self.code, 500)

    @property
    def text(self) -> str:
        """The body that ClickHouse sends, without its line break."""
        return f"Code: {self.code}. DB::Exception: {self.message} ({self.name}) (version {VERSION} (official build))"


def from_engine(text: str) -> ClickHouseError:
    """Read what chdb raised.

    It puts words of its own before ClickHouse's text, leaves out the version, and where an error was raised again
    it repeats code, name and version around it.
    """
    rest = _WRAPPERS.sub("", text.strip())
    found = _CODES.match(rest)
    if found is None:
        return ClickHouseError(1002, rest or "the engine gave no reason")
    code = int(found[1])
    rest = rest[found.end() :]
    tail = _TAIL.search(rest)
    if tail is None:
        return ClickHouseError(code, rest, NAMES.get(code, "UNKNOWN_EXCEPTION"))
    return ClickHouseError(code, rest[: tail.start()], tail[1])
