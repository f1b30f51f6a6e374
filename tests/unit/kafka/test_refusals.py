"""What Kafka will refuse for ever is told from what passes."""

from __future__ import annotations

import pytest
from aiokafka import errors

from sluice.kafka.refusals import what_to_do


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.MessageSizeTooLargeError(), "max.message.bytes"),
        (errors.SaslAuthenticationFailed(), "authenticated"),
        (errors.TopicAuthorizationFailedError(), "allow"),
        (errors.TransactionalIdAuthorizationFailed(), "allow"),
        (errors.InvalidTransactionTimeout(), "settings"),
        (errors.PolicyViolationError(), "settings"),
        (errors.UnsupportedVersionError(), "a broker that"),
    ],
)
def test_a_refusal_says_what_to_do(error: errors.KafkaError, words: str):
    assert words in (what_to_do(error) or "")


@pytest.mark.parametrize(
    "error",
    [
        errors.KafkaError("Unexpected error during batch delivery"),
        errors.KafkaConnectionError(),
        errors.KafkaTimeoutError(),
        errors.UnknownError(),
        errors.InvalidTxnState(),
        errors.InvalidProducerIdMapping(),
        errors.OutOfOrderSequenceNumber(),
        errors.UnknownTopicOrPartitionError(),
        errors.NotEnoughReplicasError(),
        OSError("no route to host"),
    ],
)
def test_what_a_new_producer_or_time_mends_is_no_refusal(error: Exception):
    assert what_to_do(error) is None


def test_nothing_that_kafka_calls_retriable_is_a_refusal():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.KafkaError)]
    retriable = [kind for kind in kinds if getattr(kind, "retriable", False)]
    assert len(retriable) > 10
    assert [kind for kind in retriable if what_to_do(kind()) is not None] == []
