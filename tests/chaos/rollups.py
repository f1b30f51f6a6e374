"""Each roll-up held against what the same rows of the table come to, asked anew.

The left side of a comparison is what analysts ask; the right side is written for this comparison, over `event_log`.
Nothing is rounded: amounts are decimals, and what a roll-up keeps does not depend on the order of its blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clickhouse_connect.driver.client import Client
    from clickhouse_connect.driver.query import QueryResult


@dataclass(frozen=True)
class Comparison:
    """Two queries that give the same rows; the first `keys` of their columns tell a row from the others."""

    name: str
    keys: int
    of_rollup: str
    of_log: str


Answer = dict[tuple[Any, ...], tuple[Any, ...]]
"""Rows by their keys."""

_AMOUNT = "toDecimal128OrZero(ifNull(toString(value), ''), 6)"
# Of several events of one millisecond a session takes the first, or the last, by their texts.
_HAS_CAMPAIGN = "utm_source != '' OR utm_medium != '' OR utm_campaign != ''"
_CAMPAIGN = "timestamp, toJSONString([toString(utm_source), toString(utm_medium), toString(utm_campaign)])"
_ENTRY = "timestamp, toJSONString([url, referrer])"

MINUTES = Comparison(
    "minutes",
    7,
    """
    SELECT project, site_id, minute, event_type, api, outcome, currency, events, valued, value, visitors
    FROM sluice.minutes
    """,
    f"""
    SELECT project, site_id, toStartOfMinute(timestamp) AS minute, event_type, api, outcome, currency,
           count() AS events, count(event_log.value) AS valued, sum({_AMOUNT}) AS total,
           uniqIf(visitor_id, visitor_id != 0) AS visitors
    FROM sluice.event_log
    GROUP BY project, site_id, minute, event_type, api, outcome, currency
    """,
)

SESSIONS = Comparison(
    "sessions",
    3,
    """
    SELECT project, site_id, session_key, visitor_id, started_at, ended_at, events, page_views, orders,
           arraySort(mapKeys(value)) AS currencies, arrayMap(currency -> value[currency], currencies) AS amounts,
           entry_url, referrer, exit_url, utm_source, utm_medium, utm_campaign, country, device_type, browser, os
    FROM sluice.sessions
    """,
    f"""
    SELECT project, site_id, sipHash64(project, site_id, session_id) AS session_key,
           argMaxIf(visitor_id, (timestamp, toString(visitor_id)), visitor_id != 0) AS visitor_id,
           min(timestamp) AS started_at, max(timestamp) AS ended_at, count() AS events,
           countIf(event_type IN ('page_view', 'page_viewed')) AS page_views,
           countIf(event_type = 'confirmation') AS orders,
           arraySort(groupUniqArrayIf(toString(currency), value IS NOT NULL)) AS currencies,
           arrayMap(name -> arraySum(arrayMap(pair -> if(pair.1 = name, pair.2, 0),
                                              groupArray((toString(currency), {_AMOUNT})))), currencies) AS amounts,
           argMinIf(url, ({_ENTRY}), url != '') AS entry_url,
           argMinIf(referrer, ({_ENTRY}), url != '') AS referrer,
           argMaxIf(url, (timestamp, url), url != '') AS exit_url,
           argMinIf(utm_source, ({_CAMPAIGN}), {_HAS_CAMPAIGN}) AS utm_source,
           argMinIf(utm_medium, ({_CAMPAIGN}), {_HAS_CAMPAIGN}) AS utm_medium,
           argMinIf(utm_campaign, ({_CAMPAIGN}), {_HAS_CAMPAIGN}) AS utm_campaign,
           max(country) AS country, max(device_type) AS device_type, max(browser) AS browser, max(os) AS os
    FROM sluice.event_log
    WHERE outcome = 'stored' AND session_id != ''
    GROUP BY project, site_id, session_id
    SETTINGS prefer_column_name_to_alias = 1
    """,
)

VISITOR_DAYS = Comparison(
    "visitor_days",
    4,
    "SELECT project, site_id, day, visitor_id, events, first_at, last_at FROM sluice.visitor_days",
    """
    SELECT project, site_id, toDate(timestamp) AS day, visitor_id,
           count() AS events, min(timestamp) AS first_at, max(timestamp) AS last_at
    FROM sluice.event_log
    WHERE outcome = 'stored' AND visitor_id != 0
    GROUP BY project, site_id, day, visitor_id
    """,
)

USERS = Comparison(
    "users",
    2,
    "SELECT project, user_id, email, attributes, first_seen, updated_at FROM sluice.users",
    """
    WITH
        (received_at, source_offset, source_line) AS at,
        mapFromArrays(user_unset, arrayMap(name -> (at, false, ''), user_unset)) AS removed,
        mapApply((name, value) -> (name, (at, true, value)), user_set) AS given,
        maxMap(mapUpdate(removed, given)) AS latest
    SELECT project, user_id, argMaxIf(user_email, at, user_email != '') AS email,
           mapApply((name, change) -> (name, change.3), mapFilter((name, change) -> change.2, latest)) AS attributes,
           min(received_at) AS first_seen, max(received_at) AS updated_at
    FROM sluice.event_log
    WHERE changes_user AND user_id != ''
    GROUP BY project, user_id
    """,
)


def _rows_by_month(name: str, where: str) -> Comparison:
    return Comparison(
        f"rollup_{name}",
        1,
        f"SELECT source_month, sum(rows) AS rows FROM sluice.rollup_{name} GROUP BY source_month HAVING rows > 0",
        f"""
        SELECT toYYYYMM(source_timestamp) AS source_month, count() AS rows
        FROM sluice.event_log
        WHERE {where}
        GROUP BY source_month
        """,
    )


def _marks(name: str) -> Comparison:
    """How far a roll-up says that it has each partition: as far as the table, once its last block is fed."""
    return Comparison(
        f"rollup_{name}",
        2,
        f"""
        SELECT project AS topic, fed_partition, max(fed) - 1 AS fed_up_to
        FROM sluice.rollup_{name}
        WHERE fed > 0
        GROUP BY topic, fed_partition
        """,
        """
        SELECT toString(source_topic), source_partition, max(source_offset)
        FROM sluice.event_log
        GROUP BY source_topic, source_partition
        """,
    )


COMPARISONS = (
    _rows_by_month("minutes", "true"),
    _rows_by_month("sessions", "outcome = 'stored' AND session_id != ''"),
    _rows_by_month("visitor_days", "outcome = 'stored' AND visitor_id != 0"),
    Comparison(
        "rollup_users",
        0,
        "SELECT sum(rows) AS rows FROM sluice.rollup_users",
        "SELECT count() AS rows FROM sluice.event_log WHERE changes_user AND user_id != ''",
    ),
    MINUTES,
    SESSIONS,
    VISITOR_DAYS,
    USERS,
    *(_marks(name) for name in ("minutes", "sessions", "visitor_days", "users")),
)


def of_rollup(comparison: Comparison, client: Client) -> Iterator[str]:
    """Ask both, and tell where they differ."""
    rolled = client.query(comparison.of_rollup)
    logged = client.query(comparison.of_log)
    columns = rolled.column_names[comparison.keys :]
    return differences(comparison.name, columns, *(_by_key(rows, comparison.keys) for rows in (rolled, logged)))


def differences(
    name: str, columns: Sequence[str], rolled: Mapping[Any, Sequence[Any]], logged: Mapping[Any, Sequence[Any]]
) -> Iterator[str]:
    """Tell which rows a roll-up lacks, which it should not have, and which values are others by the table."""
    for key in logged.keys() - rolled.keys():
        yield f"{name} lacks {key}"
    for key in rolled.keys() - logged.keys():
        yield f"{name} has {key}, of which event_log knows nothing"
    for key in rolled.keys() & logged.keys():
        for column, found, expected in zip(columns, rolled[key], logged[key], strict=True):
            if found != expected:
                yield f"{name} has {column} = {found} for {key}, and event_log {expected}"


def _by_key(result: QueryResult, keys: int) -> Answer:
    return {tuple(row[:keys]): tuple(row[keys:]) for row in result.result_rows}
