"""The plugin on the emulator: batches, limits, reports, and what cannot be read."""

from __future__ import annotations

import json
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from messaging_channels import Dispatcher, Email, SqliteLedger, WebhookRequest, errors
from messaging_channels.events import MessageReceived, OptedIn, OptedOut, StatusChanged, UnknownEvent
from messaging_channels.messages import Attachment
from messaging_channels.plugins import EmailAddress, Envelope, HttpRequest, HttpResponse, Reason, ask
from messaging_channels.testing import Fault, FaultKind, Transport
from messaging_channels_postmark import Postmark, PostmarkEmailOptions
from messaging_channels_postmark import requests as building
from messaging_channels_postmark.emulator import PostmarkEmulator
from messaging_channels_postmark.responses import parse_response

MAIL = Email("Hi", "Hello")
USER, PASSWORD = "hook", "pass:wörd"


def _provider(vendor: PostmarkEmulator | None = None, **more: Any) -> Postmark:
    settings = {"server_token": "made-up", "sender": "shop@example.org", **more}
    return Postmark(**settings, base_url=vendor.url if vendor else None)


def _envelopes(*to: str) -> list[Envelope]:
    return [
        Envelope(f"m-{number}", "email", MAIL, EmailAddress.parse(one)) for number, one in enumerate(to, 1)
    ]


def _read(told: object, **settings: Any) -> Any:
    proof = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    request = WebhookRequest(body, {"authorization": f"Basic {proof}"}, received_at=7.0)
    provider = _provider(webhook_username=USER, webhook_password=PASSWORD, **settings)
    (event,) = provider.handle_webhook(request).events
    return event


def _json(told: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(told).encode())


def test_a_batch_is_one_request_and_each_mail_has_its_own_outcome() -> None:
    with PostmarkEmulator() as vendor, Dispatcher([_provider(vendor)]) as dispatcher:
        vendor.inactive.add("gone@example.com")
        people = ["a@example.com", "gone@example.com", "b@example.com"]
        sent = {one.to: one for one in dispatcher.send_each(MAIL, to=people)}
    assert [type(sent[to].error) for to in people] == [type(None), errors.Rejected, type(None)]
    assert {mail["To"] for mail in vendor.messages} == {"a@example.com", "b@example.com"}
    assert len(vendor.requests) == 1


def test_a_mail_that_bounces_is_told_and_the_next_one_is_refused() -> None:
    to = "hardbounce@bounce-testing.postmarkapp.com"
    with PostmarkEmulator(webhook_url="http://127.0.0.1:9/none") as vendor:
        provider = _provider(vendor, webhook_username="postmark", webhook_password="made-up")
        with Dispatcher([provider], ledger=SqliteLedger()) as dispatcher:
            receipt = dispatcher.send(MAIL, to=to)
            vendor.wait_for_reports()
            ((call, _),) = vendor.reports
            dispatcher.handle_webhook("postmark", WebhookRequest(call.body, call.headers))
            record = dispatcher.get_message(receipt.id)
            with pytest.raises(errors.Rejected) as again:
                dispatcher.send(MAIL, to="HardBounce@bounce-testing.postmarkapp.com")
    assert record is not None
    assert (record.status.group_name, record.failure) == ("UNDELIVERABLE", "unknown_recipient")
    assert again.value.receipt.failure == "suppressed"


def test_attachments_are_read_from_files_and_streams(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"file")
    files = (Attachment(tmp_path / "a.txt", "a.txt"), Attachment(lambda: BytesIO(b"stream"), "b.txt"))
    with PostmarkEmulator() as vendor, Dispatcher([_provider(vendor)]) as dispatcher:
        dispatcher.send(Email("Hi", "Hello", attachments=files), to="zoe@example.com")
        lost = Email("Hi", "Hello", attachments=(Attachment(tmp_path / "none.txt", "none.txt"),))
        with pytest.raises(errors.InvalidMessage, match="cannot be read"):
            dispatcher.send(lost, to="zoe@example.com")
    contents = [one["Content"] for one in vendor.messages[0]["Attachments"]]
    assert contents == [b64encode(one).decode() for one in (b"file", b"stream")]


def test_mails_of_more_than_fifty_megabytes_take_several_requests() -> None:
    large = Email("Hi", "Hello", attachments=(Attachment(b"x" * 6_000_000, "a.bin"),))
    with PostmarkEmulator() as vendor, Dispatcher([_provider(vendor)]) as dispatcher:
        people = [f"zoe{number}@example.com" for number in range(7)]
        sent = list(dispatcher.send_each(large, to=people))
    assert [one.error for one in sent] == [None] * 7
    sizes = [len(request.body) for request in vendor.requests]
    assert len(sizes) == 2
    assert max(sizes) <= building.MAX_BATCH


@pytest.mark.parametrize(
    ("mail", "words"),
    [
        (Email("Hi", "Hello", cc=[f"c{number}@example.com" for number in range(50)]), "51 recipients"),
        (Email("Hi", "x" * (building.MAX_BODY + 1)), "5 MB"),
        (Email("Hi", "é" * (building.MAX_BODY // 2 + 1)), "5 MB"),
        (Email("Hi", "Hello", attachments=(Attachment(b"x" * 8_000_000, "a.bin"),)), "10 MB"),
    ],
)
def test_what_postmark_would_refuse_leaves_no_machine(mail: Email, words: str) -> None:
    with PostmarkEmulator() as vendor, Dispatcher([_provider(vendor)]) as dispatcher:
        with pytest.raises(errors.InvalidMessage, match=words):
            dispatcher.send(mail, to="zoe@example.com")
        assert vendor.requests == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"message_stream": "Out Bound"},
        {"tag": ""},
        {"tag": "x" * 1001},
        {"track_links": "All"},
        {"metadata": {"message_id": "1"}},
        {"metadata": {"x" * 21: "1"}},
        {"metadata": {"x": "1" * 81}},
        {"metadata": {"x": 1}},
    ],
)
def test_an_option_that_postmark_would_refuse_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidMessage, match="PostmarkEmailOptions"):
        PostmarkEmailOptions(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"server_token": " "},
        {"server_token": "a\nb"},
        {"sender": "nobody"},
        {"message_stream": "no stream"},
        {"base_url": "http://api.example.com"},
    ],
)
def test_a_setting_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidSetting, match=next(iter(wrong))):
        Postmark(**{"server_token": "made-up", **wrong})


@pytest.mark.parametrize(
    ("response", "reasons"),
    [
        (
            _json([{"ErrorCode": 0, "MessageID": "x", "To": "a@example.com"}]),
            [Reason.UNREADABLE_RESPONSE] * 2,
        ),
        (
            _json(
                [{"ErrorCode": 0, "MessageID": "x", "To": one} for one in ("b@example.com", "a@example.com")]
            ),
            [Reason.UNREADABLE_RESPONSE] * 2,
        ),
        (
            _json([{"ErrorCode": "0", "MessageID": "x"}, {"ErrorCode": "406", "Message": "a@example.com"}]),
            [Reason.ACCEPTED, Reason.RECIPIENT],
        ),
        (_json([{"ErrorCode": 1101}, {"ErrorCode": 500}]), [Reason.INVALID, Reason.SERVER_ERROR]),
        (_json([{"ErrorCode": True}, None]), [Reason.UNREADABLE_RESPONSE] * 2),
        (_json({"ErrorCode": 100, "Message": "Maintenance"}, 503), [Reason.SERVER_ERROR] * 2),
        (HttpResponse(403, {"content-type": "text/html"}, b"<html>"), [Reason.MISDIRECTED] * 2),
        (_json({"ErrorCode": 300}, 422), [Reason.INVALID] * 2),
        (_json({"Message": "?"}, 413), [Reason.INVALID] * 2),
        (HttpResponse(429, {"retry-after": "3"}, b""), [Reason.THROTTLED] * 2),
    ],
)
def test_an_answer_means_what_postmark_says(response: HttpResponse, reasons: list[Reason]) -> None:
    results = parse_response(response, _envelopes("a@example.com", "b@example.com"))
    assert [result.reason for result in results] == reasons
    assert not any("@" in result.detail + result.vendor_text for result in results)


def test_of_several_requests_one_that_fails_takes_only_its_own_mails_along() -> None:
    large = Email("Hi", "Hello", attachments=(Attachment(b"x" * 7_000_000, "a.bin"),))
    with PostmarkEmulator() as vendor, Dispatcher([_provider(vendor)]) as dispatcher:
        vendor.faults.add(Fault(FaultKind.RESET, handled=True, times=1))
        sent = list(dispatcher.send_each(large, to=[f"zoe{number}@example.com" for number in range(7)]))
    outcomes = sorted(str(one.receipt.outcome) for one in sent if one.receipt)
    assert outcomes == ["accepted"] * 2 + ["unknown"] * 5
    assert len(vendor.messages) == 7


def test_copies_that_postmark_leaves_out_are_told_without_their_addresses() -> None:
    with PostmarkEmulator() as vendor, Dispatcher([_provider(vendor)]) as dispatcher:
        vendor.inactive.add("gone@example.com")
        receipt = dispatcher.send(Email("Hi", "Hello", cc="gone@example.com"), to="zoe@example.com")
    assert receipt.outcome == "accepted"
    assert "inactive" in receipt.attempts[-1].result.detail
    assert "gone" not in receipt.attempts[-1].result.detail


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Basic"},
        {"authorization": "Basic " + b64encode(b"hook:other").decode()},
        {"authorization": "Bearer " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()},
        {"authorization": "Basic \ud83d"},
    ],
)
@pytest.mark.parametrize("configured", [{}, {"webhook_username": USER, "webhook_password": PASSWORD}])
def test_a_call_without_the_password_is_refused(headers: dict[str, str], configured: dict[str, str]) -> None:
    with pytest.raises(errors.WebhookVerificationError):
        _provider(**configured).handle_webhook(WebhookRequest(b"{}", headers))


def test_nobody_gets_in_where_only_half_of_the_proof_is_configured() -> None:
    for half in ({"webhook_username": "hook"}, {"webhook_password": "x"}):
        for guess in ("hook:None", "None:x", "hook:", ":x"):
            call = WebhookRequest(b"{}", {"authorization": "Basic " + b64encode(guess.encode()).decode()})
            with pytest.raises(errors.WebhookVerificationError):
                _provider(**half).handle_webhook(call)


CHANGE = {
    "RecordType": "SubscriptionChange",
    "MessageID": "00000000-0000-0000-0000-000000000000",
    "MessageStream": "offers",
    "ChangedAt": "2025-04-05T16:33:54.9070259Z",
    "Recipient": "zoe@example.com",
    "Origin": "Recipient",
    "SuppressSending": True,
    "SuppressionReason": "ManualSuppression",
}


@pytest.mark.parametrize(
    ("change", "streams", "kind", "category"),
    [
        ({}, ("broadcast",), "", ""),
        ({}, ("offers",), "", "marketing"),
        ({"SuppressionReason": "SpamComplaint"}, ("offers",), "complaint", ""),
        ({"SuppressionReason": "HardBounce"}, ("offers",), "undeliverable", ""),
        ({"Origin": "Admin"}, ("broadcast",), "blocked", ""),
    ],
)
def test_a_suppression_is_an_opt_out_of_what_it_is_about(
    change: dict[str, Any], streams: tuple[str, ...], kind: str, category: str
) -> None:
    event = _read({**CHANGE, **change}, marketing_streams=streams)
    assert isinstance(event, OptedOut)
    assert (event.kind, event.category, event.address.plain) == (kind, category, "zoe@example.com")
    assert isinstance(_read({**CHANGE, "SuppressSending": False}), OptedIn)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({**CHANGE, "SuppressSending": "true"}, "SubscriptionChange"),
        ({**CHANGE, "Recipient": "nobody"}, "SubscriptionChange"),
        ({"RecordType": "Delivery", "Recipient": "zoe@example.com"}, "Delivery"),
        ({"RecordType": "Bounce", "Type": "NewKind", "MessageID": "m"}, "NewKind"),
        ({"RecordType": "News"}, "News"),
        ({"FromFull": {"Email": "nobody"}, "MessageID": "m"}, "Inbound"),
        ([], "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 5000, "no JSON"),
        ({"RecordType": 7}, ""),
    ],
)
def test_what_cannot_be_read_is_kept(told: object, kind: str) -> None:
    event = _read(told)
    assert isinstance(event, UnknownEvent)
    assert event.kind == kind


@pytest.mark.parametrize("kind", ["Delivery", "Open", "Click"])
def test_a_repeated_report_is_one_event_and_those_of_two_recipients_are_two(kind: str) -> None:
    shared = {"RecordType": kind, "MessageID": "p-1", "Metadata": {"message_id": "m-1"}}
    times = dict.fromkeys(("DeliveredAt", "ReceivedAt"), "2025-04-05T16:33:54Z")
    first, again, other = (
        _read({**shared, **times, "Recipient": to})
        for to in ("a@example.com", "a@example.com", "b@example.com")
    )
    assert first.key == again.key != other.key


def test_a_late_bounce_of_a_copy_leaves_the_message_as_it_is() -> None:
    shared = {"MessageID": "p-1", "Metadata": {"message_id": "m-1"}}
    bounce = {"RecordType": "Bounce", "ID": 1, "Type": "BadEmailAddress", "Email": "copy@example.com"}
    event = _read({**shared, **bounce, "BouncedAt": "2025-04-05T18:33:54+02:00"})
    assert isinstance(event, StatusChanged)
    assert (event.recipient, event.occurred_at) == (EmailAddress.parse("copy@example.com"), 1_743_870_834.0)
    assert event.failure == "invalid_address"


def test_an_automatic_reply_is_told_apart_and_broken_files_cost_only_themselves() -> None:
    mail = {
        "FromFull": {"Email": "zoe@example.com", "Name": ""},
        "OriginalRecipient": "desk+4821@example.org",
        "MessageID": "in-1",
        "TextBody": "I am away.",
        "Headers": [{"Name": "Auto-Submitted", "Value": "auto-replied"}, None, {"Name": 1}],
        "Attachments": [{"Name": "a", "Content": "?"}, {"Name": "b", "Content": "aGk=", "ContentID": "<b>"}],
    }
    event = _read(mail)
    assert isinstance(event, MessageReceived)
    assert (event.kind, event.to, event.occurred_at) == ("auto-reply", "desk+4821@example.org", 7.0)
    assert [(one.content, one.id) for one in event.media] == [(None, None), (b"hi", "b")]


GOOD: dict[str, Any] = {
    "From": "a@example.org",
    "To": "zoe@example.com",
    "Subject": "Hi",
    "TextBody": "Hello",
}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, 0),
        ({"From": ""}, 300),
        ({"Cc": "a@b@c"}, 300),
        ({"Bcc": ", ".join(f"c{number}@example.com" for number in range(50))}, 300),
        ({"TrackLinks": "All"}, 300),
        ({"MessageStream": "none"}, 300),
        ({"Attachments": [{"Name": "a", "Content": "?", "ContentType": "text/plain"}]}, 300),
        ({"Attachments": ["a"]}, 300),
        ({"Attachments": [{"Name": "a", "Content": "aGk=", "ContentType": "a/b", "ContentID": "logo"}]}, 300),
        ({"Headers": [{"Name": "X-A"}]}, 403),
        ({"Headers": [{"Name": "X-A", "Value": 1}]}, 403),
        ({"News": 1}, 403),
        ({"Subject": 1}, 403),
    ],
)
def test_the_emulator_refuses_the_mails_that_postmark_does(change: dict[str, Any], code: int) -> None:
    with PostmarkEmulator() as vendor:
        (told,) = _post(vendor, "/email/batch", json.dumps([{**GOOD, **change}]).encode()).json()
    assert told["ErrorCode"] == code


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/email/batch", b"{", 422, 402),
        ("/email/batch", b"{}", 422, 403),
        ("/email", b"[]", 422, 403),
        ("/email/batch", json.dumps([GOOD] * 501).encode(), 422, 410),
        ("/news", b"{}", 404, 404),
    ],
)
def test_the_emulator_refuses_requests(path: str, body: bytes, status: int, code: int) -> None:
    with PostmarkEmulator() as vendor:
        answer = _post(vendor, path, body)
    assert (answer.status, answer.json()["ErrorCode"]) == (status, code)


def test_the_emulator_wants_json_and_delivers_nothing_with_the_test_token() -> None:
    with PostmarkEmulator(webhook_url="http://127.0.0.1:9/none") as vendor:
        body = json.dumps(GOOD).encode()
        assert _post(vendor, "/email", body, **{"content-type": "text/plain"}).json()["ErrorCode"] == 409
        assert _post(vendor, "/email", body, **{"x-postmark-server-token": "POSTMARK_API_TEST"}).ok
        vendor.wait_for_reports()
        assert (len(vendor.messages), vendor.reports) == (1, [])


def _post(vendor: PostmarkEmulator, path: str, body: bytes, **headers: str) -> HttpResponse:
    given = {"content-type": "application/json", "x-postmark-server-token": "made-up", **headers}
    with Transport() as transport:
        return transport.run(ask(HttpRequest("POST", vendor.url + path, given, body)))
