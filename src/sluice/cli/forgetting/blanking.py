"""Changing what ClickHouse holds of a person: mutations, waited for, and the roll-ups made right again."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from sluice.cli.forgetting.entries import Salt, batches, blanked
from sluice.cli.forgetting.sessions import SESSIONS_AT_ONCE, Sessions
from sluice.cli.forgetting.users import Users
from sluice.contract.errors import Retry, Unusable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from sluice.cli.forgetting.entries import Entry
    from sluice.cli.forgetting.register import Register
    from sluice.cli.reading.clickhouse import ClickHouse

POLL_S = 0.2
SEEN_S = 60.0
"""So long a replica may take to hear of a mutation."""

ATTEMPTS = 20
"""So often is a roll-up looked at again while the sinks feed it."""

# A table that was made anew counts its mutations from the beginning, so an id alone may come twice.
_MUTATION = """
SELECT concat(mutation_id, ' ', toString(create_time)), is_done, parts_to_do, latest_fail_reason FROM system.mutations
WHERE database = 'sluice' AND table = {table:String} AND NOT is_killed
ORDER BY create_time DESC, mutation_id DESC
"""

_ROLLUPS = r"SELECT name, toString(uuid) FROM system.tables WHERE database = 'sluice' AND name LIKE 'rollup\_%'"


class Blanking:
    """Blanks rows in one ClickHouse. `told` hears in a few words what is being waited for.

    Each method raises `Unusable` where ClickHouse refuses, and may be repeated.
    """

    def __init__(self, clickhouse: ClickHouse, register: Register, told: Callable[[str], None]) -> None:
        self._clickhouse = clickhouse
        self._register = register
        self._sessions = Sessions(clickhouse)
        self._users = Users(clickhouse)
        self._told = told
        # One for all: however many statements there are, the events of one session get one name.
        self._salt = Salt(secrets.randbits(64), secrets.randbits(64))

    async def events(self, entries: Sequence[Entry]) -> int:
        """Blank the rows of the event log that these entries mean; give how many."""
        blank = 0
        for batch in batches(entries):
            if rows := await self._register.readable(batch):
                await self._mutate("event_log", blanked(batch, self._salt))
                blank += rows
        return blank

    async def sessions(self, entries: Sequence[Entry], keys: Collection[int] = ()) -> set[int]:
        """Take the pages that one batch means out of the roll-up of sessions; give the keys of those looked at.

        Looked at are the sessions with these keys, those that entries have readable rows in, and those that ended
        with their visitors. The roll-up does not tell whose page it shows, nor when it was received. So where it
        shows others than the event log has, all are taken out, and those put back that stay. Before rows are blanked,
        it must be done for these entries: they tell the sessions.
        """
        looked_at = {
            *keys,
            *await self._register.sessions(entries),
            *await self._sessions.showing_pages(entries),
        }
        ordered = sorted(looked_at)
        for start in range(0, len(ordered), SESSIONS_AT_ONCE):
            await self._mend_sessions(entries, ordered[start : start + SESSIONS_AT_ONCE])
        return looked_at

    async def users(self, entries: Sequence[Entry]) -> None:
        """Take visitors out of the roll-up of users, but for what they have changed since.

        The same is done for visitors whose rows a command that broke off has taken out and not made anew.
        """
        for batch in batches([entry for entry in entries if entry.visitor_id]):
            of_batch = {entry.visitor_id for entry in batch}
            if found := await self._users.from_before(batch) | await self._users.lacking(of_batch):
                await self._mend_users(found)

    async def rollups(self) -> Mapping[str, str]:
        """Give by name which tables the roll-ups are: others, once they were made anew.

        Raises `Retry` while they are being made anew: those may be of rows that were not blank yet.
        """
        tables = dict(map(tuple, await self._clickhouse.ask(_ROLLUPS)))
        if anew := [name for name in tables if "_anew_" in name]:
            raise Retry(
                f"roll-ups are being made anew, or that broke off, and {anew[0]} may show who is forgotten: "
                "stop the sinks, let `sluice rollups rebuild` run to its end, then run the command again"
            )
        return tables

    async def _mend_users(self, visitors: Collection[int]) -> None:
        for _ in range(ATTEMPTS):
            markers = await self._users.markers()
            await self._mutate("rollup_users", self._users.taken_out(visitors))
            await self._users.put_back(visitors, markers)
            if not await self._users.unlike(visitors):
                return
        raise Retry("the roll-up of users is being changed all the time: run the command again")

    async def _mend_sessions(self, entries: Sequence[Entry], keys: Sequence[int]) -> None:
        for _ in range(ATTEMPTS):
            if not (wrong := await self._sessions.wrong(entries, keys)):
                return
            await self._mutate("rollup_sessions", self._sessions.blanked(wrong))
            await self._sessions.put_back(entries, wrong)
        raise Retry("the roll-up of sessions is being changed all the time: run the command again")

    async def _mutate(self, table: str, statement: str) -> None:
        """Change rows, and wait until it is done: ClickHouse goes on with it even if nobody waits."""
        before = {row[0] for row in await self._clickhouse.ask(_MUTATION, table=table)}
        await self._clickhouse.change(statement)
        seen_by = asyncio.get_running_loop().time() + SEEN_S
        while True:
            mutations = await self._clickhouse.ask(_MUTATION, table=table)
            ours = [row for row in mutations if row[0] not in before]
            for _, done, _, failure in ours:
                if not done and failure:
                    raise Unusable(f"ClickHouse cannot change {table}: {failure}")
            if ours and all(done for _, done, _, _ in ours):
                return
            # A replica hears of it a moment later; of one that was killed nobody hears any more.
            if not ours and asyncio.get_running_loop().time() > seen_by:
                raise Retry(f"ClickHouse does not tell of the change of {table}: run the command again")
            self._told(f"{table}: {sum(parts for _, done, parts, _ in ours if not done)} parts to rewrite")
            await asyncio.sleep(POLL_S)


async def blank(
    blanking: Blanking,
    register: Register,
    entries: Sequence[Entry],
    passed_on: Callable[[], Awaitable[bool]] | None = None,
) -> int:
    """Blank all that entries mean, in every table; give how many rows of the event log it were.

    `passed_on` waits until the roll-ups have what the event log has, and tells whether they do; without it, that was
    waited for before. What arrives meanwhile may reach them a moment later, so sessions are looked at twice.
    """
    rollups, rows = await blanking.rollups(), 0
    looked_at: list[set[int]] = []
    for batch in batches(entries):
        looked_at.append(await blanking.sessions(batch))
        rows += await blanking.events(batch)
    are_fed = not (rows and passed_on) or await passed_on()
    await blanking.users(entries)
    for batch, sessions in zip(batches(entries), looked_at, strict=True):
        await blanking.sessions(batch, sessions)
    if await blanking.rollups() != rollups:
        raise Retry("roll-ups were made anew meanwhile and may show who is forgotten: run the command again")
    if left := await register.readable(entries):
        raise Retry(f"{left} rows came meanwhile: run the command again")
    if not are_fed:
        raise Retry("roll-ups lack what is in event_log: see that sinks run, then run the command again")
    return rows
