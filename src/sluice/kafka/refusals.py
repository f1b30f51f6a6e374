"""Telling what Kafka will refuse for ever from what passes: the first needs a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka import errors

if TYPE_CHECKING:
    from aiokafka.errors import KafkaError

# aiokafka's own mark `retriable` does not serve: it is missing from much that a new producer mends, such as
# InvalidTxnState, OutOfOrderSequenceNumber and KafkaTimeoutError.
_REFUSALS: tuple[tuple[str, tuple[type[KafkaError], ...]], ...] = (
    (
        "raise the topic's max.message.bytes",
        (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError, errors.RecordTooLargeError),
    ),
    (
        "let this worker in: it is not authenticated",
        (
            errors.AuthenticationFailedError,
            errors.AuthenticationMethodNotSupported,
            errors.IllegalSaslStateError,
            errors.SaslAuthenticationFailed,
            errors.UnsupportedSaslMechanismError,
        ),
    ),
    (
        "allow this worker to use the cluster, its topics and its transactional ids",
        (
            errors.ClusterAuthorizationFailedError,
            errors.GroupAuthorizationFailedError,
            errors.TopicAuthorizationFailedError,
            errors.TransactionalIdAuthorizationFailed,
        ),
    ),
    (
        "mend the settings of the topic or of the broker",
        (
            errors.InvalidConfigurationError,
            errors.InvalidRequiredAcksError,
            errors.InvalidTopicError,
            errors.InvalidTransactionTimeout,
            errors.KafkaConfigurationError,
            errors.PolicyViolationError,
            errors.UnsupportedForMessageFormatError,
        ),
    ),
    (
        "run a broker that this version can talk to",
        (errors.IncompatibleBrokerVersion, errors.UnsupportedCodecError, errors.UnsupportedVersionError),
    ),
)


def what_to_do(error: BaseException) -> str | None:
    """Give what a person has to do before Kafka takes it; None where it may pass, so that trying again helps."""
    return next((words for words, refusals in _REFUSALS if isinstance(error, refusals)), None)
