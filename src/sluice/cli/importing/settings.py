"""The settings of `sluice users import`."""

from __future__ import annotations

from pydantic import Field, SecretStr

from sluice.role.settings import RoleSettings


class ImportSettings(RoleSettings):
    """What must not stand on a command line, where every process of the machine can read it."""

    key: SecretStr | None = Field(
        None, min_length=1, description="the project's secret key, for `sluice users import`"
    )
