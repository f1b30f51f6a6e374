"""Keys come into a settings file's text and go from it, and a person finds all else as it was."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.cli.keyfile.text import new_file, with_key, with_project, without_key
from sluice.contract.errors import Unusable
from sluice.contract.projects import parse

SALT = "0123456789abcdef" * 2
ENTRY = {"name": "new", "kind": "secret", "hash": "ab" * 32}
ADDED = f'[[projects.shop.keys]]\nname = "new"\nkind = "secret"\nhash = "{"ab" * 32}"\n'


def keys(text: str, project: str = "shop") -> list[str]:
    return [key["name"] for key in tomllib.loads(text)["projects"][project].get("keys", [])]


def test_a_new_file_with_a_project_and_a_key_is_valid():
    text = with_key(with_project(new_file(SALT), "shop"), "shop", ENTRY)
    assert [key.name for key in parse(tomllib.loads(text)).projects["shop"].keys] == ["new"]
    assert text.endswith(f"\n\n[projects.shop]\n\n{ADDED}")


@pytest.mark.parametrize("name", ["", "Shop", "-a", "a/b", "a b", 'a"', "a]", "a" * 65])
def test_a_project_that_cannot_be_called_so_is_refused(name):
    with pytest.raises(Unusable, match="a project's name is 1 to 64"):
        with_project(new_file(SALT), name)


ONE = '[projects.shop]\n\n[[projects.shop.keys]]\nname = "one"\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ONE, f"{ONE}\n{ADDED}"),
        ('[projects.shop]\nlimits = "none"\n', f'[projects.shop]\nlimits = "none"\n\n{ADDED}'),
        ("[projects.shop]", f"[projects.shop]\n\n{ADDED}"),
        (f"{ONE}\n[projects.next]\n", f"{ONE}\n{ADDED}\n[projects.next]\n"),
        # What stands before a header speaks of what comes below it.
        (f"{ONE}\n# next\n\n[projects.next]\n", f"{ONE}\n{ADDED}\n# next\n\n[projects.next]\n"),
        (f"{ONE}# end\n", f"{ONE}\n{ADDED}# end\n"),
        # A key's own limits belong to it.
        (
            f'{ONE}[projects.shop.keys.limits]\npulse = "none"\n\n[projects.next]\n',
            f'{ONE}[projects.shop.keys.limits]\npulse = "none"\n\n{ADDED}\n[projects.next]\n',
        ),
        # The project's limits do not.
        (
            f'{ONE}\n[projects.shop.limits]\npulse = "none"\n',
            f'{ONE}\n{ADDED}\n[projects.shop.limits]\npulse = "none"\n',
        ),
        # Brackets that are no headers.
        (
            '[projects.shop]\ntypes = [\n  "[projects.next]",\n[1],\n]\n',
            f'[projects.shop]\ntypes = [\n  "[projects.next]",\n[1],\n]\n\n{ADDED}',
        ),
        ('[projects."shop"] # c\n[projects.next]\n', f'[projects."shop"] # c\n\n{ADDED}[projects.next]\n'),
        ('projects.shop.limits = "none"\nsalt = ""\n', f'projects.shop.limits = "none"\nsalt = ""\n\n{ADDED}'),
    ],
)
def test_a_key_comes_behind_the_last_one_of_its_project(before, after):
    assert with_key(before, "shop", ENTRY) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('keys = [{name = "one"}]', 'keys = [{name = "one"}, {name = "new", kind = "secret"}]'),
        ("keys = []", 'keys = [{name = "new", kind = "secret"}]'),
        (
            'keys = [\n  {name = "one"},  # why\n]',
            'keys = [\n  {name = "one"},  # why\n  {name = "new", kind = "secret"},\n]',
        ),
    ],
)
def test_a_list_of_keys_stays_a_list(before, after):
    entry = {"name": "new", "kind": "secret"}
    rest = '# next\n[projects.next]\nlimits   =   "none"\n'
    assert with_key(f"[projects.shop]\n{before}\n{rest}", "shop", entry) == f"[projects.shop]\n{after}\n{rest}"


@pytest.mark.parametrize("text", ['projects = {shop = {limits = "none"}}\n', "[projects]\nshop = {}\n"])
def test_what_cannot_be_changed_without_disturbing_the_rest_is_refused(text):
    with pytest.raises(Unusable, match=r"write each project and key as a section of its own: \[projects\.NAME\]"):
        with_key(text, "shop", ENTRY)


SECOND = '# about two\n[[projects.shop.keys]]\nname = "two" # two\norigins = [\n  "[[a]]",\n]\n'
TWO = f"{ONE}\n{SECOND}"
LIST = "[projects.shop]\nkeys = [{}]\n"


@pytest.mark.parametrize(
    ("before", "index", "after"),
    [
        (TWO, 0, f"[projects.shop]\n\n{SECOND}"),
        (TWO, 1, f"{ONE}\n# about two\n"),
        (f"{TWO}\n# next\n[projects.next]\n", 1, f"{ONE}\n# about two\n\n# next\n[projects.next]\n"),
        (ONE, 0, "[projects.shop]\n"),
        (f"{ONE}\n[projects.next]\n", 0, "[projects.shop]\n\n[projects.next]\n"),
        (
            f'{ONE}[projects.shop.keys.limits]\npulse = "none"\n# end\n[projects.shop.limits]\n',
            0,
            "[projects.shop]\n\n# end\n[projects.shop.limits]\n",
        ),
        # A project that consisted of its key alone goes on without it.
        ('[[projects.shop.keys]]\nname = "one"\n', 0, "[projects.shop]\n"),
        (LIST.format('{name = "one"}, {name = "two"}'), 0, LIST.format('{name = "two"}')),
        (LIST.format('{name = "one"}'), 0, LIST.format("")),
    ],
)
def test_a_key_goes_with_its_lines(before, index, after):
    assert without_key(before, "shop", index) == after


def test_a_key_that_is_not_in_one_place_is_refused():
    text = '[[projects.shop.keys]]\nname = "one"\n[projects.next]\n[projects.shop.keys.limits]\npulse = "none"\n'
    with pytest.raises(Unusable, match="cannot be changed without disturbing"):
        without_key(text, "shop", 0)


def test_values_are_written_as_toml():
    entry = ENTRY | {
        "name": 'quo"ted\\\né',
        "scopes": ["events:write"],
        "expires": datetime(2027, 1, 1, tzinfo=UTC),
        "origins": ["https://shop.example"],
    }
    text = with_key("[projects.shop]\n", "shop", entry)
    assert tomllib.loads(text)["projects"]["shop"]["keys"] == [entry]
    assert "expires = 2027-01-01T00:00:00Z\n" in text


@pytest.mark.parametrize("project", ["demo", "load"])
def test_the_demos_file_is_as_it_was_after_a_key_has_come_and_gone(project):
    demo = files("sluice.local").joinpath("demo.toml").read_text("utf-8")
    added = with_key(demo, project, ENTRY)
    assert keys(added, project) == [*keys(demo, project), "new"]
    assert without_key(added, project, len(keys(demo, project))) == demo


COMMENTS = st.sampled_from(["", "\n", "# comment\n", "\n# comment\n\n# another\n", "\n\n"])


@st.composite
def layouts(draw: st.DrawFn) -> str:
    """Settings files as people may lay them out."""
    text = draw(COMMENTS) + f'salt = "{SALT}"\n'
    for project in draw(st.permutations(["shop", "b", "c-d"])):
        style = draw(st.sampled_from(["sections", "list", "none"]))
        text += draw(COMMENTS)
        if style != "sections" or draw(st.booleans()):
            text += f"[projects.{project}]{draw(st.sampled_from(['', ' # header']))}\n"
            text += draw(st.sampled_from(["", 'limits = "none"  # why\n']))
        count = draw(st.integers(0, 3))
        if style == "list":
            listed = draw(st.sampled_from([", ", ",\n   ", ", # comment\n   "])).join(
                f'{{name = "{project}{number}"}}' for number in range(count)
            )
            text += f"keys = [{listed}]\n"
        for number in range(count if style == "sections" else 0):
            header = draw(
                st.sampled_from(
                    ["projects.{}.keys", "projects . {} . keys", 'projects."{}".keys', "projects.{}.'keys'"]
                )
            ).format(project)
            text += draw(COMMENTS) + draw(st.sampled_from(["", "  "])) + f"[[{header}]]\n"
            text += f'name = "{project}{number}"\n' + draw(COMMENTS) + 'kind = "secret" # comment\n'
            text += draw(st.sampled_from(["", 'origins = [\n  "a", # [[x]]\n]\n']))
            text += draw(
                st.sampled_from(
                    ["", 'limits.pulse = "none"\n', f'\n[projects.{project}.keys.limits]\npulse = "none"\n']
                )
            )
    text += draw(st.sampled_from(["", "\n", "# end\n", "\n# end"]))
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def is_within(part: list[str], whole: list[str]) -> bool:
    """Tell whether all lines of a part stand in the whole, in their order."""
    rest = iter(whole)
    return all(line in rest for line in part)


@given(layouts(), st.data())
def test_however_a_file_is_laid_out_only_the_key_changes(text: str, data: st.DataObject):
    projects: dict[str, Any] = tomllib.loads(text).get("projects", {})
    if not projects:
        return
    project = data.draw(st.sampled_from(sorted(projects)))
    before = keys(text, project)
    added = with_key(text, project, ENTRY)
    assert keys(added, project) == [*before, "new"]
    if "keys = [" not in text:
        assert is_within(lines(text), lines(added))
    if before:
        index = data.draw(st.integers(0, len(before) - 1))
        removed = without_key(text, project, index)
        assert keys(removed, project) == before[:index] + before[index + 1 :]
        if "keys = [" not in text:
            assert is_within(set_apart(lines(removed), project), lines(text))


def set_apart(found: list[str], project: str) -> list[str]:
    """Leave out the header that a project gets which its key alone had made one."""
    return [line for line in found if line != f"[projects.{project}]"]
