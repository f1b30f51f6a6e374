"""The raw log of a processors' script: events that compete, so that deciding one twice shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.chaos.verification import Sent
from tests.factories import NOW, raw_line

from sluice.contract import ndjson, raw
from sluice.contract.durations import MINUTE_MS
from sluice.contract.event import Api
from sluice.contract.raw import Context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluice.contract.raw import RawLine

ORDERS = (0, 1, 2, 0, 1, 2)
"""Which order each raw record confirms."""
OPENS = (0, 1, 22, 30, 43, 50)
"""At which minute the user opens an email, in the same record: every other one is throttled."""
RECORDS = len(ORDERS)


def raw_records() -> Sequence[bytes]:
    """Give the values of the raw records, in their order."""
    return [ndjson.join([raw.encode(_confirmation(n)), raw.encode(_email_open(n))]) for n in range(RECORDS)]


def sent() -> Sequence[Sent]:
    """Give what was sent with them."""
    orders = [Sent(f"order {number}", True, f"order-{order}") for number, order in enumerate(ORDERS)]
    opens = [Sent(f"open {number}", True, None) for number in range(RECORDS)]
    return [*orders, *opens]


def _confirmation(number: int) -> RawLine:
    order = f"order-{ORDERS[number]}"
    members = {"orderId": order, "marker": f"order {number}", "value": 9.99, "currency": "EUR"}
    return _line(2 * number + 1, {"confirmation": members}, f"demo/order/{order}")


def _email_open(number: int) -> RawLine:
    members = {"timestamp": NOW + OPENS[number] * MINUTE_MS, "marker": f"open {number}"}
    return _line(2 * number + 2, {"email_open": members}, "demo/user/u1")


def _line(number: int, event: dict[str, Any], key: str) -> RawLine:
    sent = json.dumps({"user": {"_id": "u1"}, "event": event}).encode()
    return raw_line(sent, number=number, api=Api.USER_EVENT, key=key, context=Context(user_id="u1"))
