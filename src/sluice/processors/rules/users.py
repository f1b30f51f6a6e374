"""What events change about their users.

API 5 sets attributes by events of their own, API 4 by the profile that travels with one event of each request. The
roll-up `sluice.users` puts all changes of a user together, so nothing is remembered here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sluice.contract import standard_events
from sluice.contract.event import Api
from sluice.contract.processed import UserChange
from sluice.contract.standard_events import CHANGE_USER, USER_SAVED
from sluice.contract.state_keys import RawMembers, identifier, normal_email
from sluice.processors.rules.canonical.members import as_text
from sluice.processors.rules.canonical.values import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sluice.contract.event import Event
    from sluice.contract.raw import Context, RawLine
    from sluice.processors.rules.first_wins import Claim

_NULL = b"null"
_members = msgspec.json.Decoder(RawMembers)


def change_of(line: RawLine, event: Event) -> UserChange | None:
    """Give what a stored event changes about its user: attributes, or only that the user exists."""
    if not event.user_id:
        return None
    if line.api is Api.USER_EVENT and event.event_type in CHANGE_USER:
        return _by_event(line, event.properties)
    return _by_profile(line.context)


def change_of_rejected(line: RawLine, lost: Claim) -> UserChange | None:
    """Give what a rejected event's request changes about its user all the same.

    The profile is the request's, whatever becomes of the event that it travels with; but not where the whole request
    is a repeat.
    """
    return None if lost.of_request or not line.context.user_id else _by_profile(line.context)


def _by_event(line: RawLine, properties: Mapping[str, str]) -> UserChange | None:
    """Read the members of an `update`, a `login` or a saved user of API 5; one that is null removes an attribute."""
    sent = standard_events.read(line.event)
    if sent.kind not in CHANGE_USER:  # a generic event of such a name
        return None
    members = _members.decode(sent.members)
    if sent.kind != USER_SAVED:
        members.pop("timestamp", None)
    attributes = {name: value for name, value in members.items() if not _names(name, value, sent.kind, line.context)}
    unset = (name for name, value in attributes.items() if _is_null(value))
    return _beside(properties, _change(line.context, attributes, unset))


def _beside(properties: Mapping[str, str], change: UserChange) -> UserChange:
    """Leave out of a change what the event's properties say already, where each of them is an attribute."""
    if not properties or any(change.set.get(name) != text for name, text in properties.items()):
        return change
    others = {name: text for name, text in change.set.items() if name not in properties}
    return msgspec.structs.replace(change, sets_properties=True, set=others)


def _names(member: str, sent: msgspec.Raw, kind: str, user: Context) -> bool:
    """Tell whether a member names the user once more; another name than the user goes by is an attribute."""
    if member not in {"_id", "email"}:
        return False
    if _is_null(sent):
        return kind == USER_SAVED
    if member == "_id":
        return identifier(bytes(sent)) == user.user_id
    address = text(bytes(sent))
    return address is not None and normal_email(address) == user.email


class _PatchProperties(msgspec.Struct, frozen=True):
    unset: str | list[str] | None = None


class _Meta(msgspec.Struct, frozen=True):
    patch_properties: _PatchProperties | None = None


class _Profile(msgspec.Struct, frozen=True):
    attributes: RawMembers | None = None
    meta: _Meta | None = None


_profile = msgspec.json.Decoder(_Profile)


def _by_profile(context: Context) -> UserChange | None:
    """Read the profile of API 4, where a line carries it; a member that is null is absent.

    `location` becomes `location.city` and so on. Of an attribute and a property with the same name the property
    counts, as in events; what is given and to be unset at once is given. Address and exchange id only name the user,
    and `append` and `unappend` change nothing.
    """
    if context.profile is msgspec.UNSET:
        return None
    profile = _profile.decode(context.profile)
    attributes = dict(profile.attributes or {})
    for name in ("email", "_kx"):
        attributes.pop(name, None)
    properties = _object(attributes.pop("properties", None))
    location = _object(attributes.pop("location", None))
    attributes |= {f"location.{name}": value for name, value in location.items()}
    return _change(context, _given(attributes) | _given(properties), _unset(profile.meta))


def _unset(meta: _Meta | None) -> Iterable[str]:
    names = meta.patch_properties.unset if meta and meta.patch_properties else None
    return [names] if isinstance(names, str) else names or ()


def _object(sent: msgspec.Raw | None) -> RawMembers:
    return {} if sent is None or _is_null(sent) else _members.decode(sent)


def _given(members: Mapping[str, msgspec.Raw]) -> RawMembers:
    return {name: value for name, value in members.items() if not _is_null(value)}


def _change(user: Context, attributes: Mapping[str, msgspec.Raw], unset: Iterable[str]) -> UserChange:
    """Put a change together, in which no attribute is both set and unset, and none is unset twice."""
    given = {name: as_text(value) for name, value in _given(attributes).items()}
    return UserChange(
        email=user.email, set=given, unset=tuple(name for name in dict.fromkeys(unset) if name not in given)
    )


def _is_null(sent: msgspec.Raw) -> bool:
    return bytes(sent) == _NULL
