from __future__ import annotations

from pathlib import Path

from sluice.local.kafka.properties import Listeners, java_options, render, settings

SETTINGS = settings(Listeners("127.0.0.1", 19092, 40001), Path("/data/kafka/log"))
BY_NAME = {s.name: s.value for s in SETTINGS}


def size_bytes(name: str) -> int:
    value = BY_NAME[name]
    assert isinstance(value, int)
    return value


def test_each_property_is_set_once_and_says_why():
    assert len(BY_NAME) == len(SETTINGS)
    assert all(s.why for s in SETTINGS)


def test_nothing_listens_beyond_the_given_addresses():
    assert BY_NAME["listeners"] == "CLIENT://127.0.0.1:19092,CONTROLLER://127.0.0.1:40001"
    assert BY_NAME["advertised.listeners"] == "CLIENT://127.0.0.1:19092"
    assert BY_NAME["controller.quorum.voters"] == "1@127.0.0.1:40001"


def test_what_one_broker_accepts_it_can_take_in_and_pass_on():
    largest = size_bytes("message.max.bytes")
    assert largest >= 32 * 1024 * 1024
    assert size_bytes("replica.fetch.max.bytes") >= largest
    assert size_bytes("replica.fetch.response.max.bytes") >= largest
    assert size_bytes("socket.request.max.bytes") > largest


def test_a_single_broker_never_waits_for_a_second():
    replicated = {v for name, v in BY_NAME.items() if name.endswith((".replication.factor", ".min.isr"))}
    assert replicated == {1}


def test_the_file_has_a_reason_above_each_line():
    lines = render(SETTINGS).splitlines()
    assert lines[0].startswith("# ")
    assert lines[1] == "process.roles=broker,controller"
    assert len(lines) == 2 * len(SETTINGS)


def test_the_heap_is_capped():
    assert "-Xmx300m" in java_options(300, Path("/tmp/x"))
