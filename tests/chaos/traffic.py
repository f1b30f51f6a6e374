"""What one client of a run sends: requests to all APIs, each event with a marker of its own. Pure.

Some events compete: of those with the same order, the same user's open, the same `unique_id`, or the same place in
requests with one `Idempotency-Key`, one is stored. Such events name what they compete for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.chaos.rules import COUPON, COUPON_USED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

KEY = "pulse_prod_load"
ORDERS = 400
"""So many orders are confirmed by all clients together, before new ones come."""
READERS = 40
"""So many users of each client open emails, before new ones come."""
LARGEST_BATCH = 40


@dataclass(frozen=True)
class Competing:
    """One event of a request: its marker, what it competes for, and the order it confirms."""

    marker: str
    prize: str = ""
    """Of all events with the same, one is stored; empty for an event without competitors."""
    order_id: str | None = None


@dataclass(frozen=True)
class Request:
    """One request, to be sent once."""

    path: str
    body: Any
    events: Sequence[Competing]
    headers: Mapping[str, str] = field(default_factory=lambda: {"Authorization": f"Bearer {KEY}"})
    saves_user: str = ""


class _Batch(NamedTuple):
    key: str
    size: int


class Traffic:
    """The requests of one client, by its own random numbers.

    `name` begins all markers, `began_ms` is when the run began, in milliseconds since 1970.
    """

    def __init__(self, name: str, run: str, random: Random, began_ms: int) -> None:
        self._name = name
        self._run = run
        self._random = random
        self._began_ms = began_ms
        self._count = 0
        self._batches: list[_Batch] = []
        self._users: list[str] = []
        self._kinds: tuple[tuple[int, Callable[[int], Request]], ...] = (
            (5, self._page_view),
            (5, self._pulse_batch),
            (2, self._coupon),
            (3, self._events_batch),
            (3, self._repeated_batch),
            (3, self._ingest),
            (3, self._profile),
            (2, self._saved_user),
            (3, self._user_event),
            (3, self._confirmation),
            (3, self._email_open),
        )

    def request(self, now_ms: int) -> Request:
        """Make the next request; `now_ms` is the time in milliseconds since 1970."""
        weights = [weight for weight, _ in self._kinds]
        [(_, make)] = self._random.choices(self._kinds, weights)
        return make(now_ms)

    def accepted(self, request: Request) -> None:
        """Learn that a request was answered with a 2xx: the user whom it saves is known from now on."""
        if request.saves_user:
            self._users.append(request.saves_user)

    def _page_view(self, now_ms: int) -> Request:
        event = Competing(self._marker())
        return Request("/collect", self._pulse(event, now_ms, url="https://example.com/a"), [event])

    def _pulse_batch(self, now_ms: int) -> Request:
        events, bodies = [], []
        for _ in range(self._size()):
            if self._random.random() < 0.7:
                event = Competing(self._marker())
                body = self._pulse(event, now_ms, event_type="click")
            else:
                event = self._order()
                body = self._pulse(event, now_ms, event_type="confirmation", order_id=event.order_id, value=1.25)
            events.append(event)
            bodies.append(body)
        return Request("/collect/batch", {"events": bodies}, events)

    def _coupon(self, now_ms: int) -> Request:
        """Use one of a few coupons; what becomes of it depends on the rules that are deployed by then."""
        event = Competing(self._marker())
        coupon = {"event_type": COUPON_USED, COUPON: f"C{self._random.randrange(20)}"}
        return Request("/collect", self._pulse(event, now_ms, **coupon), [event])

    def _events_batch(self, _now_ms: int) -> Request:
        return self._keyed(_Batch(self._unique("request"), self._size()))

    def _repeated_batch(self, _now_ms: int) -> Request:
        """Send other events under the key of an earlier request, as if it were that one again."""
        return self._keyed(self._random.choice(self._batches[-5:])) if self._batches else self._events_batch(0)

    def _keyed(self, batch: _Batch) -> Request:
        self._batches.append(batch)
        events = [Competing(self._marker(), f"request {batch.key} {place}") for place in range(batch.size)]
        body = [{"type": "page_view", "properties": {"marker": event.marker}} for event in events]
        return Request("/collect/event", {"messageBody": body}, events, _bearer() | {"Idempotency-Key": batch.key})

    def _ingest(self, now_ms: int) -> Request:
        events = [Competing(self._marker()) for _ in range(self._size())]
        body = [
            {
                "eventName": "page_viewed",
                "timestamp": _iso(now_ms),
                "anonymousId": self._visitor(),
                "sessionId": self._session(),
                "consentGiven": self._random.random() < 0.8,
                "properties": {"marker": event.marker},
            }
            for event in events
        ]
        return Request("/v1/ingest", {"events": body}, events)

    def _profile(self, now_ms: int) -> Request:
        """Send events of one profile, some of which have the same `unique_id`."""
        profile = f"{self._name}-profile-{self._random.randrange(READERS)}@example.com"
        events, members = [], []
        for _ in range(1 + self._random.randrange(5)):
            unique_id = f"{self._count // 50}-{self._random.randrange(20)}"
            event = Competing(self._marker(), f"unique_id {profile} {unique_id}")
            events.append(event)
            members.append(_client_event(event.marker, unique_id, now_ms))
        attributes = {"email": profile, "properties": {"seen": self._count}}
        bulk = {
            "profile": {"data": {"type": "profile", "attributes": attributes}},
            "events": {"data": members},
        }
        job = {"events-bulk-create": {"data": [{"type": "event-bulk-create", "attributes": bulk}]}}
        body = {"data": {"type": "event-bulk-create-job", "attributes": job}}
        headers = {"Authorization": f"Klaviyo-API-Key {KEY}", "revision": "2026-07-15"}
        return Request("/api/event-bulk-create-jobs", body, events, headers)

    def _saved_user(self, _now_ms: int) -> Request:
        user_id = self._unique("user")
        event = Competing(self._marker())
        user = {"_id": user_id, "email": f"{user_id}@example.com", "marker": event.marker, "plan": "free"}
        return Request("/user/", {"user": user}, [event], saves_user=user_id)

    def _user_event(self, now_ms: int) -> Request:
        kind, members = self._random.choice(
            (
                ("page_view", {"url": "https://example.com/b"}),
                ("add_to_cart", {"value": 2.5, "currency": "EUR"}),
                ("update", {"plan": self._random.choice(["gold", "free", None]), "seats": self._random.randrange(9)}),
                ("login", {"device": "phone"}),
            )
        )
        return self._of_user(Competing(self._marker()), kind, members, now_ms)

    def _confirmation(self, now_ms: int) -> Request:
        event = self._order()
        return self._of_user(event, "confirmation", {"orderId": event.order_id, "total": 1.25}, now_ms)

    def _of_user(self, event: Competing, kind: str, members: dict[str, Any], now_ms: int) -> Request:
        if not self._users:
            return self._saved_user(now_ms)
        user_id = self._random.choice(self._users[-READERS:])
        body = {"user": {"_id": user_id}, "event": {kind: {**members, "marker": event.marker}}}
        return Request("/event/", body, [event])

    def _email_open(self, now_ms: int) -> Request:
        """Open an email at one and the same millisecond, so that of each user's opens one is stored."""
        user_id = f"{self._name}-reader-{self._count // 500}-{self._random.randrange(READERS)}"
        event = Competing(self._marker(), f"open {user_id}")
        opened = {"event_type": "email_open", "user_id": user_id, "timestamp": self._began_ms}
        return Request("/collect", self._pulse(event, now_ms, **opened), [event])

    def _order(self) -> Competing:
        """Confirm one of the orders of all clients, of which new ones come with time."""
        order_id = f"{self._run}-order-{self._count // 400 * ORDERS + self._random.randrange(ORDERS)}"
        return Competing(self._marker(), f"order {order_id}", order_id)

    def _pulse(self, event: Competing, now_ms: int, **more: Any) -> dict[str, Any]:
        usual = {
            "site_id": f"site_{self._random.randrange(3)}",
            "event_type": "page_view",
            "timestamp": now_ms,
            "session_id": self._session(),
            "user_id": self._visitor(),
        }
        return usual | more | {"marker": event.marker}

    def _marker(self) -> str:
        return self._unique("event")

    def _unique(self, kind: str) -> str:
        self._count += 1
        return f"{self._name}-{kind}-{self._count}"

    def _session(self) -> str:
        return f"{self._name}-session-{self._count // 100}-{self._random.randrange(5)}"

    def _visitor(self) -> str:
        return f"{self._name}-visitor-{self._random.randrange(50)}"

    def _size(self) -> int:
        return 1 + self._random.randrange(LARGEST_BATCH)


def _bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {KEY}"}


def _client_event(marker: str, unique_id: str, now_ms: int) -> dict[str, Any]:
    attributes = {
        "metric": {"data": {"type": "metric", "attributes": {"name": "Viewed Product"}}},
        "properties": {"marker": marker},
        "unique_id": unique_id,
        "time": _iso(now_ms),
    }
    return {"type": "event", "attributes": attributes}


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
