"""What `sluice.forgotten` holds, and as SQL which rows it means. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sluice.cli.forgetting.columns import BLANKED, READABLE, SESSION_KEY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

NO_EVENT = str(UUID(int=0))
_FOR_EVER = 2**62
ENTRIES_AT_ONCE = 2000
"""In one statement, whose text stays well below ClickHouse's 256 KiB (`max_query_size`)."""

# The roll-up's texts hold behind 15 characters what they show: the page and its referrer, the page, the visitor.
_SHOWS_PAGES = """(substring(entry, 16) != '["",""]' OR substring(exit, 16) != '')"""
# As of a page later than any other, and one earlier than any other: whichever comes beside them is shown.
_PAGES_BLANKED = f"""entry = '1{"9" * 14}["",""]', exit = '0{"0" * 14}'"""
_VISITOR = "toUInt64OrZero(substring(visitor, 16))"


class Entry(NamedTuple):
    """What is forgotten of a project: a visitor, or a session's events without a visitor, or one event.

    `forgotten_at` is in milliseconds since 1970 in UTC: what was received before it is forgotten.
    """

    project: str
    forgotten_at: int
    visitor_id: int = 0
    session_key: int = 0
    event_id: str = NO_EVENT


class Salt(NamedTuple):
    """Two random numbers of 64 bits, under which sessions get other names."""

    high: int
    low: int

    def sql(self) -> str:
        """Give the key that ClickHouse's keyed hashes take."""
        return f"(toUInt64({self.high}), toUInt64({self.low}))"


def batches(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Cut entries into as many as go into one statement."""
    for start in range(0, len(entries), ENTRIES_AT_ONCE):
        yield entries[start : start + ENTRIES_AT_ONCE]


def condition(entries: Sequence[Entry]) -> str:
    """Give the rows of `sluice.event_log` that are meant and can still be read; entries are one at least.

    What the processors could not read has no project.
    """
    received = "toUnixTimestamp64Milli(received_at)"
    visitors = {entry.visitor_id: entry.forgotten_at for entry in entries if entry.visitor_id}
    sessions = {entry.session_key: entry.forgotten_at for entry in entries if entry.session_key}
    events = [quoted(entry.event_id) for entry in entries if entry.event_id != NO_EVENT]
    ways = [f"{received} < {_until('visitor_id', visitors)}"] if visitors else []
    if sessions:
        ways.append(f"visitor_id = 0 AND session_id != '' AND {received} < {_until(SESSION_KEY, sessions)}")
    if events:
        ways.append(f"event_id IN ({', '.join(events)})")
    return f"{_of_projects(entries, '')} AND {READABLE} AND ({' OR '.join(ways)})"


def ever(entries: Sequence[Entry]) -> list[Entry]:
    """Give entries that mean the same, whenever it was received."""
    return [entry._replace(forgotten_at=_FOR_EVER) for entry in entries]


def blanked(entries: Sequence[Entry], salt: Salt) -> str:
    """Give the statement that blanks these rows.

    ClickHouse keeps a statement that changes rows, for others to see: so it names nobody.
    """
    changes = ", ".join(f"{name} = {value.replace('{salt}', salt.sql())}" for name, value in BLANKED.items())
    return f"ALTER TABLE sluice.event_log UPDATE {changes} WHERE {condition(entries)}"


def sessions_condition(entries: Sequence[Entry]) -> str:
    """Give the rows of `sluice.rollup_sessions` that show pages, whenever seen, and that entries may be about.

    The roll-up knows the sender's times alone, which do not tell what was received before a visitor was forgotten.
    """
    visitors = [f"toUInt64({entry.visitor_id})" for entry in entries if entry.visitor_id]
    sessions = [f"toUInt64({entry.session_key})" for entry in entries if entry.session_key]
    ways = [f"{_VISITOR} IN ({', '.join(visitors)})"] if visitors else []
    if sessions:
        ways.append(f"session_key IN ({', '.join(sessions)})")
    return f"{_of_projects(entries)} AND {_SHOWS_PAGES} AND ({' OR '.join(ways) or 'false'})"


def sessions_blanked(condition: str) -> str:
    """Give the statement that blanks the pages of these sessions."""
    return f"ALTER TABLE sluice.rollup_sessions UPDATE {_PAGES_BLANKED} WHERE {condition}"


def users_condition(entries: Sequence[Entry]) -> str:
    """Give the rows of `sluice.rollup_users` that hold changes from before their visitor was forgotten."""
    until = {entry.visitor_id: entry.forgotten_at for entry in entries if entry.visitor_id}
    return f"{_of_projects(entries)} AND toUnixTimestamp64Milli(first_seen) < {_until('visitor_id', until)}"


def quoted(text: str) -> str:
    """Give a text as a literal of ClickHouse's."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def listed(numbers: Collection[int]) -> str:
    """Give numbers as a list of ClickHouse's, in their order."""
    return ", ".join(map(str, sorted(numbers)))


def _of_projects(entries: Sequence[Entry], *others: str) -> str:
    projects = sorted({entry.project for entry in entries} | set(others))
    return f"project IN ({', '.join(map(quoted, projects))})"


def _until(expression: str, times: Mapping[int, int]) -> str:
    """Give until when something is forgotten, in milliseconds since 1970; 0 where it is not."""
    numbers = ", ".join(f"toUInt64({number})" for number in times)
    if not times:
        return "0"
    return f"transform({expression}, [{numbers}], [{', '.join(map(str, times.values()))}], 0)"
