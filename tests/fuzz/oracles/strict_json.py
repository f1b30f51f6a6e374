"""Strict JSON as all APIs demand it, read slowly and plainly, with the standard library alone."""

from __future__ import annotations

import json
from typing import Any

MAX_LEVELS = 100
ABSENT: Any = object()


class NotJson(Exception):
    """The body is not one JSON text in UTF-8, or nested too deep, or holds what strict JSON forbids."""


class Unclear(Exception):
    """The documents do not say whether this is allowed; whatever is answered is right."""


class _Members(list[Any]):
    """All names and values of an object, those of repeated names too."""


def parse(body: bytes) -> Any:
    """Give the value of a body; of members with the same name the last counts. Raises `NotJson`."""
    try:
        text = body.decode("utf-8")
        everything = json.loads(text, parse_constant=_refuse, parse_int=_whole, object_pairs_hook=_members)
        _refuse_deep_or_lone_surrogates(everything)
        return json.loads(text, parse_int=_whole)
    except (ValueError, RecursionError):
        raise NotJson from None


def _refuse(constant: str) -> Any:
    raise NotJson(constant)


def _whole(digits: str) -> float:
    return int(digits) if len(digits) < 400 else float(digits)


def _members(pairs: list[tuple[str, Any]]) -> _Members:
    return _Members(entry for pair in pairs for entry in pair)


def _refuse_deep_or_lone_surrogates(everything: Any) -> None:
    level = [everything]
    for _ in range(MAX_LEVELS):
        for member in level:
            _refuse_lone_surrogates(member)
        level = [inner for member in level if isinstance(member, list) for inner in member]
    for member in level:
        _refuse_lone_surrogates(member)
        if isinstance(member, list):
            raise NotJson


def _refuse_lone_surrogates(member: Any) -> None:
    if isinstance(member, str):
        member.encode("utf-8")  # a UnicodeEncodeError is a ValueError


def is_number(value: Any) -> bool:
    """Tell a JSON number; raise `Unclear` for one that no double holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if abs(value) > 1.7e308:
        raise Unclear
    return True


def present(container: dict[str, Any], name: str) -> Any:
    """Give a member; `ABSENT` where it is missing or null."""
    value = container.get(name)
    return ABSENT if value is None else value


def text(value: Any, least: int = 0, most: int | None = None) -> bool:
    """Tell a string of a length in characters."""
    return isinstance(value, str) and least <= len(value) and (most is None or len(value) <= most)
