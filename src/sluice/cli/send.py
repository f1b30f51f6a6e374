"""`sluice send`: made-up traffic to a gateway, and the proof that all of it is in ClickHouse."""

from __future__ import annotations

import asyncio
import secrets
import time
from random import Random

import click

from sluice.cli.progress_bar import progress_bar
from sluice.cli.sending.listening import refuse_absent
from sluice.cli.sending.sender import Plan, Sender, Tally
from sluice.cli.sending.settings import SendSettings
from sluice.cli.sending.stored import Found, wait_until_stored
from sluice.cli.sending.traffic import Traffic
from sluice.contract.errors import Unusable
from sluice.role.address import without_credentials
from sluice.role.clock import system_clock
from sluice.role.settings import load

MAX_BATCH = 1000


@click.command()
@click.option("--events", type=click.IntRange(min=1), default=1000, show_default=True, help="How many in all.")
@click.option("--rate", type=click.FloatRange(min=0), default=0, help="How many a second (0: as fast as it goes).")
@click.option(
    "--batch", type=click.IntRange(1, MAX_BATCH), default=100, show_default=True, help="Events per request."
)
@click.option("--concurrency", type=click.IntRange(1, 1000), default=8, show_default=True, help="Requests at once.")
@click.option("--key", help="API key (pulse_prod_load, which has no limits). One that must stay secret belongs into "
              "SLUICE_KEY: everybody on this machine sees command lines.")  # fmt: skip
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="The gateway.")
@click.option("--clickhouse-url", help="ClickHouse's HTTP interface (http://127.0.0.1:8123).")
@click.option("--wait", "wait_s", type=click.FloatRange(min=0), default=60, show_default=True,
              help="Seconds until all must be in ClickHouse; 0: do not look.")  # fmt: skip
@click.option("--give-up", "give_up_s", type=click.FloatRange(min=0), default=120, show_default=True,
              help="Seconds for which a request is sent again after 429, 503 or no connection.")  # fmt: skip
@click.option("--idempotent", is_flag=True, help="Send an Idempotency-Key with each request.")
@click.option("--seed", type=int, help="Make the same traffic again.")
def command(
    events: int,
    rate: float,
    batch: int,
    concurrency: int,
    key: str | None,
    url: str,
    clickhouse_url: str | None,
    wait_s: float,
    give_up_s: float,
    idempotent: bool,
    seed: int | None,
) -> None:
    """Send made-up events to a gateway, and wait until ClickHouse has them.

    The events are sessions of page views, clicks, carts and purchases in a few web shops. In the end the command
    says how many were accepted and how many are stored, and fails unless every accepted one is there.
    """
    settings = load(SendSettings, clickhouse_url=clickhouse_url, key=key)
    run = f"send{secrets.token_hex(4)}"
    plan = Plan(
        url=url.rstrip("/"),
        key=settings.key.get_secret_value(),
        run=run,
        events=events,
        batch=batch,
        rate=rate,
        concurrency=concurrency,
        idempotent=idempotent,
        give_up_s=give_up_s,
    )
    refuse_absent(plan.url)
    started = time.monotonic()
    tally, found = asyncio.run(_send_and_look(plan, seed, settings.clickhouse_url, wait_s))
    for name, value in summary(run, tally, found, time.monotonic() - started):
        click.echo(f"{name:<22}{value}")
    if tally.refused or not tally.accepted:
        raise Unusable(f"not everything was accepted: {_commonest(tally.reasons)}")
    if isinstance(found, str):
        raise Unusable(f"ClickHouse at {without_credentials(settings.clickhouse_url)} cannot tell: {found}")
    if found is not None and not matches(tally, found):
        raise Unusable(
            f"after {wait_s:g} s, {found.different} of {tally.accepted} accepted events are in ClickHouse, "
            f"in {found.stored + found.rejected} rows"
        )


async def _send_and_look(
    plan: Plan, seed: int | None, clickhouse_url: str, wait_s: float
) -> tuple[Tally, Found | str | None]:
    with progress_bar() as progress:
        sending = progress.add_task("sent", total=plan.events)
        traffic = Traffic(plan.run, Random(seed), system_clock)  # noqa: S311 - not a secret
        tally = await Sender(plan, traffic, lambda now: progress.update(sending, completed=now.done)).run()
        if not wait_s or not tally.accepted:
            return tally, None
        looking = progress.add_task("in ClickHouse", total=tally.accepted)
        return tally, await wait_until_stored(
            clickhouse_url,
            plan.run,
            tally.accepted,
            wait_s,
            lambda now: progress.update(looking, completed=now.different),
        )


def matches(tally: Tally, found: Found) -> bool:
    """Tell whether ClickHouse has all accepted events, each in one row, and none but those of unknown outcome.

    A request that was sent again may have been taken the first time too; only its events may be there twice.
    """
    rows = found.stored + found.rejected
    surplus = tally.unknown + tally.resent
    return tally.accepted <= found.different <= tally.accepted + tally.unknown and rows <= tally.accepted + surplus


_UNKNOWN = " (no answer came, so these may be stored or not)"


def summary(run: str, tally: Tally, found: Found | str | None, seconds: float) -> list[tuple[str, str]]:
    """Give what the command prints in the end: names and values."""
    lines = [("run", run), ("accepted", f"{tally.accepted:,}")]
    if isinstance(found, Found):
        lines += [("stored", f"{found.stored:,}"), ("rejected", f"{found.rejected:,}")]
        if twice := found.stored + found.rejected - found.different:
            lines.append(("stored more than once", f"{twice:,}"))
    for name, count in (("refused", tally.refused), ("unknown", tally.unknown), ("retries", tally.retries)):
        if count:
            lines.append((name, f"{count:,}{_UNKNOWN if name == 'unknown' else ''}"))
    return [*lines, ("seconds", f"{seconds:.1f}")]


def _commonest(reasons: dict[str, int]) -> str:
    return max(reasons, key=reasons.__getitem__, default="nothing was sent")
