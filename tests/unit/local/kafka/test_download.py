from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sluice.contract.errors import Unusable
from sluice.local.kafka.download import ensure_jars, maven_fetch
from sluice.local.kafka.jars import Jar

CONTENT = {"a": b"first jar", "b": b"the second jar"}


def jar(name: str) -> Jar:
    return Jar(f"org.example:{name}:1", hashlib.sha256(CONTENT[name]).hexdigest(), len(CONTENT[name]))


class Repository:
    """Gives the content of each jar, or what a test puts in its place; counts what was asked for."""

    def __init__(self, **instead):
        self.content = {**CONTENT, **instead}
        self.asked = []

    def fetch(self, wanted, into, arrived):
        name = wanted.coordinate.split(":")[1]
        self.asked.append(name)
        content = self.content[name]
        if isinstance(content, Exception):
            into.mkdir(parents=True)
            (into / "half.jar").write_bytes(b"half")
            raise content
        into.mkdir(parents=True)
        file = into / "whole.jar"
        file.write_bytes(content)
        arrived(len(content))
        return file


def ensure(repository, directory, report=lambda _text: None, of="Kafka"):
    return ensure_jars([jar("a"), jar("b")], directory, repository.fetch, report, of=of, pause_s=0)


def files_in(directory):
    return sorted(path.name for path in directory.iterdir() if path.name != ".lock")


def test_missing_jars_are_fetched_and_come_in_the_locks_order(tmp_path):
    paths = ensure(Repository(), tmp_path / "cache")
    assert [path.read_bytes() for path in paths] == [CONTENT["a"], CONTENT["b"]]
    assert files_in(tmp_path / "cache") == ["a-1.jar", "b-1.jar"]


def test_with_all_jars_cached_nothing_is_fetched(tmp_path):
    ensure(Repository(), tmp_path)
    again = Repository()
    ensure(again, tmp_path)
    assert again.asked == []


def test_only_a_damaged_jar_is_fetched_again(tmp_path):
    ensure(Repository(), tmp_path)
    (tmp_path / "b-1.jar").write_bytes(b"the second jaR")
    again = Repository()
    ensure(again, tmp_path)
    assert again.asked == ["b"]
    assert (tmp_path / "b-1.jar").read_bytes() == CONTENT["b"]


def test_a_wrong_checksum_ends_in_a_sentence_and_keeps_nothing_of_the_jar(tmp_path):
    with pytest.raises(Unusable, match=r"b-1\.jar was downloaded, but is not the file"):
        ensure(Repository(b=b"another jar!!!"), tmp_path)
    assert "b-1.jar" not in files_in(tmp_path)
    assert not list(tmp_path.glob(".partial-*"))


# requests raises kinds of OSError; jgo raises RuntimeError for what no repository has.
@pytest.mark.parametrize("error", [OSError("connection refused"), RuntimeError("not found")])
def test_a_failed_download_is_tried_again_and_then_ends_in_a_sentence(tmp_path, error):
    repository = Repository(b=error)
    with pytest.raises(Unusable, match=rf"b-1\.jar of Kafka could not be downloaded \({error}\)"):
        ensure(repository, tmp_path)
    assert repository.asked.count("b") == 3
    assert files_in(tmp_path) == ["a-1.jar"]


def test_what_a_killed_start_left_behind_is_swept_away(tmp_path):
    (tmp_path / ".partial-old").mkdir()
    (tmp_path / ".partial-old" / "half.jar").write_bytes(b"half")
    ensure(Repository(), tmp_path)
    assert files_in(tmp_path) == ["a-1.jar", "b-1.jar"]


def test_progress_counts_jars_and_megabytes(tmp_path):
    reports: list[str] = []
    ensure(Repository(), tmp_path, reports.append)
    assert reports[-1] == "downloading Kafka: 2/2 jars, 0.0/0.0 MB"


def test_messages_name_what_the_jars_are_for(tmp_path):
    reports: list[str] = []
    ensure(Repository(), tmp_path, reports.append, of="Redis")
    (tmp_path / "a-1.jar").unlink()
    with pytest.raises(Unusable) as refused:
        ensure(Repository(a=OSError("gone")), tmp_path, reports.append, of="Redis")
    (tmp_path / "file").write_text("")
    with pytest.raises(Unusable) as not_kept:
        ensure(Repository(), tmp_path / "file", of="Redis")
    for message in (*reports, str(refused.value), str(not_kept.value)):
        assert "Redis" in message
        assert "Kafka" not in message


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unusable, match=r"cannot be kept in .*file"):
        ensure(Repository(), tmp_path / "file")


class _Maven(BaseHTTPRequestHandler):
    def do_GET(self):
        found = self.path == "/org/example/a/1/a-1.jar"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(CONTENT["a"]) if found else 0))
        self.end_headers()
        if found:
            self.wfile.write(CONTENT["a"])

    def log_message(self, *_):
        pass


@pytest.fixture
def maven():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Maven)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_jars_come_from_a_maven_repository(tmp_path, maven):
    (path,) = ensure_jars([jar("a")], tmp_path, maven_fetch(maven), lambda _text: None, of="Kafka")
    assert path.read_bytes() == CONTENT["a"]
