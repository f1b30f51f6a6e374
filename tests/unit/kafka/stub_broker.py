"""A broker of a few lines, for what a real one cannot be made to do: it answers as it is told, and resets."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any

from aiokafka.protocol.admin import ApiVersionResponse_v0
from aiokafka.protocol.coordination import FindCoordinatorResponse_v0
from aiokafka.protocol.group import HeartbeatResponse_v0, JoinGroupResponse_v0, SyncGroupResponse_v0
from aiokafka.protocol.metadata import MetadataResponse_v0

if TYPE_CHECKING:
    from collections.abc import Callable

NODE = 0
_ABORTING = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends a reset."""


class StubBroker:
    """Listens on a free port of loopback within `async with`; `error_code` is what groups are answered with."""

    def __init__(self) -> None:
        self.error_code = 0
        self.answering = asyncio.Event()
        self.answering.set()
        self._connections: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> StubBroker:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.reset()
        self._server.close()
        await self._server.wait_closed()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def reset(self) -> None:
        """Cut all connections as a broker that is killed with requests unread."""
        for connection in self._connections:
            connection.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTING)
            connection.transport.abort()
        self._connections.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                request = await reader.readexactly(size)
                (api_key,) = struct.unpack(">h", request[:2])
                if api_key in {10, 11, 12, 14}:
                    await self.answering.wait()
                answer = request[4:8] + self._answers[api_key]().encode()
                writer.write(struct.pack(">i", len(answer)) + answer)
        except (EOFError, OSError):
            self._connections.discard(writer)
            writer.close()

    @property
    def _answers(self) -> dict[int, Callable[[], Any]]:
        apis = [(api_key, 0, 0) for api_key in (3, 10, 11, 12, 14)]
        return {
            3: lambda: MetadataResponse_v0([(NODE, "127.0.0.1", self.port)], []),
            10: lambda: FindCoordinatorResponse_v0(self.error_code, NODE, "127.0.0.1", self.port),
            11: lambda: JoinGroupResponse_v0(self.error_code, 1, "protocol", "leader", "member", []),
            12: lambda: HeartbeatResponse_v0(self.error_code),
            14: lambda: SyncGroupResponse_v0(self.error_code, b""),
            18: lambda: ApiVersionResponse_v0(0, apis),
        }
