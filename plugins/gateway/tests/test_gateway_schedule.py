"""Messages that wait for their time: kept in the ledger, sent when they are due, and cancelled until then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from messaging_channels import Sms
from messaging_channels.plugins import (
    AttemptResult,
    Capabilities,
    Envelope,
    Exchange,
    ExecutorPair,
    Flow,
    ProviderSpec,
    hookimpl,
)

HOUR = timedelta(hours=1)
USER = "634b56217f6a7b0be52dffbd"


class Lame:
    """A provider whose plugin fails before anything leaves the machine."""

    name: ClassVar[str] = "lame"
    capabilities: ClassVar[Capabilities] = Capabilities({Sms: frozenset()})
    executors: ClassVar[Mapping[type[Exchange[Any]], ExecutorPair]] = {}

    def send(self, batch: Sequence[Envelope]) -> Flow[Sequence[AttemptResult]]:
        yield from ()
        raise ZeroDivisionError(len(batch))


class LameSettings(BaseModel):
    leg: str = "left"


class LamePlugin:
    @hookimpl
    def register_providers(self) -> list[ProviderSpec]:
        return [ProviderSpec("lame", LameSettings, lambda _: Lame())]


def _in(wait: timedelta, clock: Any = None) -> str:
    return (datetime.fromtimestamp(clock.now(), UTC) + wait).isoformat() if clock else _in(wait, _Usual())


class _Usual:
    def now(self) -> float:
        return datetime.now(UTC).timestamp()


def _id(answer: Any) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["messages"][0]["messageId"])


@pytest.fixture
def timed(serve: Any, clock: Any) -> Any:
    """A gateway whose clock the test moves."""
    return serve(clock=clock, poll_interval=0.05)


def _pass(clock: Any, seconds: float) -> None:
    clock.ahead += seconds


def test_a_message_waits_until_it_is_due_and_says_so(timed: Any, clock: Any) -> None:
    at = _in(HOUR, clock)
    answer = timed.sms(sendAt=at)
    (message,) = answer.json()["messages"]
    assert message["status"]["name"] == "PENDING_QUEUED"
    assert message["destination"] == "38598123456"
    message_id = _id(answer)
    now = _id(timed.sms())
    timed.until(now, "DELIVERED")
    waiting = timed.client.get(f"/v1/messages/{message_id}").json()
    assert (waiting["status"]["name"], waiting["attempts"]) == ("PENDING_QUEUED", [])
    assert abs(datetime.fromisoformat(waiting["sendAt"]) - datetime.fromisoformat(at)) < timedelta(
        seconds=0.01
    )
    assert timed.client.get(f"/v1/messages/{now}").json()["sendAt"] is None
    assert [one["sendAt"] for one in timed.client.get("/v1/messages").json()["messages"]] == [
        None,
        waiting["sendAt"],
    ]

    _pass(clock, 3600)
    sent = timed.until(message_id, "DELIVERED")
    assert [one["outcome"] for one in sent["attempts"]] == ["accepted"]
    assert sent["sendAt"] == waiting["sendAt"]
    assert timed.told(message_id, "sent", "delivered") == ["sms.message.sent", "sms.message.delivered"]


def test_a_message_that_is_refused_when_it_is_due_is_told_of(timed: Any, clock: Any) -> None:
    message_id = _id(timed.sms(to="447700900001", sendAt=_in(HOUR, clock)))
    _pass(clock, 3600)
    assert timed.told(message_id, "failed") == ["sms.message.failed"]
    timed.until(message_id, "REJECTED")


def test_a_message_that_nobody_can_send_is_told_of_when_it_is_given_up(serve: Any, clock: Any) -> None:
    served = serve(
        settings={"providers": {"lame": {"leg": "right"}}},
        plugin=LamePlugin(),
        clock=clock,
        poll_interval=0.05,
    )
    message_id = _id(served.sms(sendAt=_in(HOUR, clock)))
    _pass(clock, 3600)
    for _ in range(200):
        if served.gateway.event_log.events_after("default", 0):
            break
        _pass(clock, 10)
        sleep(0.05)
    assert served.told(message_id, "failed") == ["sms.message.failed"]


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "email"])
def test_users_and_persons_are_written_to_at_a_time_too(timed: Any, clock: Any, channel: str) -> None:
    user = {"channel": {"sms": "38598123456", "whatsapp": "38598123456", "email": "user@example.com"}}
    contact = {"phone": [{"number": "38598123456"}], "email": [{"address": "user@example.com"}]}
    timed.client.put(f"/v1/users/{USER}", json=user)
    timed.client.put(f"/v1/identities/{USER}", json={"person": {"contactInformation": contact}})
    content = {"subject": "s", "text": "x"} if channel == "email" else {"text": "x"}
    body = {"content": content, "sendAt": _in(HOUR, clock)}
    paths = (f"/v1/users/{USER}/message/", f"/v1/identities/{USER}/person/message/")
    ids = [_id(timed.client.post(path + channel, json=body)) for path in paths]
    _pass(clock, 3600)
    for message_id in ids:
        timed.until(message_id, "DELIVERED")


def test_somebody_who_is_not_there_is_refused_at_once(timed: Any, clock: Any) -> None:
    body = {"content": {"text": "x"}, "sendAt": _in(HOUR, clock)}
    answer = timed.client.post(f"/v1/users/{USER}/message/sms", json=body)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert timed.client.get("/v1/messages").json()["messages"] == []


def test_several_recipients_wait_each_with_a_message_of_their_own(timed: Any, clock: Any) -> None:
    to = [f"4477009001{number:02}" for number in range(40)]
    once = {"to": to, "sendAt": _in(HOUR, clock), "headers": {"idempotency-key": "k" * 200}}
    first, again = timed.sms(**once), timed.sms(**{**once, "headers": dict(once["headers"])})
    assert [one["destination"] for one in first.json()["messages"]] == to
    assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    _pass(clock, 3600)
    for message in first.json()["messages"]:
        timed.until(message["messageId"], "DELIVERED")
    assert timed.sms(**once).content == first.content
    assert len(timed.shown()) == 40


def test_a_repetition_gets_the_same_answer_also_when_the_time_is_past(timed: Any, clock: Any) -> None:
    once: dict[str, Any] = {"sendAt": _in(HOUR, clock)}
    first = timed.sms(**once, headers={"idempotency-key": "k"})
    early = timed.sms(**once, headers={"idempotency-key": "k"})
    _pass(clock, 3600)
    timed.until(_id(first), "DELIVERED")
    late = timed.sms(**once, headers={"idempotency-key": "k"})
    assert first.content == early.content == late.content
    assert early.headers["idempotent-replayed"] == late.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert len(timed.client.get("/v1/messages").json()["messages"]) == 1


def test_many_calls_at_once_with_one_key_schedule_one_message(timed: Any, clock: Any) -> None:
    at = _in(HOUR, clock)
    with ThreadPoolExecutor(8) as pool:
        call = lambda _: timed.sms(sendAt=at, headers={"idempotency-key": "k"})  # noqa: E731
        answers = list(pool.map(call, range(32)))
    assert {answer.content for answer in answers} == {answers[0].content}
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize("second", [0, 1, 2])
def test_a_key_stands_for_one_time_and_not_for_another(served: Any, first: int, second: int) -> None:
    times: list[dict[str, str]] = [{}, {"sendAt": _in(HOUR)}, {"sendAt": _in(2 * HOUR)}]
    headers = {"idempotency-key": "k"}
    made, again = (served.sms(**times[which], headers=headers) for which in (first, second))
    if first == second:
        assert again.content == made.content
    else:
        assert (again.status_code, again.json()["code"]) == (422, "idempotency_key_reused")
    assert served.sms(**times[first], headers=headers).content == made.content


@pytest.mark.parametrize(
    ("at", "code", "problem"),
    [
        ("2020-01-01T00:00:00Z", "invalid_send_at", "in_the_past"),
        ("9999-12-31T23:59:59Z", "invalid_send_at", "too_far_ahead"),
        ("0001-01-01T00:00:00+14:00", "invalid_send_at", "in_the_past"),
        ("2030-01-01T00:00:00", "invalid_body", "datetime_with_offset"),
        ("2030-02-30T00:00:00Z", "invalid_body", "datetime_with_offset"),
        ("2030-01-01T00:00:00+99:00", "invalid_body", "datetime_with_offset"),
        ("tomorrow", "invalid_body", "datetime_with_offset"),
        (1900000000, "invalid_body", "datetime_with_offset"),
    ],
)
def test_a_time_that_cannot_be_meant_is_refused_by_its_place(
    served: Any, at: Any, code: str, problem: str
) -> None:
    answer = served.sms(sendAt=at)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"] == [{"pointer": "/sendAt", "problem": problem}]
    assert served.client.get("/v1/messages").json()["messages"] == []


def test_to_schedule_and_to_cancel_take_a_right(served: Any) -> None:
    waiting = _id(served.sms(sendAt=_in(HOUR)))
    client = served.of_tenant(served.tenant, scopes=["send:sms", "read:messages"])
    body = {"to": "38598123456", "content": {"text": "x"}, "sendAt": _in(HOUR)}
    for answer in (
        client.post("/v1/apps/message/sms", json=body),
        client.delete(f"/v1/messages/{waiting}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_a_message_that_is_cancelled_is_not_sent(timed: Any, clock: Any) -> None:
    at = _in(HOUR, clock)
    kept, cancelled = (_id(timed.sms(sendAt=at)) for _ in range(2))
    answer = timed.client.delete(f"/v1/messages/{cancelled}")
    assert answer.status_code == 200
    assert answer.json()["status"]["name"] == "REJECTED_CANCELLED"
    assert timed.told(cancelled, "failed") == ["sms.message.failed"]
    _pass(clock, 3600)
    timed.until(kept, "DELIVERED")
    assert timed.client.get(f"/v1/messages/{cancelled}").json()["attempts"] == []
    again = timed.client.delete(f"/v1/messages/{cancelled}")
    assert (again.status_code, again.json()) == (200, answer.json())


def test_what_was_sent_cannot_be_cancelled(timed: Any, clock: Any) -> None:
    scheduled = _id(timed.sms(sendAt=_in(HOUR, clock)))
    _pass(clock, 3600)
    timed.until(scheduled, "DELIVERED")
    for message_id in (scheduled, _id(timed.sms())):
        answer = timed.client.delete(f"/v1/messages/{message_id}")
        assert (answer.status_code, answer.json()["code"]) == (409, "not_cancellable")


def test_nobody_cancels_the_messages_of_another_tenant(served: Any) -> None:
    waiting = _id(served.sms(sendAt=_in(HOUR)))
    answer = served.of_tenant().delete(f"/v1/messages/{waiting}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert served.client.get(f"/v1/messages/{waiting}").json()["status"]["name"] == "PENDING_QUEUED"


def test_what_was_due_while_the_service_was_down_is_sent_and_told_when_it_is_up(
    serve: Any, clock: Any
) -> None:
    first = serve(clock=clock, poll_interval=0.05)
    message_id = _id(first.sms(sendAt=_in(HOUR, clock)))
    first.stop()
    _pass(clock, 3700)
    second = serve(clock=clock, poll_interval=0.05)
    second.until(message_id, "DELIVERED")
    assert "sms.message.sent" in second.told(message_id, "sent", "delivered")
