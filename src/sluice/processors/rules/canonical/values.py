"""Reading a member for a column: each function gives what the column is for, and None for everything else."""

from __future__ import annotations

import re

import msgspec

_COUNTRY = re.compile(r"[A-Za-z]{2}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_DEVICE_TYPES = {"desktop", "mobile", "tablet"}
_string = msgspec.json.Decoder(str)
_number = msgspec.json.Decoder(float)


def json_object(sent: bytes) -> bytes | None:
    """Give an object as it was sent."""
    return sent if sent.startswith(b"{") else None


def text(sent: bytes) -> str | None:
    """Give a string that is not empty."""
    return (_string.decode(sent) or None) if sent.startswith(b'"') else None


def amount(sent: bytes) -> float | None:
    """Give a number that a double can hold."""
    try:
        return _number.decode(sent)
    except msgspec.ValidationError:
        return None


def country(sent: bytes) -> str | None:
    """Give two letters, in upper case."""
    return _upper(_COUNTRY, sent)


def currency(sent: bytes) -> str | None:
    """Give three letters, in upper case."""
    return _upper(_CURRENCY, sent)


def device_type(sent: bytes) -> str | None:
    """Give one of the three types of device."""
    found = text(sent)
    return found if found in _DEVICE_TYPES else None


def _upper(form: re.Pattern[str], sent: bytes) -> str | None:
    found = text(sent)
    return found.upper() if found and form.fullmatch(found) else None
