from __future__ import annotations

import hashlib

import pytest

from sluice.contract.errors import Unusable
from sluice.local.kafka.jars import Jar, describe, is_intact, parse_lock, render_lock
from sluice.local.kafka.lock import KAFKA_VERSION
from sluice.local.kafka.main import locked_jars

SHA = "a" * 64
JAR = Jar("org.example:thing_2.13:1.2.3", SHA, 42)


def test_a_lock_reads_back_as_it_was_written():
    other = Jar("org.example:other:4.5", "b" * 64, 123_456_789)
    assert parse_lock(render_lock([JAR, other], header=["a comment"])) == (other, JAR)


def test_the_version_stands_in_the_file_name():
    assert JAR.filename == "thing_2.13-1.2.3.jar"


@pytest.mark.parametrize("line", ["", "abc 1 a:b:c", f"{SHA} 1", f"{SHA} 1 a:b", f"{SHA} 1 a:b:c extra"])
def test_a_damaged_lock_is_refused_with_its_line(line):
    if not line:
        assert parse_lock("\n\n") == ()
        return
    with pytest.raises(Unusable, match=r"jars\.lock, line 2"):
        parse_lock(f"# header\n{line}\n")


def test_only_the_very_bytes_are_intact(tmp_path):
    file = tmp_path / "a.jar"
    file.write_bytes(b"bytes")
    jar = describe("g:a:1", file)
    assert jar == Jar("g:a:1", hashlib.sha256(b"bytes").hexdigest(), 5)
    assert is_intact(jar, file)
    file.write_bytes(b"byteS")
    assert not is_intact(jar, file)
    file.write_bytes(b"byte")
    assert not is_intact(jar, file)
    assert not is_intact(jar, tmp_path / "missing.jar")


def test_the_lock_of_this_checkout_holds_the_broker_and_a_logger():
    names = {jar.filename for jar in locked_jars()}
    assert {f"kafka_2.13-{KAFKA_VERSION}.jar", "slf4j-simple-1.7.36.jar"} <= names
    assert len(names) == len(locked_jars()) == 46
