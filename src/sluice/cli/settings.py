"""Every setting of every role: the table of docs/settings.md, and the names that the environment may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

from sluice.cli.forgetting.settings import ForgettingSettings
from sluice.cli.importing.settings import ImportSettings
from sluice.cli.keyfile.settings import KeysSettings
from sluice.cli.reading.settings import ReadingSettings
from sluice.cli.rebuilding.settings import RollupsSettings
from sluice.cli.replaying.settings import RejectedSettings
from sluice.cli.sending.settings import SendSettings
from sluice.gateway.settings import GatewaySettings
from sluice.kafka.settings import KafkaSettings, TopicSettings
from sluice.local.clickhouse.settings import ClickHouseSettings
from sluice.local.kafka.settings import BrokerSettings
from sluice.local.up.settings import UpSettings
from sluice.processors.settings import ProcessorSettings
from sluice.role.settings import RoleSettings, variable
from sluice.sinks.settings import ClickHouseClientSettings, MigrateSettings, SinkSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

MODELS: Mapping[str, type[RoleSettings]] = {
    "sluice gateway": GatewaySettings,
    "sluice processors": ProcessorSettings,
    "sluice sinks": SinkSettings,
    "sluice topics create": TopicSettings,
    "sluice migrate": MigrateSettings,
    "sluice keys": KeysSettings,
    "sluice users import": ImportSettings,
    "sluice users forget": ForgettingSettings,
    "sluice rejected": RejectedSettings,
    "sluice query": ClickHouseClientSettings,
    "sluice where": ReadingSettings,
    "sluice tail": KafkaSettings,
    "sluice audit": ReadingSettings,
    "sluice rollups": RollupsSettings,
    "sluice send": SendSettings,
    "sluice up": UpSettings,
    "sluice broker": BrokerSettings,
    "sluice clickhouse": ClickHouseSettings,
}
"""The settings model of each command."""

HEAD = """\
# Settings

Every setting is an environment variable; the commands' options of the same names win over it. A variable that starts
with `SLUICE_` and is not listed here stops the start, so that a misspelt one is not ignored. Projects, their keys and
limits stand in the settings file (`SLUICE_SETTINGS_FILE`, see [keys.md](keys.md) and `deploy/sluice.example.toml`).

This page is generated: `python -m sluice.cli.settings > docs/settings.md`.
"""


def document() -> str:
    """Give docs/settings.md: one table for each command."""
    return "\n".join([HEAD, *(_section(command, model) for command, model in MODELS.items())])


def _section(command: str, model: type[RoleSettings]) -> str:
    rows = "\n".join(_rows(model.model_fields))
    return f"## `{command}`\n\n| variable | default | meaning |\n|---|---|---|\n{rows}\n"


def _rows(fields: Mapping[str, FieldInfo]) -> Iterator[str]:
    for name, field in fields.items():
        meaning = (field.description or "").rstrip(".")
        yield f"| `{variable(name)}` | {_default(field)} | {meaning[:1].upper()}{meaning[1:]} |"


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "depends on the user"
    value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    return "" if value is None or value == "" else f"`{value}`"


if __name__ == "__main__":
    print(document(), end="")  # noqa: T201
