from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import Peer, Server
from specifications import specification

from messaging_channels import (
    AsyncDispatcher,
    Configuration,
    Dispatcher,
    Email,
    Outcome,
    PhoneNumber,
    Sms,
    errors,
)
from messaging_channels._config import plugin_manager as plugins
from messaging_channels._model.status import known_statuses
from messaging_channels.plugins import AttemptResult, Envelope, HttpResponse, Reason, StatusGroup
from messaging_channels_infobip import Infobip
from messaging_channels_infobip import settings as plugin_settings
from messaging_channels_infobip.responses import parse_batch_response, parse_status, reason_of

KEY = "canary-key-0123456789"
NUMBER = "447700900123"


class Account(Server):
    """A loopback Infobip that takes every message, or answers as told."""

    def __init__(self, answer: Any = None) -> None:
        super().__init__(self._respond)
        self._answer = answer or self._take

    def _respond(self, peer: Peer) -> None:
        while request := peer.read_request():
            status, body = self._answer(json.loads(request.partition(b"\r\n\r\n")[2]))
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            peer.answer(
                f"HTTP/1.1 {status} X\r\nretry-after: 0.05\r\ncontent-length: {len(data)}\r\n\r\n".encode()
                + data
            )

    def _take(self, body: Any) -> tuple[int, Any]:
        return 200, {
            "messages": [_element(to["messageId"]) for one in body["messages"] for to in one["destinations"]]
        }

    @property
    def body(self) -> Any:
        return json.loads(self.requests[0].partition(b"\r\n\r\n")[2])


def _element(
    message_id: str, group: int = 1, number: int = 26, name: str = "PENDING_ACCEPTED"
) -> dict[str, Any]:
    status = {"groupId": group, "groupName": "GROUP", "id": number, "name": name, "description": "words"}
    return {"messageId": message_id, "status": status, "destination": NUMBER}


def _infobip(url: str, sender: str | None = "Shop") -> Infobip:
    return Infobip(base_url=url, api_key=KEY, sender=sender)


MESSAGES = [
    Sms("Hello"),
    Sms("Žluťoučký 😀", sender="447700900000"),
    Sms("Hello", flash=True, validity_period=timedelta(hours=48)),
]


@pytest.mark.parametrize("message", MESSAGES, ids=repr)
def test_a_request_is_what_the_official_specification_asks_for(message: Sms) -> None:
    document = specification("infobip_sms")
    with Account() as server, Dispatcher([_infobip(server.url)]) as dispatcher:
        receipt = dispatcher.send(message, to=f"+{NUMBER}")
    document.check(document.request_schema("POST", "/sms/3/messages"), server.body)
    head = server.requests[0].lower()
    assert head.startswith(b"post /sms/3/messages http/1.1\r\n")
    assert b"authorization: app " + KEY.encode() in head
    assert b"content-type: application/json" in head
    assert server.body["messages"][0]["destinations"] == [{"to": NUMBER, "messageId": receipt.id}]
    assert server.body["messages"][0]["content"] == {"text": message.text}


def test_both_doors_send_and_tell_the_status() -> None:
    async def send(url: str) -> Any:
        async with AsyncDispatcher([_infobip(url)]) as dispatcher:
            return await dispatcher.send(Sms("Hello"), to=NUMBER)

    with Account() as server, Dispatcher([_infobip(server.url)]) as dispatcher:
        receipts = [dispatcher.send(Sms("Hello"), to=NUMBER), asyncio.run(send(server.url))]
    for receipt in receipts:
        assert receipt.outcome is Outcome.ACCEPTED
        assert (receipt.status.id, receipt.provider_id) == (26, receipt.id)


def _ends(status: int, body: Any) -> AttemptResult:
    with (
        Account(lambda request: (status, body(request) if callable(body) else body)) as server,
        Dispatcher([_infobip(server.url)]) as dispatcher,
    ):
        try:
            receipt = dispatcher.send(Sms("Hello"), to=NUMBER)
        except errors.SendFailed as failed:
            receipt = failed.receipt
    assert NUMBER not in repr(receipt)
    assert KEY not in repr(receipt)
    return receipt.attempts[-1].result


def _with_status(group: int, number: int) -> Any:
    return lambda request: {
        "messages": [_element(request["messages"][0]["destinations"][0]["messageId"], group, number)]
    }


NEW_STYLE = {
    "errorCode": "E400",
    "description": NUMBER,
    "violations": [{"property": "messages[0].sender", "violation": "x"}],
}
OLD_STYLE = {
    "requestError": {
        "serviceException": {"messageId": "BAD_REQUEST", "validationErrors": {"content.text": ["x"]}}
    }
}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, _with_status(1, 26), Reason.ACCEPTED),
        (200, _with_status(5, 23), Reason.DUPLICATE),
        (200, _with_status(5, 12), Reason.INSUFFICIENT_CREDIT),
        (200, _with_status(5, 52), Reason.RECIPIENT),
        (200, _with_status(5, 9999), Reason.INVALID),
        (200, _with_status(9, 1), Reason.UNREADABLE_RESPONSE),
        (200, {"messages": [_element("another")]}, Reason.ACCEPTED),
        (200, {"messages": [_element("a"), _element("b")]}, Reason.UNREADABLE_RESPONSE),
        (200, {"messages": [{**_element("a"), "destination": "447700900124"}]}, Reason.UNREADABLE_RESPONSE),
        (200, b"<html>", Reason.UNREADABLE_RESPONSE),
        (400, NEW_STYLE, Reason.INVALID),
        (400, OLD_STYLE, Reason.INVALID),
        (401, {"errorCode": "E401"}, Reason.CREDENTIALS),
        (403, b"", Reason.CREDENTIALS),
        (429, {"errorCode": "E429"}, Reason.THROTTLED),
        (500, {"errorCode": "E500"}, Reason.SERVER_ERROR),
        (502, b"<html>bad gateway", Reason.SERVER_ERROR),
    ],
)
def test_an_answer_means_what_the_tables_say(status: int, body: Any, reason: Reason) -> None:
    assert _ends(status, body).reason is reason


def test_a_refusal_names_the_fields_that_were_wrong() -> None:
    assert _ends(400, NEW_STYLE).detail == "HTTP 400 E400 messages[0].sender"
    assert _ends(400, OLD_STYLE).detail == "HTTP 400 BAD_REQUEST content.text"
    assert _ends(429, b"").retry_after == 0.05


def _envelopes(*ids: str) -> list[Envelope]:
    return [Envelope(one, "sms", Sms("Hello"), PhoneNumber(NUMBER)) for one in ids]


def test_the_outcomes_of_a_batch_are_matched_by_id_and_not_by_position() -> None:
    answer = {"messages": [_element("c"), _element("a", 5, 52, "REJECTED_DESTINATION")]}
    told = parse_batch_response(HttpResponse(200, {}, json.dumps(answer).encode()), _envelopes("a", "b", "c"))
    assert [one.reason for one in told] == [Reason.RECIPIENT, Reason.UNREADABLE_RESPONSE, Reason.ACCEPTED]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "messages",
                    "messageId",
                    "status",
                    "groupId",
                    "id",
                    "requestError",
                    "violations",
                    "errorCode",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.integers(100, 599), st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_answered_each_message_gets_one_outcome(status: int, body: bytes) -> None:
    told = parse_batch_response(HttpResponse(status, {}, body), _envelopes("a", "b"))
    assert len(told) == 2
    assert status // 100 == 2 or Outcome.ACCEPTED not in {one.outcome for one in told}


@pytest.mark.parametrize("status", [status for _, status in known_statuses()], ids=str)
def test_every_known_status_has_a_meaning_in_line_with_its_group(status: Any) -> None:
    read = parse_status(status.as_dict())
    assert read == status
    reason = reason_of(status)
    accepted = (
        status.group in (StatusGroup.ACCEPTED, StatusGroup.PENDING, StatusGroup.DELIVERED)
        or reason is Reason.DUPLICATE
    )
    assert (AttemptResult.of(reason).outcome is Outcome.ACCEPTED) == accepted


@pytest.mark.parametrize(
    ("base_url", "key"),
    [
        ("http://xyz.api.infobip.com", KEY),
        ("ftp://127.0.0.1", KEY),
        ("", KEY),
        ("https://user:canary@xyz.api.infobip.com", KEY),
        ("xyz.api.infobip.com", ""),
        ("xyz.api.infobip.com", "canary\r\nx: y"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_showing_them(base_url: str, key: str) -> None:
    with pytest.raises(errors.InvalidSetting) as caught:
        Infobip(base_url=base_url, api_key=key)
    assert "canary" not in str(caught.value)


def test_host_and_key_may_be_given_in_every_form_the_portal_shows() -> None:
    with Account() as server:
        infobip = Infobip(base_url=f"{server.url}/", api_key=f"App {KEY}", sender="Shop")
        with Dispatcher([infobip]) as dispatcher:
            dispatcher.send(Sms("Hello"), to=NUMBER)
    assert b"authorization: app " + KEY.encode() + b"\r\n" in server.requests[0].lower()


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (Sms("Hello", sender="Shop", validity_period=timedelta(hours=49)), errors.InvalidMessage),
        (Email("Hello", "hello"), errors.InvalidMessage),
    ],
)
def test_bad_input_never_reaches_the_network(message: Any, error: type[Exception]) -> None:
    to = "zoe@example.com" if isinstance(message, Email) else NUMBER
    with (
        Account() as server,
        Dispatcher([_infobip(server.url, sender=None)]) as dispatcher,
        pytest.raises(error),
    ):
        dispatcher.send(message, to=to)
    assert server.connections == 0


def test_no_repr_shows_the_key() -> None:
    assert KEY not in repr(_infobip("xyz.api.infobip.com"))


def test_it_is_configured_by_a_dsn() -> None:
    loaded = plugins.load_plugins(only=(), extra=[plugin_settings])
    with Account() as server:
        variables = {"MESSAGING_CHANNELS_INFOBIP_DSN": f"infobip://:{KEY}@ignored.example.com?sender=Shop"}
        code = {"providers": {"infobip": {"base_url": server.url}}}
        configuration = Configuration(code, variables, {}, "none", loaded)
        with Dispatcher([configuration.provider("infobip")]) as dispatcher:
            assert dispatcher.send(Sms("Hello"), to=NUMBER).outcome is Outcome.ACCEPTED
    assert server.body["messages"][0]["sender"] == "Shop"
