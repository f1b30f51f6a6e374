"""What `sluice users forget` says: whom it found, what it did, and what Kafka keeps for how long. Pure.

Nobody is named: what a terminal shows is copied.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sluice.cli.reading.shown import moment, number, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sluice.cli.forgetting.forget import Forgotten, Found
    from sluice.cli.forgetting.retention import Remains


def unknown(found: Found, project: str) -> Iterator[str]:
    """Say who was not found."""
    if found.project_in_use:
        for name in found.unknown:
            why = (
                "each event of that device has a user: name those"
                if name in found.used_by_others
                else "no event names it"
            )
            yield f"{printable(name)}: no user of project {printable(project)} has this name, and {why}"
    else:
        yield f"project {printable(project)} has no user and no event: see that its name is written rightly"
    if not found.looked_everywhere:
        yield "but not all that was accepted is in ClickHouse yet: see that processors and sinks run, and ask again"


def surveyed(found: Found) -> Iterator[str]:
    """Say who was found, in numbers."""
    names = sum(len(person.names) for person in found.people)
    devices = sum(len(person.devices) for person in found.people)
    yield (
        f"{number(len(found.people), 'person').replace('persons', 'people')}: {number(names, 'name')}, "
        f"{number(devices, 'device')}, {number(found.rows, 'event')} that can be read"
    )
    if users_stay := found.used_by_others.difference(found.unknown):
        yield (
            f"users were seen on {number(len(users_stay), 'device')} of those named, and stay: "
            "name them to forget them as well"
        )
    if found.on_shared_devices:
        yield (
            f"{number(found.on_shared_devices, 'event')} without a user on devices that others have used too "
            "may be theirs or not, and stay; --shared takes them for theirs"
        )


def done(forgotten: Forgotten) -> Iterator[str]:
    """Say what was done."""
    yield f"blanked {number(forgotten.rows, 'event')}; forgotten is what was received before {_second(forgotten)}"


def remaining(topics: Sequence[Remains]) -> Iterator[str]:
    """Say what cannot be taken back, and until when it is there."""
    yield "what cannot be taken back remains:"
    for topic in topics:
        until = (
            "for ever: its retention has no end"
            if topic.until is None
            else f"until {_day(topic.until)} at the latest"
        )
        yield f"  {topic.topic:<18} {until}"
    yield "  backups, and logs of gateways, brokers and ClickHouse: as long as you keep them"


def _second(forgotten: Forgotten) -> str:
    return f"{moment(forgotten.forgotten_at)} UTC"


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
