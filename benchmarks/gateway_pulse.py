"""What one CPU-second of the gateway takes in on API 1, without Kafka: `python benchmarks/gateway_pulse.py`.

The whole gateway runs in a child process with a publisher that forgets; this process sends prepared requests over
loopback. The figure is events (or requests) for each second of the child's CPU time, so that a busy
machine matters little.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import multiprocessing
import os
import time
import tomllib
from pathlib import Path

import uvloop

from sluice.contract import projects
from sluice.gateway.app import create_app
from sluice.gateway.coalescer import Coalescer
from sluice.gateway.ids import uuid7
from sluice.gateway.intake import Intake
from sluice.gateway.keys import KeyRing
from sluice.gateway.limits.memory import MemoryLimiter
from sluice.gateway.serve import serving
from sluice.gateway.users.memory import MemoryUsers
from sluice.role.clock import monotonic_clock, system_clock

DEMO = Path(__file__).parents[1] / "src" / "sluice" / "local" / "demo.toml"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Forgetful:
    """A publisher that acknowledges at once."""

    ready = True

    async def publish(self, partition: int, value: bytes, key: bytes | None = None) -> int:
        """Forget the record."""
        return 0


def serve(url: multiprocessing.SimpleQueue[str]) -> None:
    async def main() -> None:
        keys = KeyRing(projects.parse(tomllib.loads(DEMO.read_text("utf-8"))))
        coalescer = Coalescer(Forgetful(), 4)
        intake = Intake(keys, MemoryLimiter(monotonic_clock), MemoryUsers(), coalescer, system_clock, uuid7)
        async with serving(create_app(intake, Forgetful()), "127.0.0.1", 0) as address:
            gc.collect()
            gc.freeze()  # as sluice.gateway.main does
            url.put(address)
            await asyncio.Event().wait()

    uvloop.run(main())


def event(index: int) -> dict[str, object]:
    return {
        "site_id": "site_abc123",
        "event_type": "page_view",
        "timestamp": int(time.time() * 1000),
        "session_id": f"session_{index:06d}",
        "user_id": f"user_{index:06d}",
        "url": f"https://example.com/products/{index}",
        "referrer": "https://google.com",
        "country": "US",
        "device_type": "desktop",
    }


def request(path: str, body: object) -> bytes:
    text = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer pulse_prod_load\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    )
    return head.encode() + text


async def send(port: int, prepared: bytes, seconds: float, connections: int) -> int:
    until = time.monotonic() + seconds
    counts = await asyncio.gather(*(_one_connection(port, prepared, until) for _ in range(connections)))
    return sum(counts)


async def _one_connection(port: int, prepared: bytes, until: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    done = 0
    while time.monotonic() < until:
        writer.write(prepared)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 202"):
            raise SystemExit(head.decode())
        await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
        done += 1
    writer.close()
    return done


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--batch", type=int, default=500)
    options = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    url: multiprocessing.SimpleQueue[str] = spawn.SimpleQueue()
    gateway = spawn.Process(target=serve, args=(url,), daemon=True)
    gateway.start()
    port = int(url.get().rpartition(":")[2])
    batch = request("/collect/batch", {"events": [event(n) for n in range(options.batch)]})
    single = request("/collect", event(0))
    try:
        for name, prepared, events, connections in (
            (f"batches of {options.batch}", batch, options.batch, 8),
            ("single events", single, 1, 64),
        ):
            uvloop.run(send(port, prepared, 0.5, connections))  # warm up
            used, started = cpu_s(gateway.pid or 0), time.monotonic()
            requests = uvloop.run(send(port, prepared, options.seconds, connections))
            used, took = cpu_s(gateway.pid or 0) - used, time.monotonic() - started
            print(
                f"{name}: {requests * events / used:,.0f} events/CPU-s, {requests / used:,.0f} requests/CPU-s "
                f"({requests * events / took:,.0f} events/s)"
            )
    finally:
        with contextlib.suppress(ProcessLookupError):
            gateway.terminate()


if __name__ == "__main__":
    main()
