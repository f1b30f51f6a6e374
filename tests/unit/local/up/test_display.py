from __future__ import annotations

import errno
import io
import re
import time

from rich.console import Console

from sluice.local.up.display import LiveDisplay, PlainDisplay, display_for

DEADLINE_S = 20


def test_plain_lines_for_each_state_and_few_for_statuses():
    out = io.StringIO()
    display = PlainDisplay(out)
    display.state("broker", "starting")
    for percent in range(100):
        display.status("broker", f"downloading {percent} %")
    display.state("broker", "ready after 2.0 s")
    assert out.getvalue().splitlines() == ["broker: starting", "broker: downloading 0 %", "broker: ready after 2.0 s"]


def test_nothing_to_say_is_no_line():
    out = io.StringIO()
    PlainDisplay(out).status("processors", "")
    assert out.getvalue() == ""


def test_a_reader_that_is_gone_does_not_stop_the_stack():
    class Gone(io.StringIO):
        def write(self, _text):
            raise BrokenPipeError

    PlainDisplay(Gone()).line("nobody hears this")


def test_a_terminal_that_is_gone_does_not_stop_the_stack():
    class HungUp(io.StringIO):
        def write(self, _text):
            raise OSError(errno.EIO, "Input/output error")

    display = LiveDisplay(Console(file=HungUp(), force_terminal=True))
    display.state("broker", "starting")
    display.settle()
    display.status("processors", "partition 1 is paused")
    display.settle()


def test_without_a_terminal_lines_are_plain():
    assert isinstance(display_for(io.StringIO()), PlainDisplay)


def test_on_a_terminal_the_table_goes_and_lines_stay():
    out = io.StringIO()
    display = LiveDisplay(Console(file=out, force_terminal=True, width=200, color_system=None))
    display.state("broker", "starting")
    display.status("broker", "downloading [3/46]")
    display.line("a [line] that stays")
    display.settle()
    display.state("broker", "stopped")
    display.settle()
    text = out.getvalue()
    assert "downloading [3/46]" in text
    assert "a [line] that stays" in text
    assert text.rstrip().endswith("broker: stopped")


class Terminal:
    """What stays of the output on a terminal: `lines` are those that were not taken back."""

    def __init__(self) -> None:
        self._out = io.StringIO()
        self.display = LiveDisplay(Console(file=self._out, force_terminal=True, width=200, color_system=None))

    @classmethod
    def settled(cls) -> Terminal:
        """Give one on which the start is over."""
        terminal = cls()
        terminal.display.state("processors", "ready after 1.0 s")
        terminal.display.settle()
        return terminal

    @property
    def lines(self) -> list[str]:
        shown = [""]
        for control, text in re.findall(r"(\x1b\[[\d;?]*[A-Za-z]|\r|\n)|([^\x1b\r\n]+)", self._out.getvalue()):
            if control == "\n":
                shown.append("")
            elif control == "\x1b[2K":
                shown[-1] = ""
            elif control == "\x1b[1A":
                assert not shown.pop()
            elif text:
                shown[-1] += text
        return [line.strip() for line in shown if line.strip()]


def test_on_a_terminal_what_a_role_says_after_the_start_is_drawn_beside_it_until_it_says_no_more():
    terminal = Terminal.settled()
    assert terminal.lines == []
    for text in ("partition 1 is paused", "partitions 1, 2 are paused"):
        terminal.display.status("processors", text)
        assert terminal.lines == [f"! processors {text}"]
    terminal.display.line("sinks ended with exit code 1")
    assert terminal.lines == ["sinks ended with exit code 1", "! processors partitions 1, 2 are paused"]
    terminal.display.status("processors", "")
    assert terminal.lines == ["sinks ended with exit code 1"]


def test_on_a_terminal_what_a_role_said_goes_when_it_reaches_another_state():
    terminal = Terminal.settled()
    terminal.display.status("gateway", "reading known users, 40 %")
    terminal.display.status("processors", "partition 1 is paused")
    terminal.display.state("gateway", "ready after 9.0 s")
    assert terminal.lines == ["gateway: ready after 9.0 s", "! processors partition 1 is paused"]


def test_on_a_terminal_nothing_that_was_said_is_left_when_all_is_over():
    terminal = Terminal.settled()
    terminal.display.status("processors", "partition 1 is paused")
    terminal.display.settle()
    assert terminal.lines == []


def test_on_a_terminal_a_role_that_starts_keeps_its_place_when_it_has_nothing_to_say():
    terminal = Terminal()
    terminal.display.state("broker", "ready after 1.0 s")
    terminal.display.status("broker", "")
    deadline = time.monotonic() + DEADLINE_S
    while terminal.lines != ["✓ broker ready after 1.0 s"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    terminal.display.settle()
