"""`sluice.users` on a real ClickHouse: what all changes of a user add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4
from zlib import crc32

import clickhouse_connect
import msgspec
import pytest
from tests.factories import NOW, processed_line

from sluice.contract.event import Event, Outcome
from sluice.contract.processed import UserChange
from sluice.sinks.block import Block, RawResult
from sluice.sinks.columns import NAMES, TYPES
from sluice.sinks.event_log import Mark
from sluice.sinks.event_log_clickhouse import ClickHouseEventLog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickhouse_connect.driver.client import Client
    from tests.integration.stack import Stack

    from sluice.contract.processed import Processed


@pytest.fixture
def client(deployment: Stack) -> Iterator[Client]:
    with clickhouse_connect.get_client(dsn=deployment.clickhouse_url) as client:
        yield client


@pytest.fixture
def project() -> str:
    return f"p-{uuid4()}"


def changed(project: str, at: int, offset: int = 0, line: int = 0, *, user: str = "u-1", **change: Any) -> Processed:
    event = Event(
        event_id=str(UUID(int=0)),
        request_id="request-1",
        event_type="update",
        timestamp=NOW,
        received_at=NOW + at,
        user_id=user,
        visitor_id=crc32(user.encode()),
    )
    return processed_line(offset, line, project=project, event=event, user_change=UserChange(**change))


async def store(deployment: Stack, *lines: Processed) -> None:
    """Store each line as a block of its own, on a partition of its own, in the order given."""
    log = ClickHouseEventLog(deployment.clickhouse_url)
    for line in lines:
        topic = str(uuid4())
        moved = msgspec.structs.replace(line, source=msgspec.structs.replace(line.source, topic=topic))
        await log.insert(Block([RawResult(topic, 0, line.source.offset, NOW, [moved], 100)]), topic)
        await log.feed(topic, 0, Mark(line.source.offset, line.source.offset))


USERS = """
SELECT * REPLACE (toUnixTimestamp64Milli(first_seen) AS first_seen, toUnixTimestamp64Milli(updated_at) AS updated_at)
FROM sluice.users WHERE project = {project:String}
"""


def users(client: Client, project: str) -> dict[str, dict[str, Any]]:
    rows = list(client.query(USERS, parameters={"project": project}).named_results())
    found = {row["user_id"]: row for row in rows}
    assert len(found) == len(rows), "a user has one row"
    return found


def attributes(client: Client, project: str) -> dict[str, str]:
    found: dict[str, str] = users(client, project)["u-1"]["attributes"]
    return found


async def test_changes_of_one_user_are_merged(deployment: Stack, client: Client, project: str):
    await store(
        deployment,
        changed(project, 1, email="ann@example.com", set={"plan": "free", "city": "Iași"}),
        changed(project, 2, email="ann@example.com", set={"plan": "gold"}),
    )
    assert users(client, project) == {
        "u-1": {
            "project": project,
            "user_id": "u-1",
            "email": "ann@example.com",
            "attributes": {"city": "Iași", "plan": "gold"},
            "first_seen": NOW + 1,
            "updated_at": NOW + 2,
        }
    }


async def test_the_order_in_which_changes_are_stored_does_not_matter(deployment: Stack, client: Client, project: str):
    await store(
        deployment,
        changed(project, 2, email="new@example.com", set={"plan": "gold"}),
        changed(project, 1, email="old@example.com", set={"plan": "free"}),
    )
    assert attributes(client, project) == {"plan": "gold"}
    assert users(client, project)["u-1"]["email"] == "new@example.com"


async def test_an_attribute_that_is_removed_is_gone_and_others_stay(deployment: Stack, client: Client, project: str):
    await store(
        deployment,
        changed(project, 1, set={"plan": "free", "city": "Iași"}),
        changed(project, 2, unset=("plan", "never set")),
    )
    assert attributes(client, project) == {"city": "Iași"}


async def test_an_attribute_that_is_set_again_is_back(deployment: Stack, client: Client, project: str):
    await store(
        deployment,
        changed(project, 1, set={"plan": "free"}),
        changed(project, 2, unset=("plan",)),
        changed(project, 3, set={"plan": "gold"}),
    )
    assert attributes(client, project) == {"plan": "gold"}


async def test_a_removal_that_comes_late_removes_nothing(deployment: Stack, client: Client, project: str):
    await store(deployment, changed(project, 2, set={"plan": "gold"}), changed(project, 1, unset=("plan",)))
    assert attributes(client, project) == {"plan": "gold"}


async def test_an_empty_value_is_a_value(deployment: Stack, client: Client, project: str):
    await store(deployment, changed(project, 1, set={"plan": "gold"}), changed(project, 2, set={"plan": "", "": ""}))
    assert attributes(client, project) == {"": "", "plan": ""}


async def test_within_a_millisecond_the_later_offset_holds(deployment: Stack, client: Client, project: str):
    await store(
        deployment,
        changed(project, 1, 10, 0, email="b@example.com", set={"plan": "gold"}),
        changed(project, 1, 9, 5, email="a@example.com", set={"plan": "free"}, unset=("city",)),
    )
    assert attributes(client, project) == {"plan": "gold"}
    assert users(client, project)["u-1"]["email"] == "b@example.com"


async def test_within_a_record_the_later_line_holds(deployment: Stack, client: Client, project: str):
    await store(
        deployment,
        changed(project, 1, 9, 10, unset=("plan",)),
        changed(project, 1, 9, 2, set={"plan": "free"}),
    )
    assert attributes(client, project) == {}


async def test_a_user_without_attributes_is_a_user(deployment: Stack, client: Client, project: str):
    await store(deployment, changed(project, 1))
    assert users(client, project)["u-1"] == {
        "project": project,
        "user_id": "u-1",
        "email": "",
        "attributes": {},
        "first_seen": NOW + 1,
        "updated_at": NOW + 1,
    }


async def test_a_change_that_knows_no_address_takes_none_away(deployment: Stack, client: Client, project: str):
    await store(deployment, changed(project, 1, email="ann@example.com"), changed(project, 2, set={"plan": "gold"}))
    assert users(client, project)["u-1"]["email"] == "ann@example.com"


async def test_the_same_id_in_two_projects_means_two_users(deployment: Stack, client: Client, project: str):
    other = f"{project}-other"
    await store(
        deployment,
        changed(project, 1, set={"plan": "free"}),
        changed(other, 2, set={"plan": "gold"}),
        changed(project, 3, user="u-2", set={"plan": "silver"}),
    )
    assert {user: row["attributes"] for user, row in users(client, project).items()} == {
        "u-1": {"plan": "free"},
        "u-2": {"plan": "silver"},
    }
    assert attributes(client, other) == {"plan": "gold"}


async def test_a_rejected_event_may_change_its_user_too(deployment: Stack, client: Client, project: str):
    line = changed(project, 1, set={"plan": "free"})
    await store(deployment, msgspec.structs.replace(line, outcome=Outcome.DUPLICATE))
    assert attributes(client, project) == {"plan": "free"}


async def test_an_event_that_changes_nothing_makes_no_user(deployment: Stack, client: Client, project: str):
    line = changed(project, 1)
    await store(deployment, msgspec.structs.replace(line, user_change=None))
    assert users(client, project) == {}


def test_the_table_has_the_columns_that_sinks_fill_in_their_order(client: Client):
    rows = client.query(
        "SELECT name, type FROM system.columns WHERE database = 'sluice' AND table = 'event_log' ORDER BY position"
    ).result_rows
    assert rows == list(zip(NAMES, TYPES, strict=True))


@pytest.mark.parametrize(
    ("view", "hidden"),
    [
        ("rejected_events", {"changes_user", "user_email", "user_set", "user_unset", "block_first"}),
        (
            "events",
            {"raw_line", "outcome", "stage", "reason", "duplicate_of"}
            | {"changes_user", "user_email", "user_set", "user_unset", "block_first"},
        ),
    ],
)
def test_a_view_of_events_hides_what_is_none_of_an_event(client: Client, view: str, hidden: set[str]):
    rows = client.query(
        "SELECT name FROM system.columns WHERE database = 'sluice' AND table = {view:String}",
        parameters={"view": view},
    ).result_rows
    assert {name for (name,) in rows} == set(NAMES) - hidden


def test_every_column_of_users_explains_itself(client: Client):
    unexplained = "SELECT name FROM system.columns WHERE database = 'sluice' AND table = 'users' AND comment = ''"
    assert client.query(unexplained).result_rows == []
