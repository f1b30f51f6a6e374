"""`sluice tail` shows events as they go by, ends when it is told to, and outlives an outage of Kafka."""

from __future__ import annotations

import json
import queue
import secrets
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import pytest
from tests.integration.cli.conftest import DEADLINE_S, event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.cli.conftest import Own


class Tail:
    """A running `sluice tail`, whose lines are read as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        assert process.stderr is not None
        self._out = lines_of(process.stdout)
        self._said = lines_of(process.stderr)

    def next(self) -> str:
        return self._out.get(timeout=DEADLINE_S)

    def says(self) -> str:
        return self._said.get(timeout=DEADLINE_S)

    def event(self) -> dict[str, Any]:
        """Read the next line of NDJSON."""
        shown: dict[str, Any] = json.loads(self.next())
        return shown


def lines_of(stream: IO[str]) -> queue.Queue[str]:
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in stream:
            lines.put(line)

    threading.Thread(target=read, daemon=True).start()
    return lines


@contextmanager
def tailing(own: Own, *arguments: str) -> Iterator[Tail]:
    process = subprocess.Popen(
        own.command("tail", *arguments),
        env=own.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Tail(process)
    finally:
        process.kill()
        process.communicate()


def test_an_event_is_shown_accepted_and_then_decided(own: Own):
    kind = f"t{secrets.token_hex(4)}"
    request_id = own.post(event(event_type=kind))
    with tailing(own, "--since", "1h", "--type", kind, "--json") as tail:
        shown = [tail.event() for _ in range(2)]
    by_outcome = {line.pop("outcome"): line for line in shown}
    assert by_outcome["accepted"] == by_outcome["stored"]
    assert (by_outcome["stored"]["request_id"], by_outcome["stored"]["event_type"]) == (request_id, kind)


def test_columns_can_be_read(own: Own):
    kind = f"t{secrets.token_hex(4)}"
    [seen] = own.where(own.post(event(event_type=kind)))
    with tailing(own, "--since", "1h", "--type", kind, "--raw") as tail:
        columns = tail.next().split()
    assert columns[2:] == [
        f"{seen['source_partition']}:{seen['source_offset']}:{seen['source_line']}",
        *("load", "pulse", kind, "accepted", seen["event_id"]),
    ]


def test_filters_leave_out_everything_else(own: Own):
    kind = f"t{secrets.token_hex(4)}"
    own.post(event(event_type=kind), event(event_type="confirmation", orderId=kind))
    own.post(event(event_type=kind), key="pulse_prod_demo")
    own.post(event(event_type="confirmation", orderId=kind))
    with tailing(own, "--since", "1h", "--project", "demo", "--api", "pulse", "--type", kind, "--json") as tail:
        assert {tail.event()["outcome"] for _ in range(2)} == {"accepted", "stored"}
    with tailing(own, "--since", "1h", "--outcome", "duplicate", "--json") as tail:
        duplicate = tail.event()
        while kind not in duplicate["reason"]:
            duplicate = tail.event()
        assert (duplicate["outcome"], duplicate["event_type"]) == ("duplicate", "confirmation")
    with tailing(own, "--since", "1h", "--decided", "--type", kind, "--json") as tail:
        assert [tail.event()["outcome"] for _ in range(2)] == ["stored", "stored"]


@pytest.fixture
def live(own: Own) -> Iterator[tuple[Tail, Own]]:
    """A tail that shows what is accepted from now on, and has begun to."""
    with tailing(own, "--raw", "--json", "--type", "live") as tail, sending(own, "live"):
        tail.next()
        yield tail, own


@contextmanager
def sending(own: Own, kind: str) -> Iterator[None]:
    """Send events of a type again and again meanwhile, as far as the gateway takes them."""
    ended = threading.Event()

    def send() -> None:
        while not ended.wait(0.1):
            try:
                own.post(event(event_type=kind))
            except (AssertionError, OSError):
                continue

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        ended.set()
        sender.join()


def test_without_since_it_begins_with_now(own: Own):
    before = own.post(event(event_type="live"))
    with tailing(own, "--raw", "--json") as tail, sending(own, "live"):
        assert tail.event()["request_id"] != before


def test_ctrl_c_ends_it_without_a_word(live: tuple[Tail, Own]):
    tail, _ = live
    tail.process.send_signal(signal.SIGINT)
    assert tail.process.wait(DEADLINE_S) == 0
    with pytest.raises(queue.Empty):
        tail._said.get(timeout=1)


@pytest.mark.parametrize("kind", ["live", "never"])
def test_a_closed_pipe_ends_it_without_a_word_even_if_nothing_is_to_be_shown(own: Own, kind: str):
    process = subprocess.Popen(
        own.command("tail", "--type", kind), env=own.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    with sending(own, "live"):
        assert process.wait(DEADLINE_S) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()


def test_raw_and_an_outcome_exclude_each_other(own: Own):
    done = own.sluice("tail", "--raw", "--outcome", "stored")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--outcome is of events that are decided" in done.stderr


def test_a_kafka_that_is_not_there_is_named(own: Own):
    done = own.without_neighbour("SLUICE_KAFKA_BOOTSTRAP", "127.0.0.1:1").sluice("tail")
    assert (done.returncode, done.stderr) == (1, "sluice: Kafka at 127.0.0.1:1 does not answer\n")


def test_it_says_that_kafka_went_away_and_goes_on_when_it_is_back(live: tuple[Tail, Own]):
    tail, own = live
    shown = [tail.event() for _ in range(3)]
    broker = own.stack._roles["broker"]
    broker.kill()
    try:
        assert "does not answer" in tail.says()
    finally:
        broker.start()
    assert tail.says() == "sluice: Kafka answers again\n"
    back_at = time.time() * 1000
    while shown[-1]["received_at"] <= back_at:
        shown.append(tail.event())
    assert len({line["event_id"] for line in shown}) == len(shown), "nothing is shown twice"
