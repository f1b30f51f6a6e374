"""Whether an event says that its person consented to tracking.

API 3 asks for it; the other documents know none, but whoever says it there means the same. The gateway goes by it,
which keeps no address of a person who denied it, and so do the processors: both must read an event alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluice.contract import standard_events
from sluice.contract.event import Api, Consent
from sluice.contract.json_api import attributes_of
from sluice.contract.state_keys import members_and_properties

if TYPE_CHECKING:
    from collections.abc import Iterator

    import msgspec

DOCUMENTED = "consentGiven"
"""The member of API 3."""

NAMES: tuple[str, ...] = (DOCUMENTED, "consent_given", "consent")
"""The members of the other APIs, in the event or in its `properties`."""

_SAID = {
    b"true": Consent.GRANTED,
    b"false": Consent.DENIED,
    b'"granted"': Consent.GRANTED,
    b'"denied"': Consent.DENIED,
}


def consent_of(api: Api, event: bytes | msgspec.Raw) -> Consent:
    """Give what an event says that the gateway has validated; where it says both, consent was denied."""
    sent = bytes(event)
    # Nearly all events say nothing, and looking costs a parse; a name may also be written in escapes.
    if b"onsent" not in sent and b"\\u00" not in sent:
        return Consent.UNKNOWN
    said = set(_said(api, sent))
    return next((each for each in (Consent.DENIED, Consent.GRANTED) if each in said), Consent.UNKNOWN)


def _said(api: Api, event: bytes) -> Iterator[Consent]:
    places, names = members_and_properties(_object_of(api, event)), NAMES
    if api is Api.INGEST:
        places, names = places[:1], NAMES[:1]
    for members in places:
        for name in names:
            said = _SAID.get(bytes(members[name]).lower()) if name in members else None
            if said is not None:
                yield said


def _object_of(api: Api, event: bytes) -> bytes:
    if api is Api.CLIENT:
        return bytes(attributes_of(event))
    return bytes(standard_events.read(event).members) if api is Api.USER_EVENT else event
