"""What a user agent says about browser, system and type of device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml
from tests.factories import processed_line

from sluice.processors.rules.bots import LOOKED_AT
from sluice.processors.rules.user_agent import described

if TYPE_CHECKING:
    from sluice.contract.event import Event

AGENTS = yaml.safe_load(Path(__file__).with_name("user_agents.yaml").read_text())
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)


def event(user_agent: str, **changes: Any) -> Event:
    return msgspec.structs.replace(processed_line().event, user_agent=user_agent, **changes)


def filled(user_agent: str, **changes: Any) -> list[str]:
    found = described(event(user_agent, **changes))
    return [found.browser, found.os, found.device_type]


@pytest.mark.parametrize(("user_agent", "expected"), AGENTS["browsers"].items())
def test_a_browser_tells_its_name_its_system_and_the_type_of_device(user_agent: str, expected: list[str]):
    assert filled(user_agent) == expected


@pytest.mark.parametrize("user_agent", [*AGENTS["no_browsers"], *AGENTS["crawlers"]])
def test_whoever_is_no_persons_browser_tells_nothing(user_agent: str):
    assert filled(user_agent) == ["", "", ""]


@pytest.mark.parametrize("user_agent", ["", " ", "Mozilla/5.0", "Mozilla/", "Opera/", "Chrome/126.0", "\x00"])
def test_what_says_too_little_tells_nothing(user_agent: str):
    assert filled(user_agent) == ["", "", ""]


def test_what_the_event_says_itself_is_never_overwritten():
    assert filled(CHROME, browser="Shop App") == ["Shop App", "Windows", "desktop"]
    assert filled(CHROME, os="Plan 9") == ["Chrome", "Plan 9", "desktop"]
    assert filled(CHROME, device_type="tablet") == ["Chrome", "Windows", "tablet"]
    assert filled(CHROME, browser="a", os="b", device_type="mobile") == ["a", "b", "mobile"]


def test_nothing_else_of_the_event_changes():
    before = event(CHROME, properties={"a": "b"}, value=1.5)
    assert msgspec.structs.replace(described(before), browser="", os="", device_type="") == before


def test_an_event_of_which_nothing_is_to_be_filled_in_is_given_back_as_it_is():
    for complete in (event("curl/8.7.1"), event(CHROME, browser="a", os="b", device_type="mobile")):
        assert described(complete) is complete


def test_only_the_beginning_of_a_user_agent_is_looked_at():
    system = CHROME[: CHROME.index(")")]
    end = ") Chrome/126.0"
    fits = system + "; " + "x" * (LOOKED_AT - len(system) - len(end) - 2) + end
    assert filled(fits) == ["Chrome", "Windows", "desktop"]
    assert filled(fits.replace("; x", "; xx" + "x" * len(end))) == ["", "", ""]


@pytest.mark.parametrize("part", ["A", "(a", "; Android 10", "Chrome/", "Version/1.0 ", " ", "\U0001f577", "a-"])
def test_what_is_long_and_hostile_is_read_like_everything_else(part: str):
    user_agent = "Mozilla/5.0 (Linux; " + part * 10_000
    assert described(event(user_agent)).user_agent == user_agent
