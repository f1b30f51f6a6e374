"""The page at /docs needs nothing but this gateway, and its assets are what their makers published."""

from __future__ import annotations

import hashlib
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

from sluice.gateway.dialects import pulse
from sluice.gateway.documentation import CONTENT_SECURITY_POLICY, FILES, STATIC, openapi_json

if TYPE_CHECKING:
    from tests.unit.gateway.harness import Gateway

PAGE = (STATIC / "docs" / "index.html").read_text("utf-8")
START = (STATIC / "docs" / "start.js").read_text("utf-8")
SWAGGER_UI = STATIC / "swagger-ui"
SUMS = [line.split() for line in (SWAGGER_UI / "SHA256SUMS").read_text("ascii").splitlines()]
ALL = ["/openapi.json", *FILES]


class References(HTMLParser):
    """What a page loads or links to, and which of its elements hold code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.inline: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.urls += [url for name in ("src", "href") if (url := found.get(name)) is not None]
        if tag == "style" or (tag == "script" and "src" not in found):
            self.inline.append(tag)
        self.inline += [name for name in found if name == "style" or name.startswith("on")]


async def test_the_page_loads_only_what_the_gateway_serves(gateway: Gateway):
    urls = [url for url in References(PAGE).urls if url != "data:,"]
    assert len(urls) == 4
    for url in urls:
        assert "//" not in url
        assert (await gateway.send(urljoin("/docs", url), method="GET")).status == 200


async def test_the_page_works_behind_a_prefix_too():
    for url in References(PAGE).urls:
        assert url == "data:," or urljoin("/behind/docs", url).startswith("/behind/")
    assert 'url: "openapi.json"' in START


def test_the_page_holds_no_code_of_its_own():
    assert References(PAGE).inline == []


def test_the_pages_assets_name_nothing_to_load_from_elsewhere():
    css = (SWAGGER_UI / "swagger-ui.css").read_text("utf-8")
    assert "@import" not in css
    assert {source.strip("'\"")[:5] for source in re.findall(r"url\((.{8})", css)} == {"data:"}
    assert "//" not in re.sub(r"^\s*//.*| // .*", "", START, flags=re.MULTILINE)


def test_the_page_keeps_no_keys_and_asks_no_validator():
    assert "persistAuthorization: false" in START
    assert "validatorUrl: null" in START


def test_the_time_that_the_page_makes_now_is_that_of_the_examples():
    (written,) = re.findall(r'TIME_OF_EXAMPLES = "(\d+)"', START)
    assert int(written) == pulse.COLLECT.example["timestamp"]


def test_the_policy_allows_nothing_from_elsewhere():
    directives = dict(directive.split(" ", 1) for directive in CONTENT_SECURITY_POLICY.split("; "))
    assert directives["default-src"] == "'none'"
    assert {source for sources in directives.values() for source in sources.split()} == {"'none'", "'self'", "data:"}
    assert directives["script-src"] == directives["connect-src"] == "'self'"


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/docs", "text/html"),
        ("/docs/start.js", "text/javascript"),
        ("/docs/swagger-ui-bundle.js", "text/javascript"),
        ("/docs/swagger-ui.css", "text/css"),
    ],
)
async def test_each_file_is_served_as_what_it_is(gateway: Gateway, path, media_type):
    answer = await gateway.send(path, method="GET")
    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (200, media_type)
    assert answer.body == (STATIC / FILES[path][0]).read_bytes()
    assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_document_is_served(gateway: Gateway):
    answer = await gateway.send("/openapi.json", method="GET")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.body == openapi_json()


@pytest.mark.parametrize("path", ALL)
async def test_a_browser_asks_each_time_and_is_told_when_nothing_changed(gateway: Gateway, path):
    first = await gateway.send(path, method="GET")
    assert first.headers["Cache-Control"] == "public, no-cache"
    again = await gateway.send(path, headers={"If-None-Match": first.headers["ETag"]}, method="GET")
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    changed = await gateway.send(path, headers={"If-None-Match": '"another"'}, method="GET")
    assert (changed.status, changed.body) == (200, first.body)


async def test_what_differs_has_another_etag(gateway: Gateway):
    etags = {(await gateway.send(path, method="GET")).headers["ETag"] for path in ALL}
    assert len(etags) == len(ALL)


@pytest.mark.parametrize("held", ['"another", W/{}', "{}", "*"])
async def test_a_browser_may_name_what_it_has_in_any_way(gateway: Gateway, held):
    etag = (await gateway.send("/openapi.json", method="GET")).headers["ETag"].removeprefix("W/")
    answer = await gateway.send("/openapi.json", headers={"If-None-Match": held.format(etag)}, method="GET")
    assert answer.status == 304


async def test_pages_of_any_origin_may_read_the_document(gateway: Gateway):
    answer = await gateway.send("/openapi.json", headers={"Origin": "https://tools.example"}, method="GET")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://tools.example"


@pytest.mark.parametrize("path", ["/docs/", "/docs/../app.py", "/docs/%2e%2e/app.py", "/docs/LICENSE", "/docs/docs"])
async def test_nothing_else_is_served_beside_the_page(gateway: Gateway, path):
    assert (await gateway.send(path, method="GET")).status == 404


@pytest.mark.parametrize(("digest", "name"), SUMS, ids=lambda value: value[:20])
def test_a_file_of_swagger_ui_is_as_it_was_published(digest: str, name: str):
    assert hashlib.sha256((SWAGGER_UI / name).read_bytes()).hexdigest() == digest


def test_every_file_of_swagger_ui_has_its_sum():
    ours = {"README.md", "SHA256SUMS"}
    assert {path.name for path in SWAGGER_UI.iterdir()} == {name for _, name in SUMS} | ours


def test_the_version_of_swagger_ui_is_the_one_that_is_named():
    (named,) = re.findall(r"^# Swagger UI (\S+)$", (SWAGGER_UI / "README.md").read_text("utf-8"), re.MULTILINE)
    assert f'PACKAGE_VERSION:"{named}"' in (SWAGGER_UI / "swagger-ui-bundle.js").read_text("utf-8")
