"""`sluice keys` as its user sees it: what it prints, what it refuses, and what the file holds afterwards."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from sluice.cli.keys import command
from sluice.contract.errors import Unusable
from sluice.contract.projects import Projects, parse
from sluice.gateway.keys import KeyRing

if TYPE_CHECKING:
    from click.testing import Result


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where each test runs."""
    monkeypatch.chdir(tmp_path)
    for name in ("SLUICE_SETTINGS_FILE", "SLUICE_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def keys(*arguments: str) -> Result:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def on_file(action: str, *arguments: str) -> Result:
    return keys(action, *arguments, "--settings-file", "s.toml")


def refused(action: str, *arguments: str) -> str:
    """The sentence with which a command is refused, having changed nothing."""
    path = Path("s.toml")
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(Unusable) as caught:
        on_file(action, *arguments)
    assert (path.read_bytes() if path.exists() else None) == before
    return str(caught.value)


def written() -> Projects:
    return parse(tomllib.loads(Path("s.toml").read_text()))


def listed(*arguments: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(on_file("list", "--json", *arguments).stdout)
    return found


class TestCreate:
    def test_the_key_stands_alone_on_standard_output_and_is_good(self):
        result = on_file("create", "--project", "shop")
        key = result.stdout.removesuffix("\n")
        assert re.fullmatch(r"sl_secret_[A-Za-z0-9]{32}", key)
        found = KeyRing(written()).find(key)
        assert found is not None
        assert (found.project, found.is_public, found.entry.name) == ("shop", False, "secret")

    def test_the_key_is_shown_nowhere_else(self):
        result = on_file("create", "--project", "shop")
        key = result.stdout.strip()
        assert key not in result.stderr
        assert key not in Path("s.toml").read_text()
        assert key not in on_file("list").output + on_file("list", "--json").output

    def test_what_it_may_do_is_said_on_standard_error(self):
        result = on_file("create", "--project", "shop", "--kind", "public", "--origin", "https://Shop.example:443")
        (key,) = written().projects["shop"].keys
        assert f"made public key 'public' of project shop, id {key.id}\n" in result.stderr
        assert re.search(r"scopes +events:write\n +origins +https://shop\.example\n +expires +never\n", result.stderr)

    def test_everything_can_be_asked_for(self):
        on_file(
            "create", "--project", "shop", "--name", "web", "--kind", "public", "--scope", "events:write",
            "--origin", "https://a.example", "--origin", "https://b.example", "--expires", "2099-01-01",
        )  # fmt: skip
        (key,) = written().projects["shop"].keys
        assert (key.name, key.kind, key.scopes) == ("web", "public", frozenset({"events:write"}))
        assert key.origins == frozenset({"https://a.example", "https://b.example"})
        assert str(key.expires) == "2099-01-01 00:00:00+00:00"

    def test_a_missing_file_is_made_with_a_salt_of_its_own(self):
        result = on_file("create", "--project", "shop")
        assert "made s.toml, with a salt of its own\n" in result.stderr
        salt = written().salt
        Path("s.toml").unlink()
        on_file("create", "--project", "shop")
        assert written().salt != salt

    def test_a_second_key_goes_into_the_same_file(self):
        first = on_file("create", "--project", "shop").stdout.strip()
        result = on_file("create", "--project", "shop")
        assert "made s.toml" not in result.stderr
        assert [key.name for key in written().projects["shop"].keys] == ["secret", "secret-2"]
        assert KeyRing(written()).holds_any([first])

    def test_a_project_is_not_made_by_a_slip_of_the_hand(self):
        on_file("create", "--project", "shop")
        assert refused("create", "--project", "shpo") == (
            "the settings file has no project shpo, only shop; --new-project makes it"
        )
        on_file("create", "--project", "other", "--new-project")
        assert set(written().projects) == {"shop", "other"}
        on_file("create", "--project", "shop", "--new-project")
        assert len(written().projects["shop"].keys) == 2

    def test_a_key_that_no_api_takes_is_pointed_out(self):
        result = on_file("create", "--project", "shop", "--scope", "events:read")
        assert "no API takes this key: they all ask for the scope events:write" in result.stderr
        assert "no API takes" not in on_file("create", "--project", "shop").stderr

    def test_a_wrong_option_is_refused_before_a_file_is_made(self):
        for wrong in (["--expires", "soon"], ["--scope", "write"], ["--origin", "https://a.example"]):
            assert refused("create", "--project", "shop", *wrong).startswith(wrong[0])
        assert "a project's name" in refused("create", "--project", "a/b")

    def test_a_name_that_is_taken_is_refused(self):
        on_file("create", "--project", "shop", "--name", "web")
        assert "has a key named 'web'" in refused("create", "--project", "shop", "--name", "web")
        on_file("create", "--project", "other", "--new-project", "--name", "web")

    def test_a_broken_file_is_left_alone(self):
        for broken, sentence in (("salt =", "is not TOML"), ('salt = "ab"\n', "the settings file is wrong: salt")):
            Path("s.toml").write_text(broken)
            assert sentence in refused("create", "--project", "shop")


class TestList:
    def test_it_shows_what_is_known_of_each_key(self):
        on_file("create", "--project", "shop", "--expires", "2099-01-01")
        on_file("create", "--project", "other", "--new-project", "--kind", "public", "--origin", "https://a.example")
        shop, other = (written().projects[name].keys[0] for name in ("shop", "other"))
        assert listed() == [
            {
                "project": "shop", "name": "secret", "kind": "secret", "id": shop.id, "scopes": ["events:write"],
                "origins": [], "expires": "2099-01-01T00:00:00Z", "expired": False,
            },
            {
                "project": "other", "name": "public", "kind": "public", "id": other.id, "scopes": ["events:write"],
                "origins": ["https://a.example"], "expires": None, "expired": False,
            },
        ]  # fmt: skip
        table = on_file("list").stdout
        assert re.search(rf"shop .* secret .* {shop.id} .* events:write .* any .* 2099-01-01T00:00:00Z ", table)
        assert re.search(rf"other .* public .* {other.id} .* https://a\.example .* never ", table)

    def test_it_can_be_of_one_project(self):
        on_file("create", "--project", "shop")
        on_file("create", "--project", "other", "--new-project")
        assert [key["project"] for key in listed("--project", "other")] == ["other"]
        assert "has no project none, only other, shop" in refused("list", "--project", "none")

    def test_a_key_that_has_expired_is_marked(self):
        on_file("create", "--project", "shop", "--expires", "2099-01-01")
        Path("s.toml").write_text(Path("s.toml").read_text().replace("2099", "2020"))
        assert [key["expired"] for key in listed()] == [True]
        assert "2020-01-01T00:00:00Z (expired)" in on_file("list").stdout

    def test_a_file_without_keys_has_an_empty_list(self):
        Path("s.toml").write_text(f'salt = "{"ab" * 16}"\nprojects = {{}}\n')
        assert listed() == []
        assert "project" in on_file("list").stdout

    def test_a_missing_file_is_named(self):
        assert refused("list") == "cannot read the settings file s.toml: No such file or directory"


class TestRevoke:
    @pytest.mark.parametrize("by", ["name", "id"])
    def test_a_key_goes_by_its_name_or_id(self, by):
        on_file("create", "--project", "shop", "--name", "server")
        key = on_file("create", "--project", "shop", "--name", "web").stdout.strip()
        web = written().projects["shop"].keys[1]
        result = on_file("revoke", getattr(web, by))
        assert result.stdout == (
            f"revoked secret key 'web' of project shop, id {web.id}; running gateways forget it within two seconds\n"
        )
        assert [key.name for key in written().projects["shop"].keys] == ["server"]
        assert not KeyRing(written()).holds_any([key])

    def test_the_last_key_of_a_project_leaves_the_project(self):
        on_file("create", "--project", "shop")
        on_file("revoke", "secret")
        assert written().projects["shop"].keys == ()

    def test_a_name_that_several_keys_have_is_refused_with_their_ids(self):
        on_file("create", "--project", "shop")
        on_file("create", "--project", "other", "--new-project")
        shop, other = (written().projects[name].keys[0].id for name in ("shop", "other"))
        assert refused("revoke", "secret") == (
            f"2 keys have this name, and nothing was changed; give the id of one: "
            f"{shop} (project shop), {other} (project other)"
        )
        on_file("revoke", "secret", "--project", "other")
        assert [key["project"] for key in listed()] == ["shop"]

    def test_what_is_not_there_is_not_repeated_since_it_may_be_a_key(self):
        key = on_file("create", "--project", "shop").stdout.strip()
        assert refused("revoke", key) == (
            "the settings file has no key of this id or name; `sluice keys list` shows those that it has"
        )

    def test_an_unknown_project_is_named(self):
        on_file("create", "--project", "shop")
        assert "has no project other, only shop" in refused("revoke", "secret", "--project", "other")

    def test_a_missing_file_is_named_and_not_made(self, directory: Path):
        assert "s.toml: No such file or directory" in refused("revoke", "secret")
        assert list(directory.iterdir()) == []


class TestWhichFile:
    def test_the_option_wins_over_the_variable_and_that_over_the_local_stacks(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ):
        (directory / ".sluice").mkdir()
        for name in ("s.toml", "variable.toml", ".sluice/sluice.toml"):
            keys("create", "--project", "shop", "--settings-file", name)
        ids = {
            name: tomllib.loads(Path(name).read_text())["projects"]["shop"]["keys"][0]["hash"][:16]
            for name in ("s.toml", "variable.toml", ".sluice/sluice.toml")
        }
        assert ids[".sluice/sluice.toml"] in keys("list").stdout
        monkeypatch.setenv("SLUICE_SETTINGS_FILE", "variable.toml")
        assert ids["variable.toml"] in keys("list").stdout
        assert ids["s.toml"] in on_file("list").stdout

    def test_the_local_stacks_is_in_its_data_directory(self, directory: Path, monkeypatch: pytest.MonkeyPatch):
        (directory / "data").mkdir()
        keys("create", "--project", "shop", "--settings-file", "data/sluice.toml")
        monkeypatch.setenv("SLUICE_DATA_DIR", "data")
        assert "shop" in keys("list").stdout

    def test_without_any_the_user_is_told_what_to_do(self):
        for arguments in (("create", "--project", "shop"), ("list",), ("revoke", "secret")):
            with pytest.raises(Unusable, match=r"no \.sluice/sluice\.toml.*sluice up.*--settings-file"):
                keys(*arguments)

    def test_the_variable_may_name_a_file_that_is_to_be_made(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("SLUICE_SETTINGS_FILE", "s.toml")
        keys("create", "--project", "shop")
        assert set(written().projects) == {"shop"}
