from __future__ import annotations

import pytest

from sluice.contract import topics


def test_the_four_topics_have_names_of_their_own():
    assert {topic.name for topic in topics.ALL} == {
        "events.raw",
        "events.processed",
        "processors.changelog",
        "users.known",
    }


@pytest.mark.parametrize("topic", topics.ALL, ids=lambda topic: topic.name)
def test_a_topics_limit_is_part_of_its_settings(topic):
    assert topic.kafka_config()["max.message.bytes"] == str(topic.max_bytes)


def test_raw_records_are_never_compacted_so_that_offsets_stay_dense():
    assert topics.RAW.kafka_config()["cleanup.policy"] == "delete"
    assert topics.CHANGELOG.kafka_config()["cleanup.policy"] == "compact"
    assert topics.USERS_KNOWN.kafka_config()["cleanup.policy"] == "compact"


def test_raw_records_are_dated_by_kafka_and_not_by_gateways():
    assert topics.RAW.kafka_config()["message.timestamp.type"] == "LogAppendTime"


def test_a_raw_record_holds_the_largest_body_and_a_processed_one_holds_it_twice():
    body = 10 * topics.MIB
    assert body + topics.MIB < topics.RAW.max_bytes
    assert 2 * topics.RAW.max_bytes < topics.PROCESSED.max_bytes


def test_a_topic_cannot_be_changed():
    with pytest.raises(TypeError):
        topics.RAW.config["cleanup.policy"] = "compact"  # type: ignore[index]
