"""The class of spaces is what Python strips, in the regular expressions of every language."""

from __future__ import annotations

import re
import sys

import jsonschema_rs

from sluice.contract.whitespace import NOT_BLANK, WHITESPACE

CHARACTERS = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
STRIPPED = {character for character in CHARACTERS if not character.strip()}


def test_the_class_holds_what_strip_takes_away():
    assert set(re.findall(f"[{WHITESPACE}]", "".join(CHARACTERS))) == STRIPPED


def test_a_schema_means_the_same_by_it():
    schema = jsonschema_rs.Draft202012Validator({"pattern": NOT_BLANK})
    assert {character for character in CHARACTERS if not schema.is_valid(character)} == STRIPPED


def test_a_text_is_blank_when_all_of_it_is():
    assert re.search(NOT_BLANK, " a ")
    assert not re.search(NOT_BLANK, "".join(sorted(STRIPPED)))
    assert not re.search(NOT_BLANK, "")
