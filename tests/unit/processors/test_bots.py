"""Who is taken for a crawler, and who never is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.factories import raw_line

from sluice.contract.event import Outcome
from sluice.contract.projects import Project
from sluice.contract.raw import Client
from sluice.processors.rules.bots import CACHED, LOOKED_AT, crawler_of
from sluice.processors.rules.canonical.visitor import Visitors
from sluice.processors.rules.rulebook import Rulebook
from sluice.processors.state_memory import MemoryState

AGENTS = yaml.safe_load(Path(__file__).with_name("user_agents.yaml").read_text())
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@pytest.mark.parametrize(("user_agent", "name"), AGENTS["crawlers"].items())
def test_a_known_crawler_is_called_by_its_name(user_agent: str, name: str):
    assert crawler_of(user_agent) == name


@pytest.mark.parametrize("user_agent", AGENTS["no_browsers"])
def test_a_library_a_tool_or_a_service_is_no_crawler(user_agent: str):
    assert crawler_of(user_agent) == ""


@pytest.mark.parametrize("user_agent", AGENTS["browsers"])
def test_a_browser_is_no_crawler(user_agent: str):
    assert crawler_of(user_agent) == ""


@pytest.mark.parametrize("user_agent", ["", " ", "-", "\x00", "\u2028", "bot", "crawler", "spider", "(" * 100])
def test_what_says_nothing_is_no_crawler(user_agent: str):
    assert crawler_of(user_agent) == ""


def test_a_crawlers_name_within_another_word_is_none():
    assert crawler_of("psbot/0.1") == "psbot"
    assert crawler_of("opsbot/0.1") == ""
    assert crawler_of("opsbot psbot/0.1") == "psbot"


def test_only_the_beginning_of_a_user_agent_is_looked_at():
    assert crawler_of("x" * (LOOKED_AT - 10) + " Googlebot/") == ""
    assert crawler_of("x" * (LOOKED_AT - 11) + " Googlebot/") == "Googlebot"


@pytest.mark.parametrize("part", ["a", "bot", "(" * 10, "ContextualBot", "Current RSS ", "Spider " * 5, "\U0001f577"])
def test_what_is_long_and_hostile_is_looked_at_like_everything_else(part: str):
    assert crawler_of(part * 10_000) == ""


def test_what_was_seen_before_does_not_matter():
    first = crawler_of(GOOGLEBOT)
    for number in range(CACHED + 1):
        crawler_of(f"agent {number}")
    assert crawler_of(GOOGLEBOT) == first == "Googlebot"


def test_the_reason_names_the_crawler():
    verdict = Rulebook(Visitors(b"secret")).judge(raw_line(client=Client("192.0.2.1", GOOGLEBOT)), MemoryState())
    assert (verdict.outcome, verdict.reason) == (Outcome.BOT, "its user agent is a known crawler's: Googlebot")


def test_a_project_may_keep_what_crawlers_send():
    rules = Rulebook(Visitors(b"secret"), {"demo": Project(bots="keep")})
    line = raw_line(client=Client("192.0.2.1", GOOGLEBOT))
    assert rules.judge(line, MemoryState()).outcome is Outcome.STORED
