"""The broker's `server.properties`: every setting that differs from Kafka's default, and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MIB = 1024 * 1024
LARGEST_RECORD_BATCH_BYTES = 34 * MIB
"""`events.processed` takes records of 32 MiB; the rest is room for what Kafka wraps around them."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Where one broker listens: for clients, and for its own controller."""

    host: str
    port: int
    controller_port: int


@dataclass(frozen=True, slots=True)
class Setting:
    """One property, its value, and why it is not left at its default."""

    name: str
    value: object
    why: str


def settings(listeners: Listeners, log_dir: Path) -> tuple[Setting, ...]:
    """Give the settings of a single node that is broker and controller at once (KRaft's combined mode)."""
    host, port, controller_port = listeners.host, listeners.port, listeners.controller_port
    return (
        Setting("process.roles", "broker,controller", "one process is all of the cluster"),
        Setting("node.id", 1, "KRaft needs a number"),
        Setting(
            "controller.quorum.voters",
            f"1@127.0.0.1:{controller_port}",
            "static voters: the port is not written into the data, so each start may choose a free one",
        ),
        Setting(
            "listeners",
            f"CLIENT://{host}:{port},CONTROLLER://127.0.0.1:{controller_port}",
            "nothing listens beyond the given address",
        ),
        Setting("advertised.listeners", f"CLIENT://{host}:{port}", "clients come back by the same address"),
        Setting(
            "listener.security.protocol.map",
            "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "both stay on this machine",
        ),
        Setting("inter.broker.listener.name", "CLIENT", "there is no other broker to listen for"),
        Setting("controller.listener.names", "CONTROLLER", "KRaft needs it named"),
        Setting("log.dirs", log_dir, "all data lies in the local stack's directory"),
        Setting("auto.create.topics.enable", "false", "a misspelt topic is an error, not a new topic"),
        Setting("default.replication.factor", 1, "there is one broker"),
        Setting("offsets.topic.replication.factor", 1, "there is one broker"),
        Setting("transaction.state.log.replication.factor", 1, "there is one broker"),
        Setting("share.coordinator.state.topic.replication.factor", 1, "there is one broker"),
        Setting("transaction.state.log.min.isr", 1, "there is one broker, so more could never be in sync"),
        Setting("share.coordinator.state.topic.min.isr", 1, "as above"),
        Setting("offsets.topic.num.partitions", 4, "50 would be files and start-up time for nothing"),
        Setting("transaction.state.log.num.partitions", 4, "as above"),
        Setting("share.coordinator.state.topic.num.partitions", 1, "as above; Sluice uses no share groups"),
        Setting(
            "group.initial.rebalance.delay.ms", 0, "no members to wait for: a worker gets its partitions at once"
        ),
        Setting(
            "broker.session.timeout.ms",
            3000,
            "after kill -9 the controller lets the broker back only when the session before has expired",
        ),
        Setting("broker.heartbeat.interval.ms", 500, "several of them within a session"),
        Setting("message.max.bytes", LARGEST_RECORD_BATCH_BYTES, "a processed record may have 32 MiB"),
        Setting("replica.fetch.max.bytes", LARGEST_RECORD_BATCH_BYTES, "what may be written can be replicated"),
        Setting("replica.fetch.response.max.bytes", LARGEST_RECORD_BATCH_BYTES, "as above, for the whole answer"),
        Setting(
            "socket.request.max.bytes",
            LARGEST_RECORD_BATCH_BYTES + 2 * MIB,
            "one largest batch and its header, but no request that could fill the small heap",
        ),
        Setting(
            "log.cleaner.dedupe.buffer.size",
            16 * MIB,
            "the default of 128 MiB is taken from the heap at start; this serves 600,000 keys a pass",
        ),
        Setting(
            "metadata.max.idle.interval.ms",
            0,
            "no record every half second for followers that do not exist: an idle stack stays idle",
        ),
        Setting("metric.reporters", "", "nobody reads JMX here; saves memory and start-up time"),
    )


def render(all_settings: tuple[Setting, ...]) -> str:
    """Write a properties file with the reasons as comments."""
    return "".join(f"# {s.why}\n{s.name}={s.value}\n" for s in all_settings)


def java_options(heap_mb: int, temp_dir: Path) -> tuple[str, ...]:
    """Give the JVM's options; each is here for start-up time, for memory, or for a quiet log."""
    return (
        f"-Xmx{heap_mb}m",
        "-Xms64m",
        "-XX:+UseSerialGC",  # the least memory, and no extra threads on a small heap
        "-XX:ReservedCodeCacheSize=96m",
        "-XX:+ExitOnOutOfMemoryError",  # a broker that is half dead is worse than one that is restarted
        "-XX:-UsePerfData",  # no file in /tmp for jstat
        # Each network thread keeps direct buffers as large as the largest record it passed; not beyond 1 MiB.
        f"-Djdk.nio.maxCachedBufferSize={MIB}",
        f"-Djava.io.tmpdir={temp_dir}",  # zstd and snappy unpack themselves here; /tmp may be mounted noexec
        "-Djava.awt.headless=true",
        "-Djava.net.preferIPv4Stack=true",
        "--enable-native-access=ALL-UNNAMED",  # zstd and snappy are native: Java 24 and later warn about it
        "--sun-misc-unsafe-memory-access=allow",  # likewise for Kafka's unmapping of index files
        *(f"-Dorg.slf4j.simpleLogger.{name}={value}" for name, value in _LOGGING.items()),
    )


_LOGGING: Mapping[str, str] = {
    "showDateTime": "true",
    "dateTimeFormat": "yyyy-MM-dd HH:mm:ss,SSS",
    "defaultLogLevel": "warn",  # info is 1,400 lines for each start
    "log.kafka.server.KafkaRaftServer": "info",
    "log.org.apache.kafka.coordinator.group": "info",  # who joined and left, which explains a rebalance
    "log.org.apache.kafka.common.utils.AppInfoParser": "error",
}
