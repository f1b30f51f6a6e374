"""The processors' rules follow the settings file."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from sluice.contract.errors import Unusable
from sluice.processors.rules.canonical.visitor import Visitors
from sluice.processors.rules_in_force import RulesInForce, settings_file
from sluice.processors.settings import ProcessorSettings
from sluice.role.settings_file import SettingsFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

VISITORS = Visitors(b"secret")


def write(path: Path, more: str = "") -> None:
    path.write_text(f'salt = "{"ab" * 16}"\n[projects.shop]\n{more}\n')


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "sluice.toml"
    write(path)
    return path


def at_the_start(**settings: object) -> RulesInForce:
    return RulesInForce(VISITORS, settings_file(ProcessorSettings.model_validate(settings)))


def test_the_file_that_is_named_is_taken(path: Path):
    write(path, 'bots = "keep"')
    assert at_the_start(settings_file=path).now().projects["shop"].bots == "keep"


def test_without_a_file_the_documents_rules_hold():
    rules = at_the_start()
    assert rules.now().projects == {}
    assert rules.now().visitors is VISITORS


def test_the_local_stack_has_its_own_projects():
    assert set(at_the_start(local=True).now().projects) == {"demo", "load"}


def test_the_demo_keys_do_not_matter_where_nobody_shows_a_key(tmp_path: Path):
    own = settings_file(ProcessorSettings.model_validate({"local": True}))
    assert own is not None
    (tmp_path / "demo.toml").write_bytes(own.read())
    assert set(at_the_start(settings_file=tmp_path / "demo.toml").now().projects) == {"demo", "load"}


@pytest.mark.parametrize("content", ["x = ", "bots = 1", 'first_wins = [{ name = "r" }]'])
def test_a_file_that_is_wrong_forbids_the_start(path: Path, content: str):
    write(path, content)
    with pytest.raises(Unusable, match="the settings file"):
        at_the_start(settings_file=path)


def test_a_file_that_is_missing_forbids_the_start(tmp_path: Path):
    with pytest.raises(Unusable, match=r"nothing\.toml: No such file"):
        at_the_start(settings_file=tmp_path / "nothing.toml")


@asynccontextmanager
async def following(rules: RulesInForce) -> AsyncIterator[None]:
    task = asyncio.create_task(rules.follow())
    yield
    task.cancel()
    await asyncio.wait({task})


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def test_a_change_is_in_force_and_a_batch_under_way_keeps_the_old_rules(path: Path):
    rules = RulesInForce(VISITORS, SettingsFile(path))
    before = rules.now()
    async with following(rules):
        write(path, 'first_wins = [{ name = "r", key = "k" }]')
        await until(lambda: rules.now() is not before)
    assert [rule.name for rule in rules.now().projects["shop"].first_wins] == ["r"]
    assert before.projects["shop"].first_wins == ()


async def test_a_broken_file_leaves_the_rules_as_they_were_and_says_so(path: Path, caplog: pytest.LogCaptureFixture):
    write(path, 'bots = "keep"')
    said: list[str] = []
    rules = RulesInForce(VISITORS, SettingsFile(path), said.append)
    async with following(rules):
        write(path, 'bots = "maybe"')
        await until(lambda: "the settings file is not taken, the one of before stays in force" in caplog.text)
        assert rules.now().projects["shop"].bots == "keep"
        write(path)
        await until(lambda: rules.now().projects["shop"].bots == "reject")
    assert "bots: " in said[0]
    assert said[-1] == ""


async def test_without_a_file_there_is_nothing_to_follow():
    async with asyncio.timeout(10):
        await at_the_start().follow()
