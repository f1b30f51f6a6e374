"""Reading browser, system and type of device out of a user agent.

What a user agent means is read with the rules of uap-core, in linear time; names are as they stand there. A server
that sends events of others says nothing about those others' browsers, so the agents of HTTP libraries are left alone.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from ua_parser import Domain
from ua_parser.loaders import load_lazy_builtins
from ua_parser.regex import Resolver

from sluice.processors.rules.bots import CACHED, LOOKED_AT, crawler_of

if TYPE_CHECKING:
    from sluice.contract.event import Event

_BROWSER = re.compile(r"Mozilla/|Opera/")
"""How the user agent of every browser begins, for historical reasons, and hardly any other."""

_NO_BROWSERS = frozenset({"GmailImageProxy", "WindowsPowerShell"})
"""What uap-core finds in user agents that begin like a browser's without being one."""

_SPIDER = "Spider"
"""What uap-core calls the brand of everything that it takes for a robot."""

_NO_TYPE = re.compile(r"TV\b|\bAFT[A-Z]|BRAVIA|CrKey|PlayStation|Nintendo|Xbox|Tesla/")
_DESKTOP = re.compile(r"Windows NT|Macintosh|X11|CrOS")
_TABLET = re.compile(r"iPad|Tablet|PlayBook|Kindle")
_MOBILE = re.compile(r"Mobi|iPhone|iPod|Phone|Opera Mini")


class _Described(NamedTuple):
    browser: str
    os: str
    device_type: str


def described(event: Event) -> Event:
    """Fill in browser, system and type of device from the user agent, where the event does not say them itself.

    A type of device is desktop, mobile or tablet; televisions, consoles and cars have none.
    """
    if event.browser and event.os and event.device_type:
        return event
    found = _read(event.user_agent[:LOOKED_AT])
    if found is None:
        return event
    return msgspec.structs.replace(
        event,
        browser=event.browser or found.browser,
        os=event.os or found.os,
        device_type=event.device_type or found.device_type,
    )


@lru_cache(CACHED)
def _read(user_agent: str) -> _Described | None:
    """Give what a browser's user agent says; None for everything else."""
    if not _BROWSER.match(user_agent) or crawler_of(user_agent):
        return None
    found = _rules()(user_agent, Domain.ALL)
    if found.user_agent is None or found.os is None or found.user_agent.family in _NO_BROWSERS:
        return None
    if found.device and found.device.brand == _SPIDER:
        return None
    return _Described(found.user_agent.family, found.os.family, _device_type(user_agent))


def _device_type(user_agent: str) -> str:
    for device_type, signs in (("", _NO_TYPE), ("desktop", _DESKTOP), ("tablet", _TABLET), ("mobile", _MOBILE)):
        if signs.search(user_agent):
            return device_type
    return "tablet" if "Android" in user_agent else ""  # which says Mobile on phones, and nothing on tablets


@cache
def _rules() -> Resolver:
    return Resolver(load_lazy_builtins())
