"""Until when Kafka keeps what cannot be taken back."""

from __future__ import annotations

from sluice.cli.forgetting.retention import CHECKS_MS, kept_until
from sluice.contract.durations import DAY_MS, HOUR_MS, MINUTE_MS

NOW = 1_795_000_000_000


def test_a_log_keeps_a_record_until_the_last_one_of_its_segment_is_too_old():
    config = {"cleanup.policy": "delete", "retention.ms": str(7 * DAY_MS), "segment.ms": str(2 * DAY_MS)}
    assert kept_until(config, NOW) == NOW + 9 * DAY_MS + CHECKS_MS


def test_a_log_without_an_end_keeps_it_for_ever():
    assert kept_until({"cleanup.policy": "delete", "retention.ms": "-1", "segment.ms": "1"}, NOW) is None


def test_a_compacted_topic_keeps_a_name_until_the_record_that_forgot_it_is_dropped():
    config = {
        "cleanup.policy": "compact",
        "segment.ms": str(10 * MINUTE_MS),
        "max.compaction.lag.ms": str(HOUR_MS),
        "delete.retention.ms": str(DAY_MS),
    }
    assert kept_until(config, NOW) == NOW + 10 * MINUTE_MS + HOUR_MS + DAY_MS + CHECKS_MS
