"""API 5 over HTTP: what is too large, too many, too odd or too much at once for a file of recorded requests."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING, Any

import brotli
import msgspec
import pytest
from tests.unit.gateway.harness import DEMO, NOW, Gateway, demo_projects, encoded, gateway_with
from tests.unit.gateway.wire import until

from sluice.contract import projects
from sluice.contract.errors import SluiceError
from sluice.gateway.body import MAX_BYTES
from sluice.gateway.dialects import user_event
from sluice.gateway.dialects.port import STATUS, Problem
from sluice.gateway.load import Load
from sluice.gateway.users.port import Identifier, Known, Link
from sluice.gateway.users.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.unit.gateway.harness import Answer

ANN = {"_id": "u1", "email": "ann@example.com"}
NOT_FOUND = ("User not found", "The user must exist before events can be created for it")
AWAY = ("Service unavailable", "Please send it again after the seconds in Retry-After")


async def send_event(gateway: Gateway, event: Any, user: Any = ANN, headers: dict[str, str] | None = None) -> Answer:
    return await gateway.send("/event/", encoded({"user": user, "event": event}), DEMO | (headers or {}))


async def save(gateway: Gateway, user: Any = ANN, headers: dict[str, str] | None = None) -> Answer:
    return await gateway.send("/user/", encoded({"user": user}), DEMO | (headers or {}))


def error_of(answer: Answer) -> tuple[str, str]:
    (error,) = answer.json["errors"]
    assert answer.json.keys() == {"errors"}
    assert error.keys() == {"message", "description"}
    return error["message"], error["description"]


def known(gateway: Gateway, **names: str) -> list[Known | None]:
    return [gateway.users.find(Identifier("demo", kind, name)) for kind, name in names.items()]  # type: ignore[arg-type]


def user_ids(gateway: Gateway) -> list[str]:
    return [line.context.user_id for line in gateway.lines()]


@pytest.fixture
async def ann(gateway: Gateway) -> Gateway:
    """A gateway that knows Ann, by both of her names."""
    assert (await save(gateway)).status == 200
    gateway.publisher.records.clear()
    return gateway


def settings_with(**project: object) -> projects.Projects:
    document = demo_projects().model_dump(mode="json")
    document["projects"]["demo"] |= project
    return projects.parse(document)


# What is on the raw topic


async def test_a_raw_line_tells_all_that_the_processors_need(ann: Gateway):
    headers = {"User-Agent": "shop/1.0", "Idempotency-Key": "key-1", "X-Request-Id": "request-9"}
    sent = encoded({"user": ANN, "event": {"search": {"q": "shoes"}}})
    assert (await ann.send("/event/", sent, DEMO | headers)).status == 200
    (line,) = ann.lines()
    assert (line.project, line.api, line.request_id, line.index) == ("demo", "user_event", "request-9", 0)
    assert (line.received_at, line.idempotency_key, line.key) == (NOW, "key-1", "demo/id/key-1")
    assert (line.client.ip, line.client.user_agent) == ("127.0.0.1", "shop/1.0")
    assert bytes(line.event) == sent


async def test_a_saved_user_is_a_raw_line_too(gateway: Gateway):
    sent = encoded({"user": ANN | {"firstname": "ann"}})
    assert (await gateway.send("/user/", sent, DEMO)).status == 200
    (line,) = gateway.lines()
    assert (bytes(line.event), line.key, line.context.user_id) == (sent, "demo/user/u1", "u1")


async def test_white_space_around_a_body_is_not_stored(ann: Gateway):
    body = encoded({"user": ANN, "event": {"logout": {}}})
    assert (await ann.send("/event/", b" \r\n\t" + body + b"\n ", DEMO)).status == 200
    ((_, value),) = ann.publisher.records
    assert b'"event":' + body in value


async def test_all_that_changes_a_user_meets_on_one_partition(ann: Gateway):
    events: tuple[Any, ...] = ({"update": {"a": 1}}, {"login": {}}, {"email_open": {}})
    for event in events:
        assert (await send_event(ann, event, {"email": "ANN@example.com"})).status == 200
    assert (await save(ann, {"_id": "u1", "a": 2})).status == 200
    assert len({partition for partition, _ in ann.publisher.records}) == 1


# A project's own events


async def test_a_project_may_have_standard_events_of_its_own():
    async with gateway_with(settings_with(standard_events=["rental", "booking"])) as gateway:
        await save(gateway)
        assert (await send_event(gateway, {"rental": {"timestamp": NOW}})).status == 200
        assert (await send_event(gateway, {"rental": {"timestamp": "x"}})).status == 400
        message, description = error_of(await send_event(gateway, {"sale": {}}))
        assert message == "Invalid event information"
        assert description.endswith("email_click, booking, rental")


# Users


async def test_a_user_saved_a_moment_ago_is_known_by_both_names(gateway: Gateway):
    assert error_of(await send_event(gateway, {"search": {}})) == NOT_FOUND
    assert (await save(gateway)).status == 200
    for names in (ANN, {"_id": "u1"}, {"email": "ann@example.com"}):
        assert (await send_event(gateway, {"search": {}}, names)).status == 200
    assert user_ids(gateway) == ["u1"] * 4


async def test_users_of_two_projects_are_strangers():
    async with gateway_with(demo_projects()) as gateway:
        await save(gateway)
        load = {"Authorization": "Bearer pulse_prod_load"}
        assert error_of(await send_event(gateway, {"search": {}}, headers=load)) == NOT_FOUND
        await save(gateway, {"_id": "u9", "email": "ann@example.com"}, load)
        await send_event(gateway, {"search": {}}, {"email": "ann@example.com"}, load)
        assert [(line.project, line.context.user_id) for line in gateway.lines()] == [
            ("demo", "u1"),
            ("load", "u9"),
            ("load", "u9"),
        ]


class SlowSaves:
    """Holds links back until it is told to go on; `waiting` is set when the first ones are held."""

    def __init__(self, gateway: Gateway, *, one_by_one: bool = False) -> None:
        self._save = gateway.users.save
        self._one_by_one = one_by_one
        self.waiting = asyncio.Event()
        self.go_on = asyncio.Event()
        self.calls = 0
        gateway.users.save = self._held  # type: ignore[method-assign]

    async def _held(self, links: Sequence[Link]) -> None:
        self.calls += 1
        self.waiting.set()
        await self.go_on.wait()
        if self._one_by_one:
            self.go_on.clear()
        await self._save(links)


async def served(gateway: Gateway) -> None:
    """Let the gateway answer a request that came later than all others."""
    assert (await gateway.send("/ready", method="GET")).status == 200


async def test_two_users_who_are_saved_with_one_address_at_once_are_one_user(gateway: Gateway):
    slow = SlowSaves(gateway)
    first = asyncio.create_task(save(gateway, {"_id": "u1", "email": "shared@example.com"}))
    await slow.waiting.wait()
    second = asyncio.create_task(save(gateway, {"_id": "u2", "email": " Shared@example.com"}))
    for _ in range(3):
        await served(gateway)
    assert slow.calls == 1
    slow.go_on.set()
    assert [(await answer).status for answer in (first, second)] == [200, 200]
    assert user_ids(gateway) == ["u1", "u1"]
    assert {found.user_id for found in known(gateway, id="u2", email="shared@example.com") if found} == {"u1"}


async def test_of_two_who_log_in_with_one_new_address_at_once_the_second_is_the_first(gateway: Gateway):
    for name in ("u1", "u2"):
        await save(gateway, {"_id": name})
    gateway.publisher.records.clear()
    slow = SlowSaves(gateway)
    login = {"login": {"email": "shared@example.com"}}
    first = asyncio.create_task(send_event(gateway, login, {"_id": "u1"}))
    await slow.waiting.wait()
    second = asyncio.create_task(send_event(gateway, login, {"_id": "u2"}))
    for _ in range(3):
        await served(gateway)
    slow.go_on.set()
    assert [(await answer).status for answer in (first, second)] == [200, 200]
    assert user_ids(gateway) == ["u1", "u1"]
    assert known(gateway, id="u2") == [Known("u1", "shared@example.com")]


async def test_one_user_who_is_saved_by_two_names_at_once_has_one_address(gateway: Gateway):
    slow = SlowSaves(gateway)
    first = asyncio.create_task(save(gateway, {"_id": "ann@example.com", "email": "other@example.com"}))
    await slow.waiting.wait()
    second = asyncio.create_task(save(gateway, {"email": "ann@example.com"}))
    for _ in range(3):
        await served(gateway)
    assert slow.calls == 1
    slow.go_on.set()
    assert [(await answer).status for answer in (first, second)] == [200, 200]
    ann = Known("ann@example.com", "other@example.com")
    assert known(gateway, id="ann@example.com", email="ann@example.com") == [ann, ann]


async def test_who_turns_out_to_mean_a_user_that_another_is_changing_waits_for_that_one_too(ann: Gateway):
    await save(ann, {"_id": "visitor"})
    slow = SlowSaves(ann, one_by_one=True)
    login = asyncio.create_task(send_event(ann, {"login": {"email": "ann@example.com"}}, {"_id": "visitor"}))
    await slow.waiting.wait()
    by_visitor = asyncio.create_task(save(ann, {"_id": "visitor", "email": "new@example.com"}))
    await served(ann)
    by_ann = asyncio.create_task(save(ann, {"_id": "u1", "email": "newer@example.com"}))
    for _ in range(3):
        await served(ann)
    assert slow.calls == 1
    slow.go_on.set()  # now the visitor is Ann, whom the third request changes
    assert (await login).status == 200
    for _ in range(3):
        await served(ann)
    assert slow.calls == 2
    slow.go_on.set()
    assert (await by_ann).status == 200
    for _ in range(3):
        await served(ann)
    assert slow.calls == 3
    slow.go_on.set()
    assert (await by_visitor).status == 200
    assert known(ann, id="u1") == known(ann, id="visitor") == [Known("u1", "new@example.com")]


async def test_who_shares_no_name_does_not_wait(ann: Gateway):
    slow = SlowSaves(ann)
    saving = asyncio.create_task(save(ann, {"_id": "u2"}))
    await slow.waiting.wait()
    assert (await send_event(ann, {"update": {"a": 1}})).status == 200
    assert not saving.done()
    slow.go_on.set()
    assert (await saving).status == 200


async def test_who_has_nothing_left_to_link_keeps_nobody_waiting(gateway: Gateway):
    slow = SlowSaves(gateway, one_by_one=True)
    first = asyncio.create_task(save(gateway, {"_id": "u1"}))
    await slow.waiting.wait()
    again = asyncio.create_task(save(gateway, {"_id": "u1"}))
    for _ in range(3):
        await served(gateway)
    moving = asyncio.create_task(save(gateway, ANN))
    for _ in range(3):
        await served(gateway)
    publish, acknowledged = gateway.publisher.publish, asyncio.Event()

    async def unacknowledged(partition: int, value: bytes, key: bytes | None = None) -> int:
        await acknowledged.wait()
        return await publish(partition, value, key)

    await until(lambda: len(gateway.publisher.records) == 1)
    gateway.publisher.publish = unacknowledged  # type: ignore[method-assign]
    slow.go_on.set()
    assert (await first).status == 200
    await until(lambda: slow.calls == 2)
    slow.go_on.set()
    await until(lambda: known(gateway, id="u1") == [Known("u1", "ann@example.com")])
    assert not again.done()
    acknowledged.set()
    assert [(await answer).status for answer in (again, moving)] == [200, 200]


async def test_while_many_change_one_user_all_others_go_on():
    load, turns = Load(max_requests=4), Turns(max_waiting=2)
    async with gateway_with(demo_projects(), load=load, turns=turns) as gateway:
        slow = SlowSaves(gateway)

        def change(number: int) -> asyncio.Task[Answer]:
            return asyncio.create_task(save(gateway, {"_id": "u1", "email": f"{number}@example.com"}))

        waiting = [change(number) for number in range(3)]
        await until(lambda: load.working == 3)
        for number in range(3, 6):
            refused = await change(number)
            assert (refused.status, error_of(refused), refused.headers["Retry-After"]) == (503, AWAY, "5")
        assert load.working == 3
        other_project = {"Authorization": "Bearer pulse_prod_load"}
        events = encoded({"messageBody": [{"type": "page_view"}]})
        assert (await gateway.send("/collect/event", events, other_project)).status == 201
        other_user = asyncio.create_task(save(gateway, {"_id": "u2"}))
        await until(lambda: slow.calls == 2)
        slow.go_on.set()
        assert [(await answer).status for answer in (*waiting, other_user)] == [200] * 4


async def test_many_at_once_about_few_names_leave_each_name_with_one_user(gateway: Gateway):
    def request(number: int) -> Any:
        user = {"_id": f"u{number % 3}"} | ({"email": f"{number % 2}@example.com"} if number % 5 else {})
        return save(gateway, user)

    answers = await asyncio.gather(*(request(number) for number in range(60)))
    assert {answer.status for answer in answers} <= {200, 400}
    for line in gateway.lines():
        user = msgspec.json.decode(line.event)["user"]
        found = [found for found in known(gateway, id=user["_id"]) if found]
        assert [each.user_id for each in found] == [line.context.user_id]


# A neighbour is away


async def test_while_kafka_is_away_a_user_is_not_saved_by_halves(gateway: Gateway):
    gateway.publisher.away = True
    answer = await save(gateway)
    assert (answer.status, error_of(answer)) == (503, AWAY)
    assert int(answer.headers["Retry-After"]) >= 1
    by_id, by_email = known(gateway, id="u1", email="ann@example.com")
    assert by_id == by_email
    gateway.publisher.away = False
    assert (await save(gateway)).status == 200
    assert (await send_event(gateway, {"search": {}})).status == 200
    assert user_ids(gateway) == ["u1", "u1"]


async def test_while_the_users_log_is_away_nobody_new_is_known(gateway: Gateway):
    gateway.users.away = True
    answer = await save(gateway)
    assert (answer.status, error_of(answer)) == (503, AWAY)
    assert int(answer.headers["Retry-After"]) >= 1
    assert known(gateway, id="u1", email="ann@example.com") == [None, None]
    assert error_of(await send_event(gateway, {"search": {}})) == NOT_FOUND
    gateway.users.away = False
    assert (await save(gateway)).status == 200
    assert (await send_event(gateway, {"search": {}})).status == 200


async def test_while_the_users_log_is_away_events_of_known_users_are_taken(ann: Gateway):
    ann.users.away = True
    assert (await send_event(ann, {"update": {"firstname": "ann"}})).status == 200
    assert (await save(ann)).status == 200


async def test_while_the_users_log_is_away_nobody_is_identified(gateway: Gateway):
    await save(gateway, {"_id": "u3"})
    gateway.users.away = True
    login = {"login": {"email": "new@example.com"}}
    assert (await send_event(gateway, login, {"_id": "u3"})).status == 503
    assert known(gateway, id="u3", email="new@example.com") == [Known("u3"), None]
    gateway.users.away = False
    assert (await send_event(gateway, login, {"_id": "u3"})).status == 200
    assert known(gateway, id="u3") == [Known("u3", "new@example.com")]


async def test_after_a_failure_the_next_one_gets_its_turn(gateway: Gateway):
    gateway.users.away = True
    answers = await asyncio.gather(*(save(gateway, {"_id": f"u{n}", "email": "a@example.com"}) for n in range(5)))
    assert {answer.status for answer in answers} == {503}
    gateway.users.away = False
    async with asyncio.timeout(30):
        assert (await save(gateway, {"_id": "u1", "email": "a@example.com"})).status == 200


# Limits

TWO_A_MINUTE = settings_with(limits={"user_event": [{"kind": "fixed_window", "limit": 2, "per_s": 60}]})


async def test_by_default_there_is_no_limit(ann: Gateway):
    for _ in range(300):
        answer = await send_event(ann, {"search": {}})
        assert answer.status == 200
    assert "X-RateLimit-Remaining" not in answer.headers


async def test_a_project_may_limit_requests_over_both_paths():
    async with gateway_with(TWO_A_MINUTE) as gateway:
        answers = [await save(gateway), await send_event(gateway, {"search": {}})]
        assert [(a.status, a.headers["X-RateLimit-Remaining"]) for a in answers] == [(200, "1"), (200, "0")]
        for answer in (await save(gateway), await send_event(gateway, {"search": {}})):
            assert (answer.status, answer.headers["Retry-After"]) == (429, "60")
            assert answer.headers["X-RateLimit-Remaining"] == "0"
            assert error_of(answer)[0] == "Rate limit exceeded"
        gateway.clock.now_ms += 60_000
        assert (await save(gateway)).status == 200
        assert len(gateway.lines()) == 3


async def test_who_is_not_known_costs_nothing():
    async with gateway_with(TWO_A_MINUTE) as gateway:
        for _ in range(3):
            answer = await send_event(gateway, {"search": {}})
            assert (error_of(answer), answer.headers["X-RateLimit-Remaining"]) == (NOT_FOUND, "2")
        await save(gateway)
        await save(gateway, {"_id": "u2", "email": "bob@example.com"})
        gateway.clock.now_ms += 60_000
        for _ in range(3):
            answer = await send_event(gateway, {"search": {}}, {"_id": "u2", "email": "ann@example.com"})
            assert (answer.status, answer.headers["X-RateLimit-Remaining"]) == (400, "2")


async def test_what_is_invalid_or_cannot_be_kept_costs_nothing():
    async with gateway_with(TWO_A_MINUTE) as gateway:
        gateway.users.away = True
        for answer in (await save(gateway), await save(gateway, {}), await send_event(gateway, {"sale": {}})):
            assert answer.headers["X-RateLimit-Remaining"] == "2"


async def test_a_limit_counts_before_the_user_is_looked_up():
    async with gateway_with(TWO_A_MINUTE) as gateway:
        for name in ("u1", "u2"):
            await save(gateway, {"_id": name})
        assert (await send_event(gateway, {"search": {}}, {"_id": "nobody"})).status == 429


# Keys


async def test_a_key_that_has_expired_is_refused():
    document = demo_projects().model_dump(mode="json")
    document["projects"]["demo"]["keys"][0] |= {"expires": "2023-12-19T15:53:54.567Z"}
    async with gateway_with(projects.parse(document)) as gateway:
        answer = await save(gateway)
        assert (answer.status, error_of(answer)) == (401, ("Unauthorized", "API key has expired"))
        gateway.clock.now_ms -= 1
        assert (await save(gateway)).status == 200


async def test_a_key_without_the_scope_is_refused():
    document = demo_projects().model_dump(mode="json")
    document["projects"]["demo"]["keys"][0] |= {"scopes": ["users:read"]}
    async with gateway_with(projects.parse(document)) as gateway:
        answer = await save(gateway)
        assert (answer.status, error_of(answer)) == (403, ("Forbidden", "API key lacks the scope events:write"))


# Large and odd bodies


def padded(size: int) -> bytes:
    """A valid body of exactly so many bytes."""
    short = encoded({"user": ANN, "event": {"update": {"note": ""}}})
    return encoded({"user": ANN, "event": {"update": {"note": "x" * (size - len(short))}}})


async def test_a_body_of_10_mib_passes(ann: Gateway):
    assert (await ann.send("/event/", padded(MAX_BYTES), DEMO)).status == 200
    assert ann.events() == [padded(MAX_BYTES)]


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
async def test_a_body_of_10_mib_and_a_byte_does_not(ann: Gateway, headers: dict[str, str]):
    body = padded(MAX_BYTES + 1)
    answer = await ann.send("/event/", gzip.compress(body, 1) if headers else body, DEMO | headers)
    assert (answer.status, error_of(answer)) == (413, ("Request too large", "Body exceeds 10 MiB"))
    assert not ann.lines()


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("br", brotli.compress)])
async def test_a_compressed_body_is_read(ann: Gateway, encoding: str, compress: Any):
    body = encoded({"user": ANN, "event": {"search": {"q": "shoes"}}})
    assert (await ann.send("/event/", compress(body), DEMO | {"Content-Encoding": encoding})).status == 200
    assert ann.events() == [body]


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"user":' * 100_000, b'{"a":[' * 50_000 + b"]}" * 50_000])
async def test_100_000_brackets_are_refused(ann: Gateway, body: bytes):
    answer = await ann.send("/event/", body, DEMO)
    assert (answer.status, error_of(answer)[1]) == (400, "Body is nested deeper than 100 levels")


@pytest.mark.parametrize(
    ("body", "around"), [('{"user":@}', 1), ('{"user":{"_id":"u1","x":@}}', 2), ('{"user":{"_id":"u1"},"x":@}', 1)]
)
async def test_a_body_is_nested_100_levels_at_most_wherever_it_is_deepest(gateway: Gateway, body: str, around: int):
    for levels in (100, 101):
        deep = "[" * (levels - around) + "]" * (levels - around)
        answer = await gateway.send("/user/", body.replace("@", deep).encode(), DEMO)
        too_deep = answer.status == 400 and error_of(answer)[1] == "Body is nested deeper than 100 levels"
        assert too_deep == (levels == 101)


@pytest.mark.parametrize("bad", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"])
@pytest.mark.parametrize(
    "body",
    [
        b'{"user":{"_id":"@"},"event":{"search":{}}}',
        b'{"user":{"_id":"u1","x":"@"},"event":{"search":{}}}',
        b'{"user":{"_id":"u1"},"event":{"search":{"@":1}}}',
        b'{"user":{"_id":"u1"},"event":{"search":{}},"x":["@"]}',
    ],
)
async def test_invalid_utf8_is_refused_wherever_it_stands(ann: Gateway, body: bytes, bad: bytes):
    answer = await ann.send("/event/", body.replace(b"@", bad), DEMO)
    assert (answer.status, error_of(answer)) == (400, ("Invalid request", "Body must be valid UTF-8"))
    assert not ann.lines()


@pytest.mark.parametrize("name", ["a\0b", "/", "demo/user/u1", "\u202e", "💚", '"', "x" * 256, "ÄÖ", " "])
async def test_any_string_may_name_a_user(gateway: Gateway, name: str):
    assert (await save(gateway, {"_id": name})).status == 200
    assert (await send_event(gateway, {"update": {}}, {"_id": name})).status == 200
    assert [line.key for line in gateway.lines()] == [f"demo/user/{name}"] * 2


@pytest.mark.parametrize(("length", "status"), [(254, 200), (255, 400)])
async def test_the_spaces_around_an_address_count_for_its_length(gateway: Gateway, length: int, status: int):
    assert (await save(gateway, {"email": f" {'a' * length} "})).status == status


@pytest.mark.parametrize("number", ["18446744073709551616", "-9223372036854775809", "9" * 256])
async def test_an_integer_id_beyond_64_bits_keeps_its_digits(gateway: Gateway, number: str):
    assert (await gateway.send("/user/", b'{"user":{"_id":%s}}' % number.encode(), DEMO)).status == 200
    assert (await send_event(gateway, {"search": {}}, {"_id": number})).status == 200
    assert user_ids(gateway) == [number] * 2


@pytest.mark.parametrize("number", ["9" * 257, "9" * 5000, "1e999", "-1e999", "1e2", "7.0"])
async def test_no_other_number_names_a_user_or_an_order(ann: Gateway, number: str):
    sent = number.encode()
    answer = await ann.send("/user/", b'{"user":{"_id":%s}}' % sent, DEMO)
    assert (answer.status, error_of(answer)[0]) == (400, "Invalid user information")
    answer = await ann.send("/event/", b'{"user":{"_id":"u1"},"event":{"confirmation":{"orderId":%s}}}' % sent, DEMO)
    assert (answer.status, error_of(answer)[0]) == (400, "Invalid event information")
    assert not ann.lines()


@pytest.mark.parametrize(
    "number", ["9" * 5000, "-" + "9" * 5000, "1e999", "-1e999", "1e-999", "18446744073709551616"]
)
async def test_numbers_beyond_64_bits_are_no_times(ann: Gateway, number: str):
    body = b'{"user":{"_id":"u1"},"event":{"search":{"timestamp":%s}}}' % number.encode()
    answer = await ann.send("/event/", body, DEMO)
    assert (answer.status, error_of(answer)[0]) == (400, "Invalid event information")


@pytest.mark.parametrize("number", ["9" * 5000, "1e999", "18446744073709551616"])
async def test_numbers_beyond_64_bits_are_kept_where_nobody_looks(ann: Gateway, number: str):
    body = b'{"n":%s,"user":{"_id":"u1","n":%s},"event":{"search":{"n":%s}}}' % ((number.encode(),) * 3)
    assert (await ann.send("/event/", body, DEMO)).status == 200
    assert ann.events() == [body]


WRONG = [b"true", b"false", b"[]", b"{}", b'""', b"[[1]]", b'{"a":1}', b"9" * 5000, b"1.5", b"1e999"]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda value: value[:8].decode())
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"user":@,"event":{"search":{}}}', "Invalid user information"),
        (b'{"user":{"_id":@},"event":{"search":{}}}', "Invalid user information"),
        (b'{"user":{"_id":"u1","email":@},"event":{"search":{}}}', "Invalid user information"),
        (b'{"user":{"_id":"u1"},"event":@}', "Invalid event information"),
        (b'{"user":{"_id":"u1"},"event":{"generic":@}}', "Invalid event information"),
        (b'{"user":{"_id":"u1"},"event":{"generic":{"event_name":@}}}', "Invalid event information"),
        (b'{"user":{"_id":"u1"},"event":{"confirmation":@}}', "Invalid event information"),
        (b'{"user":{"_id":"u1"},"event":{"confirmation":{"orderId":@}}}', "Invalid event information"),
        (b'{"user":{"_id":"u1"},"event":{"login":{"email":@}}}', "Invalid event information"),
    ],
)
async def test_a_wrong_type_is_refused_in_each_place(ann: Gateway, body: bytes, message: str, wrong: bytes):
    answer = await ann.send("/event/", body.replace(b"@", wrong), DEMO)
    assert (answer.status, error_of(answer)[0]) == (400, message)
    assert not ann.lines()


async def test_an_idempotency_key_that_is_too_long_is_refused(ann: Gateway):
    answer = await send_event(ann, {"search": {}}, headers={"Idempotency-Key": "k" * 256})
    words = ("Invalid request", "Idempotency-Key must be at most 255 characters")
    assert (answer.status, error_of(answer)) == (400, words)


# Errors


async def test_an_unforeseen_error_is_a_500_in_the_apis_shape_that_gives_nothing_away(
    ann: Gateway, caplog: pytest.LogCaptureFixture
):
    def broken(*_: object) -> Any:
        raise ZeroDivisionError("secret detail")

    ann.users.find = broken  # type: ignore[assignment, method-assign]
    answer = await send_event(ann, {"search": {}})
    assert (answer.status, error_of(answer)[0]) == (500, "Internal server error")
    assert b"secret" not in answer.body
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("status", sorted({*STATUS.values(), 500}))
def test_every_error_has_the_documents_shape(status: int):
    problem = Problem(status, "words", SluiceError())
    reply = user_event.refuse(None, problem, NOW)  # type: ignore[arg-type]
    (error,) = msgspec.json.decode(reply.body)["errors"]
    assert (reply.status, reply.content_type) == (status, "application/json")
    assert all(isinstance(error[name], str) and error[name] for name in ("message", "description"))
    user_event.Refused.model_validate_json(reply.body)


async def test_the_next_ones_turn_comes_when_names_are_saved_although_the_event_was_refused(gateway: Gateway):
    order: list[str] = []
    may_go_on = asyncio.Event()
    keep = gateway.users.save

    async def slow(links: Sequence[Link]) -> None:
        order.append("begun")
        await may_go_on.wait()
        await keep(links)
        order.append("saved")

    gateway.users.save = slow  # type: ignore[method-assign]
    gateway.publisher.away = True
    first = asyncio.create_task(save(gateway))
    async with asyncio.timeout(10):
        while not order:
            await asyncio.sleep(0)
        second = asyncio.create_task(save(gateway))
        for _ in range(100):
            await gateway.send("/health", method="GET")
        assert order == ["begun"]
        assert not first.done()
        may_go_on.set()
        assert {(await first).status, (await second).status} == {503}
    assert order[:2] == ["begun", "saved"]
