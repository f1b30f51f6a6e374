"""The one screen that greets the user once the local stack is ready. Pure."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.local.up.plan import own_settings_file

if TYPE_CHECKING:
    from sluice.local.up.settings import UpSettings

DEFAULT_CLICKHOUSE_PORT = 8123
"""Where `sluice query` looks unless it is told."""

DEFAULT_DATA_DIR = Path(".sluice")
"""Where `sluice keys` looks unless it is told."""

_QUERY = "SELECT event_type, session_id, received_at FROM sluice.events ORDER BY received_at DESC LIMIT 5"
_EVENT = (
    '{"site_id":"site_abc123","event_type":"page_view","timestamp":\'$(date +%s000)\','
    '"session_id":"session_123","url":"https://example.com","device_type":"desktop"}'
)


def ready_screen(settings: UpSettings, command: str, took_s: float) -> str:
    """Write addresses, keys, and lines to copy; `command` is how the user calls `sluice`."""
    gateway = f"http://{settings.gateway_host}:{settings.gateway_port}"
    clickhouse = f"http://{settings.clickhouse_host}:{settings.clickhouse_port}"
    kafka = f"{settings.kafka_host}:{settings.kafka_port}"
    elsewhere = "" if settings.clickhouse_port == DEFAULT_CLICKHOUSE_PORT else f" --clickhouse-url {clickhouse}"
    if settings.settings_file is None:
        key = "pulse_prod_demo"
        keys = "pulse_prod_demo (secret), demo_public (public), pulse_prod_load (no limits)"
        file, project = own_settings_file(settings.data_dir), "demo"
    else:
        key, keys = "YOUR_KEY", f"as in {settings.settings_file}"
        file, project = settings.settings_file, "YOURS"
    in_file = "" if file == own_settings_file(DEFAULT_DATA_DIR) else f" --settings-file {file}"
    return f"""
Sluice is ready after {took_s:.1f} s.

  Gateway     {gateway}
  ClickHouse  {clickhouse}
  Kafka       {kafka}
  Keys        {keys}
  More keys   {command} keys create --project {project}{in_file}
  Data, logs  {settings.data_dir}

Send an event:

curl -X POST {gateway}/collect -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{_EVENT}'

See it in ClickHouse a second later, either way:

{command} query{elsewhere} "{_QUERY}"
curl '{clickhouse}/?default_format=PrettyCompact' -d '{_QUERY}'

Ctrl-C stops everything.
"""


def copyable_command(argv0: str, cwd: Path, search_path: str | None = None) -> str:
    """Give the shortest spelling of the running command that works when pasted into the same directory."""
    called = Path(argv0)
    if called.name != "sluice":  # python -m sluice
        return "python -m sluice"
    on_path = shutil.which("sluice", path=search_path)
    if on_path is not None and Path(on_path).absolute() == (cwd / called).absolute():
        return "sluice"
    relative = os.path.relpath(cwd / called, cwd)
    return str(called) if relative.startswith("..") else relative
