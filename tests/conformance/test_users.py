"""The twin in memory is held to the same suite as the directory on a real broker (tests/integration/gateway)."""

from __future__ import annotations

import pytest
from tests.conformance.users_suite import UsersSuite

from sluice.gateway.users.memory import MemoryUsers


class InMemory:
    def __init__(self) -> None:
        self.users = MemoryUsers()

    def away(self) -> None:
        self.users.away = True

    def back(self) -> None:
        self.users.away = False


class TestMemoryUsers(UsersSuite):
    @pytest.fixture
    def known(self) -> InMemory:
        return InMemory()
