"""The document of OpenAPI, held to what the service does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from messaging_channels_gateway._table_problems import PROBLEMS
from messaging_channels_gateway.api._table_examples import ID, examples_of
from messaging_channels_gateway.api._table_operations import OPERATIONS
from messaging_channels_gateway.api.openapi import openapi_document
from messaging_channels_gateway.application import PAGES, ROUTES
from messaging_channels_gateway.auth.api_keys import OPERATE, SCOPES
from messaging_channels_gateway.channels import CHANNELS

CONFIGURATION = {
    "checks": {
        # an address, a sender or a file may be refused for what no schema can say: IDNA, E.164, where a URL leads
        "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "422", "503"]},
        "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "503"]},
    }
}
CALLS = [
    (path, method)
    for path, methods in openapi_document()["paths"].items()
    for method, operation in methods.items()
    if operation.get("operationId", "stream_events") != "stream_events"
]


@pytest.fixture(scope="module")
def schema() -> Any:
    import schemathesis  # takes seconds, which whoever only collects tests need not wait for

    configuration = schemathesis.Config.from_dict(CONFIGURATION)
    return schemathesis.openapi.from_dict(openapi_document(), config=configuration)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("path", "method"), CALLS)
def test_the_service_does_what_the_document_says(schema: Any, served: Any, path: str, method: str) -> None:
    few = max(2, settings().max_examples // 25)

    @given(case=schema[path][method.upper()].as_strategy())
    @settings(max_examples=few, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(case: Any) -> None:
        case.call_and_validate(base_url=served.url, headers={"x-api-key": served.key})

    holds()


def test_every_call_is_described_but_those_of_providers_and_pages() -> None:
    there = {(method, path) for method, path, _ in ROUTES}
    told = {(one.method, one.path) for one in OPERATIONS}
    for channel in CHANNELS:
        told = {(method, path.replace(f"/message/{channel}", "/message/{channel}")) for method, path in told}
    pages = {path for _, path, _ in PAGES}
    assert told == {one for one in there if one[1] not in pages and "/v1/webhooks/" not in one[1]}


def test_every_schema_is_one() -> None:
    for schema in openapi_document()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_problem_of_the_table_has_a_status_of_an_error_and_a_title() -> None:
    for code, (status, title) in PROBLEMS.items():
        assert code == code.lower()
        assert 400 <= status < 600
        assert title


def _examples() -> list[Any]:
    found: list[Any] = []
    for path, methods in openapi_document()["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for name, example in body.get("examples", {}).items():
                found.append(
                    pytest.param(method, path, example["value"], id=f"{operation['operationId']}: {name}")
                )
    return found


@pytest.mark.parametrize(("method", "path", "value"), _examples())
def test_every_example_is_valid_and_runs(served: Any, method: str, path: str, value: Any) -> None:
    for kind, entry in (("users", "put_user"), ("identities", "put_identity")):
        ((_, body),) = examples_of(entry, datetime.now(UTC).date()).values()
        served.client.put(f"/v1/{kind}/{ID}", json=body)
    document = openapi_document()
    schema = document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]

    of_operator = served.gateway.api_keys.create("all", tenant=served.tenant, scopes=[*SCOPES, OPERATE])
    client = served.with_key(of_operator)

    answer = client.request(method, path.replace("{id}", ID), json=value)

    assert answer.is_success, answer.text
    assert (
        list(Draft202012Validator({**schema, "components": document["components"]}).iter_errors(value)) == []
    )


def test_every_call_with_a_body_has_an_example() -> None:
    bodies = [one.id for one in OPERATIONS if one.body is not None]
    assert [one for one in bodies if not examples_of(one, datetime.now(UTC).date())] == []
