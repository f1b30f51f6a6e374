"""The tests' own Redis: the jar's, else the machine's, else a sentence that says what to do."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import pytest
from tests.integration.redis_server import find_redis_server
from tests.integration.stack import DidNotStart

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def unknown_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A kind of machine for which the jar holds nothing, and the only directory of its PATH."""
    monkeypatch.setattr(platform, "machine", lambda: "s390x")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_where_the_jar_has_none_the_machines_own_is_taken(unknown_machine: Path, tmp_path: Path):
    installed = unknown_machine / "redis-server"
    installed.write_text("#!/bin/sh\n")
    installed.chmod(0o755)
    assert find_redis_server(tmp_path) == installed


@pytest.mark.usefixtures("unknown_machine")
def test_where_there_is_none_at_all_it_says_what_to_install(tmp_path: Path):
    with pytest.raises(DidNotStart, match=r"holds none for .* s390x; install one .*apt-get install redis-server"):
        find_redis_server(tmp_path)
