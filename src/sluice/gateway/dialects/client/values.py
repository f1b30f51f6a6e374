"""The values of API 4's members: what may stand in a string, a number, a free-form object.

Each type refuses with the words that end the sentence "<member> ...".
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from msgspec import Raw
from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, WithJsonSchema

from sluice.contract.event_time import is_plausible
from sluice.contract.iso8601 import PATTERN, milliseconds
from sluice.contract.state_keys import STATE_KEY_CHARACTERS
from sluice.contract.whitespace import WHITESPACE
from sluice.gateway import json_text
from sluice.gateway.dialects.client.iso4217 import is_currency

MAX_NAME = 128
MAX_NAMES = 1000

NOW_MS = "now_ms"
"""The member of pydantic's validation context that holds the time at which the request came."""

# E.164: a country code, which never begins with 0, and at most 15 digits in all; no number has fewer than 7.
_E164 = r"\+[1-9][0-9]{6,14}"
_phone_number = re.compile(_E164)
_NUMBER = rf"[{WHITESPACE}]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?[{WHITESPACE}]*"
_number = re.compile(_NUMBER)


def _checked_time(text: str, info: ValidationInfo) -> str:
    at_ms = milliseconds(text)
    if at_ms is None:
        raise ValueError("must be an ISO 8601 date and time")
    assert info.context is not None
    if not is_plausible(at_ms, info.context[NOW_MS]):
        raise ValueError("must be between 1990 and a year ahead")
    return text


def _checked_currency(code: str) -> str:
    if not is_currency(code):
        raise ValueError("must be an ISO 4217 currency code")
    return code


def _checked_phone_number(text: str) -> str:
    if text.strip() and not _phone_number.fullmatch(text):
        raise ValueError("must be a phone number in E.164 format, like +15005550006")
    return text


def _checked_coordinate(sent: Any) -> Any:
    if isinstance(sent, bool) or not isinstance(sent, int | float | str):
        raise ValueError("must be a number, or a string that holds one")  # noqa: TRY004 - pydantic asks for it
    if isinstance(sent, str) and not _number.fullmatch(sent):
        raise ValueError("must be a number, or a string that holds one")
    return sent


_names = json_text.Elements(MAX_NAMES)


def _checked_names(sent: Raw) -> Raw:
    several = _names.read(sent)
    if several is None:
        if not _begins(sent, b'"n'):  # a string or null
            raise ValueError("must be a name or an array of names")
    elif not all(_begins(name, b'"') for name in several):
        raise ValueError("must be a name or an array of names")
    elif len(several) > MAX_NAMES:
        raise ValueError(f"must have at most {MAX_NAMES} names")
    return sent


def _checked_object(sent: Raw) -> Raw:
    if not _begins(sent, b"{n"):  # an object or null
        raise ValueError("must be an object")
    return sent


def _begins(sent: Raw, characters: bytes) -> bool:
    """Tell whether the first character is one of these, and so of which kind the value is."""
    return memoryview(sent)[0] in characters


Identifier = Annotated[str, Field(max_length=STATE_KEY_CHARACTERS)]
"""A name of a profile; an empty one is none."""

PhoneNumber = Annotated[
    Identifier,
    AfterValidator(_checked_phone_number),
    Field(description="In E.164 format", json_schema_extra={"pattern": rf"^([{WHITESPACE}]*|{_E164})$"}),
]
MetricName = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
UniqueId = Annotated[str, Field(min_length=1, max_length=STATE_KEY_CHARACTERS)]
Time = Annotated[str, AfterValidator(_checked_time), WithJsonSchema({"type": "string", "pattern": PATTERN})]
Number = Annotated[float, Field(allow_inf_nan=False)]
Currency = Annotated[str, AfterValidator(_checked_currency), Field(description="ISO 4217, in either case")]
Coordinate = Annotated[
    Any,
    PlainValidator(_checked_coordinate),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^{_NUMBER}$"}]}),
]
Names = Annotated[
    Raw,
    PlainValidator(_checked_names),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": MAX_NAMES}]}
    ),
]
"""A name, or an array of them; it stays the text that was sent."""

FreeForm = Annotated[Raw, PlainValidator(_checked_object), WithJsonSchema({"type": "object"})]
"""An object of any members; it stays the text that was sent."""
