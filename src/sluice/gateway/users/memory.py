"""Known users in memory: the twin of the replica, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.contract.errors import Retry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.gateway.users.port import Identifier, Known, Link


class MemoryUsers:
    """See `sluice.gateway.users.port.UserDirectory`; with `away` set it is like a dead broker."""

    def __init__(self) -> None:
        self.known: dict[Identifier, Known] = {}
        self.away = False

    @property
    def ready(self) -> bool:
        """Whether users could be saved now."""
        return not self.away

    def find(self, identifier: Identifier) -> Known | None:
        """Look one up."""
        return self.known.get(identifier)

    async def save(self, links: Sequence[Link]) -> None:
        """Keep links."""
        if self.away:
            raise Retry("Kafka is not available")
        self.known.update((link.identifier, link.known) for link in links)
