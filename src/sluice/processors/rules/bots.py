"""Known crawlers, by their user agents.

Lightly: what is taken for a crawler is rejected, so a real event must never be. Servers and HTTP libraries call these
APIs, and apps and mail proxies stand between people and them; all of those are on lists of bots too.
docs/decisions/0013-user-agents.md says which entries of which list count, and why.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from ua_parser import Domain
from ua_parser.lazy import UserAgentMatcher
from ua_parser.regex import Resolver

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOKED_AT = 1024
"""How many characters of a user agent are looked at; real ones, with all that apps add, are shorter."""

CACHED = 8192
"""How many user agents are remembered with what they mean."""

_SAYS_SO = re.compile(r"b\]?ot|crawl|spider", re.IGNORECASE)
"""Found in the pattern of a crawler that calls itself one, as in `Googlebot` or `[cC]laude[bB]ot`."""

_LIBRARIES = "http-library"
"""How the list tags what is no crawler, but what somebody made one of."""

_BY_OTHER_NAMES = (
    # search engines and archives
    "APIs-Google",
    "Feedfetcher-Google",
    "Google Favicon",
    "Google-Extended",
    "Google-InspectionTool",
    "GoogleOther",
    "Mediapartners-Google",
    "Nutch",
    "Slurp",
    "Sogou web spider",
    "Teoma",
    "Yeti/",
    "coccoc/",
    "heritrix",
    "ia_archiver",
    # language models
    "ChatGPT-User",
    "Claude-User",
    "Claude-Web",
    "MistralAI-User",
    "Perplexity-User",
    "anthropic-ai",
    "cohere-ai",
    # previews of links
    "BingPreview/",
    "Embedly",
    "Google Web Preview",
    "Iframely",
    "SkypeUriPreview",
    "^WhatsApp/",
    "facebookcatalog/",
    "facebookexternalhit",
    "meta-externalads/",
    "meta-externalagent/",
    "meta-externalfetcher/",
    "meta-webindexer/",
    # browsers without a person, which try pages out
    "Chrome-Lighthouse",
    "DatadogSynthetics",
    "GTmetrix",
    "HeadlessChrome",
    "PTST/",
    "PhantomJS",
    "Pingdom",
)
"""Well-known robots that do not call themselves bots, crawlers or spiders."""


@lru_cache(CACHED)
def _found(user_agent: str) -> str:
    found = _crawlers()(user_agent, Domain.USER_AGENT).user_agent
    return found.family.rstrip("/ ") if found else ""


def crawler_of(user_agent: str) -> str:
    """Give the name of the known crawler that a user agent belongs to; empty for everybody else.

    Only its beginning is looked at, in linear time, whatever it holds.
    """
    return _found(user_agent[:LOOKED_AT])


@cache
def _crawlers() -> Resolver:
    # A name begins where a word begins, so that `opsbot` is not taken for `psbot`.
    return Resolver(([UserAgentMatcher(f"(?:^|[^A-Za-z0-9])({pattern})") for pattern in _patterns()], [], []))


def _patterns() -> Iterator[str]:
    for entry in CRAWLER_USER_AGENTS_DATA:
        if _SAYS_SO.search(entry["pattern"]) and _LIBRARIES not in entry["tags"]:
            yield entry["pattern"]
    yield from _BY_OTHER_NAMES
