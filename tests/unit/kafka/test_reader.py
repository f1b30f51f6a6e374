"""A consumer is stopped whatever state it is in; what its own stop does must not reach the caller."""

from __future__ import annotations

import asyncio

import pytest

from sluice.kafka import reader
from sluice.kafka.reader import stop


class Client:
    closed = False

    async def close(self) -> None:
        self.closed = True


class Consumer:
    def __init__(self, *, hangs: bool = False, failure: BaseException | None = None) -> None:
        self._client = Client()
        self._hangs = hangs
        self._failure = failure

    async def stop(self) -> None:
        if self._hangs:
            await asyncio.Event().wait()
        if self._failure is not None:
            raise self._failure


@pytest.mark.parametrize(
    "consumer",
    [Consumer(), Consumer(hangs=True), Consumer(failure=asyncio.CancelledError()), Consumer(failure=OSError())],
    ids=["well", "hanging", "cancelled by itself", "failing"],
)
async def test_stopping_returns_and_closes_the_connections(consumer: Consumer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reader, "STOP_TIMEOUT_S", 0.01)
    async with asyncio.timeout(10):
        await stop(consumer)
    assert consumer._client.closed
