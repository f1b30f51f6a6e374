"""The settings of `sluice send`."""

from __future__ import annotations

from pydantic import Field, SecretStr

from sluice.sinks.settings import ClickHouseClientSettings


class SendSettings(ClickHouseClientSettings):
    """With which key to send, and where to look for what was sent."""

    key: SecretStr = Field(
        SecretStr("pulse_prod_load"),
        min_length=1,
        description="the API key to send with; unlike `--key` it is not seen in the list of processes",
    )
