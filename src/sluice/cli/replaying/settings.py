"""The settings of `sluice rejected`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from sluice.cli.reading.settings import ReadingSettings
from sluice.local.up.plan import own_settings_file


class RejectedSettings(ReadingSettings):
    """Where rejected events are found and sent to, and by which rules they are tried."""

    settings_file: Path | None = Field(
        None, description="the projects' settings that `--dry-run` goes by; without it, the local stack's if any"
    )
    data_dir: Path = Field(
        Path(".sluice"), description="the local stack's directory, where `sluice up` keeps its own settings file"
    )
    visitor_secret: SecretStr | None = Field(
        None, min_length=1, max_length=64, description="as the processors have it; `--dry-run` does without, too"
    )

    def rules_file(self) -> Path | None:
        """Give the file of projects that processors go by; None where they go by the documents alone."""
        if self.settings_file is not None:
            return self.settings_file
        local = own_settings_file(self.data_dir)
        return local if local.exists() else None
