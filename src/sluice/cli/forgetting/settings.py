"""The settings of `sluice users forget`."""

from __future__ import annotations

from pydantic import Field, SecretStr

from sluice.cli.reading.settings import ReadingSettings


class ForgettingSettings(ReadingSettings):
    """Where a person's events and names are found, and under which secret visitors are hashed."""

    visitor_secret: SecretStr | None = Field(
        None, min_length=1, max_length=64, description="as the processors have it; without it, the local stack's"
    )
