"""The settings of `sluice keys`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from sluice.contract.errors import Unusable
from sluice.local.up.plan import own_settings_file
from sluice.role.settings import RoleSettings


class KeysSettings(RoleSettings):
    """Which settings file `sluice keys` is about."""

    settings_file: Path | None = Field(
        None, description="the file of projects and keys; without it, the local stack's in the data directory"
    )
    data_dir: Path = Field(
        Path(".sluice"), description="the local stack's directory, where `sluice up` keeps its own"
    )

    def path(self) -> Path:
        """Give the settings file that was named, else the local stack's.

        Raises `Unusable` when none was named and there is no local stack.
        """
        path = self.settings_file or own_settings_file(self.data_dir)
        if self.settings_file is None and not path.exists():
            raise Unusable(
                f"there is no {path}, which `sluice up` makes when it starts; name a settings file with "
                f"--settings-file or SLUICE_SETTINGS_FILE"
            )
        return path
