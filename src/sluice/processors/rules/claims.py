"""Which claims an event makes: the built-in rules that remember, and those of its project.

State is local to a partition, so what two events compete for must be what they were routed by. Every claim therefore
holds the routing key, as the gateway made it: events that make the same claim stand on one partition, and two that
stand there by chance never meet. Orders, readers and the keys of a project's own rules are taken from it, so gateway
and processors cannot read an event differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sluice.contract.durations import DAY_MS, MINUTE_MS, SECOND_MS
from sluice.contract.event import Api, Outcome
from sluice.contract.first_wins import THE_USER
from sluice.contract.json_api import attributes_of
from sluice.contract.routing import CONFIRMATION, EMAIL_OPEN, order_prefix, rule_prefix, user_prefixes
from sluice.processors.rules.first_wins import Claim, claim_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sluice.contract.event import Event
    from sluice.contract.first_wins import FirstWins
    from sluice.contract.projects import Project
    from sluice.contract.raw import RawLine

EMAIL_OPEN_WINDOW_MS = 20 * MINUTE_MS
IDEMPOTENCY_WINDOW_MS = DAY_MS
LATE_MS = DAY_MS
"""How much later than its own time an event may come and still be held against those of its project's rules."""


def own_id(line: RawLine) -> Iterator[Claim]:
    """Give the claim of an event that is sent in again to be stored once, however often that is.

    It comes before all rules: what was stored is a duplicate, whatever another rule says of it today. A winner that
    ClickHouse refused has not stored its event, so each such refusal opens one claim more. Claim n is made only where
    n refusals are in the table, and those are of the winners of the n claims before it: one is stored at most.
    """
    if line.replay:
        refusals = (str(line.refusals),) if line.refusals else ()
        yield Claim(
            claim_key("event", line.id, *refusals),
            line.received_at,
            None,
            Outcome.DUPLICATE,
            "this event was sent in again before, and stored",
            strict=True,
            of_request=True,
        )


def claims_of(line: RawLine, event: Event, project: Project) -> Iterator[Claim]:
    """Give an event's claims, but for that of its own id, in the order in which they decide."""
    key = line.key
    if key is None:  # any partition would do, so it competes with nobody
        return
    if line.idempotency_key:
        yield _idempotency(line, key, line.idempotency_key)
    if line.api is Api.CLIENT:
        yield _unique_id(line, key, event)
    if event.event_type == CONFIRMATION:
        if key.startswith(order_prefix(line.project)):
            yield _order(key, key.removeprefix(order_prefix(line.project)), event)
    elif event.event_type == EMAIL_OPEN:
        if key.startswith(user_prefixes(line.project)):
            yield _email_open(key, event)
    elif (rule := project.rule_of(line.api, event.event_type)) and key.startswith(_prefixes(line.project, rule)):
        yield _own_rule(line, key, event, rule)


def _idempotency(line: RawLine, key: str, idempotency_key: str) -> Claim:
    """Tell the events of one request apart by their places, and those of a repeat not at all.

    Kept, as a repeat must not be decided by another time or another state than the request that it repeats.
    """
    return Claim(
        claim_key("idempotency", key, line.api, idempotency_key, str(line.index)),
        line.received_at,
        IDEMPOTENCY_WINDOW_MS,
        Outcome.DUPLICATE,
        f"a request with the Idempotency-Key {idempotency_key} was accepted and decided within 24 hours",
        forget_at=line.received_at + IDEMPOTENCY_WINDOW_MS,
        of_request=True,
        kept=True,
    )


def _unique_id(line: RawLine, key: str, event: Event) -> Claim:
    """Tell a profile's events of one metric apart, on API 4; the time to the second stands in for an id."""
    sent = _sent(line)
    of = (key, event.user_id, event.event_type)
    if sent.unique_id is not None:
        return Claim(
            claim_key("unique_id", *of, sent.unique_id),
            event.timestamp,
            None,
            Outcome.DUPLICATE,
            f"this profile had an event of this metric with the unique_id {sent.unique_id} before",
        )
    return Claim(
        claim_key("second", *of, str(event.timestamp // SECOND_MS)),
        event.timestamp,
        None,
        Outcome.DUPLICATE,
        "this profile had an event of this metric, without a unique_id, in the same second",
        # A second that only our own clock has given does not come again.
        forget_at=0 if sent.has_time else line.received_at + MINUTE_MS,
    )


def _order(key: str, order: str, event: Event) -> Claim:
    return Claim(
        claim_key("confirmation", key),
        event.timestamp,
        None,
        Outcome.DUPLICATE,
        f"order {order} was confirmed before",
    )


def _email_open(key: str, event: Event) -> Claim:
    return Claim(
        claim_key("email_open", key),
        event.timestamp,
        EMAIL_OPEN_WINDOW_MS,
        Outcome.THROTTLED,
        "this user opened an email within 20 minutes",
    )


def _own_rule(line: RawLine, key: str, event: Event, rule: FirstWins) -> Claim:
    who = "of this user" if rule.key == THE_USER else f"with this {rule.key}"
    within = "" if rule.window_s is None else f" within {rule.window_s} s"
    window_ms = None if rule.window_s is None else rule.window_s * SECOND_MS
    latest = max(event.timestamp, line.received_at)
    return Claim(
        # With the member's name: a rule that goes by another member from now on begins anew.
        claim_key("rule", rule.name, rule.key, key),
        event.timestamp,
        window_ms,
        Outcome(rule.outcome),
        f"rule {rule.name}: there was an event {who}{within}",
        forget_at=0 if window_ms is None else latest + window_ms + LATE_MS,
    )


def _prefixes(project: str, rule: FirstWins) -> tuple[str, ...]:
    return user_prefixes(project) if rule.key == THE_USER else (rule_prefix(project, rule.name),)


_NULL = msgspec.Raw(b"null")


class _Attributes(msgspec.Struct, frozen=True):
    unique_id: str | None = None
    time: msgspec.Raw = _NULL

    @property
    def has_time(self) -> bool:
        return bytes(self.time) != b"null"


_attributes = msgspec.json.Decoder(_Attributes)


def _sent(line: RawLine) -> _Attributes:
    return _attributes.decode(attributes_of(line.event))
