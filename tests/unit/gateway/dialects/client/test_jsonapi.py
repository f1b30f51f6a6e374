"""The error document of JSON:API."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from sluice.contract.errors import Invalid, Malformed, Throttled
from sluice.gateway.dialects.client.jsonapi import ErrorDocument, Fault, InvalidDocument, error_document, pointer
from sluice.gateway.dialects.port import STATUS, Problem, problem_of

OWN_ID = str(UUID(int=1))


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (("data",), "/data"),
        (("data", "attributes", "events", "data", 3, "type"), "/data/attributes/events/data/3/type"),
        (("a/b", "c~d", "~1"), "/a~1b/c~0d/~01"),
        (("",), "/"),
        ((), "/data/"),
    ],
)
def test_a_pointer_names_a_place_as_rfc_6901_says(location, expected):
    assert pointer(location) == expected


def errors(problem: Problem) -> list[dict[str, object]]:
    document = error_document(problem, OWN_ID)
    ErrorDocument.model_validate_json(document)
    found: list[dict[str, object]] = json.loads(document)["errors"]
    return found


def test_each_fault_is_an_error_of_its_own():
    faults = [Fault("/data/type", "type is required"), Fault("/data/attributes", "attributes is required")]
    first, second = errors(problem_of(InvalidDocument(faults)))
    assert first == {
        "id": first["id"],
        "status": 400,
        "code": "invalid",
        "title": "Invalid input.",
        "detail": "type is required",
        "source": {"pointer": "/data/type"},
    }
    assert second["source"] == {"pointer": "/data/attributes"}
    assert first["id"] != second["id"]


def test_an_error_without_a_place_points_at_the_whole():
    [error] = errors(problem_of(Malformed("Body must be valid JSON")))
    assert (error["detail"], error["source"]) == ("Body must be valid JSON", {"pointer": "/data/"})


def test_the_same_request_has_the_same_ids_and_another_one_others():
    problem = problem_of(Invalid("x"))
    assert error_document(problem, OWN_ID) == error_document(problem, OWN_ID)
    assert error_document(problem, OWN_ID) != error_document(problem, str(UUID(int=2)))


@pytest.mark.parametrize(("faults", "told"), [(1, 1), (100, 100), (101, 101), (5000, 101)])
def test_an_answer_stays_short_however_much_is_wrong(faults, told):
    found = errors(problem_of(InvalidDocument([Fault("/data", "x")] * faults)))
    assert len(found) == told
    if faults > 100:
        assert found[-1]["detail"] == f"... and {faults - 100} more"


def test_every_status_has_a_code():
    codes = {status: errors(Problem(status, "x", Invalid("x")))[0]["code"] for status in {*STATUS.values(), 500}}
    assert {status: codes[status] for status in (400, 401, 403, 429)} == {
        400: "invalid",
        401: "not_authenticated",
        403: "permission_denied",
        429: "throttled",
    }
    assert len(set(codes.values())) == len(codes)


def test_a_status_that_nobody_foresaw_is_an_error():
    assert errors(Problem(418, "x", Throttled("x", 1)))[0]["code"] == "error"
