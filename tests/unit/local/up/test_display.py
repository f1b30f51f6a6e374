from __future__ import annotations

import io

from rich.console import Console

from sluice.local.up.display import LiveDisplay, PlainDisplay, display_for


def test_plain_lines_for_each_state_and_few_for_statuses():
    out = io.StringIO()
    display = PlainDisplay(out)
    display.state("broker", "starting")
    for percent in range(100):
        display.status("broker", f"downloading {percent} %")
    display.state("broker", "ready after 2.0 s")
    assert out.getvalue().splitlines() == ["broker: starting", "broker: downloading 0 %", "broker: ready after 2.0 s"]


def test_a_reader_that_is_gone_does_not_stop_the_stack():
    class Gone(io.StringIO):
        def write(self, _text):
            raise BrokenPipeError

    PlainDisplay(Gone()).line("nobody hears this")


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
