from __future__ import annotations

import pytest
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract.routing import murmur2, partition_of, routing_key


@pytest.mark.parametrize(
    ("data", "hashed"),
    [  # from Kafka's own UtilsTest.testMurmur2
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_kafkas(data, hashed):
    assert murmur2(data) == hashed % 2**32


@given(st.binary(max_size=100))
def test_murmur2_is_the_one_of_the_python_client(data):
    assert murmur2(data) == aiokafka_murmur2(data) % 2**32


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 4096))
def test_a_partition_exists_and_is_always_the_same(key, partitions):
    assert 0 <= partition_of(key, partitions) < partitions
    assert partition_of(key, partitions) == partition_of(key, partitions)


@pytest.mark.parametrize(
    ("event_type", "known", "key"),
    [
        ("confirmation", {"order_id": "7", "user": "u", "dedup_id": "d"}, "demo/order/7"),
        ("confirmation", {"order_id": "", "dedup_id": "d"}, "demo/id/d"),
        ("confirmation", {"user": "u"}, None),
        ("email_open", {"order_id": "7", "user": "u", "dedup_id": "d"}, "demo/user/u"),
        ("email_open", {"user": "u", "anonymous_id": "a"}, "demo/user/u"),
        ("email_open", {"user": "", "anonymous_id": "a", "dedup_id": "d"}, "demo/anonymous/a"),
        ("email_open", {"anonymous_id": ""}, None),
        ("email_open", {"dedup_id": "d"}, "demo/id/d"),
        ("email_open", {"user": ""}, None),
        ("page_view", {"order_id": "7", "user": "u", "dedup_id": "d"}, "demo/id/d"),
        ("page_view", {"order_id": "7", "user": "u"}, None),
        ("page_view", {"anonymous_id": "a", "dedup_id": "d"}, "demo/id/d"),
        ("page_view", {"anonymous_id": "a", "by_user": True, "dedup_id": "d"}, "demo/anonymous/a"),
        ("page_view", {"dedup_id": ""}, None),
    ],
)
def test_an_event_is_routed_by_the_state_it_shares(event_type, known, key):
    assert routing_key("demo", event_type, **known) == key


@given(st.sampled_from(["confirmation", "email_open", "x"]), st.text(min_size=1), st.text(min_size=1))
def test_keys_of_two_projects_or_kinds_never_meet(event_type, one, other):
    keys = {
        routing_key(project, kind, **{name: value})
        for project in ("a", "b")
        for kind, name in (
            ("confirmation", "order_id"),
            ("email_open", "user"),
            ("email_open", "anonymous_id"),
            ("x", "dedup_id"),
        )
        for value in {one, other}
    }
    assert len(keys) == 8 * len({one, other})
