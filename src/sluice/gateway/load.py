"""How much the gateway works on at a time. What would be too much is refused at once, and nothing else suffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluice.contract.errors import Retry
from sluice.contract.topics import MIB

if TYPE_CHECKING:
    from types import TracebackType

_STRANGERS_PART: Final = 8
"""Which part (an eighth) of all bytes those without a good key may make the gateway hold."""


class Load:
    """The requests that have come, how many of them are being worked on, and the bytes of their bodies.

    Work begins when a body is there as a whole: a request of which only the head has come costs next to nothing, and
    so those that are slow take nobody's place. Bodies are counted as they come, compressed and unfolded; what is made
    of them takes a few times as much.
    """

    def __init__(self, max_requests: int = 1000, max_body_bytes: int = 512 * MIB) -> None:
        self._max_requests: Final = max_requests
        self._max_body_bytes: Final = max_body_bytes
        self.requests = 0
        self.working = 0
        self.body_bytes = 0
        self.stranger_bytes = 0

    def request(self) -> Share:
        """Make room for one more request, until the block of the share ends; entering it raises `Retry` if full."""
        return Share(self)

    def refuse_work_if_full(self) -> None:
        """Raise `Retry` when as many requests are being worked on as may be."""
        if self.working >= self._max_requests:
            raise Retry("too many requests at a time")

    def hold(self, size: int) -> None:
        """Count bytes of a body. Raises `Retry` when there are too many."""
        if self.body_bytes + size > self._max_body_bytes:
            raise Retry("the bodies of all requests take too much memory")
        self.body_bytes += size

    def hold_for_stranger(self, size: int) -> None:
        """Count bytes of a body whose sender has shown no good key. Raises `Retry` when there are too many."""
        if self.stranger_bytes + size > self._max_body_bytes // _STRANGERS_PART:
            raise Retry("the bodies of requests without a key take too much memory")
        self.hold(size)
        self.stranger_bytes += size


class Share:
    """One request's part of the load."""

    __slots__ = ("_bytes", "_load", "_stranger_bytes", "_working")

    def __init__(self, load: Load) -> None:
        self._load = load
        self._bytes = 0
        self._stranger_bytes = 0
        self._working = False

    def __enter__(self) -> Share:
        self._load.refuse_work_if_full()
        self._load.requests += 1
        return self

    def work(self) -> None:
        """Begin to work on this request, whose body is there. Raises `Retry` when there are too many of these."""
        self._load.refuse_work_if_full()
        self._load.working += 1
        self._working = True

    def hold(self, size: int) -> None:
        """Count so many more bytes for this request. Raises `Retry` when the gateway holds too many."""
        self._load.hold(size)
        self._bytes += size

    def hold_for_stranger(self, size: int) -> None:
        """Do as `hold` for a request without a good key: all of these may hold but a part."""
        self._load.hold_for_stranger(size)
        self._bytes += size
        self._stranger_bytes += size

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._load.requests -= 1
        self._load.working -= self._working
        self._load.body_bytes -= self._bytes
        self._load.stranger_bytes -= self._stranger_bytes
