"""Schemathesis makes requests of the document and holds the running gateway's answers to it.

What the document allows is accepted, what it forbids is refused, and whatever comes back is as it is documented.
But for their dates, requests are the same in each run of the same tests: Hypothesis also draws the constants of the
modules that are loaded. The gateway is a process of its own, on the real broker.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.integration.gateway.fitting import KNOWN_USER, fitting, with_one_event
from tests.integration.gateway.process import GatewayProcess
from tests.unit.gateway.documented import DOCUMENT, example_headers

from sluice.gateway.keys import digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.stack import Stack

EXAMPLES = 15
"""Requests of each kind to each operation."""

ALLOWED, FORBIDDEN = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
"""By the schema."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
]

SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = {result.ok().label: result.ok() for result in SCHEMA.get_all_operations() if isinstance(result, Ok)}
OF_APIS = [label for label, operation in OPERATIONS.items() if operation.tags != ["gateway"]]
OF_NO_API = [label for label in OPERATIONS if label not in OF_APIS]

SECRET, PUBLIC = "pulse_prod_load", "load_public"
KEYS = {
    "bearer": ("headers", "Authorization", "Bearer {}", SECRET),
    "klaviyo": ("headers", "Authorization", "Klaviyo-API-Key {}", SECRET),
    "x_api_key": ("headers", "X-API-Key", "{}", SECRET),
    "query_key": ("query", "api_key", "{}", PUBLIC),
    "company_id": ("query", "company_id", "{}", PUBLIC),
}
"""For each way to show a key: where it stands, and one that no limit holds for."""

ACCEPTED, REFUSED, ANSWERED = range(200, 300), range(400, 401), range(100, 600)
"""Which statuses a case may have."""

Prepare = Callable[[Case[Any]], None]
Operation = APIOperation[Any, Any, Any, Any]


@dataclass(frozen=True)
class Client:
    """Sends cases to a gateway, and holds each answer to the document."""

    url: str
    session: requests.Session

    def send_random(
        self, operation: Operation, mode: GenerationMode, prepare: Prepare, times: int, expected: range = ANSWERED
    ) -> Counter[int]:
        """Send so many cases that the schema allows or forbids, and count the statuses of the answers.

        A case with another status than is expected fails with what was sent and answered.
        """
        answers: Counter[int] = Counter()

        @settings(
            max_examples=times,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def send(case: Case[Any]) -> None:
            prepare(case)
            assume(mode_of(case) is mode)
            answers[self._send(case, expected)] += 1

        send()
        return answers

    def send_bounds(self, operation: Operation) -> tuple[Counter[int], Counter[int]]:
        """Send a case for each bound that the schema sets; count the statuses within bounds, and those beyond."""
        modes = list(GenerationMode)  # for one alone, all parts of a case would be wrong at once
        config = SCHEMA.config.generation_for(operation=operation, phase="coverage")
        within, beyond = Counter[int](), Counter[int]()
        for case in SCHEMA.iter_coverage_cases(operation, generation_modes=modes, generation_config=config):
            (with_valid_body if mode_of(case) is ALLOWED else with_fitting_values)(case)
            if mode_of(case) is ALLOWED:
                within[self._send(case, ACCEPTED)] += 1
            else:
                beyond[self._send(case, ANSWERED)] += 1
        return within, beyond

    def _send(self, case: Case[Any], expected: range) -> int:
        response = case.call(base_url=self.url, session=self.session)
        case.validate_response(response, checks=CHECKS)
        told = f"{case.as_curl_command()}\nis answered {response.status_code} {response.text}"
        assert response.status_code in expected, told
        return response.status_code


def mode_of(case: Case[Any]) -> GenerationMode:
    """Tell whether the schema allows a case. Ask after each change: when it is sent, it is too late."""
    assert case.meta is not None
    return case.meta.generation.mode


@pytest.fixture(scope="module")
def client(deployment: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Serve the local stack's projects, one of which gets a public key too, without limits as its secret one."""
    directory = tmp_path_factory.mktemp("gateway")
    demo = files("sluice.local").joinpath("demo.toml").read_text("utf-8")
    public = digest(bytes.fromhex(tomllib.loads(demo)["salt"]), PUBLIC)
    settings_file = directory / "sluice.toml"
    settings_file.write_text(f'{demo}\n[[projects.load.keys]]\nname = "public"\nkind = "public"\nhash = "{public}"\n')
    process = GatewayProcess(
        directory,
        deployment.kafka_bootstrap,
        SLUICE_SETTINGS_FILE=str(settings_file),
        SLUICE_GATEWAY_LINGER_MS="0",
    )
    process.start()
    try:
        with requests.Session() as session:
            session.trust_env = False
            make_known_user(process.url, session)
            yield Client(process.url, session)
    finally:
        process.stop()


def make_known_user(url: str, session: requests.Session) -> None:
    headers = {"Authorization": f"Bearer {SECRET}"}
    assert session.post(f"{url}/user/", json={"user": {"email": KNOWN_USER}}, headers=headers).status_code == 200


def with_key(case: Case[Any], key: str | None = None) -> None:
    """Show a key, a good one where no other is given, in the first way that the operation names and in no other."""
    (way,) = described(case)["security"][0]
    for place, name, _, _ in KEYS.values():
        getattr(case, place).pop(name, None)
    place, name, form, good = KEYS[way]
    getattr(case, place)[name] = form.format(key or good)


def described(case: Case[Any]) -> dict[str, Any]:
    operation: dict[str, Any] = DOCUMENT["paths"][case.operation.path][case.operation.method.lower()]
    return operation


def with_fitting_values(case: Case[Any]) -> None:
    """Show a good key, and let a case be wrong only in what its schema can say."""
    with_key(case)
    case.headers.pop("Content-Encoding", None)
    for name, value in example_headers(described(case)).items():
        case.headers.setdefault(name, value)
    if case.media_type != "text/plain":
        case.body = fitting(case.body)


def with_its_body_alone(case: Case[Any]) -> None:
    """Let nothing but its body be wrong with a case."""
    case.query.clear()
    case.headers.clear()
    with_fitting_values(case)


def with_valid_body(case: Case[Any]) -> None:
    """Let a valid case be what no schema can ask for. Of a text nothing is said: it becomes the example."""
    with_fitting_values(case)
    case.headers.update(example_headers(described(case)))  # where header and query share a name, it mixes them up
    if case.media_type == "text/plain":
        example = described(case)["requestBody"]["content"]["text/plain"]["example"]
        case.body = json.dumps(fitting(json.loads(example)))
    else:
        case.body = with_one_event(case.body)


def test_every_operation_is_tried():
    assert len(OPERATIONS) == sum(len(operations) for operations in DOCUMENT["paths"].values())


@pytest.mark.parametrize("label", OF_APIS)
def test_what_is_allowed_is_accepted(client: Client, label: str):
    answers = client.send_random(OPERATIONS[label], ALLOWED, with_valid_body, EXAMPLES, ACCEPTED)
    assert answers.total() == EXAMPLES


@pytest.mark.parametrize("label", OF_APIS)
def test_what_is_forbidden_is_refused(client: Client, label: str):
    answers = client.send_random(OPERATIONS[label], FORBIDDEN, with_its_body_alone, EXAMPLES, REFUSED)
    assert answers.total() == EXAMPLES


@pytest.mark.parametrize("label", OF_APIS)
def test_each_bound_is_where_the_document_says(client: Client, label: str):
    within, beyond = client.send_bounds(OPERATIONS[label])
    assert within.total() > 0
    assert beyond[400] > 10
    assert beyond[405] > 0


@pytest.mark.parametrize("label", OF_APIS)
def test_whatever_is_sent_the_answer_is_documented(client: Client, label: str):
    answers = client.send_random(OPERATIONS[label], ALLOWED, with_key, EXAMPLES)
    assert answers.total() == EXAMPLES
    assert len(answers) > 1


@pytest.mark.parametrize("label", OF_APIS)
def test_a_wrong_key_is_refused(client: Client, label: str):
    def prepare(case: Case[Any]) -> None:
        with_valid_body(case)
        with_key(case, "wrong")

    assert client.send_random(OPERATIONS[label], ALLOWED, prepare, 5) == {401: 5}


@pytest.mark.parametrize("label", OF_NO_API)
def test_what_belongs_to_no_api_answers_as_documented(client: Client, label: str):
    answers = client.send_random(OPERATIONS[label], ALLOWED, lambda _: None, 5)
    assert answers == {200: answers.total()}
