"""One schema, on a single server and on a cluster."""

from __future__ import annotations

import pytest

from sluice.sinks.schema.layout import Cluster, SingleServer, layout_of

TEMPLATE = "CREATE TABLE t$on_cluster ENGINE = ${replicated}MergeTree SETTINGS $deduplication_window"


def test_a_single_server_has_plain_tables_with_a_window():
    assert SingleServer().render(TEMPLATE) == (
        "CREATE TABLE t ENGINE = MergeTree SETTINGS non_replicated_deduplication_window = 1000000"
    )


def test_a_cluster_has_replicated_tables_made_on_all_of_it_with_a_window_in_blocks_and_in_time():
    assert Cluster("main").render(TEMPLATE) == (
        "CREATE TABLE t ON CLUSTER 'main' ENGINE = ReplicatedMergeTree SETTINGS "
        "replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 2592000"
    )


def test_a_template_that_asks_for_something_else_is_a_mistake():
    with pytest.raises(KeyError):
        SingleServer().render("$engine")


@pytest.mark.parametrize("name", ["main", "{cluster}", "my-cluster.eu_1"])
def test_a_cluster_is_known_by_name_or_by_macro(name: str):
    assert layout_of(name) == Cluster(name)


@pytest.mark.parametrize("name", ["a'b", "a b", "a;b", "a\\", "ä", "a\n"])
def test_what_could_end_the_name_is_no_name(name: str):
    with pytest.raises(ValueError, match="no name of a cluster"):
        layout_of(name)


def test_without_a_name_it_is_a_single_server():
    assert layout_of("") == SingleServer()
