"""Telling why ClickHouse did not take rows: whether it may be the rows, and in which words to say so."""

from __future__ import annotations

import re

# ClickHouse's error codes (src/Common/ErrorCodes.cpp) that say nothing about the rows: it is busy, away, full, cut
# off, or set up wrongly, and the same rows pass once that is mended.
NOT_THE_ROWS = {
    3: "UNEXPECTED_END_OF_FILE",
    16: "NO_SUCH_COLUMN_IN_TABLE",
    23: "CANNOT_READ_FROM_ISTREAM",
    24: "CANNOT_WRITE_TO_OSTREAM",
    32: "ATTEMPT_TO_READ_AFTER_EOF",
    33: "CANNOT_READ_ALL_DATA",
    60: "UNKNOWN_TABLE",
    74: "CANNOT_READ_FROM_FILE_DESCRIPTOR",
    75: "CANNOT_WRITE_TO_FILE_DESCRIPTOR",
    76: "CANNOT_OPEN_FILE",
    81: "UNKNOWN_DATABASE",
    95: "CANNOT_READ_FROM_SOCKET",
    96: "CANNOT_WRITE_TO_SOCKET",
    115: "UNKNOWN_SETTING",
    159: "TIMEOUT_EXCEEDED",
    160: "TOO_SLOW",
    164: "READONLY",
    173: "CANNOT_ALLOCATE_MEMORY",
    192: "UNKNOWN_USER",
    193: "WRONG_PASSWORD",
    198: "DNS_ERROR",
    201: "QUOTA_EXCEEDED",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    203: "NO_FREE_CONNECTION",
    204: "CANNOT_FSYNC",
    209: "SOCKET_TIMEOUT",
    210: "NETWORK_ERROR",
    218: "TABLE_IS_DROPPED",
    225: "NO_ZOOKEEPER",
    236: "ABORTED",
    241: "MEMORY_LIMIT_EXCEEDED",
    242: "TABLE_IS_READ_ONLY",
    243: "NOT_ENOUGH_SPACE",
    244: "UNEXPECTED_ZOOKEEPER_ERROR",
    252: "TOO_MANY_PARTS",
    254: "NO_ACTIVE_REPLICAS",
    279: "ALL_CONNECTION_TRIES_FAILED",
    285: "TOO_FEW_LIVE_REPLICAS",
    286: "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE",
    289: "REPLICA_IS_NOT_IN_QUORUM",
    290: "LIMIT_EXCEEDED",
    319: "UNKNOWN_STATUS_OF_INSERT",
    394: "QUERY_WAS_CANCELLED",
    425: "SYSTEM_ERROR",
    439: "CANNOT_SCHEDULE_TASK",
    452: "SETTING_CONSTRAINT_VIOLATION",
    473: "DEADLOCK_AVOIDED",
    497: "ACCESS_DENIED",
    499: "S3_ERROR",
    516: "AUTHENTICATION_FAILED",
    574: "DISTRIBUTED_TOO_MANY_PENDING_BYTES",
    733: "TABLE_IS_BEING_RESTARTED",
    745: "SERVER_OVERLOADED",
    999: "KEEPER_EXCEPTION",
    1000: "POCO_EXCEPTION",
}

_TOO_MANY_PARTS = 252
_ABOUT_PARTITIONS = re.compile("too many partitions", re.IGNORECASE)

_MESSAGE = re.compile(r"DB::Exception: (.*?)(?:\s*\(version [^()]*(?:\([^()]*\))?[^()]*\))?\s*$", re.DOTALL)
_TABLE = re.compile(r" for table \S+ \([0-9a-f-]{36}\)")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'?")
_VALUES = re.compile(r"\.? Column values: .*", re.DOTALL)
_LONGEST = 300


def may_be_the_rows(code: int | None, message: str) -> bool:
    """Tell whether an error may be for what the rows hold, so that others pass.

    `code` is ClickHouse's, None where none came: then nothing tells what became of the rows. A code that nobody has
    thought of may be: trying single rows shows it.
    """
    if code is None:
        return False
    if code == _TOO_MANY_PARTS:
        return _ABOUT_PARTITIONS.search(message) is not None
    return code not in NOT_THE_ROWS


def in_words(message: str) -> str:
    """Give ClickHouse's message for people: in short, without version and table, and without what the row holds."""
    found = _MESSAGE.search(message)
    text = found[1] if found else message
    return _QUOTED.sub("'...'", _VALUES.sub("", _TABLE.sub("", text))).strip()[:_LONGEST]
