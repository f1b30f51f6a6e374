from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.integration.up.harness import eventually, is_alive

from sluice.local.kafka.port import free_port
from sluice.local.up.plan import demo_settings_file


def up(*options: str) -> list[str]:
    return [sys.executable, "-m", "sluice", "up", *options]


def children(pid: int) -> list[int]:
    """Process ids of all processes below this one, by /proc."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [found for child in map(int, below) for found in (child, *children(child))]


def test_a_taken_port_ends_in_a_sentence_before_anything_starts(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = subprocess.run(
            up("--data-dir", str(tmp_path), "--clickhouse-port", str(port), "--without", "gateway,broker"),
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"sluice: port {port} on 127.0.0.1, for ClickHouse, is taken by another process; "
        "choose another with --clickhouse-port\n"
    )
    assert done.stdout == ""
    assert not (tmp_path / "logs").exists()


def test_leaving_out_what_does_not_exist_ends_in_a_sentence(tmp_path):
    done = subprocess.run(
        up("--data-dir", str(tmp_path), "--without", "sink"), capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert done.stderr.startswith("sluice: --without: sink is none of broker, clickhouse, topics")


def test_the_real_stores_come_up_and_go_without_a_trace(tmp_path):
    ports = [free_port() for _ in range(3)]
    options = zip(("--gateway-port", "--clickhouse-port", "--kafka-port"), map(str, ports), strict=True)
    command = up("--data-dir", str(tmp_path), *(word for option in options for word in option))
    output = tmp_path / "output"
    with output.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--without", "gateway,processors,sinks"], stdout=out, stderr=out, start_new_session=True
        )
    try:
        eventually(lambda: "Sluice is ready" in output.read_text(), 90, output.read_text)
        below = children(process.pid)
        assert len(below) >= 3  # broker, ClickHouse, guard
        assert (tmp_path / "sluice.toml").read_text() == Path(demo_settings_file()).read_text()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(15) == 0
        assert [pid for pid in below if is_alive(pid)] == []
        assert "Traceback" not in output.read_text()
    finally:
        process.kill()
        process.wait()
