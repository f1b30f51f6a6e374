"""Adding a key to the text of a settings file, and taking one out, with all else as it was. Pure.

A settings file is a person's: its comments, order and blank lines stay. So it is not written anew. A key that is a
section of its own (`[[projects.shop.keys]]`) comes and goes with its lines; keys that stand as a list within their
project (`keys = [{...}]`) are left to tomlkit. What comes out is read again, and refused if anything but that one key
has changed.
"""

from __future__ import annotations

import tomllib
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import tomlkit
from pydantic import TypeAdapter, ValidationError

from sluice.contract.errors import Unusable
from sluice.contract.projects import ProjectName

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Entry = dict[str, Any]
"""A key as it stands in the file: those fields of `ProjectKey` that are not at their defaults."""


def new_file(salt: str) -> str:
    """Give a settings file to which projects are to be added."""
    return f"""\
# Projects, their limits, and their keys as hashes: no key can be read from here. `sluice keys` adds and removes keys;
# gateways notice every change by themselves.

# The hashes are made under this salt. With another one, no key is known any more.
salt = "{salt}"
"""


def with_project(text: str, project: str) -> str:
    """Add a project at the end.

    Raises `Unusable` when no project can be called so.
    """
    try:
        TypeAdapter(ProjectName).validate_python(project)
    except ValidationError:
        raise Unusable(
            "a project's name is 1 to 64 lower-case letters, digits, hyphens and underscores, and begins with a "
            "letter or digit"
        ) from None
    expected = tomllib.loads(text)
    expected.setdefault("projects", {})[project] = {}
    return _as_expected(f"{text.rstrip()}\n\n[projects.{project}]\n", expected)


def with_key(text: str, project: str, entry: Entry) -> str:
    """Add a key behind the last one of its project, which exists.

    Raises `Unusable` when the file is laid out so that nothing can be added without disturbing it.
    """
    expected = tomllib.loads(text)
    owner = expected["projects"][project]
    lines = text.removesuffix("\n").split("\n")
    sections = _sections(lines)
    of_project = [section for section in sections if section.path[:2] == ("projects", project)]
    of_keys = [section for section in of_project if section.path[2:3] == ("keys",)]
    if "keys" in owner and not of_keys:
        in_list = _inline(entry)
        changed = _changed_list(text, project, lambda keys: keys.append(in_list))
    else:
        end = (of_keys or of_project or sections)[-1].end
        lines[end:end] = ["", f"[[projects.{project}.keys]]", *_fields(entry)]
        changed = "\n".join(lines) + "\n"
    owner.setdefault("keys", []).append(entry)
    return _as_expected(changed, expected)


def without_key(text: str, project: str, index: int) -> str:
    """Take out one key of a project, by its place among the project's keys, counted from 0.

    Comments behind it stay: they speak of what comes next. Raises `Unusable` as `with_key` does.
    """
    expected = tomllib.loads(text)
    keys = expected["projects"][project]["keys"]
    del keys[index]
    lines = text.removesuffix("\n").split("\n")
    place = _lines_of_key(lines, project, index)
    if place is None:
        return _as_expected(_changed_list(text, project, lambda keys: keys.pop(index)), expected)
    start, end = place
    del lines[start:end]
    if not keys:
        del expected["projects"][project]["keys"]
    if project not in tomllib.loads("\n".join([*lines, ""])).get("projects", {}):  # only its keys made it a project
        lines.insert(start, f"[projects.{project}]")
    elif start and _is_blank(lines[start - 1]) and (start == len(lines) or _is_blank(lines[start])):
        del lines[start - 1]
    return _as_expected("\n".join(lines) + "\n", expected)


def _changed_list(text: str, project: str, change: Callable[[Any], object]) -> str:
    document: Any = tomlkit.parse(text)
    change(document["projects"][project]["keys"])
    return str(document.as_string())


class _Section(NamedTuple):
    """The lines from a header to the next, without blanks and comments at the end: those belong to what follows.

    What stands before the first header is a section, too, whose path is empty.
    """

    path: tuple[str, ...]
    start: int
    end: int


def _sections(lines: Sequence[str]) -> list[_Section]:
    headers = [(number, path) for number, line in enumerate(lines) if (path := _header(line))]
    starts = [(0, ()), *headers, (len(lines), ())]
    return [
        _Section(path, start, _without_trailing_comments(lines, start, following))
        for (start, path), (following, _) in pairwise(starts)
    ]


def _header(line: str) -> tuple[str, ...]:
    """Give the names in a section's header; none where the line is something else."""
    if not line.lstrip().startswith("["):
        return ()
    try:
        inner: Any = tomllib.loads(line.strip())
    except tomllib.TOMLDecodeError:
        return ()
    path: list[str] = []
    while inner:
        ((name, inner),) = inner.items()
        inner = inner[0] if isinstance(inner, list) else inner
        path.append(name)
    return tuple(path)


def _without_trailing_comments(lines: Sequence[str], start: int, end: int) -> int:
    while end > start and (_is_blank(lines[end - 1]) or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return end


def _is_blank(line: str) -> bool:
    return not line.strip()


def _lines_of_key(lines: Sequence[str], project: str, index: int) -> tuple[int, int] | None:
    """Give where a key begins and ends, with the sections below it (`[projects.shop.keys.limits]`).

    None where the project's keys are not sections of their own.
    """
    path = ("projects", project, "keys")
    sections = [section for section in _sections(lines) if section.path[:3] == path]
    firsts = [number for number, section in enumerate(sections) if section.path == path]
    if not firsts:
        return None
    last = ([*firsts, len(sections)])[index + 1] - 1
    return sections[firsts[index]].start, sections[last].end


def _fields(entry: Entry) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in entry.items()]


def _inline(entry: Entry) -> Any:
    return tomlkit.parse(f"entry = {{{', '.join(_fields(entry))}}}")["entry"]


def _value(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(tomlkit.item(value).as_string())


def _as_expected(text: str, expected: dict[str, Any]) -> str:
    try:
        same = tomllib.loads(text) == expected
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        raise Unusable(
            "the settings file is laid out so that its keys cannot be changed without disturbing the rest; "
            "write each project and key as a section of its own: [projects.NAME], [[projects.NAME.keys]]"
        )
    return text
