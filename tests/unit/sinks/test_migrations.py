"""Which migrations are still to be applied, and when to refuse."""

from __future__ import annotations

import pytest

from sluice.contract.errors import Unusable
from sluice.sinks.migrations import Migration, packaged, pending

ONE, TWO = Migration("001_one.sql", "SELECT 1"), Migration("002_two.sql", "SELECT 2")


def test_all_are_pending_on_an_empty_database():
    assert pending([ONE, TWO], {}) == [ONE, TWO]


def test_what_was_applied_is_not_applied_again():
    assert pending([ONE, TWO], {ONE.name: ONE.sha256}) == [TWO]
    assert pending([ONE], {ONE.name: ONE.sha256}) == []


def test_a_migration_that_was_changed_after_it_was_applied_is_refused():
    with pytest.raises(Unusable, match=r"001_one\.sql was changed"):
        pending([Migration(ONE.name, "SELECT 3"), TWO], {ONE.name: ONE.sha256})


def test_a_database_of_a_newer_version_is_refused():
    with pytest.raises(Unusable, match=r"002_two\.sql, which this version lacks"):
        pending([ONE], {ONE.name: ONE.sha256, TWO.name: TWO.sha256})


def test_statements_end_in_a_semicolon_at_the_end_of_a_line():
    text = "-- one; still a comment\nSELECT ';' AS a;\n\nSELECT 2; \n"
    assert Migration("001_x.sql", text).statements == ["-- one; still a comment\nSELECT ';' AS a", "SELECT 2"]


def test_the_packaged_migrations_are_numbered_without_a_gap_and_can_be_repeated():
    migrations = packaged()
    assert [int(migration.name[:3]) for migration in migrations] == list(range(1, len(migrations) + 1))
    for migration in migrations:
        for statement in migration.statements:
            assert "IF NOT EXISTS" in statement or "OR REPLACE" in statement, statement


def test_a_migration_knows_which_tables_and_views_it_makes():
    text = "CREATE TABLE IF NOT EXISTS sluice.a;\nCREATE VIEW IF NOT EXISTS sluice.b;\nALTER TABLE sluice.c;\n"
    assert Migration("001_x.sql", f"{text}CREATE OR REPLACE VIEW sluice.d").makes == {"a", "b", "d"}
