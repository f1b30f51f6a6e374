from __future__ import annotations

import os
import signal
import time

import pytest
from tests.integration.up.harness import READY_LINE, RunningPlan, eventually, is_alive

THREE = ("third=serves", "make=step", "first=serves,second=serves")


def test_stages_start_in_order_and_the_screen_comes_last(tmp_path):
    with RunningPlan(tmp_path, *THREE) as up:
        up.wait_until_ready()
        started = [name for name, _ in up.events("started")]
        assert started[:2] == ["third", "make"]
        assert sorted(started[2:]) == ["first", "second"]
        lines = up.output.splitlines()
        ready = [n for n, line in enumerate(lines) if ": ready after" in line]
        assert len(ready) == 3
        assert max(ready) < next(n for n, line in enumerate(lines) if READY_LINE in line)
        assert "third: filling up" in lines


def test_of_what_a_step_says_only_what_it_is_to_show_is_shown(tmp_path):
    with RunningPlan(tmp_path, *THREE) as up:
        up.wait_until_ready()
        assert "make: filled a glass\nmake: done\n" in up.output
        assert "nothing to do" not in up.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_whole_process_group_stops_all_in_order(tmp_path, number):
    with RunningPlan(tmp_path, *THREE) as up:
        up.wait_until_ready()
        up.signal_group(number)
        assert up.wait(15) == 0
        assert [name for name, _ in up.events("stopped")] == ["first", "second", "third"]
        assert up.living() == []
        assert up.errors == ""


def test_a_killed_role_is_started_again_and_the_others_never_notice(tmp_path):
    with RunningPlan(tmp_path, *THREE) as up:
        up.wait_until_ready()
        others = {name: up.pid(name) for name in ("second", "third")}
        killed = up.pid("first")
        os.kill(killed, signal.SIGKILL)
        up.wait_for("first was killed by SIGKILL; starting it again in 0.5 s\n  first | first is about to serve")
        eventually(lambda: up.pid("first") != killed)
        eventually(lambda: up.output.count("first: ready after") == 2)
        assert {name: up.pid(name) for name in others} == others
        assert all(is_alive(pid) for pid in others.values())


def test_a_role_that_dies_again_and_again_is_started_ever_later(tmp_path):
    with RunningPlan(tmp_path, "first=serves,second=crashes") as up:
        for delay in ("0.5", "1", "2"):
            up.wait_for(
                f"second ended with exit code 3; starting it again in {delay} s\n  second | Traceback of a crash"
            )
        assert is_alive(up.pid("first"))
        assert READY_LINE not in up.output
        up.signal(signal.SIGTERM)
        assert up.wait(15) == 0
        assert up.living() == []


def test_what_a_role_leaves_in_its_group_goes_with_it(tmp_path):
    with RunningPlan(tmp_path, "first=parent") as up:
        up.wait_until_ready()
        ((_, grandchild),) = up.events("child")
        os.kill(up.pid("first"), signal.SIGKILL)
        eventually(lambda: not is_alive(grandchild))


def test_nothing_outlives_a_killed_supervisor(tmp_path):
    with RunningPlan(tmp_path, "third=stubborn", "first=parent,second=serves") as up:
        up.wait_until_ready()
        assert len(up.living()) == 4
        up.signal(signal.SIGKILL)
        up.wait()
        eventually(lambda: up.living() == [], deadline_s=5)


def test_nothing_outlives_a_supervisor_that_is_killed_while_it_starts_them(tmp_path):
    with RunningPlan(tmp_path, "third=slow", "first=serves") as up:
        eventually(lambda: len(up.events("started")) == 1)
        up.signal(signal.SIGKILL)
        up.wait()
        eventually(lambda: up.living() == [], deadline_s=5)


def test_a_role_that_ignores_its_signal_is_killed_at_its_deadline(tmp_path):
    with RunningPlan(tmp_path, "first=stubborn,third=serves") as up:
        up.wait_until_ready()
        began = time.monotonic()
        up.signal(signal.SIGTERM)
        assert up.wait(15) == 0
        assert time.monotonic() - began < 6
        assert "first: did not stop in time and was killed" in up.output
        assert up.events("stopped") == [("third", up.pid("third"))]
        assert up.living() == []


def test_a_second_ctrl_c_hastens(tmp_path):
    with RunningPlan(tmp_path, "third=stubborn,other=stubborn") as up:
        up.wait_until_ready()
        up.signal(signal.SIGINT)
        up.wait_for("stopping; once more to stop at once")
        up.signal(signal.SIGINT)
        assert up.wait(2) == 0
        assert up.living() == []


def test_ctrl_c_during_the_start_stops_what_was_started(tmp_path):
    with RunningPlan(tmp_path, "first=serves", "second=slow", "third=serves") as up:
        eventually(lambda: len(up.events("started")) == 2)
        up.signal_group(signal.SIGINT)
        assert up.wait(15) == 0
        assert up.living() == []
        assert [name for name, _ in up.events("started")] == ["first", "second"]
        assert up.errors == ""


def test_a_role_that_cannot_start_ends_all_with_its_own_sentence(tmp_path):
    with RunningPlan(tmp_path, "first=serves", "second=unusable,third=slow") as up:
        assert up.wait() == 1
        assert up.errors == "sluice: there is no water\n"
        assert up.living() == []


def test_a_failed_step_ends_all_with_its_last_words(tmp_path):
    with RunningPlan(tmp_path, "first=serves", "failing=crashes", "second=serves") as up:
        assert up.wait() == 1
        log = tmp_path / "logs" / "failing.log"
        assert up.errors == f"sluice: the step 'failing' failed: Traceback of a crash (its log is {log})\n"
        assert up.living() == []
        assert "second" not in dict(up.events("started"))


def test_a_second_supervisor_on_the_same_data_ends_in_a_sentence(tmp_path):
    with RunningPlan(tmp_path, "first=serves") as up:
        up.wait_until_ready()
        first = up.process.pid
        (tmp_path / "again").mkdir()
        with RunningPlan(tmp_path / "again", "first=serves") as other:
            other.wait_until_ready()  # another directory is no obstacle
        second = RunningPlan(tmp_path, "first=serves")
        try:
            assert second.wait() == 1
        finally:
            second.process.kill()
        assert second.errors == (
            f"sluice: another `sluice up` (process {first}) is using {tmp_path}; "
            "stop it, or choose another --data-dir\n"
        )
        assert is_alive(up.pid("first"))
