"""Making near misses out of recorded requests: seeded, so that every case can be made again.

Half of the cases change the text (bytes go, come, change places), which finds what a parser lets through; the other
half changes the JSON value, which finds what validation lets through. Values are chosen around the limits of all
APIs.
"""

from __future__ import annotations

import copy
import json
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DAY_MS = 24 * 60 * 60 * 1000
YEAR_MS = 366 * DAY_MS

TOKENS = [
    *(bytes([character]) for character in b'{}[]",:\\ \t\r\n0123456789-+.eE\x00\x1f\x7f\x80\xff'),
    *(
        b"null",
        b"true",
        b"false",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"-0",
        b"1e999",
        b"-1e-999",
        b"00",
        b".5",
        b"5.",
    ),
    *(b"\\u0000", b"\\ud800", b"\\udc00\\ud800", b"\\ud83d\\ude00", b"\\x", b"\\/", b"\xef\xbb\xbf", b"\xc3\xa9"),
    *(b"\xf0\x9f\x98\x80", b"\xed\xa0\x80", b"\xc0\x80", b"//", b"/*", b"'", b"[" * 101, b"]" * 101),
    b"1" * 400,
]


def values(now_ms: int) -> list[Any]:
    """Give values that stand at some limit of some API."""
    lengths = (0, 1, 2, 3, 63, 64, 65, 127, 128, 129, 255, 256, 257, 2047, 2048, 2049)
    times = [
        now_ms + shift + step
        for shift in (0, -30 * DAY_MS, 5 * 60 * 1000, YEAR_MS, 365 * DAY_MS, -now_ms, -now_ms + 631_152_000_000)
        for step in (-1, 0, 1, 0.5)
    ]
    return [
        *(None, True, False, 0, 1, -1, 1.5, -0.0, 2**31, 2**53 + 1, 2**63, 2**64, -(2**64), 1e300, 10**400),
        *("a" * length for length in lengths),
        *("é" * length for length in lengths[:7]),
        *("😀", "\0", " ", " a ", "a b", "a-b", "a_b", "A1", "null", "1", "-1", "1.5", "true"),
        *(
            "US",
            "us",
            "XX",
            "GBR",
            "EUR",
            "eur",
            "desktop",
            "Desktop",
            "tv",
            "page_view",
            "confirmation",
            "email_open",
        ),
        *("a@example.com", " A@Example.COM ", "@", "+15005550006", "+0150055500", "+1", "15005550006", "*"),
        *(
            "2026-02-16T10:30:00.000Z",
            "2026-02-16T10:30:00+00:00",
            "2026-02-16T10:30:00+02:00",
            "2026-02-16T10:30:00",
        ),
        *(
            "2026-02-16T10:30:00",
            "2026-02-30T10:30:00Z",
            "2026-02-16",
            "2026-02-16 10:30:00Z",
            "2026-02-16T24:00:00Z",
        ),
        *("2026-02-16T10:30Z", "2026-02-16t10:30:00z", "2026-02-16T10:30:00.123456789Z", "2026-02-16T10:30:60Z"),
        *("1989-12-31T23:59:59Z", "1990-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "20260216T103000Z", "2026-W07-1"),
        *(times + [str(time) for time in times[:3]]),
        *([], {}, [[]], [{}], [None], {"a": None}, {"a": "b"}, {"a": 1}, {"a": {"b": ["c"]}}, [1, 2]),
    ]


class Mutator:
    """Gives one mutated body after the other, the same ones for the same seed and corpus."""

    def __init__(self, corpus: Sequence[bytes], now_ms: int, seed: int = 0) -> None:
        self._random = Random(seed)
        self._corpus = list(corpus)
        self._values = values(now_ms)
        self._names = sorted({name for body in self._corpus for name in _names(body)} | {"", "é", "__proto__"})

    def __call__(self) -> bytes:
        body = self._random.choice(self._corpus)
        for _ in range(self._random.choice((0, 1, 1, 1, 2, 3))):
            body = (self._of_text if self._random.random() < 0.5 else self._of_value)(body)
        return body

    def _of_text(self, body: bytes) -> bytes:
        at = self._random.randint(0, len(body))
        to = min(len(body), at + self._random.choice((1, 1, 2, 5, 20)))
        token = self._random.choice(TOKENS)
        return self._random.choice(
            (
                body[:at] + body[to:],
                body[:at] + token + body[at:],
                body[:at] + token + body[to:],
                body[:to] + body[at:],
                body[:at],
                body[:at] + bytes([self._random.randrange(256)]) + body[at + 1 :],
            )
        )

    def _of_value(self, body: bytes) -> bytes:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return self._of_text(body)
        found = places(document)
        if not found or self._random.random() < 0.02:
            document = self._value()
        else:
            container, name = self._random.choice(found)
            self._random.choice(self._changes())(container, name)
        return json.dumps(document, ensure_ascii=self._random.random() < 0.5).encode("utf-8", "surrogatepass")

    def _value(self) -> Any:
        return copy.deepcopy(self._random.choice(self._values))

    def _changes(self) -> list[Callable[[Any, Any], None]]:
        return [self._replace, self._replace, self._replace, self._remove, self._add, self._repeat, self._nest]

    def _replace(self, container: Any, name: Any) -> None:
        container[name] = self._value()

    def _remove(self, container: Any, name: Any) -> None:
        del container[name]

    def _add(self, container: Any, name: Any) -> None:
        value = self._value()
        if isinstance(container, dict):
            container[self._random.choice(self._names)] = value
        else:
            container.insert(name, value)

    def _repeat(self, container: Any, name: Any) -> None:
        if isinstance(container, list):
            container[:] = [container[name]] * self._random.choice((0, 1, 2, 3, 1000, 1001))
        else:
            container[self._random.choice(self._names)] = container[name]

    def _nest(self, container: Any, name: Any) -> None:
        value: Any = self._value()
        for _ in range(self._random.choice((1, 2, *range(92, 102)))):
            value = [value] if self._random.random() < 0.5 else {"a": value}
        if isinstance(container, dict) and self._random.random() < 0.8:
            container[self._random.choice(self._names)] = value
        else:
            container[name] = value


def places(value: Any) -> list[tuple[Any, Any]]:
    """Give every container with the name or index of each of its members."""
    found: list[tuple[Any, Any]] = []
    pending = [value] if isinstance(value, dict | list) else []
    while pending:
        container = pending.pop()
        entries = container.items() if isinstance(container, dict) else enumerate(container)
        for name, member in list(entries):
            found.append((container, name))
            if isinstance(member, dict | list):
                pending.append(member)
    return found


def _names(body: bytes) -> set[str]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return set()
    return {name for _, name in places(document) if isinstance(name, str)}
