"""API 4 over HTTP: what is too large, too many or too odd for a file of recorded requests."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from tests.unit.gateway.harness import NOW, Gateway, demo_projects, encoded, gateway_with

from sluice.contract import projects
from sluice.gateway.body import MAX_BYTES
from sluice.gateway.dialects.client import JOB as JOB_ENDPOINT
from sluice.gateway.dialects.client import PAGE as PAGE_ENDPOINT
from sluice.gateway.keys import digest

if TYPE_CHECKING:
    from tests.unit.gateway.harness import Answer

PAGE = "/client/event-bulk-create/?company_id=demo_public"
JOB = "/api/event-bulk-create-jobs"
REVISION = {"revision": "2026-07-15"}
SERVER = {"Authorization": "Klaviyo-API-Key pulse_prod_demo"} | REVISION
EMAIL = "sarah.mason@example.com"


def event(name: str = "Viewed Product", **attributes: Any) -> dict[str, Any]:
    metric = {"data": {"type": "metric", "attributes": {"name": name}}}
    return {"type": "event", "attributes": {"metric": metric, **attributes}}


def bulk(events: list[Any], **identifiers: str) -> dict[str, Any]:
    profile = {"type": "profile", "attributes": identifiers or {"email": EMAIL}}
    return {
        "type": "event-bulk-create",
        "attributes": {"profile": {"data": profile}, "events": {"data": events}},
    }


def job(*bulks: Any) -> dict[str, Any]:
    return {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": list(bulks)}}}}


async def send_page(gateway: Gateway, body: Any, headers: dict[str, str] | None = None) -> Answer:
    return await gateway.send(PAGE, encoded(body), REVISION | (headers or {}))


async def send_events(gateway: Gateway, *events: Any) -> Answer:
    return await send_page(gateway, {"data": bulk(list(events))})


async def send_job(gateway: Gateway, *bulks: Any) -> Answer:
    return await gateway.send(JOB, encoded(job(*bulks)), SERVER)


def told(answer: Answer) -> list[tuple[str, str]]:
    """Give the pointers and details of an answer, which has the shape of all of them."""
    assert answer.headers["Content-Type"] == "application/vnd.api+json"
    errors = answer.json["errors"]
    for error in errors:
        assert error.keys() == {"id", "status", "code", "title", "detail", "source"}
        assert error["status"] == answer.status
    assert len({UUID(error["id"]) for error in errors}) == len(errors)
    return [(error["source"]["pointer"], error["detail"]) for error in errors]


def padded(size: int) -> bytes:
    """A valid body of exactly so many bytes."""
    short = encoded({"data": bulk([event(properties={"padding": ""})])})
    return encoded({"data": bulk([event(properties={"padding": "x" * (size - len(short))})])})


async def test_1000_events_pass_and_1001_do_not(gateway: Gateway):
    assert (await send_events(gateway, *[event()] * 1000)).status == 202
    answer = await send_events(gateway, *[event()] * 1001)
    assert told(answer) == [("/data/attributes/events/data", "events must have 1 to 1000 elements")]
    assert len(gateway.lines()) == 1000


async def test_a_job_has_1000_events_over_all_profiles(gateway: Gateway):
    assert (await send_job(gateway, bulk([event()] * 400), bulk([event()] * 600, external_id="e1"))).status == 202
    answer = await send_job(gateway, bulk([event()] * 400), bulk([event()] * 601, external_id="e1"))
    place = "/data/attributes/events-bulk-create/data"
    assert told(answer) == [(place, "events-bulk-create must have at most 1000 events in all")]
    assert len(gateway.lines()) == 1000


async def test_a_job_of_1000_events_and_one_of_another_profile_is_refused_for_their_number_alone(gateway: Gateway):
    answer = await send_job(gateway, bulk([event()] * 1000), bulk([event()], external_id="e1"))
    [(_, detail)] = told(answer)
    assert detail == "events-bulk-create must have at most 1000 events in all"


async def test_null_instead_of_an_array_is_a_missing_one(gateway: Gateway):
    page, of_job = bulk([]), job()
    page["attributes"]["events"]["data"] = None
    of_job["data"]["attributes"]["events-bulk-create"]["data"] = None
    assert told(await send_page(gateway, {"data": page})) == [("/data/attributes/events/data", "events is required")]
    assert told(await gateway.send(JOB, encoded(of_job), SERVER)) == [
        ("/data/attributes/events-bulk-create/data", "events-bulk-create is required")
    ]


async def test_a_job_may_have_1000_profiles(gateway: Gateway):
    bulks = [bulk([event()], external_id=f"e{number}") for number in range(1000)]
    assert (await send_job(gateway, *bulks)).status == 202
    assert {(line.index, line.context.user_id) for line in gateway.lines()} == {(n, f"e{n}") for n in range(1000)}
    assert len(gateway.users.known) == 1000


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(b'{"data":%s}', id="where the body's object stands"),
        pytest.param(
            b'{"data":{"type":"event-bulk-create","attributes":{"profile":%s,"events":{"data":[]}}}}', id="a profile"
        ),
        pytest.param(
            b'{"data":{"type":"event-bulk-create","attributes":{"profile":{},"events":{"data":%s}}}}', id="events"
        ),
    ],
)
async def test_a_million_elements_are_refused_with_few_words(gateway: Gateway, hostile: bytes):
    answer = await send_page(gateway, hostile.replace(b"%s", b"[" + b",".join([b"{}"] * 1_000_000) + b"]"))
    assert answer.status == 400
    assert len(told(answer)) <= 3


async def test_a_job_with_a_million_events_in_profiles_of_1000_is_refused_with_few_words(gateway: Gateway):
    events = b'{"attributes":{"events":{"data":[' + b",".join([b"{}"] * 1000) + b"]}}}"
    body = b'{"data":{"type":"event-bulk-create-job","attributes":{"events-bulk-create":{"data":[%s]}}}}'
    answer = await gateway.send(JOB, body % b",".join([events] * 1000), SERVER)
    assert answer.status == 400
    assert len(told(answer)) <= 101


async def test_100_problems_are_told_one_by_one_and_the_rest_counted(gateway: Gateway):
    assert len(told(await send_events(gateway, *[event("")] * 100))) == 100
    faults = told(await send_events(gateway, *[event("")] * 103))
    assert len(faults) == 101
    assert faults[99][0] == "/data/attributes/events/data/99/attributes/metric/data/attributes/name"
    assert faults[100] == ("/data/", "... and 3 more")


async def test_a_body_of_10_mib_passes(gateway: Gateway):
    assert (await send_page(gateway, padded(MAX_BYTES))).status == 202
    assert len(gateway.events()) == 1


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_body_of_10_mib_and_a_byte_does_not(gateway: Gateway, encoding: str):
    body = padded(MAX_BYTES + 1)
    sent = gzip.compress(body, 1) if encoding == "gzip" else body
    answer = await send_page(gateway, sent, {"Content-Encoding": encoding})
    assert (answer.status, told(answer)) == (413, [("/data/", "Body exceeds 10 MiB")])
    assert answer.headers["RateLimit-Remaining"] == "150"
    assert not gateway.lines()


async def test_a_compressed_body_is_read(gateway: Gateway):
    body = encoded({"data": bulk([event()])})
    assert (await send_page(gateway, gzip.compress(body), {"Content-Encoding": "gzip"})).status == 202
    assert gateway.events() == [encoded(event())]


async def test_a_beacon_needs_no_header(gateway: Gateway):
    body = encoded({"data": bulk([event()])})
    beacon = {"Content-Type": "text/plain;charset=UTF-8", "Origin": "https://shop.example"}
    answer = await gateway.send(PAGE + "&revision=2026-07-15", body, beacon)
    assert answer.status == 202
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"


@pytest.mark.parametrize("text", [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"data":' * 100_000])
async def test_100_000_brackets_are_refused(gateway: Gateway, text: bytes):
    assert told(await send_page(gateway, text)) == [("/data/", "Body is nested deeper than 100 levels")]
    assert (await send_page(gateway, b'{"data":' + text)).status == 400


@pytest.mark.parametrize("levels", [100, 101])
async def test_a_body_may_be_100_levels_deep_wherever_it_is_deepest(gateway: Gateway, levels: int):
    body = encoded({"data": bulk([event(x="@")]) | {"y": "@"}, "z": "@"})
    around = {b'"x": ': 7, b'"y": ': 2, b'"z": ': 1}
    for name, above in around.items():
        deep = b"[" * (levels - above) + b"]" * (levels - above)
        answer = await send_page(gateway, body.replace(name + b'"@"', name + deep))
        if levels == 100:
            assert answer.status == 202
        else:
            assert told(answer) == [("/data/", "Body is nested deeper than 100 levels")]


@pytest.mark.parametrize("wrong", [b"5", b"9" * 5000])
async def test_depth_is_told_before_anything_else_that_is_wrong(gateway: Gateway, wrong: bytes):
    deep = b"[" * 101 + b"]" * 101
    answer = await send_page(gateway, b'{"data":' + wrong + b',"x":' + deep + b"}")
    assert told(answer) == [("/data/", "Body is nested deeper than 100 levels")]


@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"])
@pytest.mark.parametrize("place", ["metric", "property", "extra", "email", "name of a member"])
async def test_invalid_utf8_is_refused_wherever_it_stands(gateway: Gateway, bad: bytes, place: str):
    event_with = {
        "metric": event("@"),
        "property": event(properties={"x": "@"}),
        "extra": event(x="@"),
        "email": event(),
        "name of a member": event(properties={"@": 1}),
    }[place]
    body = encoded({"data": bulk([event_with], email="@" if place == "email" else "a")})
    answer = await send_page(gateway, body.replace(b"@", bad))
    assert told(answer) == [("/data/", "Body must be valid UTF-8")]
    assert not gateway.lines()


HOSTILE_NAMES = ["a/b", "~1", "../../x", "\u0000", '"', "x" * 10_000, "<script>"]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
async def test_what_was_sent_does_not_come_back_in_an_answer(gateway: Gateway, name: str):
    sent = event("", value=name, value_currency=name, time=name, **{name: name})
    answer = await send_page(gateway, {"data": bulk([sent]) | {name: name, "type": name}, name: 1})
    assert {pointer for pointer, _ in told(answer)} == {
        "/data/type",
        *(f"/data/attributes/events/data/0/attributes/{member}" for member in ("time", "value", "value_currency")),
        "/data/attributes/events/data/0/attributes/metric/data/attributes/name",
    }
    assert json.dumps(name)[1:-1] not in answer.body.decode().replace('\\"', "").replace('"', "")


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "1e999", "-1e999", "9" * 400])
async def test_a_value_that_no_double_holds_is_refused_at_its_place(gateway: Gateway, number: str):
    body = encoded({"data": bulk([event(), event(value="@")])}).replace(b'"@"', number.encode())
    [(pointer, _)] = told(await send_page(gateway, body))
    assert pointer == "/data/attributes/events/data/1/attributes/value"


@pytest.mark.parametrize("number", ["9" * 5000, "1e999"])
async def test_a_number_that_no_parser_holds_is_no_object(gateway: Gateway, number: str):
    body = encoded({"data": bulk([event(), "@"])}).replace(b'"@"', number.encode())
    assert told(await send_page(gateway, body)) == [("/data/attributes/events/data/1", "events[1] must be an object")]
    assert told(await send_page(gateway, number.encode())) == [("/data/", "body must be an object")]


async def test_of_two_members_of_the_same_name_only_the_last_counts_whatever_the_first_is(gateway: Gateway):
    body = encoded({"data": bulk([event()])})
    for first in (b"1e999", b"9" * 5000, b"[[]]", b"{}", b"null"):
        for name in (b'"type": "event-bulk-create"', b'"attributes": ', b'"data": '):
            twice = name.split(b":")[0] + b": " + first + b", " + name
            assert (await send_page(gateway, body.replace(name, twice))).status == 202
            gateway.clock.now_ms += 1000


@pytest.mark.parametrize(("names", "status"), [(0, 202), (1, 202), (1000, 202), (1001, 400)])
async def test_1000_names_may_be_unset_at_once(gateway: Gateway, names: int, status: int):
    profile = bulk([event()])
    profile["attributes"]["profile"]["data"]["meta"] = {"patch_properties": {"unset": ["x"] * names}}
    answer = await send_page(gateway, {"data": profile})
    assert answer.status == status
    if status == 400:
        place = "/data/attributes/profile/data/meta/patch_properties/unset"
        assert told(answer) == [(place, "unset must have at most 1000 names")]


@pytest.mark.parametrize("unset", [["x", 1], ["x", None], [["x"]], [{}], {}, {"x": 1}, 5, True, ["x"] * 1000 + [1]])
async def test_what_is_unset_is_named_by_strings(gateway: Gateway, unset: Any):
    profile = bulk([event()])
    profile["attributes"]["profile"]["data"]["meta"] = {"patch_properties": {"unset": unset}}
    [(_, detail)] = told(await send_page(gateway, {"data": profile}))
    assert detail == "unset must be a name or an array of names"


async def test_all_events_of_a_profile_meet_on_one_partition(gateway: Gateway):
    for number in range(8):
        await send_events(gateway, event(unique_id=str(number)), event("Other"))
    assert len({partition for partition, _ in gateway.publisher.records}) == 1


async def test_a_large_profile_is_not_repeated_with_every_event(gateway: Gateway):
    profile = bulk([event()] * 1000)
    profile["attributes"]["profile"]["data"]["attributes"]["properties"] = {"note": "x" * 100_000}
    assert (await send_page(gateway, {"data": profile})).status == 202
    assert sum(len(value) for _, value in gateway.publisher.records) < 1_000_000


async def test_a_user_who_is_new_is_made_once_however_many_ask_at_once(gateway: Gateway):
    bodies = [{"data": bulk([event()], external_id=f"e{number}", email=EMAIL)} for number in range(5)]
    answers = await asyncio.gather(*(send_page(gateway, body) for body in bodies))
    assert {answer.status for answer in answers} == {202}
    owners = {known.user_id for identifier, known in gateway.users.known.items() if identifier.kind == "email"}
    assert len(owners) == 1


async def test_503_while_kafka_is_away_and_202_once_it_is_back(gateway: Gateway):
    gateway.publisher.away = True
    answer = await send_events(gateway, event())
    assert (answer.status, told(answer)) == (503, [("/data/", "Service unavailable, try again later")])
    assert answer.json["errors"][0]["code"] == "service_unavailable"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["RateLimit-Remaining"] == "150"  # given back
    gateway.publisher.away = False
    assert (await send_events(gateway, event())).status == 202


async def test_an_unforeseen_error_is_a_500_in_the_apis_shape_that_gives_nothing_away(gateway: Gateway, caplog):
    async def broken(partition: int, value: bytes, key: bytes | None = None) -> int:
        raise ZeroDivisionError("secret detail")

    gateway.publisher.publish = broken  # type: ignore[method-assign]
    answer = await send_events(gateway, event())
    assert (answer.status, told(answer)) == (500, [("/data/", "Internal server error")])
    assert answer.json["errors"][0]["code"] == "error"
    assert "ZeroDivisionError" in caplog.text


async def test_an_idempotency_key_that_is_too_long_is_refused(gateway: Gateway):
    answer = await send_page(gateway, {"data": bulk([event()])}, {"Idempotency-Key": "k" * 256})
    assert (answer.status, told(answer)) == (400, [("/data/", "Idempotency-Key must be at most 255 characters")])


async def test_both_paths_count_together(gateway: Gateway):
    body = encoded({"data": bulk([event()])})
    for number in range(10):
        path = PAGE if number % 2 else PAGE.replace("/?", "?")
        assert (await gateway.send(path, body, REVISION)).status == 202
    assert (await gateway.send(PAGE, body, REVISION)).status == 429


async def test_the_burst_is_there_again_second_by_second(gateway: Gateway):
    for second in range(15):
        answers = [await send_events(gateway, event()) for _ in range(11)]
        assert [answer.status for answer in answers] == [202] * 10 + [429]
        assert answers[10].headers["Retry-After"] == ("1" if second < 14 else "46")
        assert not [name for name in answers[10].headers if name.startswith("RateLimit-")]
        gateway.clock.now_ms += 1000
    refused = await send_events(gateway, event())
    assert (refused.status, refused.headers["Retry-After"]) == (429, "45")
    gateway.clock.now_ms += 45_000
    assert (await send_events(gateway, event())).status == 202


async def test_the_minutes_reset_is_told_in_seconds_rounded_up(gateway: Gateway):
    await send_events(gateway, event())
    gateway.clock.now_ms += 1
    answer = await send_page(gateway, {})
    assert (answer.headers["RateLimit-Remaining"], answer.headers["RateLimit-Reset"]) == ("149", "60")
    gateway.clock.now_ms += 58_999
    assert (await send_page(gateway, {})).headers["RateLimit-Reset"] == "1"


def settings_with(key: int = 1, /, **changes: object) -> projects.Projects:
    """The demo project with another secret (0) or public (1) key."""
    document = demo_projects().model_dump(mode="json")
    document["projects"]["demo"]["keys"][key] |= changes
    return projects.parse(document)


async def test_a_server_key_without_the_scope_is_403():
    async with gateway_with(settings_with(0, scopes=["users:read"])) as gateway:
        answer = await send_job(gateway, bulk([event()]))
        assert (answer.status, told(answer)) == (403, [("/data/", "API key lacks the scope events:write")])
        assert answer.json["errors"][0]["code"] == "permission_denied"


async def test_a_public_key_without_the_scope_is_403():
    async with gateway_with(settings_with(scopes=["users:read"])) as gateway:
        assert (await send_events(gateway, event())).status == 403


async def test_a_company_id_that_has_expired_is_401():
    async with gateway_with(settings_with(expires="2023-12-19T15:53:54.567Z")) as gateway:
        answer = await send_events(gateway, event())
        assert (answer.status, told(answer)) == (401, [("/data/", "API key has expired")])
        gateway.clock.now_ms = NOW - 1
        assert (await send_events(gateway, event())).status == 202


async def test_a_company_id_is_good_only_for_its_origins():
    async with gateway_with(settings_with(origins=["https://shop.example"])) as gateway:
        for origin, status in (("https://shop.example", 202), ("https://evil.example", 403)):
            assert (await send_page(gateway, {"data": bulk([event()])}, {"Origin": origin})).status == status


async def test_a_private_key_is_refused_on_pages_even_when_it_has_expired():
    async with gateway_with(settings_with(0, expires="2023-01-01T00:00:00Z")) as gateway:
        answer = await gateway.send("/client/event-bulk-create/?company_id=pulse_prod_demo", b"{}", REVISION)
        assert answer.status == 403


def settings_with_two_public_keys(**changes: object) -> projects.Projects:
    """The demo project with the public keys `demo_public`, changed, and `other_public`."""
    document = demo_projects().model_dump(mode="json")
    keys = document["projects"]["demo"]["keys"]
    other = digest(bytes.fromhex(document["salt"]), "other_public")
    keys.append(keys[1] | {"name": "other public", "hash": other})
    keys[1] |= changes
    return projects.parse(document)


OTHER_PAGE = PAGE.replace("demo_public", "other_public")


async def test_all_keys_of_a_company_count_together():
    async with gateway_with(settings_with_two_public_keys()) as gateway:
        for _ in range(10):
            assert (await send_events(gateway, event())).status == 202
        body = encoded({"data": bulk([event()])})
        assert (await gateway.send(OTHER_PAGE, body, REVISION)).status == 429


async def test_a_key_with_limits_of_its_own_counts_for_itself():
    rules = [{"kind": "sliding_window", "limit": 2, "per_s": 1}, {"kind": "fixed_window", "limit": 7, "per_s": 10}]
    async with gateway_with(settings_with_two_public_keys(limits={"client": rules})) as gateway:
        answers = [await send_events(gateway, event()) for _ in range(3)]
        assert [answer.status for answer in answers] == [202, 202, 429]
        assert (answers[1].headers["RateLimit-Limit"], answers[1].headers["RateLimit-Remaining"]) == ("7", "5")
        other = await gateway.send(OTHER_PAGE, encoded({"data": bulk([event()])}), REVISION)
        assert (other.headers["RateLimit-Limit"], other.headers["RateLimit-Remaining"]) == ("150", "149")
        assert (await send_events(gateway, event())).status == 429


async def test_keys_are_neither_logged_nor_published(gateway: Gateway, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG")
    body = encoded({"data": bulk([event()])})
    for company_id in ("demo_public", "pulse_prod_demo", "nobody"):
        await gateway.send(f"/client/event-bulk-create/?company_id={company_id}", body, REVISION)
    await gateway.send(JOB, encoded(job(bulk([event()]))), SERVER)
    for key in ("demo_public", "pulse_prod_demo", "nobody"):
        assert key not in caplog.text
        assert not [value for _, value in gateway.publisher.records if key.encode() in value]


@pytest.mark.parametrize("endpoint", [PAGE_ENDPOINT, JOB_ENDPOINT], ids=lambda endpoint: endpoint.name)
async def test_the_documented_example_is_accepted(gateway: Gateway, endpoint):
    path = PAGE if endpoint is PAGE_ENDPOINT else JOB
    headers = REVISION if endpoint is PAGE_ENDPOINT else SERVER
    assert (await gateway.send(path, encoded(endpoint.example), headers)).status == 202
