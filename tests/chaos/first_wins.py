"""Of events that compete, one is stored: what became of each, held against what it competed for.

Pure but for the reading at the end.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import clickhouse_connect
from tests.chaos.verification import some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.chaos.traffic import Competing

STORED = "stored"
LOST = {"duplicate", "throttled"}


def unfair(events: Iterable[Competing], outcomes: Mapping[str, str]) -> Iterator[str]:
    """Tell where not exactly one of competitors is stored, or one without competitors is not.

    `outcomes` holds what became of each marker that has a row; events without one did not compete.
    """
    rows: dict[str, list[str]] = defaultdict(list)
    for event in events:
        if event.prize and event.marker in outcomes:
            rows[event.prize].append(outcomes[event.marker])
    for prize, became in rows.items():
        stored = became.count(STORED)
        if stored != 1:
            yield f"{prize}: {stored} of {len(became)} events are stored"
        if others := set(became) - LOST - {STORED}:
            yield f"{prize}: events are {', '.join(sorted(others))}"


def outcomes_by_marker(clickhouse_url: str) -> dict[str, str]:
    """Read what became of each event that has a marker."""
    sql = "SELECT properties['marker'] AS marker, outcome FROM sluice.event_log WHERE marker != ''"
    with clickhouse_connect.get_client(dsn=clickhouse_url, autogenerate_session_id=False) as client:
        return {str(marker): str(outcome) for marker, outcome in client.query(sql).result_rows}


def competition(events: Iterable[Competing], clickhouse_url: str) -> list[str]:
    """Say what is wrong with the competitors in the database at `clickhouse_url`; nothing if all is right."""
    return some(unfair(events, outcomes_by_marker(clickhouse_url)))
