"""The settings file: what happens when it changes while a role runs."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from sluice.gateway.keys import KeyRing, digest
from sluice.gateway.settings_file import refuse_demo_keys
from sluice.role.settings_file import LOOK_EVERY_S, REMIND_EVERY_S, SettingsFile, SettingsFollower, source_of

if TYPE_CHECKING:
    from pathlib import Path

    from sluice.contract import projects

SALT = "0123456789abcdef" * 2


class Clock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def file_of(*keys: str, more: str = "") -> bytes:
    """A settings file of project shop with these secret keys."""
    entries = "".join(
        f'[[projects.shop.keys]]\nname = "{key}"\nkind = "secret"\nhash = "{digest(bytes.fromhex(SALT), key)}"\n'
        for key in keys
    )
    return f'salt = "{SALT}"\n[projects.shop]\n{more}\n{entries}'.encode()


class Following:
    """A gateway's key ring that follows a file; time and looks are the test's."""

    def __init__(self, path: Path, *keys: str, demo_keys_allowed: bool = False) -> None:
        self.path = path
        self.clock = Clock()
        path.write_bytes(file_of(*keys))
        file = SettingsFile(path) if demo_keys_allowed else SettingsFile(path, refuse_demo_keys)
        self.said: list[str] = []
        self.follower = SettingsFollower(file, self.clock, self.said.append, look_every_s=0.001)
        self.ring = KeyRing(self.follower.load())
        self.look_twice()

    def look_twice(self) -> None:
        """A change is taken when it holds still for two looks."""
        for _ in range(2):
            self.look()

    def look(self) -> None:
        changed = self.follower.look()
        if changed is not None:
            self.ring.take(changed)

    def write(self, content: bytes) -> None:
        self.path.write_bytes(content)
        self.look_twice()

    def knows(self, *keys: str) -> bool:
        return all(self.ring.find(key) is not None for key in keys)


@pytest.fixture
def following(tmp_path: Path) -> Following:
    return Following(tmp_path / "sluice.toml", "old")


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


class TestWhileItRuns:
    def test_a_new_key_is_known(self, following: Following):
        following.write(file_of("old", "new"))
        assert following.knows("old", "new")

    def test_a_key_that_is_gone_is_not_known_any_more(self, following: Following):
        following.write(file_of("new"))
        assert not following.knows("old")

    def test_event_types_limits_and_the_keyless_project_change_too(self, following: Following):
        more = 'limits = "none"\nevent_types = ["click"]\n'
        following.write(b'keyless_events_project = "shop"\n' + file_of("old", more=more))
        key = following.ring.find("old")
        assert key is not None
        assert key.project_entry.limits == "none"
        assert key.project_entry.event_types == frozenset({"click"})
        assert following.ring.keyless_events() is not None

    def test_it_is_said_what_was_taken(self, following: Following, caplog: pytest.LogCaptureFixture):
        caplog.set_level(logging.INFO)
        following.write(file_of("old", "new", more='first_wins = [{ name = "r", key = "k" }]'))
        assert caplog.records[-1].getMessage() == f"took {following.path}: projects 1, keys 2, rules 1"

    def test_a_link_that_points_elsewhere_is_noticed(self, tmp_path: Path):
        """Kubernetes changes a ConfigMap so."""
        (tmp_path / "first").mkdir()
        (tmp_path / "data").symlink_to("first")
        following = Following(tmp_path / "data" / "sluice.toml", "old")
        (tmp_path / "second").mkdir()
        (tmp_path / "second" / "sluice.toml").write_bytes(file_of("new"))
        (tmp_path / "swap").symlink_to("second")
        (tmp_path / "swap").replace(tmp_path / "data")
        following.look_twice()
        assert following.knows("new")

    def test_nothing_is_taken_while_nothing_changes(self, following: Following, caplog: pytest.LogCaptureFixture):
        caplog.set_level(logging.DEBUG)
        following.write(following.path.read_bytes())
        following.look_twice()
        assert caplog.records == []

    def test_a_file_that_is_being_written_is_left_alone(self, following: Following, caplog: pytest.LogCaptureFixture):
        whole = file_of("old", "new")
        following.look()
        for end in (0, len(file_of()), len(whole)):  # the second one is a valid file without keys
            following.path.write_bytes(whole[:end])
            following.look()
            assert following.knows("old")
        following.look()
        assert following.knows("new")
        assert complaints(caplog) == []

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "salt: Field required"),
            (b"salt = ", "is not TOML"),
            (b"\xff", "is not TOML"),
            (file_of("old").replace(b"secret", b"sacred"), r"projects.shop.keys[0].kind"),
            (file_of("old", "old"), "are the same key"),
            (file_of("old", "demo_public"), "demo keys"),
            (b'keyless_events_project = "other"\n' + file_of("old"), "there is no project other"),
            (file_of("old", more='first_wins = [{ name = "r" }]'), "projects.shop.first_wins[0].key: Field required"),
        ],
    )
    def test_a_broken_file_leaves_the_old_keys_in_force(
        self, following: Following, caplog: pytest.LogCaptureFixture, content, sentence
    ):
        following.write(content)
        assert following.knows("old")
        assert not following.follower.settings_file_ok
        (complaint,) = complaints(caplog)
        assert sentence in complaint

    def test_a_missing_file_leaves_the_old_keys_in_force(
        self, following: Following, caplog: pytest.LogCaptureFixture
    ):
        following.path.unlink()
        following.look_twice()
        assert following.knows("old")
        assert not following.follower.settings_file_ok
        assert "sluice.toml: No such file or directory" in complaints(caplog)[0]

    def test_an_unreadable_file_leaves_the_old_keys_in_force(
        self, following: Following, caplog: pytest.LogCaptureFixture
    ):
        following.path.unlink()
        following.path.mkdir()
        following.look_twice()
        assert following.knows("old")
        assert "sluice.toml: Is a directory" in complaints(caplog)[0]

    def test_the_demo_keys_are_taken_where_they_are_allowed(self, tmp_path: Path):
        following = Following(tmp_path / "sluice.toml", "old", demo_keys_allowed=True)
        following.write(file_of("old", "demo_public"))
        assert following.knows("demo_public")

    def test_a_broken_file_is_complained_about_once_a_minute(
        self, following: Following, caplog: pytest.LogCaptureFixture
    ):
        following.write(b"salt = ")
        following.clock.now_s += REMIND_EVERY_S - 0.001
        following.look_twice()
        assert len(complaints(caplog)) == 1
        following.clock.now_s += 0.001
        following.look_twice()
        assert len(complaints(caplog)) == 2

    def test_each_new_mistake_is_complained_about(self, following: Following, caplog: pytest.LogCaptureFixture):
        following.write(b"salt = ")
        following.write(b"")
        assert len(complaints(caplog)) == 2

    @pytest.mark.parametrize("mended", [file_of("old"), file_of("old", "new")], ids=["as before", "changed"])
    def test_a_mended_file_is_taken_and_said_to_be_good(
        self, following: Following, caplog: pytest.LogCaptureFixture, mended
    ):
        caplog.set_level(logging.INFO)
        following.write(b"salt = ")
        following.write(mended)
        assert following.follower.settings_file_ok
        keys = mended.count(b"hash")
        assert caplog.records[-1].getMessage() == f"took {following.path}: projects 1, keys {keys}, rules 0"
        following.clock.now_s += REMIND_EVERY_S
        following.look_twice()
        assert len(complaints(caplog)) == 1

    def test_whoever_supervises_hears_what_is_wrong_until_it_is_mended(self, following: Following):
        following.write(file_of("old", "new"))
        assert following.said == []
        following.write(b"salt = ")
        assert len(following.said) == 1
        assert following.said[0].startswith("the settings file is not taken: ")
        assert "is not TOML" in following.said[0]
        following.clock.now_s += REMIND_EVERY_S
        following.look_twice()
        assert following.said[1:] == following.said[:1]
        following.write(file_of("old"))
        assert following.said[2:] == ["the settings file is taken again", ""]

    def test_whoever_supervises_hears_no_more_than_a_few_of_many_mistakes(self, following: Following):
        following.write(file_of(*(f"key{number}" for number in range(100))).replace(b"secret", b"sacred"))
        (said,) = following.said
        assert "projects.shop.keys[0].kind" in said
        assert len(said) < 400

    async def test_it_is_followed_until_the_end_whatever_happens(
        self, following: Following, caplog: pytest.LogCaptureFixture
    ):
        unforeseen = [ZeroDivisionError("boom")]

        def take(changed: projects.Projects) -> None:
            if unforeseen:
                raise unforeseen.pop()
            following.ring.take(changed)

        async def until_known(key: str) -> None:
            async with asyncio.timeout(10):
                while not following.knows(key):
                    await asyncio.sleep(0.001)

        async with following.follower.following(take):
            following.path.write_bytes(file_of("old", "lost"))
            async with asyncio.timeout(10):
                while unforeseen:
                    await asyncio.sleep(0.001)
            following.path.write_bytes(file_of("old", "new"))
            await until_known("new")
        assert "boom" in caplog.text
        assert asyncio.all_tasks() == {asyncio.current_task()}


def test_a_change_is_in_force_within_two_seconds():
    looks = 3  # the change may come just after one; the next sees it, and one more finds it unchanged
    assert looks * LOOK_EVERY_S < 2


def test_the_file_that_is_named_goes_before_the_local_stacks_own(tmp_path: Path):
    named = tmp_path / "sluice.toml"
    assert source_of(named, local=True) == source_of(named, local=False) == named
    own = source_of(None, local=True)
    assert own is not None
    assert set(SettingsFile(own).parse(own.read_bytes()).projects) == {"demo", "load"}
    assert source_of(None, local=False) is None
