"""The gateway as a process of its own, with the local stack's projects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.stack import RoleProcess

from sluice.local.kafka.port import free_port

if TYPE_CHECKING:
    from pathlib import Path

EXIT_DEADLINE_S = 60.0


class GatewayProcess(RoleProcess):
    """`sluice gateway` on a free port, with the demo keys."""

    def __init__(self, directory: Path, bootstrap: str, **settings: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(
            "gateway",
            directory,
            {
                "SLUICE_KAFKA_BOOTSTRAP": bootstrap,
                "SLUICE_GATEWAY_PORT": str(port),
                "SLUICE_GATEWAY_DATA_DIR": str(directory / "gateway"),
                "SLUICE_LOCAL": "1",
                **settings,
            },
        )

    def terminate(self) -> int:
        """Send SIGTERM, wait for the end, and give the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait for the end, and give the exit code.

        Whoever has sent SIGTERM sends no second one: while Python ends, nobody handles it any more.
        """
        assert self._process is not None
        return self._process.wait(EXIT_DEADLINE_S)

    def log_text(self) -> str:
        return self.log.read_text("utf-8")
