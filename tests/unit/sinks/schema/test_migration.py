"""What a migration is, which are still to be applied, and when to refuse."""

from __future__ import annotations

import pytest

from sluice.contract.errors import Unusable
from sluice.sinks.schema.layout import Cluster, SingleServer
from sluice.sinks.schema.migration import Migration, packaged, pending

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
    assert Migration("001_x.sql", text).statements(SingleServer()) == [
        "-- one; still a comment\nSELECT ';' AS a",
        "SELECT 2",
    ]


def test_the_packaged_migrations_are_numbered_without_a_gap_and_can_be_repeated():
    migrations = packaged()
    assert [int(migration.name[:3]) for migration in migrations] == list(range(1, len(migrations) + 1))
    for migration in migrations:
        for statement in migration.statements(SingleServer()):
            assert "IF NOT EXISTS" in statement or "OR REPLACE" in statement, statement


def test_a_migration_knows_which_tables_and_views_it_makes():
    text = """
CREATE TABLE IF NOT EXISTS sluice.a$on_cluster;
CREATE VIEW IF NOT EXISTS sluice.b;
ALTER TABLE sluice.c;
CREATE OR REPLACE VIEW sluice.d;
CREATE MATERIALIZED VIEW IF NOT EXISTS sluice.e TO sluice.a
"""
    assert Migration("001_x.sql", text).makes == {"a", "b", "d", "e"}


def test_a_migration_is_known_by_its_text_for_a_single_server():
    template = "CREATE TABLE IF NOT EXISTS sluice.a$on_cluster"
    assert (
        Migration("001_x.sql", template).sha256
        == Migration("001_x.sql", "CREATE TABLE IF NOT EXISTS sluice.a").sha256
    )


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("001_event_log.sql", "55434733b53f2fe3d00fc236396401dd188499670ae3c589107b20c3fdcd6b6e"),
        ("002_users.sql", "f505d1f48c453937a4e017fdaf4b50af606ebb722aa9b672a05c77e0e14d7802"),
    ],
)
def test_a_published_migration_stays_as_databases_know_it(name: str, published: str):
    assert {migration.name: migration.sha256 for migration in packaged()}[name] == published


def test_on_a_cluster_every_statement_that_makes_or_changes_something_goes_to_all_of_it():
    for migration in packaged():
        for statement in migration.statements(Cluster("main")):
            assert "ON CLUSTER 'main'" in statement, statement
