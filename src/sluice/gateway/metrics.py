"""What the gateway counts, for Prometheus.

Counting happens for each request, so it is plain addition; the metrics are made of it when somebody asks. Labels are
names that are known at the start (APIs, endpoints, projects, statuses): nothing that a client sends.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import Metric

PREFIX = "sluice_gateway_"

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# What stands for API and endpoint where a request belongs to none.
_NO_API = "none"

_BOUNDS = (*map(str, BUCKETS_S), "+Inf")


class Tally:
    """What is counted of one endpoint's requests."""

    __slots__ = ("counts", "received_bytes", "seconds", "statuses")

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.received_bytes = 0
        self.seconds = 0.0
        self.counts = [0] * len(_BOUNDS)

    def answered(self, status: int, seconds: float, received_bytes: int) -> None:
        """Count a request that was answered so long after its head, and so much of whose body had come."""
        self.statuses[status] += 1
        self.received_bytes += received_bytes
        self.seconds += seconds
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1


class Metrics:
    """Everything that one gateway counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._strays: Counter[int] = Counter()
        self._events: Counter[tuple[str, str]] = Counter()
        self._watched: list[tuple[type[CounterMetricFamily | GaugeMetricFamily], str, str, Callable[[], float]]] = []

    def tally(self, api: str, endpoint: str) -> Tally:
        """Give what counts an endpoint's requests."""
        return self._tallies.setdefault((api, endpoint), Tally())

    def strayed(self, status: int) -> None:
        """Count a request that belongs to no API."""
        self._strays[status] += 1

    def accepted(self, api: str, project: str, events: int) -> None:
        """Count events that are durable."""
        self._events[api, project] += events

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Show a value that goes up and down, read when somebody asks."""
        self._watched.append((GaugeMetricFamily, name, meaning, read))

    def counter(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Show a value that only goes up, read when somebody asks; `name` ends in `_total`."""
        self._watched.append((CounterMetricFamily, name, meaning, read))

    def text(self, accept: str) -> tuple[bytes, str]:
        """Give all metrics in the format that an Accept header asks for, and its Content-Type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def collect(self) -> Iterator[Metric]:
        """Make the metrics; the registry calls this."""
        requests = CounterMetricFamily(PREFIX + "requests", "Requests answered", labels=("api", "endpoint", "status"))
        received = CounterMetricFamily(
            PREFIX + "received_bytes", "Bytes of bodies as they came", labels=("api", "endpoint")
        )
        seconds = HistogramMetricFamily(
            PREFIX + "request_duration_seconds", "From a request's head to its answer", labels=("api", "endpoint")
        )
        for status, count in self._strays.items():
            requests.add_metric((_NO_API, _NO_API, str(status)), count)
        for endpoint, tally in self._tallies.items():
            for status, count in tally.statuses.items():
                requests.add_metric((*endpoint, str(status)), count)
            received.add_metric(endpoint, tally.received_bytes)
            buckets = zip(_BOUNDS, accumulate(tally.counts), strict=True)
            seconds.add_metric(endpoint, list(buckets), tally.seconds)
        events = CounterMetricFamily(PREFIX + "events_accepted", "Events that are durable", labels=("api", "project"))
        for labels, count in self._events.items():
            events.add_metric(labels, count)
        yield from (requests, events, received, seconds)
        for family, name, meaning, read in self._watched:
            yield family(PREFIX + name, meaning, value=read())
