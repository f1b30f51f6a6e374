"""What the document makes of what an API may say of itself."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import schemathesis
from pydantic import BaseModel

from sluice.gateway.dialects import pulse
from sluice.gateway.dialects.port import JSON, Endpoint, Parameter
from sluice.gateway.openapi.document import document

if TYPE_CHECKING:
    from sluice.gateway.dialects.port import Dialect


class Body(BaseModel):
    size: int


class Error(BaseModel):
    words: str


def dialect(**changes: Any) -> Dialect:
    """Make an API of one endpoint; each test changes one thing."""
    fields: dict[str, Any] = {
        "name": "take",
        "paths": ("/take",),
        "summary": "Take",
        "body": Body,
        "example": {"size": 1},
        "status": 200,
        "answer": None,
    }
    endpoint = Endpoint(**(fields | {field: value for field, value in changes.items() if field in fields | MORE}))
    return cast(
        "Dialect",
        SimpleNamespace(
            API=changes.get("api", "first"),
            ENDPOINTS=(endpoint,),
            ERROR=Error,
            CONTENT_TYPE=changes.get("content_type", JSON),
            rate_headers=changes.get("rate_headers", pulse.rate_headers),
        ),
    )


MORE = dict.fromkeys(("keys", "parameters", "method"))


def described(*dialects: Dialect) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(document(dialects, "1.0.0")))
    schemathesis.openapi.from_dict(made).validate()
    return made


def the_operation(**changes: Any) -> dict[str, Any]:
    api = dialect(**changes)
    operation: dict[str, Any] = described(api)["paths"][api.ENDPOINTS[0].paths[0]]["post"]
    return operation


def test_two_apis_may_have_models_of_one_name():
    class Body(BaseModel):
        colour: str

    made = described(dialect(), dialect(api="second", paths=("/second",), body=Body))
    assert made["components"]["schemas"]["first.Body"]["properties"].keys() == {"size"}
    assert made["components"]["schemas"]["second.Body"]["properties"].keys() == {"colour"}


def test_a_body_need_not_be_a_model():
    schema = the_operation(body=list[Body])["requestBody"]["content"][JSON]["schema"]
    assert schema == {"type": "array", "items": {"$ref": "#/components/schemas/first.Body"}}


def test_an_answer_may_be_empty():
    assert "content" not in the_operation()["responses"]["200"]
    assert the_operation(answer=Body)["responses"]["200"]["content"].keys() == {JSON}


def test_a_body_may_have_the_media_type_of_the_api():
    operation = the_operation(content_type="application/vnd.api+json", keys=("bearer",))
    assert list(operation["requestBody"]["content"]) == ["application/vnd.api+json", JSON]


@pytest.mark.parametrize("status", ["400", "408", "500"])
def test_a_request_whose_api_is_not_known_is_answered_in_no_apis_shape(status):
    content = the_operation()["responses"][status]["content"][JSON]
    assert content["schema"]["anyOf"][1] == {"$ref": "#/components/schemas/Unreadable"}
    contents = the_operation(content_type="application/vnd.api+json")["responses"][status]["content"]
    assert contents[JSON]["schema"] == {"$ref": "#/components/schemas/Unreadable"}
    assert contents["application/vnd.api+json"]["schema"] == {"$ref": "#/components/schemas/first.Error"}


@pytest.mark.parametrize(
    ("keys", "security", "text"),
    [
        (("bearer",), [{"bearer": []}], False),
        (("bearer", "query_key"), [{"bearer": []}, {"query_key": []}], True),
        (("company_id",), [{"company_id": []}], True),
        (("klaviyo",), [{"klaviyo": []}], False),
        (("x_api_key", "none"), [{"x_api_key": []}, {}], True),
    ],
)
def test_any_way_to_show_a_key_will_do_and_pages_may_send_text(keys, security, text):
    operation = the_operation(keys=keys)
    assert operation["security"] == security
    assert ("text/plain" in operation["requestBody"]["content"]) is text


def test_paths_that_differ_by_a_slash_are_one_and_others_are_the_same():
    api = dialect(paths=("/take/", "/take", "/v1/take", "/v1/take/"))
    made = described(api)
    first, second = made["paths"]["/take/"]["post"], made["paths"]["/v1/take"]["post"]
    assert made["paths"].keys().isdisjoint({"/take", "/v1/take/"})
    assert (first["operationId"], second["operationId"]) == ("first_take", "first_take_2")
    assert first["description"].endswith("Also served as `/take`.")
    assert second["description"].endswith("The same as `/take/`. Also served as `/v1/take/`.")


def test_a_parameter_is_described():
    revision = Parameter("revision", "header", "Which one", required=True, pattern=r"^\d+$", example="7")
    first, *_ = the_operation(parameters=(revision,))["parameters"]
    assert first == {
        "name": "revision",
        "in": "header",
        "description": "Which one",
        "required": True,
        "schema": {"type": "string", "pattern": r"^\d+$"},
        "example": "7",
    }


def test_the_headers_of_a_limit_are_those_that_the_api_gives():
    responses = the_operation(rate_headers=lambda *_, now_ms: {"X-Left": "7", "X-Policy": f"{now_ms};w=60"})[
        "responses"
    ]
    for status, answer in responses.items():
        told = {
            header: part.get("schema")
            for header, part in answer["headers"].items()
            if header in {"X-Left", "X-Policy"}
        }
        expected = {"X-Left": {"type": "integer"}, "X-Policy": {"type": "string"}}
        assert told == ({} if status in {"401", "417"} else expected)
