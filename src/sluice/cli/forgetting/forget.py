"""Forgetting people: who they are, what they have left, and the order in which it is taken away.

Names are taken back from the gateways first: what comes afterwards is of somebody new. Then comes the time before
which everything is forgotten; what was accepted by then is waited for, until it stands in the table. Everything may
be repeated: what is forgotten is registered before anything is changed, and what is blank is not blanked again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING
from uuid import uuid4

from sluice.cli.forgetting import arrival
from sluice.cli.forgetting.blanking import Blanking, blank
from sluice.cli.forgetting.known_users import KnownUsers
from sluice.cli.forgetting.people import people, spellings
from sluice.cli.forgetting.register import Register, events_of, sessions_of, visitors_of
from sluice.cli.forgetting.traces import Traces
from sluice.cli.reading.clickhouse import ClickHouse
from sluice.cli.reading.log import Log
from sluice.contract import topics
from sluice.contract.errors import Retry, Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from sluice.cli.forgetting.entries import Entry
    from sluice.cli.forgetting.known_users import Known
    from sluice.cli.forgetting.people import Names
    from sluice.processors.rules.canonical.visitor import Visitors
    from sluice.role.clock import Clock

SETTLE_S = 2.0
"""So long after a name was taken back every gateway knows, and so long what a gateway takes needs to be on Kafka."""

PASS_ON_S = 30.0
"""So long sinks may take to pass on what the event log has, where nobody has waited for it before."""

ROUNDS = 10
"""So often names lead to further names at most."""


@dataclass(frozen=True)
class Person:
    """All that one person is known by in a project.

    `keys` are those of `users.known`. `devices` are anonymous ids; those that other users have used too are `shared`.
    `visitors` are the ids under which their events stand in the table. `before` tells whether they were forgotten
    once already.
    """

    names: Names
    keys: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    visitors: frozenset[int] = frozenset()
    rejected: frozenset[str] = frozenset()
    before: bool = False


@dataclass
class Found:
    """Who was found, which of those asked for were not, and how many rows can be read and will be blanked.

    `on_shared_devices` counts rows that may be theirs or another's. `used_by_others` are devices that were asked for
    and that other users were seen with, who are not asked for by that. Where not all that was accepted is in the
    table yet, those that are unknown may have events all the same: then it was not `looked_everywhere`. A project
    without any event or user is not `project_in_use`: its name may be written wrongly.
    """

    people: list[Person] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    rows: int = 0
    on_shared_devices: int = 0
    used_by_others: frozenset[str] = frozenset()
    looked_everywhere: bool = True
    project_in_use: bool = True


@dataclass(frozen=True)
class Forgotten:
    """What was done: how many rows were blanked, and whether all that was accepted before had come."""

    rows: int
    arrived: bool
    forgotten_at: int


class Forgetting:
    """Forgets people of one project.

    `told` hears in a few words what is being done. Methods raise `Unusable` or `Retry` where Kafka or ClickHouse
    cannot be asked; they may be called again.
    """

    def __init__(
        self, bootstrap: str, url: str, project: str, visitors: Visitors, clock: Clock, told: Callable[[str], None]
    ) -> None:
        self._project = project
        self._visitors = visitors
        self._clock = clock
        self._told = told
        self._clickhouse = ClickHouse(url, unlogged=True)
        self._register = Register(self._clickhouse)
        self._traces = Traces(self._clickhouse, project)
        self._blanking = Blanking(self._clickhouse, self._register, told)
        self._known = KnownUsers(bootstrap, project)
        self._raw_log = Log(bootstrap, topics.RAW.name)

    async def find(self, asked: Sequence[str], *, shared: bool, wait_s: float) -> Found:
        """Find out who is meant. Devices that others have used too are theirs where `shared`.

        Of who is not known yet, events may be on the way: they are waited for so many seconds.
        """
        found = await self._find(asked, shared=shared)
        if found.unknown:
            found.looked_everywhere = await self._arrived(wait_s)
            found = replace(await self._find(asked, shared=shared), looked_everywhere=found.looked_everywhere)
        return found

    async def _find(self, asked: Sequence[str], *, shared: bool) -> Found:
        await self._refuse_wrong_secret()
        known = await self._known.read()
        found = Found()
        persons = await self._names(asked, known)
        tied = known.tied_to(frozenset().union(*persons))
        users = frozenset().union(*tied.values())
        used = await self._traces.users_on([name for name in asked if name not in users])
        for names in persons:
            keys = frozenset(key for key, others in tied.items() if not names.isdisjoint(others))
            named = Person(names, keys, devices=names & used.keys())
            person = await self._complete(named, names.intersection(asked), shared=shared)
            sessions = await self._traces.without_visitor(await self._traces.sessions(person.visitors))
            rows = await self._register.readable(self._entries(person, sessions, self._clock()))
            if not (rows or person.keys or person.before):
                found.unknown += sorted(names.intersection(asked))
                continue
            found.rows += rows
            found.people.append(person)
        own = frozenset().union(*(person.devices for person in found.people))
        not_own = frozenset().union(*(person.shared for person in found.people)) - own
        found.on_shared_devices = await self._traces.of_shared_devices(not_own)
        visitors = frozenset().union(*(person.visitors for person in found.people))
        found.used_by_others = frozenset(device for device, users in used.items() if not users <= visitors)
        if not found.people:
            found.project_in_use = known.anybody() or await self._traces.anything()
        return found

    async def forget(self, found: Found, *, wait_s: float, shared: bool) -> Forgotten:
        """Forget these people as of now. Waits so many seconds for what was accepted and is not in the table yet.

        Where it does not come, nothing is changed: only rows that can be read tell what else is of the same person.
        """
        await self._blanking.rollups()
        if not await self._arrived(wait_s):
            raise Retry(
                f"after {wait_s:g} s not everything that was accepted before is in ClickHouse, and nothing was "
                "changed: see that processors and sinks run, then run the command again"
            )
        ids = [str(uuid4()) for _ in found.people]
        for person, person_id in zip(found.people, ids, strict=True):
            # Their sessions too: should the command end here, `again` gives them names that nobody finds them by.
            sessions = await self._traces.sessions(person.visitors)
            await self._register.write(self._entries(person, sessions, self._clock()), person_id)
        await self._take_names_back(found.people)
        forgotten_at = self._clock()
        await asyncio.sleep(SETTLE_S)
        has_arrived = await self._arrived(wait_s)
        await self._refuse_wrong_secret()
        entries: list[Entry] = []
        for person, person_id in zip(await self._as_of_now(found.people, shared=shared), ids, strict=True):
            own_sessions = await self._traces.sessions(person.visitors)
            # What is late may belong to any of the sessions, which the rows do not tell any more by then.
            without_visitor = await self._traces.without_visitor(own_sessions) if has_arrived else own_sessions
            theirs = self._entries(person, without_visitor, forgotten_at)
            await self._register.write(theirs, person_id)
            entries += theirs
        rows = await blank(self._blanking, self._register, entries)
        return Forgotten(rows, has_arrived, forgotten_at)

    async def _names(self, asked: Sequence[str], known: Known) -> Sequence[Names]:
        """Give all names of each person asked for, as gateways know them, and as rows spell them.

        A device leads to nobody. Once one of its users is forgotten, nothing tells any more that there were two: then
        the same command would mean the other one.
        """
        of_rows: list[Names] = []

        def ties() -> Iterable[Names]:
            return chain(known.ties(), of_rows)

        persons = people(map(spellings, asked), ties)
        for _ in range(ROUNDS):
            of_rows.extend(await self._traces.ties(frozenset().union(*persons)))
            before, persons = persons, people(persons, ties)
            if before == persons:
                break
        return persons

    async def _as_of_now(self, persons: Sequence[Person], *, shared: bool) -> Sequence[Person]:
        """Find what these people have left by now, also under spellings of their names that came meanwhile."""
        ties = await self._traces.ties(frozenset().union(*(person.names for person in persons)))
        spelled = [
            replace(person, names=person.names.union(*(tie for tie in ties if not tie.isdisjoint(person.names))))
            for person in persons
        ]
        return [await self._complete(person, (), shared=shared) for person in spelled]

    async def _complete(self, person: Person, devices: Collection[str], *, shared: bool) -> Person:
        """Find what a person has left under these names and on these devices; nothing is lost of what was found.

        A device that others were forgotten with before may be another's by now: it leads to nobody.
        """
        users = {name: self._visitor(user=name) for name in person.names}
        before = await self._register.same_people(
            self._project, {visitor for name, visitor in users.items() if name not in person.devices}
        )
        on_devices = {self._visitor(device=name) for name in devices}
        visitors = person.visitors.union(on_devices, users.values(), *before.values())
        used = await self._traces.devices(visitors)
        own = person.devices | used.own | (used.shared if shared else used.shared.intersection(devices))
        return replace(
            person,
            devices=own,
            shared=used.shared - own,
            visitors=visitors | {self._visitor(device=device) for device in own},
            rejected=person.rejected | await self._traces.rejected(person.names | own),
            before=person.before or bool(before or await self._register.same_people(self._project, on_devices)),
        )

    def _visitor(self, user: str = "", device: str = "") -> int:
        return self._visitors.visitor_id(self._project, user, device)

    def _entries(self, person: Person, sessions: Collection[int], forgotten_at: int) -> list[Entry]:
        return [
            *visitors_of(self._project, forgotten_at, person.visitors),
            *sessions_of(self._project, forgotten_at, sessions),
            *events_of(self._project, forgotten_at, person.rejected),
        ]

    async def _take_names_back(self, persons: Sequence[Person]) -> None:
        """Make all names unknown to the gateways; one that a request gave back meanwhile once more.

        Gateways that had not heard of it yet link names as before. Who is linked after that is somebody new.
        """
        names = frozenset().union(*(person.names for person in persons))
        await self._forget_keys(frozenset().union(*(person.keys for person in persons)))
        await self._forget_keys(frozenset((await self._known.read()).tied_to(names)))

    async def _forget_keys(self, keys: frozenset[str]) -> None:
        if keys:
            self._told("taking names back")
            await self._known.forget(keys)
            await asyncio.sleep(SETTLE_S)

    async def _arrived(self, wait_s: float) -> bool:
        self._told("waiting for what is on the way")
        return await arrival.arrived(self._clickhouse, self._raw_log, wait_s)

    async def _refuse_wrong_secret(self) -> None:
        found = await self._traces.somebody()
        if found is None:
            return
        user_id, anonymous_id, visitor_id = found
        if self._visitors.visitor_id(self._project, user_id, anonymous_id) != visitor_id:
            raise Unusable(
                "SLUICE_VISITOR_SECRET is not the one that the processors have: with another one, "
                "the events of a person cannot be told from those of others"
            )


async def again(url: str, bootstrap: str, told: Callable[[str], None]) -> int:
    """Blank whatever of all that was ever forgotten can be read; give how many rows of the event log it were."""
    clickhouse = ClickHouse(url)
    register = Register(clickhouse)
    raw_log = Log(bootstrap, topics.RAW.name)
    topic_id, held = await raw_log.topic_id(), await raw_log.ranges()
    entries = await register.entries()
    blanking = Blanking(clickhouse, register, told)
    rows = await blank(blanking, register, entries, lambda: arrival.passed_on(clickhouse, topic_id, held, PASS_ON_S))
    await KnownUsers(bootstrap, "").turn_over()
    return rows
