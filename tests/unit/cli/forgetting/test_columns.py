"""Each column of the event log is either blanked or kept, by decision."""

from __future__ import annotations

import re
from pathlib import Path

from sluice.cli.forgetting.columns import BLANKED, KEPT
from sluice.sinks.columns import NAMES

PRIVACY = Path(__file__).parents[4] / "docs" / "privacy.md"


def test_every_column_is_blanked_or_kept_and_none_is_both():
    assert set(NAMES) == BLANKED.keys() | KEPT
    assert not BLANKED.keys() & KEPT


def test_the_documentation_tells_of_every_column():
    rows = [row for row in PRIVACY.read_text().splitlines() if row.startswith("| `")]
    told = {name: "stays" in row for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert {name: stays for name, stays in told.items() if name in NAMES} == {name: name in KEPT for name in NAMES}
