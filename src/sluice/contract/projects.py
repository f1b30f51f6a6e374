"""The settings file (`sluice.toml`): projects, their keys as keyed hashes, their rate limits and rules.

Keys are never stored. What stands here is HMAC-SHA256 of a key under the file's own salt, so whoever reads the file
gets no key from it, unless the key can be guessed. Reading the file is someone else's work: `parse` takes what a TOML
reader gave.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from sluice.contract.errors import Unusable
from sluice.contract.event import Api
from sluice.contract.first_wins import FirstWins, checked

WRITE_EVENTS = "events:write"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TokenBucket(_Frozen):
    """`capacity` tokens at most, refilled evenly: `refill` tokens every `per_s` seconds."""

    kind: Literal["token_bucket"] = "token_bucket"
    capacity: int = Field(gt=0)
    refill: int = Field(gt=0)
    per_s: int = Field(gt=0)


class FixedWindow(_Frozen):
    """At most `limit` in `per_s` seconds, which begin with the first that counts; then all of it is there again."""

    kind: Literal["fixed_window"] = "fixed_window"
    limit: int = Field(gt=0)
    per_s: int = Field(gt=0)


class SlidingWindow(_Frozen):
    """At most `limit` within any `per_s` seconds, exactly: each one is remembered until it is so old."""

    kind: Literal["sliding_window"] = "sliding_window"
    limit: int = Field(gt=0)
    per_s: int = Field(gt=0)


Rule = Annotated[TokenBucket | FixedWindow | SlidingWindow, Field(discriminator="kind")]
"""One limit of rate. Several rules on one bucket hold together: a request passes all of them or none."""

Limit = Literal["documented", "none"] | tuple[Rule, ...]
"""What one API's document says, or no limit, or these rules."""

Limits = Literal["documented", "none"] | dict[Api, Limit]
"""One word for all APIs, or a limit for each; APIs that are left out are as documented."""


EventType = Annotated[str, Field(min_length=1, max_length=64)]


_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?",
    re.IGNORECASE | re.ASCII,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def normal_origin(text: str) -> str:
    """Give a web origin as browsers write it (RFC 6454, 6.2): in lower case, without a default port, with no slash.

    Raises `ValueError` for anything but a scheme, a host and perhaps a port.
    """
    found = _ORIGIN.fullmatch(text)
    port = int(found["port"]) if found and found["port"] else None
    if found is None or (port is not None and not 1 <= port <= 65_535):
        raise ValueError("an origin is like https://shop.example or http://localhost:3000, without a path")
    scheme, host = found["scheme"].lower(), found["host"].lower()
    return f"{scheme}://{host}" if port in {None, _DEFAULT_PORTS.get(scheme)} else f"{scheme}://{host}:{port}"


Origin = Annotated[str, AfterValidator(normal_origin)]


def _scope(text: str) -> str:
    if not re.fullmatch(r"[a-z_-]+:[a-z_-]+", text):
        raise ValueError("a scope is like events:write")
    return text


Scope = Annotated[str, AfterValidator(_scope)]
"""What a key may do, such as `events:write`, the only one that the five APIs ask for."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class KeyKind(StrEnum):
    """`secret` keys are for servers; `public` ones for browsers: everyone can see them, and they may only write."""

    SECRET = "secret"  # noqa: S105
    PUBLIC = "public"


class ProjectKey(_Frozen):
    """One key of a project. `hash` is HMAC-SHA256 of the key under the file's salt, in lower-case hex.

    From the moment it `expires` on, a key is not good any more. `origins` are the web origins that may use the key
    (empty: any). `limits` win over the project's.
    """

    name: str = Field(min_length=1, max_length=64)
    kind: KeyKind
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: frozenset[Scope] = frozenset({WRITE_EVENTS})
    expires: AwareDatetime | None = None
    origins: frozenset[Origin] = frozenset()
    limits: Limits | None = None

    @property
    def id(self) -> str:
        """Tells keys apart without giving them away, and stays the same over restarts."""
        return self.hash[:16]

    def expired(self, now_ms: int) -> bool:
        """Tell whether the key is not good any more at this time, to the millisecond."""
        return self.expires is not None and now_ms >= (self.expires - _EPOCH) // timedelta(milliseconds=1)

    def comes_from(self, origin: str | None) -> bool:
        """Tell whether a request from this web origin (None: it names none) may use the key."""
        if not self.origins or origin in self.origins:
            return True
        try:
            return origin is not None and normal_origin(origin) in self.origins
        except ValueError:
            return False


class Project(_Frozen):
    """One project: who may send for it, how much, and what becomes of it.

    `event_types` are those that API 2 (`events`) takes; `standard_events` are taken by API 5 (`user_event`) beside
    those of its document. Events of known crawlers are rejected as `bot`, unless `bots` says to keep them. Of the
    rules `first_wins`, at most one holds for an event: it can be routed by one key only.
    """

    keys: tuple[ProjectKey, ...] = ()
    limits: Limits = "documented"
    allow_public_keys: bool = True
    event_types: Literal["*"] | frozenset[EventType] = "*"
    standard_events: frozenset[EventType] = frozenset()
    bots: Literal["reject", "keep"] = "reject"
    first_wins: Annotated[tuple[FirstWins, ...], AfterValidator(checked)] = ()

    def rule_of(self, api: Api, event_type: str) -> FirstWins | None:
        """Give the rule that events of this API and type come under."""
        return next((rule for rule in self.first_wins if rule.holds_for(api, event_type)), None)

    def limit(self, key: ProjectKey, api: Api) -> Limit:
        """Give the limit that holds for one key on one API."""
        limits = self.limits if key.limits is None else key.limits
        return limits.get(api, "documented") if isinstance(limits, dict) else limits


# Routing keys are made of the project's name and a slash, so a name holds none.
ProjectName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class Projects(_Frozen):
    """The whole file. `salt` is at least 16 random bytes in hex, made anew for every file.

    `keyless_events_project` is whose events are sent to API 2 (`events`) without a key; without it they are refused.
    """

    salt: str = Field(pattern=r"^(?:[0-9a-f]{2}){16,}$")
    projects: dict[ProjectName, Project]
    keyless_events_project: ProjectName | None = None


def parse(document: dict[str, Any]) -> Projects:
    """Check what a TOML reader gave.

    Raises `Unusable` with one sentence that names each wrong entry by its place in the file.
    """
    try:
        parsed = Projects.model_validate(document)
    except ValidationError as error:
        raise Unusable("the settings file is wrong: " + "; ".join(_sentences(error))) from None
    _refuse_repeated_keys(parsed)
    keyless = parsed.keyless_events_project
    if keyless is not None and keyless not in parsed.projects:
        raise Unusable(f"the settings file is wrong: keyless_events_project: there is no project {keyless}")
    return parsed


def _refuse_repeated_keys(parsed: Projects) -> None:
    seen: dict[str, str] = {}
    for name, project in parsed.projects.items():
        for key in project.keys:
            place = f"{key.name!r} of project {name}"
            if key.hash in seen:
                raise Unusable(f"the settings file is wrong: {seen[key.hash]} and {place} are the same key")
            seen[key.hash] = place


def _sentences(error: ValidationError) -> list[str]:
    return [f"{_place(problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}" for problem in error.errors()]


def _place(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "the file"
