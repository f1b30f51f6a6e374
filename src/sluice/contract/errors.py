"""The one tree of errors, named by what the caller does about them.

SluiceError
├── Unusable            it cannot go on until somebody acts: say the sentence; a start or a command exits with code 1
├── Retry               nothing is wrong with the data; try again later, with back-off
├── Reject              this request or event will never do; tell its sender
│   ├── Malformed           it cannot be read: not JSON, a broken stream, too deep
│   ├── Invalid             it can be read, but breaks its API's contract
│   ├── Unauthenticated     no valid key
│   ├── Forbidden           a valid key that may not do this
│   ├── WrongMethod         the path exists, but not for this method
│   ├── TooLarge            over a limit of size
│   ├── TooSlow             it did not arrive in time
│   ├── UnsupportedEncoding a Content-Encoding that nobody here reads
│   └── Throttled           over a rate limit; carries when to come back
└── Fenced              another process owns this partition now; end this one
"""

from __future__ import annotations


class SluiceError(Exception):
    """Root of every error that Sluice raises on purpose."""


class Unusable(SluiceError):
    """A start, a command or a partition cannot go on until somebody acts; the message is a sentence that says how."""


class Retry(SluiceError):
    """A neighbour is away or busy (broker, ClickHouse, network): try again, never reject an event for it."""


class Reject(SluiceError):
    """What was sent will never be accepted as it is."""


class Malformed(Reject):
    """The body cannot be read: not JSON, not UTF-8, nested too deep, a broken compressed stream."""


class Invalid(Reject):
    """The body is readable but breaks the contract of its API."""


class Unauthenticated(Reject):
    """The key is missing, malformed, unknown, expired or revoked."""


class Forbidden(Reject):
    """The key is valid but may not do this (scope, origin, kind of key)."""


class WrongMethod(Reject):
    """The path exists, but not for this method."""


class TooLarge(Reject):
    """The body exceeds a limit of size, measured after decompression."""


class TooSlow(Reject):
    """The request's body did not arrive within its time."""


class UnsupportedEncoding(Reject):
    """The Content-Encoding is none of gzip, deflate, br, zstd."""


class Throttled(Reject):
    """A rate limit is exceeded.

    `retry_after_s` is the number of whole seconds after which a request of the same cost can pass.
    """

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Fenced(SluiceError):
    """A newer owner of this partition exists; this process must end before it writes again."""
