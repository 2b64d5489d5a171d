"""What Infobip answers is read: whatever comes, and every code of its catalog."""

from __future__ import annotations

import csv
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from specifications import FOLDER, specification

from messaging_channels import EmailAddress, Outcome, PhoneNumber, Sms, Status, WhatsAppText, errors
from messaging_channels._model.status import known_statuses
from messaging_channels.events import Advice
from messaging_channels.plugins import (
    REASON_POLICIES,
    AttemptResult,
    BlockingCall,
    CurrentTime,
    Envelope,
    HttpRequest,
    HttpResponse,
    LookupRequest,
    Reason,
    Sleep,
    StatusGroup,
)
from messaging_channels_infobip import Infobip, InfobipApiError, PeopleClient
from messaging_channels_infobip._table_errors import ERRORS
from messaging_channels_infobip._table_failures import ERRORS as FAILURES
from messaging_channels_infobip._table_statuses import GROUP_REASONS, REASONS
from messaging_channels_infobip.dates import parse_date
from messaging_channels_infobip.responses import parse_batch_response, parse_single_response, reason_of

NUMBER = PhoneNumber("447700900123")
INFOBIP = Infobip(base_url="xyz.api.infobip.com", api_key="secret")
SLOW = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def _catalogue(name: str) -> list[dict[str, str]]:
    file: Path = FOLDER.parent / "reference" / f"{name}.csv"
    if not file.exists():
        pytest.skip("the vendor's catalog is not here: set MESSAGING_CHANNELS_SPECS to the folder beside it")
    with file.open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def test_every_status_of_the_catalogue_is_in_the_tables_of_reasons_and_names() -> None:
    named = {(channel, one.group_id, one.id): one.name for channel, one in known_statuses()}
    for row in _catalogue("infobip_statuses"):
        key = (row["channels"], int(row["group_id"]), int(row["id"]))
        assert named[key] == row["name"]
        assert key in REASONS
        status = Status(key[1], row["group_name"], key[2], row["name"])
        assert status.final == (row["final"] == "true")


def test_every_error_of_the_catalogue_has_a_reason() -> None:
    listed = _catalogue("infobip_errors")
    assert len(ERRORS) == len(listed)
    for row in listed:
        told = FAILURES.lookup(row["id"])
        assert (told is None) == (row["group_id"] == "0"), row["name"]
        assert row["id"] in FAILURES.codes


def test_no_code_after_which_the_catalogue_stops_writing_is_advised_to_be_sent_again() -> None:
    for row in _catalogue("infobip_errors"):
        told = FAILURES.lookup(row["id"])
        if told is not None and row["suggested"] == "suppress":
            assert Advice.RETRY_LATER not in told.advice, row["name"]


def test_no_refusal_is_repeated_at_infobip_since_the_repetition_would_pass_for_accepted() -> None:
    for reason in {*REASONS.values(), *GROUP_REASONS.values()}:
        assert not REASON_POLICIES[reason].retryable


@given(st.integers(0, 9), st.integers(0, 10**6), st.sampled_from(["sms", "whatsapp", "email", "all"]))
def test_a_status_that_is_not_listed_means_what_its_group_means(
    group: int, number: int, channel: str
) -> None:
    reason = reason_of(Status(group, "", number, "NEW"), channel)
    if ("all", group, number) not in REASONS and (channel, group, number) not in REASONS:
        assert reason is GROUP_REASONS.get(group, Reason.UNREADABLE_RESPONSE)
    if group in (StatusGroup.ACCEPTED, StatusGroup.PENDING, StatusGroup.DELIVERED):
        assert AttemptResult.of(reason).outcome is Outcome.ACCEPTED


SENDING = [
    ("infobip_sms", "/sms/3/messages"),
    ("infobip_email", "/email/4/messages"),
    ("infobip_email", "/email/4/mime"),
    ("infobip_whatsapp", "/whatsapp/1/message/template"),
    ("infobip_whatsapp", "/whatsapp/1/message/text"),
    ("infobip_whatsapp", "/whatsapp/1/message/interactive/flow"),
]


@pytest.mark.parametrize(("document", "path"), SENDING)
@given(data=st.data())
@SLOW
def test_every_answer_of_the_specification_to_a_send_is_read(document: str, path: str, data: Any) -> None:
    schemas = specification(document).answers("POST", path)
    status = data.draw(st.sampled_from(sorted(schemas)))
    answer = data.draw(specification(document).samples(schemas[status]))
    response = HttpResponse(int(status), {}, json.dumps(answer).encode())
    elements = answer.get("messages", [answer]) if isinstance(answer, dict) else []
    named = [one.get("messageId") for one in elements] or ["id-1"]
    channel = path.split("/")[1]
    batch = [Envelope(str(name), channel, Sms("Hello"), NUMBER) for name in named]
    read = parse_single_response if "/text" in path or "/flow" in path else parse_batch_response
    told = read(response, batch[:1] if read is parse_single_response else batch)
    assert len(told) == (1 if read is parse_single_response else len(batch))
    assert status == "200" or all(one.outcome is not Outcome.ACCEPTED for one in told)


INQUIRY = LookupRequest("id-1", "sms", None, 0.0, 0.0, lambda _: False)
QUESTIONS: list[tuple[str, str, str, Any]] = [
    ("infobip_sms", "GET", "/sms/3/logs", lambda: INFOBIP.look_up(INQUIRY)),
    (
        "infobip_email",
        "GET",
        "/email/4/logs",
        lambda: INFOBIP.look_up(LookupRequest("1", "email", None, 0, 0, bool)),
    ),
    ("infobip_sms", "GET", "/sms/3/reports", lambda: _pulling().fetch_reports()),
    ("infobip_email", "GET", "/email/4/reports", lambda: _pulling().fetch_reports()),
    ("infobip_sms", "GET", "/sms/3/logs", lambda: INFOBIP_OF_ITS_OWN().fetch_reports()),
    ("infobip_sms", "POST", "/sms/1/preview", lambda: INFOBIP.preview("Hello")),
    ("infobip_sms", "GET", "/sms/1/bulks", lambda: INFOBIP.schedules("sms").get_schedule("b")),
    ("infobip_sms", "PUT", "/sms/1/bulks/status", lambda: INFOBIP.schedules("sms").cancel("b")),
    ("infobip_email", "GET", "/email/1/bulks", lambda: INFOBIP.schedules("email").get_schedule("b")),
    ("infobip_email", "PUT", "/email/1/bulks/status", lambda: INFOBIP.schedules("email").cancel("b")),
    ("infobip_people", "GET", "/people/2/persons", lambda: _people().person("EXTERNAL_ID", "x")),
    ("infobip_people", "POST", "/people/2/persons/match", lambda: _people().person("PHONE", "x")),
]


def INFOBIP_OF_ITS_OWN() -> Infobip:  # noqa: N802  reads like the other one
    return Infobip(base_url="xyz.api.infobip.com", api_key="secret")


def _pulling() -> Infobip:

    return Infobip(base_url="xyz.api.infobip.com", api_key="secret", log_backfill_hours=0)


def _people() -> PeopleClient:
    return PeopleClient(base_url="xyz.api.infobip.com", api_key="secret")


def _run(flow: Any, answer: HttpResponse) -> Any:
    reply: Any = None
    replies: dict[type, Any] = {CurrentTime: 1000.0, Sleep: None, HttpRequest: answer, BlockingCall: None}
    try:
        for _ in range(50):
            reply = replies[type(flow.send(reply))]
    except StopIteration as done:
        return done.value
    pytest.fail("the flow goes on for ever")


@pytest.mark.parametrize(("document", "method", "path", "question"), QUESTIONS)
@given(data=st.data())
@SLOW
def test_every_answer_of_the_specification_to_a_question_is_read_or_refused_in_our_words(
    document: str, method: str, path: str, question: Any, data: Any
) -> None:
    schemas = specification(document).answers(method, path)
    status = data.draw(st.sampled_from(sorted(schemas)))
    answer = data.draw(specification(document).samples(schemas[status]))
    code = int(status.replace("XX", "09"))
    with suppress(InfobipApiError, errors.InvalidSetting):
        _run(question(), HttpResponse(code, {}, json.dumps(answer).encode()))


@given(st.integers(100, 599), st.binary(max_size=60))
def test_whatever_is_answered_to_a_single_message_it_gets_one_outcome(status: int, body: bytes) -> None:
    envelope = Envelope("id-1", "whatsapp", WhatsAppText("Hello"), NUMBER)
    (result,) = parse_single_response(HttpResponse(status, {}, body), [envelope])
    assert status // 100 == 2 or result.outcome is not Outcome.ACCEPTED
    assert not result.request_rejected or status // 100 == 2


def test_a_refused_request_of_several_says_so_and_one_of_a_single_message_does_not() -> None:
    two = [Envelope(one, "sms", Sms("Hello"), NUMBER) for one in ("a", "b")]
    assert [one.request_rejected for one in parse_batch_response(HttpResponse(400, {}, b""), two)] == [
        True,
        True,
    ]
    assert [one.request_rejected for one in parse_batch_response(HttpResponse(400, {}, b""), two[:1])] == [
        False
    ]


def test_a_path_that_is_not_there_may_be_tried_at_another_provider() -> None:
    envelope, told = Envelope("a", "sms", Sms("Hello"), NUMBER), b'{"errorCode": "E404"}'
    (said_by_infobip,) = parse_batch_response(HttpResponse(404, {}, told), [envelope])
    (said_by_another,) = parse_batch_response(HttpResponse(404, {}, b"<html>"), [envelope])

    assert said_by_infobip.reason is Reason.NO_COVERAGE
    assert said_by_another.reason is Reason.MISDIRECTED


def test_a_mail_is_found_in_the_answer_by_its_recipient_where_the_answer_has_ids_of_its_own() -> None:
    status = {"groupId": 1, "groupName": "PENDING", "id": 7, "name": "PENDING_ENROUTE", "description": ""}
    answer = {"messages": [{"messageId": "own", "to": "zoe@example.com", "status": status}]}
    envelope = Envelope("a", "email", Sms("Hello"), EmailAddress("zoe", "example.com"))
    (result,) = parse_batch_response(HttpResponse(200, {}, json.dumps(answer).encode()), [envelope])
    assert (result.outcome, result.provider_id) == (Outcome.ACCEPTED, "own")


def _answered(channel: str, *elements: Any) -> list[AttemptResult]:
    """Return how an answer of these elements is read for a mail or a text with the id `a`."""
    to = EmailAddress("zoe", "example.com") if channel == "email" else NUMBER
    response = HttpResponse(200, {}, json.dumps({"messages": elements}).encode())
    return list(parse_batch_response(response, [Envelope("a", channel, Sms("Hello"), to)]))


TAKEN = {"groupId": 1, "groupName": "PENDING", "id": 26, "name": "PENDING_ACCEPTED", "description": "words"}


@pytest.mark.parametrize("beside", [None, 3, "a", [], {}, {"messageId": []}, {"messageId": 5}], ids=repr)
def test_what_is_no_element_does_not_hide_the_one_beside_it(beside: Any) -> None:
    (result,) = _answered("sms", beside, {"messageId": "a", "status": TAKEN})
    assert (result.outcome, result.provider_id, result.detail) == (Outcome.ACCEPTED, "a", "")


@pytest.mark.parametrize("missing", ["groupName", "name", "description"])
def test_a_status_without_one_of_its_words_is_read(missing: str) -> None:
    status = {name: value for name, value in TAKEN.items() if name != missing}
    (outcome,) = _answered("sms", {"messageId": "a", "status": status})
    assert outcome.reason is Reason.ACCEPTED
    assert outcome.status.id == 26


@pytest.mark.parametrize(
    "status",
    [None, 3, "x", [], {}, *({**TAKEN, "groupId": odd} for odd in (True, 1.0, "1", None, [1])), {"id": 26}],
    ids=repr,
)
def test_what_is_no_status_says_nothing_even_beside_one_that_is(status: Any) -> None:
    assert _answered("sms", {"messageId": "a", "status": TAKEN})[0].reason is Reason.ACCEPTED
    (outcome,) = _answered("sms", {"messageId": "a", "status": status})
    assert outcome.reason is Reason.UNREADABLE_RESPONSE


def test_a_mail_is_not_found_by_its_recipient_where_the_id_is_no_text() -> None:
    (outcome,) = _answered("email", {"messageId": 5, "to": "zoe@example.com", "status": TAKEN})
    assert outcome.reason is Reason.UNREADABLE_RESPONSE


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2019-11-09T16:00:00.000+0100", 1573311600.0),
        ("2019-11-09T16:00:00+01:00", 1573311600.0),
        ("2019-11-09T15:00:00.000Z", 1573311600.0),
        ("2019-11-09T15:00:00.000+0000", 1573311600.0),
        ("2019-11-09T20:30:00.000+0530", 1573311600.0),
        ("2019-11-09T15:00:00", 1573311600.0),
        (1573311600000, 1573311600.0),
        (1573311600000.0, 1573311600.0),
        ("1573311600000", 1573311600.0),
        ("yesterday", -1.0),
        (True, -1.0),
        (None, -1.0),
        (float("inf"), -1.0),
        (float("nan"), -1.0),
    ],
)
def test_a_time_is_read_in_every_spelling(written: object, seconds: float) -> None:
    assert parse_date(written, default=-1.0) == seconds
