"""What can happen to the tokens by which roll-ups know what they were fed: forgotten, or all that is kept."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client

ROLLUPS = ("minutes", "sessions", "visitor_days", "users")

WINDOW = 1_000_000
"""So many tokens does a roll-up remember, by the schema."""


@contextmanager
def remembering_one_token(client: Client) -> Iterator[None]:
    """Let roll-ups remember their latest token alone, as if many blocks had come since the others."""
    _remember(client, 1)
    try:
        yield
    finally:
        _remember(client, WINDOW)


def lose_part(client: Client, rollup: str) -> None:
    """Remove all that a roll-up was fed, and none of its tokens, which a mutation leaves alone."""
    client.command(f"ALTER TABLE sluice.rollup_{rollup} DELETE WHERE true", settings={"mutations_sync": 2})


def _remember(client: Client, tokens: int) -> None:
    for rollup in ROLLUPS:
        client.command(
            f"ALTER TABLE sluice.rollup_{rollup} MODIFY SETTING non_replicated_deduplication_window = {tokens}"
        )
