"""Sessions: connections that outlive a request, with their temporary tables and settings.

Source: ClickHouse's NamedSessionsStorage. A session belongs to one user, serves one request at a time, and ends
after its time-out without one. An error in a statement does not end it: ClickHouse does not, and a connection of
chdb stays clean after errors when what it held back is dropped (docs/decisions/0003-embedded-clickhouse.md).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluice.local.clickhouse.connection import Scope
from sluice.local.clickhouse.errors import TOO_MANY_QUERIES, ClickHouseError

if TYPE_CHECKING:
    from sluice.local.clickhouse.call import Call
    from sluice.local.clickhouse.connection import Connection
    from sluice.local.clickhouse.work import Work

_log = logging.getLogger(__name__)
MAX_SESSIONS = 1000
_REAP_INTERVAL_S = 1.0


@dataclass(slots=True)
class Session:
    """One session; `connection` is None until its first request has opened it."""

    connection: Connection | None
    locked: bool
    expires_at: float
    timeout_s: int


class Sessions:
    """All sessions of the process. Belongs to the event loop."""

    def __init__(self, work: Work, home: str) -> None:
        self._work = work
        self._home = home
        self._sessions: dict[tuple[str, str], Session] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def acquire(self, call: Call) -> Connection:
        """Lock the session that a request names, and make it if need be; give its connection.

        Raises `ClickHouseError`: it does not exist though `session_check` asks for it, or it is busy.
        """
        key = (call.user, call.session_id)
        session = self._sessions.get(key)
        if session is not None and session.locked:
            raise ClickHouseError(373, f"Session {call.session_id} is locked by a concurrent client.")
        if session is not None and _has_expired(session):
            self._end(key)
            session = None
        if session is None:
            session = await self._open(key, call)
        session.locked = True
        session.timeout_s = call.session_timeout_s
        assert session.connection is not None, "an open session has a connection"
        return session.connection

    async def _open(self, key: tuple[str, str], call: Call) -> Session:
        if call.session_check:
            raise ClickHouseError(372, f"Session {call.session_id} not found.")
        if len(self._sessions) >= MAX_SESSIONS:
            raise ClickHouseError(TOO_MANY_QUERIES, f"Too many sessions. Maximum: {MAX_SESSIONS}.")
        session = self._sessions[key] = Session(None, True, 0.0, call.session_timeout_s)
        try:
            session.connection = await self._work.on_read_thread(self._connect, call.reader)
        except BaseException:
            del self._sessions[key]
            raise
        return session

    def _connect(self, reader: bool) -> Connection:
        connection = self._work.engine.connect()
        connection.prepare(Scope(database=self._home, reader=reader, readonly=2 if reader else 0))
        return connection

    def release(self, call: Call) -> None:
        """Unlock the session that a request used: its time-out begins, or it ends if the request says so."""
        key = (call.user, call.session_id)
        session = self._sessions[key]
        session.locked = False
        session.expires_at = asyncio.get_running_loop().time() + session.timeout_s
        if call.close_session:
            self._end(key)

    def _end(self, key: tuple[str, str]) -> None:
        """Forget an unlocked session, and close its connection in a while."""
        session = self._sessions.pop(key)
        if session.connection is not None:
            task = asyncio.get_running_loop().create_task(self._work.on_read_thread(session.connection.close))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def reap_for_ever(self) -> None:
        """End sessions whose time-out has passed, until cancelled."""
        while True:
            await asyncio.sleep(_REAP_INTERVAL_S)
            for key, session in list(self._sessions.items()):
                if _has_expired(session):
                    self._end(key)

    async def close_all(self) -> None:
        """End every session; none may be in use any more."""
        for key in list(self._sessions):
            self._end(key)
        while self._closing:
            await asyncio.wait(self._closing)


def _has_expired(session: Session) -> bool:
    return not session.locked and session.expires_at <= asyncio.get_running_loop().time()
