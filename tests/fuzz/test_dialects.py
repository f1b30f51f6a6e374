"""No body is accepted that its API's document forbids, none refused that it allows, and none does anything else.

The judges are in tests/fuzz/oracles. `make fuzz` runs many more cases than `make test`.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.mutator import Mutator, places, values
from tests.fuzz.oracles.strict_json import parse
from tests.fuzz.targets import Target, targets, unlimited_projects
from tests.unit.gateway.harness import gateway_with

from sluice.contract.errors import Invalid, Malformed, TooLarge
from sluice.gateway.keys import KeyRing
from sluice.gateway.users.memory import MemoryUsers

if TYPE_CHECKING:
    from collections.abc import Callable

MUTATED = 20_000
GENERATED = 2_000
OVER_HTTP = 200
"""Cases of a dialect; its endpoints share those that are generated, which take long to make."""

pytestmark = pytest.mark.timeout(900)

TARGETS = targets()
KEYS = KeyRing(unlimited_projects())

each_target = pytest.mark.parametrize("target", TARGETS, ids=str)


def accepts(target: Target, body: bytes) -> bool:
    """Let the dialect's pure functions read a body."""
    head = target.head()
    users = MemoryUsers()
    users.known.update(target.known)
    try:
        reading = target.dialect.read(head, target.dialect.authenticate(head, KEYS), body)
        events = reading.lookup.identify(users).events if reading.lookup else reading.events
    except (Malformed, Invalid, TooLarge):
        return False
    assert events
    return True


def judge(target: Target, body: bytes) -> bool | None:
    """Compare a dialect with its judge; give the verdict."""
    allowed = target.verdict(body, target.known)
    accepted = accepts(target, body)
    assert allowed is None or accepted == allowed, f"{'accepted' if accepted else 'refused'}: {body[:2000]!r}"
    return allowed


@each_target
def test_mutated_requests_get_the_answer_that_the_document_demands(target: Target, fuzz_times: int):
    mutated = Mutator(target.corpus, target.now_ms)
    verdicts = [judge(target, mutated()) for _ in range(MUTATED * fuzz_times)]
    for verdict in (True, False):
        assert verdicts.count(verdict) > len(verdicts) / 20, "the cases are all alike"


def generated(target: Target) -> st.SearchStrategy[bytes]:
    """Recorded requests in which a few members are replaced by, or joined with, anything at all."""
    odd = values(target.now_ms)
    anything = st.recursive(
        st.sampled_from(odd) | st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    )
    valid = [body for body in target.corpus if target.verdict(body, target.known)]

    @st.composite
    def bodies(draw: Callable[[st.SearchStrategy[Any]], Any]) -> bytes:
        document = json.loads(draw(st.sampled_from(valid)))
        for _ in range(draw(st.integers(0, 3))):
            found = places(document)
            if not found:
                break
            container, name = found[draw(st.integers(0, len(found) - 1))]
            change = draw(st.sampled_from(("replace", "replace", "remove", "join")))
            if change == "remove":
                del container[name]
            elif change == "join" and isinstance(container, dict):
                container[draw(st.text(max_size=8))] = copy.deepcopy(draw(anything))
            else:
                container[name] = copy.deepcopy(draw(anything))
        return json.dumps(document, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")

    return bodies()


@each_target
def test_generated_requests_get_the_answer_that_the_document_demands(target: Target, fuzz_times: int):
    @settings(
        max_examples=GENERATED // len(target.dialect.ENDPOINTS) * fuzz_times,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(generated(target))
    def run(body: bytes) -> None:
        judge(target, body)

    run()


@each_target
async def test_over_http_what_the_document_allows_is_published_and_nothing_else(target: Target, fuzz_times: int):
    mutated = Mutator(target.corpus, target.now_ms, seed=1)
    async with gateway_with(unlimited_projects()) as gateway:
        gateway.clock.now_ms = target.now_ms
        gateway.users.known.update(target.known)
        for _ in range(OVER_HTTP * fuzz_times):
            body = mutated()
            allowed = target.verdict(body, dict(gateway.users.known))
            gateway.publisher.records.clear()
            answer = await gateway.send(target.path, body, target.headers)
            assert answer.status in {target.endpoint.status, 400, 413}, (answer.status, body)
            accepted = answer.status == target.endpoint.status
            assert allowed is None or accepted == allowed, (answer.body, body)
            lines = sorted(gateway.lines(), key=lambda line: line.index)
            assert [parse(bytes(line.event)) for line in lines] == (target.events(body) if accepted else [])
