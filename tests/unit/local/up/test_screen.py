from __future__ import annotations

import os
from pathlib import Path

from sluice.local.up.screen import copyable_command, ready_screen
from sluice.local.up.settings import UpSettings


def test_the_screen_names_addresses_keys_and_lines_to_copy():
    lines = ready_screen(UpSettings(gateway_port=18080), ".venv/bin/sluice", took_s=6.25).splitlines()
    assert "Sluice is ready after 6.2 s." in lines
    assert (
        "curl -X POST http://127.0.0.1:18080/collect -H 'Authorization: Bearer pulse_prod_demo' "
        "-H 'Content-Type: application/json' -d "
        '\'{"site_id":"site_abc123","event_type":"page_view","timestamp":\'$(date +%s000)\','
        '"session_id":"session_123","url":"https://example.com","device_type":"desktop"}\''
    ) in lines
    assert (
        '.venv/bin/sluice query "SELECT event_type, session_id, received_at '
        'FROM sluice.events ORDER BY received_at DESC LIMIT 5"'
    ) in lines


def test_on_another_port_the_query_says_where():
    screen = ready_screen(UpSettings(clickhouse_port=18123), "sluice", took_s=1)
    assert '\nsluice query --clickhouse-url http://127.0.0.1:18123 "SELECT' in screen


def test_the_screen_fits_on_a_screen():
    assert len(ready_screen(UpSettings(), "sluice", took_s=1).splitlines()) <= 24


def test_with_settings_of_ones_own_no_demo_key_is_shown():
    screen = ready_screen(UpSettings(settings_file=Path("/mine.toml")), "sluice", took_s=1)
    assert "demo" not in screen
    assert "as in /mine.toml" in screen
    assert "sluice keys create --project YOURS --settings-file /mine.toml\n" in screen


def test_the_screen_says_how_to_make_a_key():
    screen = ready_screen(UpSettings(), "sluice", took_s=1)
    assert "  sluice keys create --project demo\n" in screen
    elsewhere = ready_screen(UpSettings(data_dir=Path("/data")), "sluice", took_s=1)
    assert "  sluice keys create --project demo --settings-file /data/sluice.toml\n" in elsewhere


def test_the_command_is_spelt_so_that_it_can_be_copied(tmp_path):
    script = tmp_path / ".venv" / "bin" / "sluice"
    script.parent.mkdir(parents=True)
    script.touch(mode=0o755)
    nowhere = os.devnull
    assert copyable_command(".venv/bin/sluice", tmp_path, nowhere) == ".venv/bin/sluice"
    assert copyable_command(str(script), tmp_path, nowhere) == ".venv/bin/sluice"
    assert copyable_command(str(script), Path("/"), nowhere) == str(script).lstrip("/")
    assert copyable_command(str(script), tmp_path / "elsewhere", nowhere) == str(script)
    assert copyable_command(str(script), tmp_path, str(script.parent)) == "sluice"
    assert copyable_command("/x/sluice/__main__.py", tmp_path, nowhere) == "python -m sluice"
