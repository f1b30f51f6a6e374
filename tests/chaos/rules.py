"""The settings file of a run, and the rules that it deploys in turn."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.local.up.plan import demo_settings_file

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = "load"
"""The project that all events of a run belong to: it has no limits."""

COUPON = "coupon"
COUPON_USED = "coupon_used"

_COUPONS = f"""
[[projects.{PROJECT}.first_wins]]
name = "coupons"
event_types = ["{COUPON_USED}"]
key = "{COUPON}"
window_s = {{window_s}}
outcome = "{{outcome}}"
"""

VERSIONS = (
    "",
    _COUPONS.format(window_s=3600, outcome="duplicate"),
    _COUPONS.format(window_s=1, outcome="throttled"),
)
"""What is added to the demo's projects: each deploy takes the next, and begins again after the last."""


class RuleFile:
    """The file that gateway and processors follow."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._projects = Path(demo_settings_file()).read_text()
        self._versions: Iterator[str] = cycle(VERSIONS)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.deploy()

    def deploy(self) -> None:
        """Write the next version, as a whole."""
        new = self.path.with_suffix(".new")
        new.write_text(self._projects + next(self._versions))
        new.rename(self.path)
