"""How much the gateway works on at a time. What would be too much is refused at once, and nothing else suffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluice.contract.errors import Retry
from sluice.contract.topics import MIB

if TYPE_CHECKING:
    from types import TracebackType


class Load:
    """The requests being handled now, and the bytes of their bodies.

    Bodies are counted as they come, compressed and unfolded; what is made of them takes a few times as much.
    """

    def __init__(self, max_requests: int = 1000, max_body_bytes: int = 512 * MIB) -> None:
        self._max_requests: Final = max_requests
        self._max_body_bytes: Final = max_body_bytes
        self.requests = 0
        self.body_bytes = 0

    def request(self) -> Share:
        """Make room for one more request, until the block of the share ends; entering it raises `Retry` if full."""
        return Share(self)

    def begin(self) -> None:
        """Count a request. Raises `Retry` when there are too many."""
        if self.requests >= self._max_requests:
            raise Retry("too many requests at a time")
        self.requests += 1

    def hold(self, size: int) -> None:
        """Count bytes of a body. Raises `Retry` when there are too many."""
        if self.body_bytes + size > self._max_body_bytes:
            raise Retry("the bodies of all requests take too much memory")
        self.body_bytes += size

    def end(self, size: int) -> None:
        """Take a request and its bytes out again."""
        self.requests -= 1
        self.body_bytes -= size


class Share:
    """One request's part of the load."""

    __slots__ = ("_bytes", "_load")

    def __init__(self, load: Load) -> None:
        self._load = load
        self._bytes = 0

    def __enter__(self) -> Share:
        self._load.begin()
        return self

    def hold(self, size: int) -> None:
        """Count so many more bytes for this request. Raises `Retry` when the gateway holds too many."""
        self._load.hold(size)
        self._bytes += size

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._load.end(self._bytes)
