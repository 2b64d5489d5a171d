from __future__ import annotations

import csv
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from specifications import FOLDER

from messaging_channels import Outcome
from messaging_channels.plugins import AttemptResult, HttpResponse, Reason, StatusGroup
from messaging_channels_whatsapp_cloud._table_errors import ERRORS
from messaging_channels_whatsapp_cloud.errors import ErrorClass, graph_error_of
from messaging_channels_whatsapp_cloud.responses import parse_send_response

REFERENCE = FOLDER.parent / "reference"
SECRET = "the words of the message to +447700900123"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=3,
)


def _answer(payload: Any, status: int = 200) -> AttemptResult:
    return parse_send_response(HttpResponse(status, {}, json.dumps(payload).encode()))


def _error(code: Any, status: int = 400, **more: Any) -> AttemptResult:
    return _answer(
        {"error": {"message": "(#1) words", "type": "OAuthException", "code": code, **more}}, status
    )


def test_a_message_that_was_taken_is_accepted_under_its_wamid() -> None:
    result = _answer({"contacts": [{"input": "x"}], "messages": [{"id": "wamid.X"}]})
    assert (result.outcome, result.provider_id, result.status.id) == (Outcome.ACCEPTED, "wamid.X", 7)
    assert result.raw_response["messages"] == [{"id": "wamid.X"}]


@pytest.mark.parametrize(
    ("said", "status"),
    [("accepted", 7), ("held_for_quality_assessment", 26), ("paused", 26), ("something new", 7), (None, 7), (1, 7)],
)  # fmt: skip
def test_a_template_that_is_held_back_is_accepted_too(said: Any, status: int) -> None:
    result = _answer({"messages": [{"id": "wamid.X", "message_status": said}]})
    assert (result.outcome, result.status.id) == (Outcome.ACCEPTED, status)


def test_the_table_holds_every_code_of_the_reference_in_its_class() -> None:
    file = REFERENCE / "whatsapp_errors.csv"
    if not file.exists():
        pytest.skip("the reference is not here: set MESSAGING_CHANNELS_SPECS to the folder beside it")
    rows = list(csv.DictReader(file.read_text("utf-8").splitlines()))
    assert len(rows) == len(ERRORS)
    for row in rows:
        refusal = graph_error_of(int(row["code"].partition("-")[0]))
        assert refusal is not None
        assert (refusal.name, refusal.error_class) == (row["name"], row["class"])


@pytest.mark.parametrize("row", ERRORS, ids=lambda row: str(row[0]))
def test_a_refusal_was_certainly_not_sent_and_a_fault_proves_nothing(row: tuple[Any, ...]) -> None:
    result, fault = _error(row[0], 400), _error(row[0], 500)
    again = graph_error_of(row[0])
    assert again is not None
    assert (fault.outcome is Outcome.UNKNOWN) == (again.error_class is ErrorClass.TRANSIENT)
    assert (result.outcome is Outcome.UNKNOWN) == (row[0] in (1, 2, 131000, 131016))
    later = (
        again.error_class in (ErrorClass.TRANSIENT, ErrorClass.THROTTLE)
        and result.outcome is not Outcome.UNKNOWN
    )
    assert (result.outcome is Outcome.NOT_SENT) == (later or result.reason.policy.is_account_fault)
    assert result.detail.startswith(str(row[0]))
    assert again.failed_status.group is StatusGroup.UNDELIVERABLE
    if result.outcome is Outcome.REJECTED:
        assert result.status == again.rejected_status
        assert result.status.group is StatusGroup.REJECTED


@pytest.mark.parametrize(
    ("code", "reason", "refused", "failed", "like"),
    [
        (190, Reason.CREDENTIALS, 19, 4, 7004),
        (299, Reason.CREDENTIALS, 19, 4, 7005),
        (131042, Reason.INSUFFICIENT_CREDIT, 12, 4, 7019),
        (130497, Reason.NO_COVERAGE, 6, 4, 7081),
        (131026, Reason.RECIPIENT, 52, 9, 7002),
        (131050, Reason.RECIPIENT, 10, 4, 7033),
        (131047, Reason.POLICY, 100, 4, 7010),
        (131049, Reason.POLICY, 20, 4, 7032),
        (132018, Reason.INVALID, 100, 4, 7008),
        (132005, Reason.INVALID, 25, 4, 7006),
    ],
)
def test_a_code_decides_what_may_follow_and_which_status_it_is(
    code: int, reason: Reason, refused: int, failed: int, like: int
) -> None:
    refusal = graph_error_of(code)
    assert refusal is not None
    assert _error(code).reason is reason
    assert (refusal.rejected_status.id, refusal.failed_status.id, refusal.infobip_error_id) == (
        refused,
        failed,
        like,
    )


@pytest.mark.parametrize("status", [400, 429, 500])
def test_a_rate_is_told_by_its_code_whatever_the_status_of_http(status: int) -> None:
    assert _error(130429, status).reason is Reason.THROTTLED
    assert _error("130429", status).reason is Reason.THROTTLED
    assert _error(131056, status).retry_after == 6.0


def test_an_answer_that_says_how_long_to_wait_is_believed() -> None:
    for code in (130429, 131056):
        body = json.dumps({"error": {"code": code}}).encode()
        assert parse_send_response(HttpResponse(400, {"retry-after": "20"}, body)).retry_after == 20.0


def test_a_code_that_is_not_known_is_told_to_the_operator() -> None:
    assert _error(999_999, 503).detail == "HTTP 503 999999"
    assert _error(10**400, 400).detail == "HTTP 400"


@pytest.mark.parametrize(
    ("status", "more", "kind"),
    [
        (500, {}, Outcome.UNKNOWN),
        (500, {"is_transient": True}, Outcome.UNKNOWN),
        (400, {"is_transient": True}, Outcome.UNKNOWN),
        (429, {}, Outcome.NOT_SENT),
        (401, {}, Outcome.NOT_SENT),
        (400, {}, Outcome.REJECTED),
        (200, {}, Outcome.UNKNOWN),
    ],
)
def test_a_code_that_is_not_known_goes_by_the_status_on_the_safe_side(
    status: int, more: dict[str, Any], kind: Outcome
) -> None:
    assert _error(999_999, status, **more).outcome is kind


@pytest.mark.parametrize(
    "body", [b"", b"<html>busy</html>", b"{", b"\xff", b"[]", b"{}", b'{"messages": [{}]}']
)
def test_a_success_that_names_no_message_may_have_been_sent_and_a_gateway_in_between_says_nothing(
    body: bytes,
) -> None:
    assert parse_send_response(HttpResponse(200, {}, body)).reason is Reason.UNREADABLE_RESPONSE
    assert parse_send_response(HttpResponse(502, {}, body)).reason is Reason.SERVER_ERROR
    for status in (302, 400, 404, 407, 426):
        assert parse_send_response(HttpResponse(status, {}, body)).reason is Reason.MISDIRECTED


@pytest.mark.parametrize(
    "data", [None, "a plain text", [1], {"details": 1}, {"messaging_product": "whatsapp"}]
)
def test_an_error_is_read_whatever_comes_with_it(data: Any) -> None:
    assert _error(131026, error_data=data).reason is Reason.RECIPIENT


def test_an_explanation_names_code_field_and_trace_and_never_what_was_sent() -> None:
    details = {"details": f"Param text['body'] must not be {SECRET}"}
    detail = _error(100, error_data=details, fbtrace_id="Az8or2yhqkZfEZ").detail
    assert detail == "100 Invalid parameter (body) trace Az8or2yhqkZfEZ"
    for hidden in ({"fbtrace_id": "447700900123"}, {"fbtrace_id": SECRET}, {"message": SECRET}):
        assert "447700900123" not in _error(100, **hidden).detail
        assert "words" not in _error(100, **hidden).detail


@given(
    st.integers(100, 599),
    st.one_of(
        st.binary(max_size=50),
        JSON.map(lambda value: json.dumps(value).encode()),
        st.fixed_dictionaries({}, optional={"messages": JSON, "contacts": JSON, "error": JSON}).map(lambda value: json.dumps(value).encode()),
        st.fixed_dictionaries(
            {"error": st.fixed_dictionaries({}, optional={"code": JSON, "error_data": JSON, "message": JSON, "is_transient": JSON, "fbtrace_id": JSON})}
        ).map(lambda value: json.dumps(value).encode()),
        st.fixed_dictionaries({"messages": st.lists(st.fixed_dictionaries({}, optional={"id": JSON, "message_status": JSON}))}).map(
            lambda value: json.dumps(value).encode()
        ),
    ),
)  # fmt: skip
def test_no_answer_can_break_the_reading_and_only_a_named_message_is_accepted(
    status: int, body: bytes
) -> None:
    result = parse_send_response(HttpResponse(status, {}, body))
    if result.outcome is Outcome.ACCEPTED:
        assert status // 100 == 2
        assert json.loads(body)["messages"][0]["id"] == result.provider_id
    if status // 100 == 5 and result.outcome is not Outcome.UNKNOWN:
        assert "error" in json.loads(body)
