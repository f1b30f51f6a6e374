"""`sluice send` fails unless ClickHouse shows every accepted event."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.integration.gateway.process import GatewayProcess

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.stack import Stack


def test_without_sinks_it_says_what_is_missing_and_fails(deployment: Stack, empty_clickhouse: str, tmp_path: Path):
    gateway = GatewayProcess(tmp_path, deployment.kafka_bootstrap)
    gateway.start()
    try:
        migrated = run("migrate", "--clickhouse-url", empty_clickhouse)
        assert migrated.returncode == 0, migrated.stderr
        sent = send(gateway.url, "--clickhouse-url", empty_clickhouse, "--events", "250", "--wait", "0.5")
        assert sent.returncode == 1
        assert summary(sent) | {"run": "", "seconds": ""} == {
            "run": "",
            "accepted": "250",
            "stored": "0",
            "rejected": "0",
            "seconds": "",
        }
        assert sent.stderr == "sluice: after 0.5 s, 0 of 250 accepted events are in ClickHouse, in 0 rows\n"
        unseen = send(gateway.url, "--clickhouse-url", "http://127.0.0.1:1", "--wait", "0.1", "--events", "1")
        assert unseen.returncode == 1
        assert "ClickHouse at http://127.0.0.1:1 cannot tell" in unseen.stderr
        trusting = send(gateway.url, "--wait", "0", "--events", "5", "--batch", "1")
        assert (trusting.returncode, summary(trusting)["accepted"]) == (0, "5")
        refused = send(gateway.url, "--key", "nobody", "--events", "5")
        assert refused.returncode == 1
        assert refused.stderr == "sluice: not everything was accepted: 401, Invalid API key\n"
    finally:
        gateway.stop()


def send(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("send", "--url", url, *arguments)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "sluice", *arguments], capture_output=True, text=True, timeout=60)


def summary(sent: subprocess.CompletedProcess[str]) -> dict[str, str]:
    return dict(line.rsplit(maxsplit=1) for line in sent.stdout.splitlines())
