"""curl, and @clickhouse/client of npm."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

JS = Path(__file__).parent / "js"


def _curl(*arguments, data=b""):
    done = subprocess.run(["curl", "-sS", *arguments], input=data, capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module", autouse=True)
def _curl_is_there():
    assert shutil.which("curl"), "these tests need curl"


def test_curl_queries_as_the_documentation_shows(server):
    assert _curl(f"{server.url}/?query=SELECT%201")[:2] == (0, b"1\n")
    assert _curl(f"{server.url}/", "--data-binary", "@-", data=b"SELECT 1")[:2] == (0, b"1\n")
    assert _curl(f"{server.url}/?query=SELECT", "--data-binary", "@-", data=b"1\n")[:2] == (0, b"1\n")
    assert _curl("--head", f"{server.url}/ping")[1].startswith(b"HTTP/1.1 200 OK\r\n")


def test_curl_inserts_a_stream_and_reads_it_back(server, table, tmp_path):
    data = b"".join(b"%d\trow %d\n" % (n, n) for n in range(100_000))
    (tmp_path / "data.tsv").write_bytes(data)
    code, out, _ = _curl(
        "-H", "Transfer-Encoding: chunked", "--data-binary", f"@{tmp_path / 'data.tsv'}",
        f"{server.url}/?query=INSERT%20INTO%20{table}%20FORMAT%20TSV",
    )  # fmt: skip
    assert (code, out) == (0, b"")
    assert _curl("--compressed", f"{server.url}/?enable_http_compression=1", "-d",
                 f"SELECT * FROM {table} ORDER BY a FORMAT TSV")[1] == data  # fmt: skip


def test_curl_sees_errors_and_broken_bodies(server):
    code, out, err = _curl("--fail-with-body", f"{server.url}/", "-d", "SELECT nosuch")
    assert (code, out[:9]) == (22, b"Code: 47."), err
    code, out, err = _curl(f"{server.url}/", "-d", "SELECT throwIf(number = 2000000, 'boom') FROM numbers(3000000)")
    assert code == 18, err
    assert b"boom" in out[-600:]


def test_curl_authenticates_in_every_way(server):
    for arguments in (["-u", "reader:"], ["-H", "X-ClickHouse-User: reader"], [f"{server.url}/?user=reader"]):
        target = [] if arguments[0].startswith("http") else [f"{server.url}/"]
        assert b"readonly mode" in _curl(*arguments, *target, "-d", "DROP TABLE x")[1]


@pytest.fixture(scope="session")
def node_project():
    """@clickhouse/client, installed as its lock file says into a directory outside the source tree."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "sluice" / "clickhouse-js"
    cache.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "client.mjs"):
        shutil.copyfile(JS / name, cache / name)
    installed = cache / "node_modules" / ".package-lock.json"
    lock = cache / "package-lock.json"
    stamp = cache / "installed-lock.json"
    if not installed.exists() or not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        _npm("ci", "--no-audit", "--no-fund", cwd=cache)
        shutil.copyfile(lock, stamp)
    return cache


def _environment():
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def _npm(*arguments, cwd):
    done = subprocess.run(
        ["npm", *arguments], cwd=cwd, env=_environment(), capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_javascript_client_works(server, node_project):
    done = subprocess.run(
        ["node", "client.mjs", server.url],
        cwd=node_project, env=_environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["ok", "plain", "ok", "compressed", "ok", "session", "ok", "reader"]
