from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.stack import DidNotStart, EmbeddedStack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.stack import Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """One real Kafka and one real ClickHouse for the whole run, started when the first test asks for them."""
    embedded = EmbeddedStack()
    try:
        embedded.start()
    except DidNotStart as error:
        embedded.stop()
        pytest.exit(f"The test stack did not start: {error}", returncode=1)
    yield embedded
    embedded.stop()
