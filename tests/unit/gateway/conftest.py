from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.gateway.harness import demo_projects, gateway_with

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.unit.gateway.harness import Gateway


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with gateway_with(demo_projects()) as served:
        yield served
