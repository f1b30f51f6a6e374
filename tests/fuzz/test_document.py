"""What the OpenAPI document forbids is refused; what it allows may still be, since no schema can say everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsonschema_rs
import pytest
from tests.fuzz.mutator import Mutator
from tests.fuzz.oracles.strict_json import NotJson, parse
from tests.fuzz.test_dialects import accepts, each_target
from tests.unit.gateway.documented import DOCUMENT, documented_path

if TYPE_CHECKING:
    from tests.fuzz.targets import Target

MUTATED = 5_000
"""Cases of an endpoint."""

pytestmark = pytest.mark.timeout(900)


@each_target
def test_mutated_requests_that_the_document_forbids_are_refused(target: Target, fuzz_times: int):
    allowed = schema_of(target)
    mutated = Mutator(target.corpus, target.now_ms, seed=2)
    accepted = 0
    for _ in range(MUTATED * fuzz_times):
        body = mutated()
        if accepts(target, body):
            accepted += 1
            assert allowed.is_valid(value_of(body)), f"forbidden, but accepted: {body[:2000]!r}"
    assert accepted > MUTATED * fuzz_times / 20, "the cases are all alike"


def value_of(body: bytes) -> object:
    try:
        return parse(body)
    except NotJson:
        raise AssertionError(f"no JSON, but accepted: {body[:2000]!r}") from None


def schema_of(target: Target) -> jsonschema_rs.Draft202012Validator:
    path = documented_path(target.path.partition("?")[0])
    content = DOCUMENT["paths"][path][target.endpoint.method.lower()]["requestBody"]["content"]
    return jsonschema_rs.Draft202012Validator(
        content["application/json"]["schema"] | {"components": DOCUMENT["components"]}, validate_formats=True
    )
