"""The document allows whatever the gateway accepts, shows every answer that it gives, and is valid OpenAPI."""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock
from urllib.parse import parse_qs, urlsplit

import jsonschema_rs
import pytest
import schemathesis
from aiohttp import web
from tests.unit.gateway.documented import DOCUMENT, documented_path, example_headers, good_key, parameters
from tests.unit.gateway.harness import NOW
from tests.unit.gateway.test_golden import GOLDEN, load

from sluice.gateway.app import create_app
from sluice.gateway.dialects import DIALECTS
from sluice.gateway.dialects.port import JSON, STATUS, Endpoint
from sluice.gateway.documentation import FILES
from sluice.gateway.users.port import Identifier, Known

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.gateway.harness import Gateway

    from sluice.gateway.dialects.port import Dialect

ENDPOINTS = [(dialect, endpoint) for dialect in DIALECTS for endpoint in dialect.ENDPOINTS]
OPERATIONS = [
    (path, method, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


UNREADABLE = {JSON: {"schema": {"$ref": "#/components/schemas/Unreadable"}}}


def name(value: Any) -> str:
    return value.name if isinstance(value, Endpoint) else str(getattr(value, "API", value))


def operation_of(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = DOCUMENT["paths"][endpoint.paths[0]][endpoint.method.lower()]
    return operation


def problems(schema: dict[str, Any], value: Any) -> list[str]:
    """Say what is wrong with a value by a schema of the document."""
    return [str(error) for error in validator(json.dumps(schema)).iter_errors(value)]


@cache
def validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(json.loads(schema) | {"components": DOCUMENT["components"]})


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Give every object within a JSON value."""
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from parts(member)
    elif isinstance(value, list):
        for element in value:
            yield from parts(element)


# The whole document


def test_it_is_valid_openapi_3_1():
    assert DOCUMENT["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(DOCUMENT).validate()


def test_its_schemas_are_valid_json_schema():
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema | {"$schema": "https://json-schema.org/draft/2020-12/schema"})


def test_its_references_lead_to_its_components():
    for reference in (part["$ref"] for part in parts(DOCUMENT) if "$ref" in part):
        root, components, kind, component = reference.split("/")
        assert (root, components) == ("#", "components")
        assert component in DOCUMENT["components"][kind]


def test_nothing_in_it_is_there_for_nothing():
    used = {part["$ref"].rpartition("/")[2] for part in parts(DOCUMENT) if "$ref" in part}
    for kind in ("schemas", "parameters", "headers"):
        assert DOCUMENT["components"][kind].keys() - used == set()


def test_no_two_operations_have_one_id():
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(ids) == len(set(ids))


def test_its_version_is_the_packages():
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", DOCUMENT["info"]["version"])


# What is documented


@pytest.mark.parametrize(("dialect", "endpoint"), ENDPOINTS, ids=name)
def test_every_endpoint_is_documented_by_the_path_to_use(dialect: Dialect, endpoint: Endpoint):
    operation = operation_of(endpoint)
    assert operation["summary"] == endpoint.summary
    assert operation["tags"] == [dialect.API]
    assert str(endpoint.status) in operation["responses"]


@pytest.mark.parametrize(("dialect", "endpoint"), ENDPOINTS, ids=name)
def test_every_other_path_of_an_endpoint_is_documented_or_mentioned(dialect: Dialect, endpoint: Endpoint):
    del dialect
    mentioned = " ".join(operation["description"] for _, _, operation in OPERATIONS if "description" in operation)
    for path in endpoint.paths:
        assert path in DOCUMENT["paths"] or f"`{path}`" in mentioned


async def test_every_route_of_the_application_is_documented(gateway: Gateway):
    async def handle(_: web.Request) -> web.Response:
        return web.Response()

    intake = MagicMock()
    intake.handler.return_value = handle
    served = {route.canonical for route in create_app(intake, gateway.publisher).router.resources()}
    apis = {path for _, endpoint in ENDPOINTS for path in endpoint.paths}
    of_the_page = FILES.keys() - {"/docs"}
    own = {path for path, _, operation in OPERATIONS if operation["tags"] == ["gateway"]}
    assert served - apis - of_the_page == own
    for path in own:
        assert (await gateway.send(path, method="GET")).status == 200


@pytest.mark.parametrize(("dialect", "endpoint"), ENDPOINTS, ids=name)
def test_every_status_of_an_error_is_documented_in_the_apis_shape(dialect: Dialect, endpoint: Endpoint):
    answers = operation_of(endpoint)["responses"]
    for status in (*STATUS.values(), 500):
        answer = answers[str(status)]
        assert dialect.CONTENT_TYPE in answer["content"]
        assert answer["description"]
    of_no_api = {status for status, answer in answers.items() if answer.get("content") == UNREADABLE}
    assert of_no_api == {"417"}
    assert len(answers) == len({*STATUS.values(), 500, 417, endpoint.status})


@pytest.mark.parametrize(("dialect", "endpoint"), ENDPOINTS, ids=name)
def test_every_answer_has_a_request_id_and_says_when_to_come_back(dialect: Dialect, endpoint: Endpoint):
    del dialect
    for status, answer in operation_of(endpoint)["responses"].items():
        assert "X-Request-Id" in answer["headers"]
        assert ("Retry-After" in answer["headers"]) == (status in {"429", "503"})


# What it allows


def moment_of(example: Any) -> int:
    """Give the time at which an example happened, in milliseconds; without one, any will do."""
    text = json.dumps(example)
    if millis := re.search(r"\b\d{13}\b", text):
        return int(millis[0])
    if iso := re.search(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)", text):
        return int(datetime.fromisoformat(iso[0]).timestamp() * 1000)
    return NOW


@pytest.mark.parametrize(("dialect", "endpoint"), ENDPOINTS, ids=name)
async def test_an_example_is_valid_and_accepted(gateway: Gateway, dialect: Dialect, endpoint: Endpoint):
    del dialect
    operation = operation_of(endpoint)
    gateway.clock.now_ms = moment_of(endpoint.example)
    for kind, text in re.findall(r'"(email|_id)": "(.+?)"', json.dumps(endpoint.example)):
        gateway.users.known[Identifier("demo", "email" if kind == "email" else "id", text)] = Known("u1")
    for media_type, body in operation["requestBody"]["content"].items():
        assert problems(body["schema"], body["example"]) == []
        sent = body["example"] if isinstance(body["example"], str) else json.dumps(body["example"])
        query, headers = good_key(operation)
        headers |= example_headers(operation) | {"Content-Type": media_type}
        answer = await gateway.send(f"{endpoint.paths[0]}?{'&'.join(query)}", sent.encode(), headers)
        assert answer.status == endpoint.status, answer.body


def json_of(body: str) -> Any:
    """Read a body; what JSON Schema cannot look at, it need not."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def recorded(*, accepted: bool) -> list[Any]:
    found = []
    for path in GOLDEN:
        golden = load(path)
        if (golden["response"]["status"] < 300) >= accepted:
            found.append(pytest.param(golden, id=f"{path.parent.name}-{path.stem}"))
    return found


def documented(golden: dict[str, Any]) -> dict[str, Any] | None:
    """Give the operation that a recorded request is for; None where no path or method is served."""
    path, method = golden["request"]["path"], golden["request"].get("method", "POST")
    operation: dict[str, Any] | None = (
        DOCUMENT["paths"].get(documented_path(path.partition("?")[0]), {}).get(method.lower())
    )
    return operation


@pytest.mark.parametrize("golden", recorded(accepted=True))
def test_what_was_accepted_is_allowed(golden: dict[str, Any]):
    operation = documented(golden)
    if operation is None:
        assert golden["request"].get("method") in {"OPTIONS", "GET", "HEAD"}
        return
    if "requestBody" not in operation:
        return
    encoded = "Content-Encoding" in golden["request"].get("headers", {})
    for media_type, body in operation["requestBody"]["content"].items():
        if media_type != "text/plain" and not encoded:
            assert problems(body["schema"], json.loads(golden["request"]["body"])) == []


@pytest.mark.parametrize("golden", recorded(accepted=True))
def test_what_was_accepted_has_the_parameters_that_are_asked_for(golden: dict[str, Any]):
    if (operation := documented(golden)) is None:
        return
    query = parse_qs(urlsplit(golden["request"]["path"]).query)
    sent = {("query", field): value for field, (value, *_) in query.items()}
    sent |= {("header", field.lower()): value for field, value in golden["request"].get("headers", {}).items()}
    for parameter in parameters(operation):
        value = sent.get((parameter["in"], parameter["name"].lower()))
        assert value is not None or not parameter.get("required")
        assert value is None or problems(parameter["schema"], value) == []


@pytest.mark.parametrize("golden", recorded(accepted=False))
def test_what_was_answered_is_documented(golden: dict[str, Any]):
    operation, response = documented(golden), golden["response"]
    if operation is None:
        assert response["status"] in {204, 404, 405}
        return
    answer = operation["responses"][str(response["status"])]
    told = {header.lower() for header in response["headers"]}
    assert told <= {"content-type", *(header.lower() for header in answer["headers"])} | SAME_FOR_ALL
    if not response.get("body"):
        assert "content" not in answer
        return
    content = answer["content"][response["headers"].get("Content-Type", JSON).partition(";")[0]]
    assert problems(content["schema"], json_of(response["body"])) == []


SAME_FOR_ALL = {"server", "vary"} | {
    f"access-control-{header}" for header in ("allow-origin", "allow-credentials", "expose-headers")
}
