"""The questions of docs/analytics.md."""

from __future__ import annotations

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[3] / "docs" / "analytics.md"
SECTION = re.compile(r"^### ([^\n]+)$(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
QUERY = re.compile(r"^```sql$(.*?)^```$", re.MULTILINE | re.DOTALL)


def questions() -> dict[str, str]:
    """Give the query of each question by its heading."""
    sections = SECTION.findall(DOCUMENT.read_text("utf-8"))
    queries = {heading: QUERY.findall(text) for heading, text in sections}
    assert len(queries) == len(sections), "two questions have the same heading"
    assert all(len(found) == 1 for found in queries.values()), "each question has one query"
    return {heading: found[0] for heading, found in queries.items()}
