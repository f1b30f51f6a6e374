"""The rules that remember, over HTTP, with two workers of which one is killed half way and started again."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.integration.pipeline.conftest import Pipeline
    from tests.integration.stack import Stack

CLIENTS = 8
MINUTE_MS = 60_000
DEADLINE_S = 60.0
HEADERS = {"Authorization": "Bearer pulse_prod_load"}

OUTCOMES = """
SELECT outcome, count() FROM sluice.event_log WHERE session_id = {session_id:String} GROUP BY outcome ORDER BY outcome
"""

Send = Callable[[requests.Session], None]


@pytest.fixture
def two_workers(pipeline: Pipeline) -> Iterator[None]:
    """A second worker of the processors, beside the first."""
    second = pipeline.start_another("processors")
    yield
    second.stop()


def send_while_a_worker_is_killed(pipeline: Pipeline, clients: Sequence[Sequence[Send]]) -> None:
    """Let clients send side by side, each in its order; half way, kill a worker and start it again."""
    half = sum(map(len, clients)) // 2
    half_way = threading.Semaphore(0)

    def work(sends: Sequence[Send]) -> None:
        with requests.Session() as session:
            session.headers.update(HEADERS)
            for send in sends:
                send(session)
                half_way.release()

    with ThreadPoolExecutor(len(clients)) as pool:
        working = [pool.submit(work, sends) for sends in clients]
        for _ in range(half):
            assert half_way.acquire(timeout=60), "clients send"
        pipeline.roles["processors"].kill()
        pipeline.roles["processors"].start()
        for client in working:
            client.result()


def posting(url: str, body: Any, status: int) -> Send:
    """Give what posts a body, and holds the answer to its status."""

    def post(session: requests.Session) -> None:
        answer = session.post(url, json=body, timeout=30)
        assert answer.status_code == status, answer.text

    return post


@pytest.mark.usefixtures("two_workers")
def test_of_an_order_that_is_confirmed_three_times_one_is_stored(
    deployment: Stack, pipeline: Pipeline, event: Callable[..., Any], session_id: str
):
    """Two of the three come by API 1, ten in a batch, and one by API 5: an order is one, whatever API names it."""
    email = f"{session_id}@example.com"
    assert pipeline.post("/user/", {"user": {"email": email}}).status_code == 200
    shuffled = random.Random(5)
    orders = [f"{session_id}-{number}" for number in range(1000)]
    twice = orders * 2
    shuffled.shuffle(twice)
    batches = [
        posting(
            f"{pipeline.url}/collect/batch",
            {"events": [event(event_type="confirmation", order_id=order) for order in twice[first : first + 10]]},
            202,
        )
        for first in range(0, len(twice), 10)
    ]
    singles = [
        posting(
            f"{pipeline.url}/event/",
            {"user": {"email": email}, "event": {"confirmation": {"orderId": order, "session_id": session_id}}},
            200,
        )
        for order in orders
    ]
    sends = [*batches, *singles]
    shuffled.shuffle(sends)
    send_while_a_worker_is_killed(pipeline, [sends[client::CLIENTS] for client in range(CLIENTS)])
    pipeline.wait_for([("duplicate", 2000), ("stored", 1000)], OUTCOMES, session_id=session_id)
    stored = pipeline.query(
        "SELECT uniqExact(order_id) FROM sluice.events WHERE session_id = {session_id:String}", session_id=session_id
    )
    assert stored == [(1000,)]
    lost_to_no_stored_one = pipeline.query(
        """
        SELECT count() FROM sluice.rejected_events AS rejected
        LEFT ANTI JOIN sluice.events AS stored
            ON stored.event_id = rejected.duplicate_of AND stored.order_id = rejected.order_id
        WHERE rejected.session_id = {session_id:String}
        """,
        session_id=session_id,
    )
    assert lost_to_no_stored_one == [(0,)]
    assert_account_balances(deployment)


@pytest.mark.usefixtures("two_workers")
def test_of_a_users_email_opens_one_is_stored_in_20_minutes_to_the_millisecond(
    deployment: Stack, pipeline: Pipeline, event: Callable[..., Any], session_id: str
):
    began = int(time.time() * 1000) - 120 * MINUTE_MS
    after = {0: 0, 1: 20 * MINUTE_MS - 1, 2: 20 * MINUTE_MS, 3: 40 * MINUTE_MS - 1, 4: 40 * MINUTE_MS}
    users = [f"{session_id}-{number}" for number in range(200)]

    def open_of(user: str, number: int) -> Send:
        sent = event(event_type="email_open", user_id=user, timestamp=began + after[number], n=number)
        return posting(f"{pipeline.url}/collect", sent, 202)

    clients = [
        [open_of(user, number) for number in after for user in users[client::CLIENTS]] for client in range(CLIENTS)
    ]
    send_while_a_worker_is_killed(pipeline, clients)
    pipeline.wait_for([("stored", 600), ("throttled", 400)], OUTCOMES, session_id=session_id)
    stored = pipeline.query(
        """
        SELECT opens, count() FROM (
            SELECT user_id, arraySort(groupArray(toUInt8(properties['n']))) AS opens
            FROM sluice.events WHERE session_id = {session_id:String} GROUP BY user_id
        ) GROUP BY opens
        """,
        session_id=session_id,
    )
    assert stored == [([0, 2, 4], 200)]
    assert_account_balances(deployment)


def assert_account_balances(deployment: Stack) -> None:
    """See that `sluice audit` finds every accepted event once, stored or rejected.

    Roll-ups are left out: other tests have put rows in the table that no sink passes on to them.
    """
    deadline = time.monotonic() + DEADLINE_S
    while (account := audited(deployment))["total"]["on_the_way"] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert (account["balances"], account["total"]["on_the_way"]) == (True, 0), account


def audited(deployment: Stack) -> dict[str, Any]:
    """Give what `sluice audit` finds."""
    audit = subprocess.run(
        [sys.executable, "-m", "sluice", "audit", "--json"],
        env={
            "SLUICE_KAFKA_BOOTSTRAP": deployment.kafka_bootstrap,
            "SLUICE_CLICKHOUSE_URL": deployment.clickhouse_url,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert audit.stdout, audit.stderr
    found: dict[str, Any] = json.loads(audit.stdout)
    return found
