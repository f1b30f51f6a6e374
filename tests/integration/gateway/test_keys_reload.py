"""Keys come, go and change while the gateway's process runs, by `sluice keys` and by hand."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import aiohttp
import pytest
from tests.integration.gateway.process import GatewayProcess

from sluice.local.kafka.port import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.integration.stack import Stack

DEADLINE_S = 10.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sluice.toml"


@pytest.fixture
def keys(path: Path) -> Callable[..., str]:
    """`sluice keys ...` on the settings file; gives what it prints."""

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "sluice", "keys", *arguments]
        environment = {**os.environ, "SLUICE_SETTINGS_FILE": str(path)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.removesuffix("\n")

    return run


class Client:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def status(self, key: str) -> int:
        """Send one event."""
        event = {"site_id": "a", "event_type": "e", "timestamp": int(time.time() * 1000), "session_id": "reload"}
        headers = {"Authorization": f"Bearer {key}"}
        async with self._session.post(f"{self._url}/collect", data=json.dumps(event), headers=headers) as answer:
            return answer.status

    async def until(self, key: str, status: int) -> None:
        """Send until the answer is this one."""
        async with asyncio.timeout(DEADLINE_S):
            while await self.status(key) != status:
                await asyncio.sleep(0.05)


async def until_logged(gateway: GatewayProcess, text: str, times: int = 1) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while gateway.log_text().count(text) < times:
            await asyncio.sleep(0.05)


def change(path: Path, old: str, new: str) -> None:
    """Change a file by hand, in place."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def take_away(path: Path) -> None:
    path.rename(path.with_suffix(".away"))


def put_back(path: Path) -> None:
    path.with_suffix(".away").rename(path)


@pytest.fixture
def first_key(keys: Callable[..., str]) -> str:
    return keys("create", "--project", "shop", "--name", "first")


@pytest.fixture
def metrics_port() -> int:
    return free_port()


@pytest.fixture
async def gateway(
    deployment: Stack, path: Path, tmp_path: Path, first_key: str, metrics_port: int
) -> AsyncIterator[GatewayProcess]:
    del first_key  # without it there is no settings file
    process = GatewayProcess(
        tmp_path,
        deployment.kafka_bootstrap,
        SLUICE_SETTINGS_FILE=str(path),
        SLUICE_GATEWAY_METRICS_PORT=str(metrics_port),
    )
    process.start()
    yield process
    process.stop()


@pytest.fixture
async def client(gateway: GatewayProcess) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(gateway.url, session)


async def test_a_key_that_is_made_is_good_and_one_that_is_revoked_is_not(
    client: Client, keys: Callable[..., str], first_key: str
):
    assert await client.status(first_key) == 202
    second = keys("create", "--project", "shop", "--name", "second")
    await client.until(second, 202)
    assert await client.status(first_key) == 202
    keys("revoke", "first")
    await client.until(first_key, 401)
    assert await client.status(second) == 202


async def test_a_new_project_is_known(client: Client, keys: Callable[..., str]):
    await client.until(keys("create", "--project", "other", "--new-project"), 202)


async def test_limits_follow_the_file(client: Client, path: Path, first_key: str):
    limit = 'limits.pulse = [{kind = "fixed_window", limit = 1, per_s = 3600}]'
    change(path, "[projects.shop]\n", f"[projects.shop]\n{limit}\n")
    await client.until(first_key, 429)


async def is_ok(metrics_port: int) -> bool:
    """What the metrics say of the settings file."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{metrics_port}/metrics") as answer:
        text = await answer.text()
    (shown,) = [line for line in text.splitlines() if line.startswith("sluice_gateway_settings_file_ok ")]
    return shown.endswith(" 1.0")


async def test_a_broken_file_leaves_the_old_keys_in_force_until_it_is_mended(
    client: Client, gateway: GatewayProcess, path: Path, keys: Callable[..., str], first_key: str, metrics_port: int
):
    assert await is_ok(metrics_port)
    change(path, "secret", "sacred")
    await until_logged(gateway, "ERROR sluice.role.settings_file the settings file is not taken")
    assert not await is_ok(metrics_port)
    assert "projects.shop.keys[0].kind: Input should be 'secret' or 'public'" in gateway.log_text()
    assert await client.status(first_key) == 202
    take_away(path)
    await until_logged(gateway, "sluice.toml: No such file or directory")
    assert await client.status(first_key) == 202
    put_back(path)
    change(path, "sacred", "secret")
    await until_logged(gateway, f"INFO sluice.role.settings_file took {path}: projects 1, keys 1, rules 0\n", times=2)
    assert await is_ok(metrics_port)
    second = keys("create", "--project", "shop", "--name", "second")
    await client.until(second, 202)


class ConfigMap:
    """A directory of links as Kubernetes mounts it: to change a file, it swaps the link to all the data."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "sluice.toml"
        self._directory = directory
        self._version = 0
        directory.mkdir()
        self.file.symlink_to("..data/sluice.toml")

    def show(self, text: Callable[[], str]) -> None:
        self._version += 1
        data = self._directory / f"..{self._version}"
        data.mkdir()
        (data / "sluice.toml").write_text(text())
        (self._directory / "..data_tmp").symlink_to(data.name)
        (self._directory / "..data_tmp").rename(self._directory / "..data")


async def test_a_changed_configmap_is_followed(deployment: Stack, tmp_path: Path, path: Path, first_key: str):
    mounted = ConfigMap(tmp_path / "mounted")
    mounted.show(path.read_text)
    process = GatewayProcess(tmp_path, deployment.kafka_bootstrap, SLUICE_SETTINGS_FILE=str(mounted.file))
    process.start()
    try:
        async with aiohttp.ClientSession() as session:
            client = Client(process.url, session)
            assert await client.status(first_key) == 202
            mounted.show(lambda: path.read_text().partition("[[")[0])
            await client.until(first_key, 401)
    finally:
        process.stop()
