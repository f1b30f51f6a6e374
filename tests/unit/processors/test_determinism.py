"""Whatever is cut off, and whenever: each raw line gets exactly one decision, with the state that belongs to it.

The promise. Raw records go in; processes of two workers die, stand still while the other takes over, lose the answer
of a transaction, lose their disk, get records again or with some left out, and get other rules, at any moment. In the
end the committed output holds each raw line once and in order; each decision is the one that a single uninterrupted
pass makes, going by the rules that were in force when the record was committed; and the committed state is that
pass's state. Nothing is acknowledged before it is committed, and acknowledgements leave nothing out.

The cuts. A worker touches what outlives it in three places only: the journal's transaction, its own store, the
acknowledgement. So a process that dies anywhere has died before, in or after one of them (`cuts.Cut`), and what it
had in memory is gone. Standing still is dying with a second thought: it wakes up, and tries what it was about to do.

What comes in: events that compete, that a rule fails on, that are sent in again or in a repeated request, and that
change users; what they change is part of a decision. Some are larger than what a transaction decides, or a record of
its output holds, at most.

Why that is enough. The pass that is compared with decides by the same rules, record by record, with no batches, no
workers and nothing forgotten. So what is shown is that batches, workers and forgetting change nothing; that the rules
are right is shown by their own tests. And the comparison can fail: each mutant below breaks one thing on which the
promise rests, and is found out by the same examples.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.factories import NOW, TOPIC
from tests.unit.processors.cuts import PARTITION, RECORD_BYTES, Broken, Cluster, Cut, Parts, Worker
from tests.unit.processors.mutants import HARMLESS_WITHOUT_CUTS, MUTANTS
from tests.unit.processors.partition import (
    DAY,
    HOUR,
    MINUTE,
    confirmation,
    email_open,
    line,
    metric,
    page_view,
)

from sluice.contract import ndjson, processed, raw
from sluice.contract.event import Api, Outcome
from sluice.contract.first_wins import FirstWins
from sluice.contract.projects import Project
from sluice.contract.raw import Client, Context
from sluice.processors.alarm import Bound
from sluice.processors.decide import decide
from sluice.processors.rules.canonical.visitor import Visitors
from sluice.processors.rules.rulebook import Rulebook
from sluice.processors.state import HIDDEN_AFTER_MS, Draft
from sluice.processors.state_memory import MemoryState
from sluice.stream.lane import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sluice.contract.processed import Processed
    from sluice.contract.raw import RawLine
    from sluice.processors.rules.first_wins import Reads
    from sluice.processors.rules.rulebook import Verdict
    from sluice.processors.state import Entry

EXAMPLES = 700
MUTANT_EXAMPLES = 2000
"""Within so many a mutant has to be found; with four seeds tried, it took 760 at most, and mostly less than 50."""

QUIET_EXAMPLES = 50
SEED = 4

VISITORS = Visitors(b"secret")
CRAWLER = Client("192.0.2.1", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")


# What is in force: what the documents say, two settings of a project, and a version with a bug.


class Buggy(Rulebook):
    """Rules that fail on confirmations."""

    def judge(self, line: RawLine, state: Reads) -> Verdict:
        if b"confirmation" in bytes(line.event):
            raise ZeroDivisionError
        return super().judge(line, state)


def own_rule(**changes: Any) -> FirstWins:
    return FirstWins(name="once", key="coupon", event_types=frozenset({"redeemed"}), **changes)


RULES: Sequence[Rulebook] = (
    Rulebook(VISITORS),
    Rulebook(VISITORS, {"demo": Project(first_wins=(own_rule(),), bots="keep")}),
    Rulebook(VISITORS, {"demo": Project(first_wins=(own_rule(window_s=1200, outcome="throttled"),))}),
    Buggy(VISITORS),
)


# What comes in: few keys, so that events meet.

LONG = "x" * 2 * RECORD_BYTES
A_OR_B = st.sampled_from("ab")
AGO = st.sampled_from([0, 1, MINUTE, 20 * MINUTE - 1, 20 * MINUTE, 40 * MINUTE, 25 * HOUR])
"""How long before its record an event happened, or was received."""

MEMBERS: st.SearchStrategy[dict[str, object]] = st.sampled_from(
    [{}, {"plan": "gold"}, {"plan": None, "seats": 2}, {"email": "a@example.com"}, {"note": LONG}]
)
PROFILES = st.sampled_from(
    [
        b'{"type":"profile","attributes":{"properties":{"plan":"gold"},"location":{"city":"Boston"}}}',
        b'{"type":"profile","attributes":{},"meta":{"patch_properties":{"unset":"plan"}}}',
    ]
)

STEP = st.sampled_from([0, 1, 10 * MINUTE, 20 * MINUTE, HOUR, 25 * HOUR, 4 * DAY, 4 * DAY, -10 * MINUTE])
"""How much later than the one before a record was written; clocks of gateways differ."""


@st.composite
def changes_of_users(draw: st.DrawFn, /, user: str, **common: Any) -> RawLine:
    """Make an event of API 5 that changes its user."""
    members = draw(MEMBERS)
    names = {"_id": user}
    kind = draw(st.sampled_from(["update", "login", "user_saved"]))
    sent = {"user": names | members} if kind == "user_saved" else {"user": names, "event": {kind: members}}
    context = Context(user_id=user, email=f"{user}@example.com")
    return line(Api.USER_EVENT, sent, f"demo/user/{user}", context=context, **common)


@st.composite
def metrics_with_a_profile(draw: st.DrawFn, /, user: str, **common: Any) -> RawLine:
    """Make an event of API 4 that bears its request's profile, perhaps under an Idempotency-Key."""
    context = Context(user_id=user, profile=msgspec.Raw(draw(PROFILES)))
    key = draw(st.sampled_from([None, user]))
    return metric(
        user=user, unique_id=draw(A_OR_B), line_changes=common | {"context": context, "idempotency_key": key}
    )


@st.composite
def lines(draw: Callable[[st.SearchStrategy[Any]], Any], number: int, at: int, before: Sequence[RawLine]) -> RawLine:
    """Make a line of a record that is written at a time; it may be one of those before, sent in again."""
    received_at = at - draw(AGO)
    common = {"number": number, "received_at": received_at}
    key = draw(A_OR_B)
    kinds: dict[str, Callable[[], RawLine]] = {
        "confirmation": lambda: confirmation(key, **common),
        "open": lambda: email_open(received_at - draw(AGO), user=key, **common),
        "open now": lambda: email_open(user=key, **common),
        "repeat": lambda: page_view(
            f"demo/id/{key}",
            idempotency_key=key,
            index=draw(st.sampled_from([0, 0, 0, 1])),
            sent={"timestamp": at},
            **common,
        ),
        "large": lambda: page_view(None, sent={"note": LONG}, **common),
        "user": lambda: draw(changes_of_users(key, **common)),
        "profile": lambda: draw(metrics_with_a_profile(key, **common)),
        "unique id": lambda: metric(user=key, unique_id=draw(A_OR_B), line_changes=common),
        "metric": lambda: metric(user=key, line_changes=common),
        "own rule": lambda: line(Api.EVENTS, {"type": "redeemed", "coupon": key}, f"demo/rule/once/{key}", **common),
        "plain": lambda: page_view(None, **common),
        "crawler": lambda: confirmation(key, client=CRAWLER, **common),
        "poison": lambda: line(Api.CLIENT, {"not": "an event of API 4"}, f"demo/user/{key}", **common),
    }
    kind = draw(st.sampled_from([*kinds, "repeat", "profile", "replay", "replay"]))
    if kind in kinds:
        return kinds[kind]()
    again: RawLine = draw(st.sampled_from(before)) if before else page_view(None, **common)
    refusals = draw(st.sampled_from([msgspec.UNSET, msgspec.UNSET, 1, 2]))
    return msgspec.structs.replace(again, replay=again.replay + 1, refusals=refusals)


@st.composite
def raw_logs(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Sequence[Record]:
    """Make the records of a partition, of which some are not NDJSON."""
    made: list[RawLine] = []
    records = []
    at = NOW
    for offset in range(draw(st.integers(1, 10))):
        at += draw(STEP)
        texts = []
        for _ in range(draw(st.integers(1, 3))):
            if draw(st.integers(0, 19)) == 0:
                texts.append(b"?")
                continue
            made.append(draw(lines(len(made) + 1, at, made)))
            texts.append(raw.encode(made[-1]))
        records.append(Record(PARTITION, offset, at, ndjson.join(texts)))
    return records


# What happens.


@dataclass(frozen=True)
class Deliver:
    """Hand records to a worker, from so many before the first undecided one on (below 0: some are left out)."""

    worker: int
    back: int
    count: int
    cut: Cut


@dataclass(frozen=True)
class Wake:
    worker: int


@dataclass(frozen=True)
class Kill:
    worker: int
    with_disk: bool


@dataclass(frozen=True)
class GiveUp:
    worker: int


@dataclass(frozen=True)
class Deploy:
    version: int


Act = Deliver | Wake | Kill | GiveUp | Deploy

WORKER = st.integers(0, 1)
DELIVER = st.builds(
    Deliver, WORKER, st.sampled_from([0, 0, 0, 1, 3, 9, -1]), st.sampled_from([1, 1, 2, 3, 9]), st.sampled_from(Cut)
)
ACTS = st.lists(
    DELIVER
    | DELIVER
    | DELIVER
    | DELIVER
    | st.builds(Wake, WORKER)
    | st.builds(Kill, WORKER, st.booleans())
    | st.builds(GiveUp, WORKER)
    | st.builds(Deploy, st.integers(0, len(RULES) - 1)),
    min_size=4,
    max_size=20,
)
QUIET = st.lists(st.builds(Deliver, st.just(0), st.just(0), st.integers(1, 8), st.just(Cut.NOTHING)))
"""One worker, and nothing happens to it."""

BOUNDS = st.sampled_from([Bound(percent=100), Bound(percent=0, events=1), Bound(percent=40, events=2)])

COMMIT_BYTES = st.sampled_from([1000, 100_000])
"""A record or a few, and all that is delivered."""


async def perform(act: Act, cluster: Cluster, workers: Sequence[Worker]) -> None:
    match act:
        case Deliver(worker, back, count, cut):
            await workers[worker].deliver(max(0, cluster.next_offset - back), count, cut)
        case Wake(worker):
            await workers[worker].wake()
        case Kill(worker, with_disk):
            workers[worker].die(with_disk=with_disk)
        case GiveUp(worker):
            await workers[worker].give_up()
        case Deploy(version):
            cluster.version = version


async def play(
    records: Sequence[Record], acts: Sequence[Act], bound: Bound, commit_bytes: int, parts: Parts
) -> Cluster:
    """Let everything happen; then let a third worker, which nothing happens to, decide what is left."""
    cluster = Cluster(records, RULES, bound, commit_bytes, parts)
    workers = [Worker(cluster), Worker(cluster)]
    for act in acts:
        await perform(act, cluster, workers)
    cluster.bound = Bound(percent=100)
    await Worker(cluster).deliver(0, len(records), Cut.NOTHING)
    for worker in workers:
        await worker.wake()
    return cluster


# What is promised.


def uninterrupted(records: Sequence[Record], rules: Sequence[Rulebook]) -> tuple[list[Processed], MemoryState]:
    """Decide record by record, each by its rules, and forget nothing."""
    decided: list[Processed] = []
    state = MemoryState()
    for record, of_record in zip(records, rules, strict=True):
        draft = Draft(state)
        lines_of_record = decide(record, TOPIC, of_record, draft).lines
        decided += [processed.decode(processed.encode(each)) for each in lines_of_record]
        state.apply(draft.changes)
    return decided, state


def check(cluster: Cluster) -> None:
    """Raise `Broken` where the promise was not kept."""
    places = [(decision.source.offset, decision.source.line) for decision in cluster.decisions]
    if places != [(at.offset, number) for at in cluster.records for number in range(len(ndjson.split(at.value)))]:
        raise Broken(f"decided are {places}")
    rules = [cluster.rules[version] for version in cluster.decided_by]
    expected, state = uninterrupted(cluster.records, rules)
    for decision, other in zip(cluster.decisions, expected, strict=True):
        if decision != other:
            raise Broken(f"decided was {decision}, but without interruption {other}")
    counts = [still_counting(each.entries, cluster.records) for each in (cluster.log.states[PARTITION], state)]
    if counts[0] != counts[1]:
        raise Broken(f"remembered is {counts[0]}, but without interruption {counts[1]}")


def still_counting(entries: dict[bytes, Entry], records: Sequence[Record]) -> dict[bytes, Entry]:
    """Leave out what no record finds any more, whether it has been removed or not."""
    horizon = max(record.timestamp for record in records) - HIDDEN_AFTER_MS
    return {key: entry for key, entry in entries.items() if not 0 < entry.forget_at < horizon}


class Seen(Enum):
    """What has to happen now and then, beside every cut and every outcome."""

    STORED_CHANGES_USER = auto()
    DUPLICATE_CHANGES_USER = auto()
    REPEAT_OF_A_PROFILE_CHANGES_NOBODY = auto()
    IS_LARGE = auto()


def seen_in(decision: Processed) -> Iterator[Seen]:
    changes = decision.user_change is not None
    if changes and decision.outcome is Outcome.STORED:
        yield Seen.STORED_CHANGES_USER
    if changes and decision.outcome is Outcome.DUPLICATE:
        yield Seen.DUPLICATE_CHANGES_USER
    if "Idempotency-Key" in decision.reason and decision.api == Api.CLIENT and not changes:
        yield Seen.REPEAT_OF_A_PROFILE_CHANGES_NOBODY
    if len(decision.payload) > len(LONG):
        yield Seen.IS_LARGE


def keep_the_promise(
    parts: Parts, examples: int, *phases: Phase, acts: st.SearchStrategy[Sequence[Act]] = ACTS
) -> Counter[Cut | Outcome | Seen]:
    """Look for a case in which the promise is broken; give how often what has happened, if there is none."""
    seen: Counter[Cut | Outcome | Seen] = Counter()

    @seed(SEED)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    @given(raw_logs(), acts, BOUNDS, COMMIT_BYTES)
    def run(records: Sequence[Record], acts: Sequence[Act], bound: Bound, commit_bytes: int) -> None:
        cluster = asyncio.run(play(records, acts, bound, commit_bytes, parts))
        check(cluster)
        seen.update(cluster.cuts)
        seen.update(decision.outcome for decision in cluster.decisions)
        seen.update(each for decision in cluster.decisions for each in seen_in(decision))

    run()
    return seen


@pytest.mark.timeout(900)
def test_whatever_is_cut_off_each_line_is_decided_once_and_as_without_it(fuzz_times: int):
    seen = keep_the_promise(Parts(), EXAMPLES * fuzz_times, Phase.generate, Phase.shrink)
    assert min(seen[each] for each in [*Cut, *Outcome, *Seen]) > EXAMPLES / 50, seen


def test_what_has_been_removed_decides_nothing_even_for_an_event_that_is_sent_in_again_days_later():
    def request(number: int, received_at: int) -> RawLine:
        sent = {"timestamp": NOW}
        return page_view("demo/id/a", idempotency_key="a", sent=sent, number=number, received_at=received_at)

    first, repeat, later = request(1, NOW), request(2, NOW + HOUR), page_view(number=3, received_at=NOW + 4 * DAY)
    again = msgspec.structs.replace(repeat, replay=1)
    written = [(NOW, first), (NOW + HOUR, repeat), (NOW + 4 * DAY, later), (NOW + 4 * DAY, again)]
    records = [Record(PARTITION, offset, at, raw.encode(sent) + b"\n") for offset, (at, sent) in enumerate(written)]
    one_by_one = [Deliver(0, 0, 1, Cut.NOTHING)] * 4
    before = asyncio.run(play(records[:3], one_by_one, Bound(), 1000, Parts()))
    assert before.log.states[PARTITION].entries == {}
    check(asyncio.run(play(records, one_by_one, Bound(), 1000, Parts())))


@pytest.mark.parametrize("mutant", MUTANTS)
def test_with_one_thing_broken_the_promise_is(mutant: str):
    with pytest.raises(Broken):
        keep_the_promise(MUTANTS[mutant], MUTANT_EXAMPLES, Phase.generate)


@pytest.mark.parametrize("mutant", HARMLESS_WITHOUT_CUTS)
def test_as_long_as_nothing_is_cut_off_that_does_not_show(mutant: str):
    keep_the_promise(MUTANTS[mutant], QUIET_EXAMPLES, Phase.generate, acts=QUIET)
