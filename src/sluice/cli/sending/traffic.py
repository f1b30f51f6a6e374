"""Made-up traffic of a few web shops: many sessions at once, each a person who looks around and sometimes buys."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from sluice.role.clock import Clock

NUMBER = "send_number"
"""The member that numbers the events of a run from 0."""

SITES = {"shop_north": "https://north.example", "shop_south": "https://south.example", "blog": "https://blog.example"}
COUNTRIES = {"US": 30, "DE": 18, "GB": 12, "FR": 10, "IN": 9, "BR": 7, "JP": 6, "NL": 4, "SE": 2, "NG": 2}
DEVICES = {"mobile": 55, "desktop": 38, "tablet": 7}
BROWSERS = {
    "mobile": ("Mobile Safari", "Chrome Mobile"),
    "desktop": ("Chrome", "Firefox", "Edge"),
    "tablet": ("Safari",),
}
REFERRERS = {"": 40, "https://www.google.com/": 35, "https://duckduckgo.com/": 5, "https://news.example/deals": 20}
CATEGORIES = ("shoes", "lamps", "books", "kitchen", "garden", "toys")
SESSIONS_AT_ONCE = 40


@dataclass
class _Session:
    base: dict[str, Any]
    home: str
    steps: Iterator[dict[str, Any]]


class Traffic:
    """Gives the events of one run, numbered, each valid for API 1.

    Every `session_id` starts with the run's id and an underscore, so that the run can be found again.
    """

    def __init__(self, run: str, rng: Random, clock: Clock) -> None:
        self._run = run
        self._rng = rng
        self._clock = clock
        self._sessions: list[_Session] = []
        self._started = itertools.count(1)
        self._numbers = itertools.count()

    def batch(self, size: int) -> list[dict[str, Any]]:
        """Give the next events."""
        return [self._next() for _ in range(size)]

    def _next(self) -> dict[str, Any]:
        while True:
            if len(self._sessions) < SESSIONS_AT_ONCE:
                self._sessions.append(self._new_session())
            index = self._rng.randrange(len(self._sessions))
            session = self._sessions[index]
            step = next(session.steps, None)
            if step is not None:
                return session.base | step | {"timestamp": self._clock(), NUMBER: next(self._numbers)}
            self._sessions[index] = self._sessions[-1]
            self._sessions.pop()

    def _new_session(self) -> _Session:
        rng = self._rng
        number = next(self._started)
        site = rng.choice(tuple(SITES))
        device = _weighted(rng, DEVICES)
        base: dict[str, Any] = {
            "site_id": site,
            "session_id": f"{self._run}_{number}",
            "anonymous_id": f"anon_{rng.randrange(100_000)}",
            "country": _weighted(rng, COUNTRIES),
            "device_type": device,
            "browser": rng.choice(BROWSERS[device]),
        }
        if rng.random() < 0.4:
            base["user_id"] = f"user_{rng.randrange(5_000)}"
        return _Session(base, SITES[site], self._journey(SITES[site], number))

    def _journey(self, home: str, number: int) -> Iterator[dict[str, Any]]:
        """One visit: arriving, looking at products, and with luck a purchase."""
        rng = self._rng
        yield _page(home + "/", "Home", _weighted(rng, REFERRERS))
        here = home + "/"
        cart: list[int] = []
        for _ in range(rng.randint(1, 5)):
            category, product = rng.choice(CATEGORIES), rng.randrange(500)
            listing, page = f"{home}/{category}", f"{home}/{category}/{product}"
            yield _page(listing, category.title(), here)
            yield {"event_type": "click", "url": listing, "properties": {"element": f"product-{product}"}}
            yield _page(page, f"{category.title()} {product}", listing)
            here = page
            if rng.random() < 0.35:
                price = 500 + product * 37 % 9500
                cart.append(price)
                yield {"event_type": "add_to_cart", "url": page, "value": price / 100, "currency": "EUR"}
            if cart and rng.random() < 0.1:
                cart.pop()
                yield {"event_type": "remove_from_cart", "url": f"{home}/cart"}
        yield from self._ending(home, here, cart, number)

    def _ending(self, home: str, here: str, cart: list[int], number: int) -> Iterator[dict[str, Any]]:
        rng = self._rng
        if rng.random() < 0.05:
            yield {"event_type": "error", "url": here, "properties": {"message": "TypeError: x is undefined"}}
        if not cart:
            return
        yield _page(f"{home}/checkout", "Checkout", here)
        if rng.random() < 0.6:
            yield {"event_type": "form_submit", "url": f"{home}/checkout", "properties": {"form": "address"}}
            yield {
                "event_type": "purchase",
                "url": f"{home}/checkout/done",
                "order_id": f"{self._run}-{number}",
                "value": sum(cart) / 100,
                "currency": "EUR",
                "properties": {"items": len(cart)},
            }


def _page(url: str, title: str, referrer: str) -> dict[str, Any]:
    return {"event_type": "page_view", "url": url, "page_title": title, "referrer": referrer}


def _weighted(rng: Random, weights: dict[str, int]) -> str:
    return rng.choices(tuple(weights), tuple(weights.values()))[0]
