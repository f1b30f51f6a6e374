"""A project's own rules: of the events with the same key, the first within a window is stored, no other.

They stand in the settings file. The gateway routes events by them and the processors decide by them.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from sluice.contract.event import Api
from sluice.contract.routing import CONFIRMATION, EMAIL_OPEN
from sluice.contract.standard_events import USER_SAVED

if TYPE_CHECKING:
    from collections.abc import Sequence

ANY = "*"

THE_USER = "@user"
"""What the key of a rule is called that counts for each user."""

MAX_WINDOW_S = 10 * 366 * 24 * 3600
"""Ten years; what is to be remembered longer is remembered for ever."""

MAX_EVENT_TYPE = 2048
"""As long as the longest name that any API takes for an event."""

_BUILT_IN = frozenset({CONFIRMATION, EMAIL_OPEN})


def _event_types(sent: object) -> object:
    if sent == ANY:
        return sent
    if not isinstance(sent, list | tuple | set | frozenset) or not sent:
        raise ValueError('event_types is "*" or a list of event types')
    for name in sent:
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_EVENT_TYPE:
            raise ValueError(f"an event type is a string of 1 to {MAX_EVENT_TYPE} characters")
        if name in _BUILT_IN:
            raise ValueError(f"{CONFIRMATION} and {EMAIL_OPEN} have rules of their own, which cannot be changed")
    return frozenset(sent)


def _key(name: str) -> str:
    if name.startswith("@") and name != THE_USER:
        raise ValueError(f"a key is the name of a member, or {THE_USER}")
    return name


class FirstWins(BaseModel):
    """One rule of a project.

    It holds for the events of these `apis` and `event_types`, but never for confirmations and email opens, which have
    rules of their own, nor for a user whom API 5 saves. `key` names a member of the event, or of its `properties`,
    that is a string or an integer; `@user` is the event's user. An event without the key is stored. The window is
    `window_s` long, counted by the event's own time; without it, it is for ever. The others come out with this
    `outcome`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    apis: Annotated[frozenset[Api], Field(min_length=1)] = frozenset(Api)
    event_types: Annotated[Literal["*"] | frozenset[str], BeforeValidator(_event_types)] = "*"
    key: Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_key)]
    window_s: Annotated[int, Field(strict=True, gt=0, le=MAX_WINDOW_S)] | None = None
    outcome: Literal["duplicate", "throttled"] = "duplicate"

    def holds_for(self, api: Api, event_type: str) -> bool:
        """Tell whether events of this API and type come under the rule."""
        if event_type in _BUILT_IN or api not in self.apis or (api is Api.USER_EVENT and event_type == USER_SAVED):
            return False
        return self.event_types == ANY or event_type in self.event_types


def checked(rules: Sequence[FirstWins]) -> Sequence[FirstWins]:
    """Give a project's rules back, of which at most one holds for any event: it can be routed by one key only.

    Raises `ValueError` with a sentence where two may hold, or have one name.
    """
    for one, other in combinations(rules, 2):
        if one.name == other.name:
            raise ValueError(f"two rules are called {one.name}")
        if meeting := _where_both_hold(one, other):
            raise ValueError(
                f"the rules {one.name} and {other.name} both hold for {meeting}, but an event can be held against "
                "others by one key only: name apis or event_types that do not meet"
            )
    return rules


def _where_both_hold(one: FirstWins, other: FirstWins) -> str:
    apis = one.apis & other.apis
    if not apis:
        return ""
    if one.event_types == ANY and other.event_types == ANY:
        return f"events of API {min(apis)}"
    named = [rule.event_types for rule in (one, other) if isinstance(rule.event_types, frozenset)]
    types = frozenset.intersection(*named)
    return f"events {min(types)} of API {min(apis)}" if types else ""
