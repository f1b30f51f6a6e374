"""`sluice send` as it is called: which key it sends with."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from sluice.cli.send import command
from sluice.contract.errors import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result


class Gateway(ThreadingHTTPServer):
    """Accepts everything, and remembers the keys that it was shown."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Accept)
        self.shown: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Accept(BaseHTTPRequestHandler):
    server: Gateway

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.shown.append(self.headers["Authorization"])
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served
        served.shutdown()
        thread.join(10)


def send(gateway: Gateway, *arguments: str) -> Result:
    always = ("--url", gateway.url, "--events", "1", "--wait", "0")
    return CliRunner().invoke(command, [*always, *arguments])


def test_the_key_is_that_of_the_local_stack_without_limits(gateway: Gateway):
    assert send(gateway).exit_code == 0
    assert gateway.shown == ["Bearer pulse_prod_load"]


def test_the_key_may_come_from_the_environment(gateway: Gateway, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLUICE_KEY", "a key of the environment")
    result = send(gateway)
    assert (result.exit_code, gateway.shown) == (0, ["Bearer a key of the environment"])
    assert "a key of the environment" not in result.output


def test_the_key_of_the_command_line_wins(gateway: Gateway, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLUICE_KEY", "a key of the environment")
    assert send(gateway, "--key", "another key").exit_code == 0
    assert gateway.shown == ["Bearer another key"]


def test_an_empty_variable_is_none(gateway: Gateway, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLUICE_KEY", "")
    assert send(gateway).exit_code == 0
    assert gateway.shown == ["Bearer pulse_prod_load"]


def test_an_empty_key_is_refused_by_the_name_of_its_variable(gateway: Gateway):
    error = send(gateway, "--key", "").exception
    assert isinstance(error, Unusable)
    assert str(error).startswith("SLUICE_KEY: ")
    assert gateway.shown == []


def test_the_help_says_where_a_secret_key_goes():
    assert "SLUICE_KEY" in CliRunner().invoke(command, ["--help"]).output
