"""`sluice users import` as it is called: its options, what it says, and its exit code."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from typing import TYPE_CHECKING

import aiohttp
import pytest
from click.testing import CliRunner
from tests.unit.cli.importing.stand_in import StandIn

from sluice.cli.users import command
from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result


class InAThread:
    """A gateway in a thread of its own, with an event loop of its own."""

    def __init__(self) -> None:
        self.stand_in = StandIn()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with self.stand_in.serving() as self.url:
            self._started.set()
            await self._stop.wait()
            async with aiohttp.ClientSession() as last:  # then whoever only knocked has been let in, and is let go
                await last.get(self.url)

    def start(self) -> None:
        self._thread.start()
        assert self._started.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def answer(self) -> None:
        """Answer those who wait at the closed gate."""
        self._loop.call_soon_threadsafe(self.stand_in.gate.set)


@pytest.fixture
def gateway() -> Iterator[InAThread]:
    served = InAThread()
    served.start()
    yield served
    served.stop()


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_KEY", "a secret key")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["import", *map(str, arguments)])


def write(tmp_path: Path, text: str, name: str = "users.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_everybody_is_saved_and_counted(gateway: InAThread, tmp_path: Path):
    result = run(write(tmp_path, "email,plan\na@example.com,x\nb@example.com,y\n"), "--url", gateway.url + "/")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].split() == ["saved", "2"]
    assert result.stderr == ""
    assert {user["email"] for user in gateway.stand_in.saved} == {"a@example.com", "b@example.com"}
    assert gateway.stand_in.headers[0]["Authorization"] == "Bearer a secret key"


@pytest.mark.parametrize("name", ["users.ndjson", "users.jsonl", "USERS.NDJSON"])
def test_the_format_is_known_by_the_end_of_the_name(gateway: InAThread, tmp_path: Path, name: str):
    assert run(write(tmp_path, '{"_id":1}\n', name), "--url", gateway.url).exit_code == 0
    assert gateway.stand_in.saved == [{"_id": 1}]


def test_bad_rows_are_shown_and_written_and_the_exit_code_is_1(gateway: InAThread, tmp_path: Path):
    result = run(
        write(tmp_path, "email,status\na@example.com,400\nb@example.com\nc@example.com,\n"), "--url", gateway.url
    )
    assert result.exit_code == 1
    assert set(result.stderr.splitlines()) == {
        "line 2: 400, Invalid user information: in words",
        "line 3: has 1 values, but the header names 2 columns",
    }
    report = tmp_path / "users.csv.rejected.ndjson"
    assert f"2, see {report}" in result.stdout
    assert {json.loads(line)["line"] for line in report.read_text().splitlines()} == {2, 3}


def test_the_report_may_have_another_name(gateway: InAThread, tmp_path: Path):
    run(write(tmp_path, "email\n,\n"), "--url", gateway.url, "--rejected", tmp_path / "bad")
    assert (tmp_path / "bad").exists()
    assert [path.name for path in tmp_path.iterdir() if "rejected" in path.name] == []


def test_the_file_itself_cannot_be_the_report(tmp_path: Path):
    path = write(tmp_path, "email\n")
    result = run(path, "--rejected", path)
    assert "must name another file" in str(result.exception)
    assert path.read_text() == "email\n"


def test_a_dry_run_sends_nothing_and_needs_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("SLUICE_KEY")
    result = run(write(tmp_path, "email\na@example.com\n,\n"), "--dry-run", "--url", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].split() == ["valid", "1"]
    assert result.stderr == "line 3: has 2 values, but the header names 1 columns\n"


def test_a_key_is_taken_from_a_file(gateway: InAThread, tmp_path: Path):
    run(write(tmp_path, "_id\n1\n"), "--url", gateway.url, "--key-file", write(tmp_path, " from the file\n", "key"))
    assert gateway.stand_in.headers[0]["Authorization"] == "Bearer from the file"


def test_no_option_takes_a_key_since_everybody_can_read_a_command_line(tmp_path: Path):
    assert run(write(tmp_path, "_id\n"), "--key", "x").exit_code == 2


def test_without_a_key_it_says_how_to_give_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("SLUICE_KEY")
    refused(run(write(tmp_path, "_id\n")), "set SLUICE_KEY .* or name a file that holds it with --key-file")


@pytest.mark.parametrize(("text", "words"), [("", "is empty"), (None, "cannot be read")])
def test_a_key_file_without_a_key_is_named(tmp_path: Path, text: str | None, words: str):
    key_file = tmp_path / "key"
    if text is not None:
        key_file.write_text(text)
    refused(run(write(tmp_path, "_id\n"), "--key-file", key_file), words)


def test_where_nobody_listens_it_says_so_at_once(tmp_path: Path):
    refused(run(write(tmp_path, "_id\n1\n"), "--url", "http://127.0.0.1:1"), "no gateway answers .* --url")


@pytest.mark.parametrize("name", ["users", "users.txt", "users.csv.gz"])
def test_another_format_is_refused(tmp_path: Path, name: str):
    refused(run(write(tmp_path, "_id\n1\n", name)), "must end in .csv, .ndjson, .jsonl")


def test_a_missing_file_is_named(tmp_path: Path):
    refused(run(tmp_path / "nothing.csv"), r"nothing\.csv cannot be read: No such file")


def test_a_wrong_key_stops_with_the_gateways_words_and_how_far_it_came(gateway: InAThread, tmp_path: Path):
    result = run(write(tmp_path, "_id,status\n1,\n2,401\n3,\n"), "--url", gateway.url, "--concurrency", 1)
    refused(result, "the gateway takes no users: 401, Invalid user information: in words")
    assert "saved     1" in result.stdout
    assert "all is done up to line 2" in result.stdout


def test_ctrl_c_ends_what_is_under_way_and_says_how_far_it_came(gateway: InAThread, tmp_path: Path):
    gateway.stand_in.gate.clear()

    def interrupt() -> None:
        while gateway.stand_in.at_once < 4:
            threading.Event().wait(0.001)
        os.kill(os.getpid(), signal.SIGINT)
        while signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            threading.Event().wait(0.001)  # it has been seen: only now may the gateway answer
        gateway.answer()

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    rows = "\n".join(f"{number}" for number in range(100))
    result = run(write(tmp_path, f"_id\n{rows}\n"), "--url", gateway.url, "--concurrency", 4)
    interrupter.join()
    assert result.exit_code == 130
    assert "saved     4" in result.stdout
    assert "all is done up to line 5; importing the file again does no harm" in result.stdout


def refused(result: Result, words: str) -> None:
    assert isinstance(result.exception, Unusable)
    with pytest.raises(Unusable, match=words):
        raise result.exception
