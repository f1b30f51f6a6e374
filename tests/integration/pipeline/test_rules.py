"""A project's own rules, from its settings file to the rows, while gateway and processors run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from sluice.gateway.keys import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.pipeline.conftest import Pipeline

OUTCOMES = """
SELECT api, outcome, reason LIKE 'rule coupons: there was an event with this coupon%' AND duplicate_of IN (
    SELECT event_id FROM sluice.events WHERE project = {project:String}
)
FROM sluice.event_log WHERE project = {project:String} AND event_type = 'coupon_used'
ORDER BY received_at, api, outcome
"""

RULE = """
[[projects.{project}.first_wins]]
name = "coupons"
event_types = ["coupon_used"]
key = "coupon"
"""


class Shop:
    """A project of one test's own, which the running roles learn of from their settings file."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.name = f"shop-{uuid4().hex[:12]}"
        self._pipeline = pipeline
        self._key = f"key-of-{self.name}"
        self._before = pipeline.settings_file.read_text()
        (salt,) = [line.split('"')[1] for line in self._before.splitlines() if line.startswith("salt")]
        hashed = digest(bytes.fromhex(salt), self._key)
        entry = f'[[projects.{self.name}.keys]]\nname = "k"\nkind = "secret"\nhash = "{hashed}"\n'
        self.write(f'\n[projects.{self.name}]\nlimits = "none"\n{entry}')

    def write(self, text: str) -> None:
        """Add to the file."""
        with self._pipeline.settings_file.open("a") as file:
            file.write(text)

    def leave(self) -> None:
        self._pipeline.settings_file.write_text(self._before)

    def post(self, path: str, body: Any) -> int:
        return self._pipeline.post(path, body, key=self._key).status_code

    def collect(self, coupon: str) -> int:
        """Send an event of API 1."""
        now = int(time.time() * 1000)
        event = {"site_id": "s", "event_type": "coupon_used", "timestamp": now, "session_id": "s", "coupon": coupon}
        return self.post("/collect", event)

    def create(self, coupon: str) -> int:
        """Send an event of API 5."""
        used = {"event_name": "coupon_used", "properties": {"coupon": coupon}}
        return self.post("/event/", {"user": {"_id": "u1"}, "event": {"generic": {"generic": used}}})

    def outcomes(self) -> list[tuple[str, str, int]]:
        """Tell what became of the events, in order, and whether a reason names the rule and the first one."""
        return [
            (api, outcome, bool(named)) for api, outcome, named in self._pipeline.query(OUTCOMES, project=self.name)
        ]

    def wait_for(self, *expected: tuple[str, str, bool]) -> None:
        self._pipeline.wait_until(lambda: len(self.outcomes()) >= len(expected), "all events are decided")
        assert self.outcomes() == list(expected)


@pytest.fixture
def shop(pipeline: Pipeline) -> Iterator[Shop]:
    shop = Shop(pipeline)
    pipeline.wait_until(lambda: shop.post("/user/", {"user": {"_id": "u1"}}) == 200, "the project is known")
    yield shop
    shop.leave()


def taken(pipeline: Pipeline, role: str) -> Callable[[], bool]:
    """Tell whether a role has taken a file with a rule since now."""
    log = pipeline.roles[role].log
    before = log.stat().st_size
    return lambda: ", rules 1\n" in log.read_text("utf-8", "replace")[before:]


def test_a_projects_rule_holds_on_apis_1_and_5_from_when_it_is_written(pipeline: Pipeline, shop: Shop):
    assert [shop.collect("C1"), shop.collect("C1")] == [202, 202]
    shop.wait_for(("pulse", "stored", False), ("pulse", "stored", False))
    both = [taken(pipeline, role) for role in ("gateway", "processors")]

    shop.write(RULE.format(project=shop.name))
    pipeline.wait_until(lambda: all(has() for has in both), "the rule is taken")
    assert [shop.collect("C2"), shop.create("C2"), shop.create("C3"), shop.collect("C3")] == [202, 200, 200, 202]
    shop.wait_for(
        ("pulse", "stored", False),
        ("pulse", "stored", False),
        ("pulse", "stored", False),
        ("user_event", "duplicate", True),
        ("user_event", "stored", False),
        ("pulse", "duplicate", True),
    )
