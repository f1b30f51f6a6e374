"""What a key may do, on every endpoint of every API and in every way to show one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.unit.gateway.harness import NOW, Answer, Gateway, encoded, gateway_with

from sluice.contract import projects
from sluice.gateway.dialects import DIALECTS
from sluice.gateway.keys import digest
from sluice.gateway.limits.port import Decision, State
from sluice.gateway.users.port import Identifier, Known

if TYPE_CHECKING:
    from sluice.gateway.dialects.port import Dialect, Endpoint

SALT = "0123456789abcdef" * 2
SECRET, PUBLIC = "sl_secret_of_shop", "sl_public_of_shop"

WHEN_THE_OTHER_EXAMPLES_WERE_SENT = 1_771_286_400_000

HEADERS = {
    "bearer": ("Authorization", "Bearer {}"),
    "x_api_key": ("X-API-Key", "{}"),
    "klaviyo": ("Authorization", "Klaviyo-API-Key {}"),
}
PARAMETERS = {"query_key": "api_key", "company_id": "company_id"}


class Way(NamedTuple):
    """One way to show a key to one endpoint."""

    dialect: Dialect
    endpoint: Endpoint
    name: str

    @property
    def key(self) -> str:
        """The kind of key that is meant to be shown so."""
        return PUBLIC if self.name in PARAMETERS else SECRET

    async def send(self, gateway: Gateway, key: str, **headers: str) -> Answer:
        """Send the endpoint's example with a key; a refusal has the API's shape and gives nothing away."""
        query = {PARAMETERS[self.name]: key} if self.name in PARAMETERS else {}
        if self.name in HEADERS:
            header, value = HEADERS[self.name]
            headers[header] = value.format(key)
        return await send(gateway, self.dialect, self.endpoint, query, headers)


async def send(
    gateway: Gateway, dialect: Dialect, endpoint: Endpoint, query: dict[str, str], headers: dict[str, str]
) -> Answer:
    for parameter in endpoint.parameters:
        if parameter.place == "header" and parameter.example is not None:
            headers[parameter.name] = parameter.example
    path = endpoint.paths[0] + "?" + "&".join(f"{name}={value}" for name, value in query.items())
    answer = await gateway.send(path, encoded(endpoint.example), headers)
    if answer.status >= 400:
        assert answer.headers["Content-Type"] == dialect.CONTENT_TYPE
        assert not gateway.lines()
    assert not [key for key in (SECRET, PUBLIC) if key.encode() in answer.body]
    return answer


WAYS = [
    Way(dialect, endpoint, name)
    for dialect in DIALECTS
    for endpoint in dialect.ENDPOINTS
    for name in endpoint.keys
    if name != "none"
]
ENDPOINTS = [(dialect, endpoint) for dialect in DIALECTS for endpoint in dialect.ENDPOINTS]

OF_ONE_KIND = [way for way in WAYS if way.dialect.API in {"client", "user_event"}]
"""The ways that take keys of one kind alone, whatever they are allowed."""


def name_of(way: Way) -> str:
    return f"{way.dialect.API}-{way.endpoint.name}-{way.name}"


every_way = pytest.mark.parametrize("way", WAYS, ids=name_of)
every_endpoint = pytest.mark.parametrize(
    ("dialect", "endpoint"), ENDPOINTS, ids=[f"{dialect.API}-{endpoint.name}" for dialect, endpoint in ENDPOINTS]
)


def settings(project: dict[str, Any] | None = None, **key: Any) -> projects.Projects:
    """A project `shop` with a secret and a public key, of which both have these further fields."""
    keys = [
        {"name": kind, "kind": kind, "hash": digest(bytes.fromhex(SALT), text), **key}
        for kind, text in (("secret", SECRET), ("public", PUBLIC))
    ]
    return projects.parse({"salt": SALT, "projects": {"shop": {"keys": keys, **(project or {})}}})


def admitted(answer: Answer) -> bool:
    """Tell whether a key was good; what is wrong with the example at the harness's time does not matter."""
    return answer.status not in {401, 403}


@every_way
async def test_a_key_is_good(way: Way):
    async with gateway_with(settings()) as gateway:
        assert admitted(await way.send(gateway, way.key))


@every_way
async def test_an_unknown_key_is_401(way: Way):
    async with gateway_with(settings()) as gateway:
        assert (await way.send(gateway, "nobody")).status == 401


@every_way
async def test_a_key_expires_to_the_millisecond(way: Way):
    async with gateway_with(settings(expires="2023-12-19T15:53:54.567Z")) as gateway:
        gateway.clock.now_ms = NOW - 1
        assert admitted(await way.send(gateway, way.key))
        gateway.publisher.records.clear()
        gateway.clock.now_ms = NOW
        assert (await way.send(gateway, way.key)).status == 401


@every_way
@pytest.mark.parametrize("scopes", [[], ["events:read"], ["users:write", "events:read"]], ids=str)
async def test_a_key_without_the_scope_is_403(way: Way, scopes: list[str]):
    async with gateway_with(settings(scopes=scopes)) as gateway:
        assert (await way.send(gateway, way.key)).status == 403


@every_way
async def test_a_key_is_good_for_its_origins_alone(way: Way):
    async with gateway_with(settings(origins=["https://Shop.example/", "http://localhost:3000"])) as gateway:
        for origin in ("https://evil.example", "http://shop.example", "https://shop.example:8443", "null"):
            assert (await way.send(gateway, way.key, Origin=origin)).status == 403
        assert (await way.send(gateway, way.key)).status == 403
        for origin in ("https://shop.example", "https://SHOP.example:443", "http://localhost:3000"):
            assert admitted(await way.send(gateway, way.key, Origin=origin))
            gateway.publisher.records.clear()


@every_way
async def test_a_project_may_forbid_public_keys(way: Way):
    async with gateway_with(settings({"allow_public_keys": False})) as gateway:
        assert (await way.send(gateway, PUBLIC)).status == 403
        assert admitted(await way.send(gateway, way.key)) is (way.key == SECRET)


LIMIT = 5


def with_limit(dialect: Dialect, project: dict[str, Any], **key: Any) -> projects.Projects:
    """The project with a limit on one API, also where its document names none."""
    limits = {dialect.API: [{"kind": "fixed_window", "limit": LIMIT, "per_s": 60}]}
    return settings({"limits": limits, **project}, **key)


def headers_of_the_limit(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if "RateLimit" in name}


async def assert_forbidden_at_no_cost(gateway: Gateway, way: Way, key: str) -> None:
    untouched = State(limit=LIMIT, remaining=LIMIT, reset_ms=0, retry_after_ms=0)
    for _ in range(2):
        answer = await way.send(gateway, key)
        assert answer.status == 403
        assert headers_of_the_limit(answer) == way.dialect.rate_headers(Decision(True, (untouched,)), NOW)


@every_way
@pytest.mark.parametrize(
    ("project", "entry", "shown"),
    [
        ({}, {"scopes": ["users:read"]}, None),
        ({}, {"origins": ["https://shop.example"]}, None),
        ({"allow_public_keys": False}, {}, PUBLIC),
    ],
    ids=["scope", "origin", "public keys"],
)
async def test_a_403_tells_of_the_limit_and_costs_nothing(
    way: Way, project: dict[str, Any], entry: dict[str, Any], shown: str | None
):
    async with gateway_with(with_limit(way.dialect, project, **entry)) as gateway:
        await assert_forbidden_at_no_cost(gateway, way, shown or way.key)


@pytest.mark.parametrize("way", OF_ONE_KIND, ids=name_of)
async def test_a_key_of_the_wrong_kind_is_403_and_costs_nothing(way: Way):
    async with gateway_with(with_limit(way.dialect, {})) as gateway:
        await assert_forbidden_at_no_cost(gateway, way, SECRET if way.key == PUBLIC else PUBLIC)


@every_way
async def test_a_401_tells_of_no_limit(way: Way):
    async with gateway_with(with_limit(way.dialect, {}, expires="2023-12-19T15:53:54.567Z")) as gateway:
        for key in (way.key, "nobody"):
            answer = await way.send(gateway, key)
            assert (answer.status, headers_of_the_limit(answer)) == (401, {})


@every_way
async def test_a_key_that_is_revoked_is_401_at_its_next_request(way: Way):
    async with gateway_with(settings()) as gateway:
        assert admitted(await way.send(gateway, way.key))
        gateway.publisher.records.clear()
        gateway.keys.take(projects.parse({"salt": SALT, "projects": {"shop": {}}}))
        assert (await way.send(gateway, way.key)).status == 401


@every_endpoint
@pytest.mark.parametrize("parameter", PARAMETERS.values())
async def test_a_secret_key_in_the_url_is_never_taken(dialect: Dialect, endpoint: Endpoint, parameter: str):
    async with gateway_with(settings()) as gateway:
        answer = await send(gateway, dialect, endpoint, {parameter: SECRET}, {})
        without = await send(gateway, dialect, endpoint, {}, {})
    # A parameter that the API does not have is as none; one that it has says what is wrong.
    assert answer.status in {without.status, 401, 403}
    assert answer.status >= 400


@every_way
async def test_a_public_key_is_good_only_where_browsers_send(way: Way):
    for_browsers = {"query_key", "company_id"} & set(way.endpoint.keys)
    async with gateway_with(settings()) as gateway:
        assert admitted(await way.send(gateway, PUBLIC)) is bool(for_browsers)


@every_way
async def test_a_request_that_fails_unforeseen_leaves_no_key_in_the_log(way: Way, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)

    async def fail(*_: object) -> int:
        raise ZeroDivisionError("boom")

    async with gateway_with(settings()) as gateway:
        gateway.clock.now_ms = NOW if way.dialect.API == "pulse" else WHEN_THE_OTHER_EXAMPLES_WERE_SENT
        gateway.users.known[Identifier("shop", "email", "alexandru@example.com")] = Known("u-1")
        gateway.publisher.publish = fail  # type: ignore[assignment, method-assign]
        assert (await way.send(gateway, way.key)).status == 500
    assert "boom" in caplog.text
    assert way.key not in caplog.text


async def test_limits_that_change_begin_anew_and_others_go_on():
    def with_capacity(capacity: int, **elsewhere: str) -> projects.Projects:
        rule = {"kind": "token_bucket", "capacity": capacity, "refill": 1, "per_s": 3600}
        return settings({"limits": {"pulse": [rule], **elsewhere}})

    way = WAYS[0]

    async def remaining(gateway: Gateway) -> str:
        return (await way.send(gateway, way.key)).headers["X-RateLimit-Remaining"]

    assert way.dialect.API == "pulse"
    async with gateway_with(with_capacity(5)) as gateway:
        assert await remaining(gateway) == "4"
        gateway.keys.take(with_capacity(5, ingest="none"))
        assert await remaining(gateway) == "3"
        gateway.keys.take(with_capacity(10))
        assert await remaining(gateway) == "9"


async def test_keyless_events_follow_the_settings_file():
    def with_keyless(project: str | None) -> projects.Projects:
        return settings().model_copy(update={"keyless_events_project": project})

    (way,) = [way for way in WAYS if way.dialect.API == "events" and way.name == "bearer"]

    async def without_key(gateway: Gateway) -> bool:
        return admitted(await send(gateway, way.dialect, way.endpoint, {}, {}))

    async with gateway_with(with_keyless(None)) as gateway:
        assert not await without_key(gateway)
        gateway.keys.take(with_keyless("shop"))
        assert await without_key(gateway)
        gateway.publisher.records.clear()
        gateway.keys.take(with_keyless(None))
        assert not await without_key(gateway)
