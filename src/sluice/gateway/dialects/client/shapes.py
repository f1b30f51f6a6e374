"""The shapes of API 4's bodies: a problem's location in a shape is its place in the body.

Source: the "Bulk Create Client Events" document, and where it is silent the public API of Klaviyo. What the shapes do
not name may be sent too. Null is missing where a member is required, and absent where it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from sluice.contract.whitespace import NOT_BLANK
from sluice.gateway.dialects.client.values import (
    Coordinate,
    Currency,
    FreeForm,
    Identifier,
    MetricName,
    Names,
    Number,
    PhoneNumber,
    Time,
    UniqueId,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_EVENTS = 1000

IDENTIFIERS = ("id", "external_id", "email", "phone_number", "anonymous_id", "_kx")
"""What a profile may be known by, the first first: `id` beside its attributes, the others among them."""


class Shape(BaseModel):
    """What all shapes have in common."""

    model_config = ConfigDict(frozen=True, strict=True, arbitrary_types_allowed=True)


class MetricAttributes(Shape):
    """A metric is what other APIs call an event's type."""

    name: MetricName
    service: str | None = None


class Metric(Shape):
    """A metric's resource object."""

    type: Literal["metric"]
    attributes: MetricAttributes


class MetricRelation(Shape):
    """The metric of an event."""

    data: Metric


class EventAttributes(Shape):
    """What happened, when, and what it was worth."""

    metric: MetricRelation
    properties: FreeForm | None = None
    time: Time | None = Field(None, description="When it happened; by default, when the request was received")
    value: Number | None = None
    value_currency: Currency | None = None
    unique_id: UniqueId | None = Field(
        None,
        description="Of the events with the same one, profile and metric, only the first is stored; by default, "
        "the second at which it happened",
    )


class Event(Shape):
    """An event's resource object."""

    type: Literal["event"]
    attributes: EventAttributes


class Events(Shape):
    """The events of one profile."""

    data: Annotated[list[Event], Field(min_length=1, max_length=MAX_EVENTS)]


class ProfileLocation(Shape):
    """Where a profile is at home."""

    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    country: str | None = None
    latitude: Coordinate | None = None
    longitude: Coordinate | None = None
    region: str | None = None
    zip: str | None = None
    timezone: str | None = None
    ip: str | None = None


class ProfileAttributes(Shape):
    """Who it was: at least one identifier is needed, here or as the profile's `id`."""

    email: Identifier | None = None
    phone_number: PhoneNumber | None = None
    external_id: Identifier | None = None
    anonymous_id: Identifier | None = None
    exchange_id: Identifier | None = Field(None, alias="_kx")
    first_name: str | None = None
    last_name: str | None = None
    organization: str | None = None
    title: str | None = None
    image: str | None = None
    location: ProfileLocation | None = None
    properties: FreeForm | None = None


class PatchProperties(Shape):
    """What is to be changed of a profile beside the attributes that are given."""

    unset: Names | None = Field(None, description="The attributes to remove")


class ProfileMeta(Shape):
    """What is to be done with a profile."""

    patch_properties: PatchProperties | None = None


def _one_of(names: Sequence[str]) -> list[JsonValue]:
    """Say that one of these members must hold more than spaces."""
    return [{"required": [name], "properties": {name: {"type": "string", "pattern": NOT_BLANK}}} for name in names]


_IDENTIFIED: JsonValue = {
    "required": ["attributes"],
    "properties": {"attributes": {"type": "object", "anyOf": _one_of(IDENTIFIERS[1:])}},
}


class Profile(Shape):
    """A profile's resource object."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [*_one_of(IDENTIFIERS[:1]), _IDENTIFIED]})

    type: Literal["profile"]
    id: Identifier | None = None
    attributes: ProfileAttributes | None = None
    meta: ProfileMeta | None = None


class ProfileRelation(Shape):
    """The profile that events belong to."""

    data: Profile


class BulkAttributes(Shape):
    """A profile and its events."""

    profile: ProfileRelation
    events: Events


class Bulk(Shape):
    """The resource object of one profile's events."""

    type: Literal["event-bulk-create"]
    attributes: BulkAttributes


class EventBulkCreate(Shape):
    """The body that a page sends: the events of one profile."""

    data: Bulk

    @property
    def bulks(self) -> Sequence[Bulk]:
        """The one profile with its events."""
        return (self.data,)


def _refuse_too_many(bulks: Any) -> Any:
    """Count before anything else is looked at: a million events would have a million problems."""
    if isinstance(bulks, list) and sum(map(_count, bulks)) > MAX_EVENTS:
        raise ValueError(f"must have at most {MAX_EVENTS} events in all")
    return bulks


def _count(bulk: Any) -> int:
    events = bulk
    for name in ("attributes", "events", "data"):
        events = events.get(name) if isinstance(events, dict) else None
    return len(events) if isinstance(events, list) else 0


class Bulks(Shape):
    """The events of several profiles: at most 1000 in all."""

    data: Annotated[list[Bulk], Field(min_length=1, max_length=MAX_EVENTS), BeforeValidator(_refuse_too_many)]


class JobAttributes(Shape):
    """What a job is to do."""

    bulks: Bulks = Field(alias="events-bulk-create")


class Job(Shape):
    """A job's resource object."""

    type: Literal["event-bulk-create-job"]
    attributes: JobAttributes


class EventBulkCreateJob(Shape):
    """The body that a server sends: the events of one or several profiles."""

    data: Job

    @property
    def bulks(self) -> Sequence[Bulk]:
        """Each profile with its events."""
        return self.data.attributes.bulks.data
