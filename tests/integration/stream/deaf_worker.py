"""A noting worker whose heartbeats hang from the moment on at which the file `deaf` is there.

As where aiokafka waits for ever for what never comes: the group removes the worker, and it fetches on.
Started as `python -m tests.integration.stream.deaf_worker` with what `noting_worker` takes.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from tests.integration.stream import noting_worker

from sluice.stream import worker
from sluice.stream.committed import CommittedConsumer, CommittedThread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class DeafThread(CommittedThread):
    async def on_start(self) -> None:
        await super().on_start()
        coordinator = self._consumer._coordinator
        deaf = self.app.conf.datadir.parent / "deaf"
        beat: Callable[[], Awaitable[bool]] = coordinator._do_heartbeat

        async def beat_unless_deaf() -> bool:
            if deaf.exists():
                await asyncio.Event().wait()
            return await beat()

        coordinator._do_heartbeat = beat_unless_deaf


class DeafConsumer(CommittedConsumer):
    def _new_consumer_thread(self) -> DeafThread:
        return DeafThread(self, loop=self.loop, beacon=self.beacon)


if __name__ == "__main__":
    app = noting_worker.make_app(*sys.argv[1:])
    app.transport.Consumer = DeafConsumer
    worker.run(app)
