"""What is wrong with a body of API 4, in words and with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluice.gateway.dialects.client.jsonapi import Fault, Location, inside, pointer
from sluice.gateway.dialects.client.shapes import IDENTIFIERS, MAX_EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_PROFILE = ("attributes", "profile", "data")


def unidentified(bulks: Mapping[Location, Any]) -> list[Fault]:
    """Find the profiles that nobody could tell from others; what is no profile at all is wrong in its shape."""
    return [
        Fault(pointer(place + _PROFILE), f"profile needs at least one of {', '.join(IDENTIFIERS)}")
        for place, bulk in bulks.items()
        if isinstance(profile := inside(bulk, _PROFILE), dict)
        and all(_is_empty(_identifier(profile, name)) for name in IDENTIFIERS)
    ]


def _identifier(profile: dict[str, Any], name: str) -> Any:
    return profile.get(name) if name == "id" else inside(profile, ("attributes", name))


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


_REASONS = {
    "missing": "is required",
    "string_type": "must be a string",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters",
    "literal_error": "must be {expected}",
    "float_type": "must be a number",
    "finite_number": "must be a number that 64 bits can hold",
    "model_type": "must be an object",
    "list_type": "must be an array",
    "too_short": f"must have 1 to {MAX_EVENTS} elements",
    "too_long": f"must have 1 to {MAX_EVENTS} elements",
    "value_error": "{error}",
}
"""By pydantic's type of error."""


def wrong_members(error: ValidationError) -> list[Fault]:
    """Give all that a shape found wrong."""
    return [_fault(problem) for problem in error.errors(include_url=False)]


def _fault(problem: ErrorDetails) -> Fault:
    location = problem["loc"]
    is_null_member = problem["input"] is None and location and isinstance(location[-1], str)
    reason = _REASONS["missing" if is_null_member else problem["type"]].format(**problem.get("ctx", {}))
    return Fault(pointer(location), f"{_subject(location)} {reason}")


def _subject(location: Location) -> str:
    """Name what a sentence is about: a member, or an element of an array."""
    names = ["body", *location[:1], *(part for part in location[1:] if part != "data")]
    last = names[-1]
    return f"{names[-2]}[{last}]" if isinstance(last, int) else last
