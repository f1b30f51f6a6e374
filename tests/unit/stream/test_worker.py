"""What a worker lets Faust do."""

from __future__ import annotations

import pytest

from sluice.contract import topics
from sluice.contract.topics import MIB, Topic
from sluice.stream.worker import BUFFER_BYTES, buffered_records


@pytest.mark.parametrize(
    ("batch_records", "max_bytes", "held"),
    [
        pytest.param(64, MIB, 64, id="as many as a batch takes"),
        pytest.param(64, BUFFER_BYTES // 64, 64, id="a batch that is as large as what is held may be"),
        pytest.param(64, BUFFER_BYTES // 64 + 1, 63, id="a batch that is larger"),
        pytest.param(1, MIB, 1, id="one"),
        pytest.param(64, BUFFER_BYTES + 1, 1, id="one, however large it is"),
    ],
)
def test_faust_holds_what_a_batch_takes_but_not_more_bytes_than_there_may_be(
    batch_records: int, max_bytes: int, held: int
):
    assert buffered_records(batch_records, Topic("any", max_bytes)) == held


@pytest.mark.parametrize("topic", [topics.RAW, topics.PROCESSED])
def test_of_our_own_topics_some_records_are_held_whatever_their_size(topic: Topic):
    assert buffered_records(64, topic) >= 4
