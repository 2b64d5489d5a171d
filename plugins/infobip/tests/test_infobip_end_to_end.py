"""From the gateway to the emulator and back: messages go out, reports come in, statuses change, and faults end as they must."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.request import Request as UrlRequest
from urllib.request import urlopen

import pytest
from loopback import Peer, Server
from specifications import specification

from messaging_channels import (
    Attachment,
    Configuration,
    Dispatcher,
    Email,
    HttpSettings,
    Outcome,
    Person,
    Sms,
    SqliteLedger,
    WebhookRequest,
    WhatsAppTemplate,
    WhatsAppText,
    errors,
)
from messaging_channels._cli import main as cli
from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    MessageReceived,
    OptedOut,
    StatusChanged,
)
from messaging_channels.messages import WhatsAppImage
from messaging_channels.plugins import Reason, Timeouts
from messaging_channels.testing import Fault, FaultKind, Transport
from messaging_channels_infobip import (
    Infobip,
    InfobipApiError,
    InfobipEmailOptions,
    InfobipSmsOptions,
    InfobipWhatsAppOptions,
    PeopleClient,
    PeopleResolver,
    SmsFailover,
)
from messaging_channels_infobip.emulator import InfobipEmulator, WebhookSecurity
from messaging_channels_infobip.webhook_auth import BasicAuth, HmacSignature, UrlToken

KEY = "emulated-key"
NUMBER = "447700900123"
SENDERS = {
    "sender": "Shop",
    "whatsapp_sender": "447700900000",
    "email_sender": "Shop <shop@example.com>",
}


def _infobip(emulator: InfobipEmulator, **settings: Any) -> Infobip:
    return Infobip(**{"base_url": emulator.url, "api_key": KEY} | SENDERS | settings)


@pytest.fixture
def emulator() -> Iterator[InfobipEmulator]:
    with InfobipEmulator() as running:
        yield running


class Mailbox(Server):
    """A webhook address: hands each call to a dispatcher, as a web application would."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.dispatcher: Dispatcher | None = None
        self.events: list[Any] = []

    def _answer(self, peer: Peer) -> None:
        while request := peer.read_request():
            head, _, body = request.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)
            }
            assert self.dispatcher is not None
            call = WebhookRequest(body, headers, self.url + first.split(" ")[1], received_at=1.0)
            try:
                self.events += self.dispatcher.handle_webhook("infobip", call).events
            except errors.WebhookVerificationError:
                peer.answer(b"HTTP/1.1 401 X\r\ncontent-length: 0\r\n\r\n")
            else:
                peer.answer(b"HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n")


def _steer(emulator: InfobipEmulator, kind: str, record: dict[str, Any]) -> None:
    request = UrlRequest(f"{emulator.url}/_infobip/{kind}", json.dumps(record).encode(), method="POST")
    with urlopen(request) as answer:
        assert answer.status == 200
    emulator.wait_for_reports()


@contextmanager
def _connected(
    proof: Any, query: str = "", security: WebhookSecurity | None = None
) -> Iterator[tuple[Dispatcher, InfobipEmulator, Mailbox]]:
    """Connect a dispatcher to an emulator, and the emulator's calls to the dispatcher."""
    with (
        Mailbox() as mailbox,
        InfobipEmulator(webhook_url=f"{mailbox.url}/reports{query}", security=security) as infobip,
        Dispatcher([_infobip(infobip, webhook_auth=[proof])], ledger=SqliteLedger()) as dispatcher,
    ):
        mailbox.dispatcher = dispatcher
        yield dispatcher, infobip, mailbox


def _check(document: str, webhook: str, body: bytes) -> None:
    """Hold a call of the emulator's to what Infobip's own calls look like."""
    official = specification(document)
    official.check(official.webhooks()[webhook], json.loads(body))


MESSAGES = [
    (Sms("Hello"), NUMBER),
    (WhatsAppText("Hello"), NUMBER),
    (WhatsAppTemplate("welcome", "en", ("Zoe",)), NUMBER),
    (Email("Hello", html="<b>Hello</b>"), "zoe@example.com"),
    (Email("Hello", "Hello", "<b>Hello</b>"), "zoe@example.com"),
]


@pytest.mark.parametrize(("message", "to"), MESSAGES, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize(
    ("security", "proof", "query"),
    [
        (
            WebhookSecurity(hmac_secret="s1", hmac_encoding="base64", hmac_prefix="sha256="),
            HmacSignature(["s1"]),
            "",
        ),
        (WebhookSecurity(username="infobip", password="p1"), BasicAuth("infobip", "p1"), ""),
        (WebhookSecurity(), UrlToken(["t1"]), "?token=t1"),
    ],
    ids=["hmac", "basic", "token"],
)
def test_the_report_arrives_and_the_status_changes(
    message: Any, to: str, security: WebhookSecurity, proof: Any, query: str
) -> None:
    with _connected(proof, query, security) as (dispatcher, infobip, _):
        receipt = dispatcher.send(message, to=to)
        infobip.wait_for_reports()
        record = dispatcher.get_message(receipt.id)
    assert (receipt.outcome, receipt.status.group_id) == (Outcome.ACCEPTED, 1)
    assert record is not None
    assert (record.status.group_id, record.status.id) == (3, 5)
    assert [status for _, status in infobip.reports] == [200]


def test_reports_go_to_the_url_that_a_message_names(emulator: InfobipEmulator) -> None:
    with Mailbox() as mailbox:
        reports = f"{mailbox.url}/all?token=t1"
        provider = _infobip(emulator, webhook_auth=[UrlToken(["t1"])], report_url=reports)
        with Dispatcher([provider]) as dispatcher:
            mailbox.dispatcher = dispatcher
            for message, to in MESSAGES:
                dispatcher.send(message, to=to)
            own = InfobipSmsOptions(report_url=f"{mailbox.url}/own?token=t1", callback_data="order-17")
            dispatcher.send(Sms("Hello", provider_options=(own,)), to=NUMBER)
            emulator.wait_for_reports()
    paths = [request.split(b" ")[1] for request in mailbox.requests]
    assert sorted(paths) == sorted([b"/all?token=t1"] * len(MESSAGES) + [b"/own?token=t1"])
    assert {type(event) for event in mailbox.events} == {StatusChanged}
    assert "order-17" in [event.raw.get("callbackData") for event in mailbox.events]


def test_a_call_of_a_stranger_changes_nothing() -> None:
    with _connected(HmacSignature(["s1"])) as (dispatcher, infobip, _):
        receipt = dispatcher.send(Sms("Hello"), to=NUMBER)
        infobip.wait_for_reports()
        record = dispatcher.get_message(receipt.id)
    assert record is not None
    assert record.status.group_id == 1
    assert [status for _, status in infobip.reports] == [401]


def test_what_people_write_read_and_click_comes_in() -> None:
    text = {"type": "TEXT", "text": "Hi"}
    with _connected(UrlToken(["t1"]), "?token=t1") as (_, infobip, mailbox):
        _steer(infobip, "sms", {"from": NUMBER, "to": "447700900000", "text": "Hi"})
        _steer(infobip, "whatsapp", {"from": NUMBER, "to": "447700900000", "message": text})
        _steer(infobip, "seen", {"messageId": "id-1", "from": NUMBER, "to": "447700900000"})
        _steer(infobip, "tracking", {"notificationType": "UNSUBSCRIBED", "recipient": "zoe@example.com"})
    sms, chat, seen, left = mailbox.events
    assert isinstance(sms, MessageReceived)
    assert isinstance(chat, MessageReceived)
    assert (sms.channel, chat.channel, sms.text, chat.text) == ("sms", "whatsapp", "Hi", "Hi")
    assert isinstance(seen, EngagementReceived)
    assert seen.engagement_type is EngagementType.READ
    assert isinstance(left, OptedOut)
    assert left.address.plain == "zoe@example.com"


def test_the_calls_of_the_emulator_look_like_those_of_infobip() -> None:
    reports = {
        "infobip_sms": "receive-outbound-sms-message-reports-v3",
        "infobip_whatsapp": "receive-whatsapp-delivery-reports",
        "infobip_email": "receive-email-delivery-reports",
    }
    labeled = InfobipSmsOptions(application_id="a", campaign_id="c", callback_data="d")
    text = {"type": "TEXT", "text": "Hi"}
    with _connected(UrlToken(["t1"]), "?token=t1") as (dispatcher, infobip, _):
        for message, to in (MESSAGES[1], MESSAGES[3], (Sms("Hello", provider_options=(labeled,)), NUMBER)):
            dispatcher.send(message, to=to)
            infobip.wait_for_reports()
        _steer(infobip, "sms", {"from": NUMBER, "to": "447700900000", "text": "Hi"})
        _steer(infobip, "whatsapp", {"from": NUMBER, "to": "447700900000", "message": text})
        _steer(infobip, "seen", {"messageId": "id-1", "from": NUMBER, "to": "447700900000"})
    chat, mail, sms, inbound, written, seen = (call.body for call, _ in infobip.reports)
    for document, body in zip(reports, (sms, chat, mail), strict=True):
        _check(document, reports[document], body)
    _check("infobip_sms", "receive-inbound-sms-messages", inbound)
    _check("infobip_whatsapp", "receive-inbound-whatsapp-messages", written)
    _check("infobip_whatsapp", "receive-whatsapp-seen-reports", seen)
    assert json.loads(sms)["results"][0]["platform"] == {"applicationId": "a"}


@pytest.mark.parametrize(
    ("ending", "kind", "group"),
    [
        ("901", errors.Rejected, 5),
        ("902", errors.AccountError, 1),
        ("911", None, 2),
        ("912", None, 4),
        ("914", None, 3),
    ],
)
def test_the_recipient_decides_what_the_emulator_does(
    emulator: InfobipEmulator, ending: str, kind: type[Exception] | None, group: int
) -> None:
    with Dispatcher([_infobip(emulator)], ledger=SqliteLedger()) as dispatcher:
        if kind is None:
            receipt = dispatcher.send(Sms("Hello"), to=f"447700900{ending}")
            dispatcher.fetch_reports()
            record = dispatcher.get_message(receipt.id)
            assert record is not None
            assert record.status.group_id == group
        else:
            with pytest.raises(kind) as refused:
                dispatcher.send(Sms("Hello"), to=f"447700900{ending}")
            assert refused.value.receipt.status.group_id == group  # type: ignore[attr-defined]


def test_many_destinations_and_messages_share_a_request(emulator: InfobipEmulator) -> None:
    numbers = [f"447700900{number:03d}" for number in range(100, 160)]
    texts = [Sms("Hello")] * 40 + [Sms(f"Code {number}") for number in range(20)]
    with Dispatcher([_infobip(emulator)]) as dispatcher:
        sent = list(dispatcher.send_each(texts, to=numbers))
    assert all(one.receipt is not None and one.receipt.outcome is Outcome.ACCEPTED for one in sent)
    bodies = [request.json() for request in emulator.requests]
    assert [len(body["messages"]) for body in bodies] == [21]
    assert len(bodies[0]["messages"][0]["destinations"]) == 40


def test_one_bad_message_of_a_request_fails_no_other(emulator: InfobipEmulator) -> None:
    """Which networks there are is not for the plugin to know: the emulator refuses the whole request for one that cannot be."""
    messages = [
        Sms("Hello", provider_options=(InfobipSmsOptions(network_id=2**40 if number == 3 else 1),))
        for number in range(8)
    ]
    with Dispatcher([_infobip(emulator)]) as dispatcher:
        sent = list(dispatcher.send_each(messages, to=[f"4477009001{number:02d}" for number in range(8)]))
    assert [type(one.error) for one in sent if one.error] == [errors.Rejected]
    assert len(emulator.account.messages) == len(messages) - 1


def test_a_mail_of_text_and_html_arrives_with_both_and_its_files(
    emulator: InfobipEmulator, tmp_path: Path
) -> None:
    (tmp_path / "terms.pdf").write_bytes(b"%PDF-1.7")
    mail = Email(
        "Grüße",
        "Hello",
        "<img src='cid:logo'>",
        cc=("max@example.com",),
        bcc=("blind@example.com",),
        reply_to=("a@example.com", "b@example.com"),
        attachments=(
            Attachment.inline(b"\x89PNG", "logo", content_type="image/png"),
            Attachment(tmp_path / "terms.pdf", "terms.pdf", "application/pdf"),
        ),
        headers={"X-Campaign": "spring"},
    )
    with Dispatcher([_infobip(emulator)]) as dispatcher:
        receipt = dispatcher.send(mail, to="Zoë <zoe@example.com>")
    assert receipt.outcome is Outcome.ACCEPTED
    (request,) = emulator.requests
    body = request.json()
    assert request.path == "/email/4/mime"
    assert body["destinations"] == ["zoe@example.com", "max@example.com", "blind@example.com"]
    mime = b64decode(body["mimeMessage"], validate=True)
    read: Any = message_from_bytes(mime, policy=default)
    assert (read["subject"], read["from"], read["to"], read["cc"]) == (
        "Grüße",
        "Shop <shop@example.com>",
        "zoe@example.com",
        "max@example.com",
    )
    assert b"blind" not in mime
    assert read["reply-to"] == "a@example.com, b@example.com"
    assert read.get_body(("plain",)).get_content().strip() == "Hello"
    assert read.get_body(("html",)).get_content().strip() == "<img src='cid:logo'>"
    parts = {part.get_content_type(): part for part in read.walk()}
    assert parts["image/png"]["content-id"] == "<logo>"
    assert parts["image/png"].get_content() == b"\x89PNG"
    assert parts["application/pdf"].get_content() == b"%PDF-1.7"


def test_a_mail_of_one_body_goes_as_json_with_its_files(emulator: InfobipEmulator) -> None:
    files = (
        Attachment(b"%PDF", "terms.pdf", "application/pdf"),
        Attachment.inline(b"PNG", "logo", content_type="image/png"),
    )
    with Dispatcher([_infobip(emulator)]) as dispatcher:
        dispatcher.send(
            Email("Hello", html="<b>Hi</b>", cc="max@example.com", attachments=files), to="zoe@example.com"
        )
    (message,) = emulator.requests[0].json()["messages"]
    assert [one["fileName"] for one in message["content"]["attachments"]] == ["terms.pdf"]
    assert [one["fileName"] for one in message["content"]["inlineImages"]] == ["logo"]
    assert message["destinations"][0]["preserveRecipients"] is True


def test_an_attachment_that_cannot_be_read_is_bad_input(emulator: InfobipEmulator, tmp_path: Path) -> None:
    mail = Email("Hello", "Hello", attachments=(Attachment(tmp_path / "none.pdf", "none.pdf"),))
    with Dispatcher([_infobip(emulator)]) as dispatcher, pytest.raises(errors.InvalidMessage):
        dispatcher.send(mail, to="zoe@example.com")
    assert not emulator.requests


def test_a_template_may_fail_over_to_an_sms(emulator: InfobipEmulator) -> None:
    over = InfobipWhatsAppOptions(sms_failover=SmsFailover("Shop", "Hello by SMS"))
    with Dispatcher([_infobip(emulator)]) as dispatcher:
        dispatcher.send(WhatsAppTemplate("welcome", "en", provider_options=(over,)), to=NUMBER)
        with pytest.raises(errors.InvalidMessage):
            dispatcher.send(WhatsAppText("Hello", provider_options=(over,)), to=NUMBER)
    assert emulator.requests[0].json()["messages"][0]["smsFailover"] == {
        "from": "Shop",
        "text": "Hello by SMS",
    }


IMPATIENT = HttpSettings(timeouts=Timeouts(read=0.3))


@pytest.mark.parametrize(
    "how",
    [
        FaultKind.RESET,
        FaultKind.CLOSE,
        FaultKind.HANG,
        FaultKind.GARBAGE,
        FaultKind.CUT,
        FaultKind.UNREADABLE,
        FaultKind.STATUS,
    ],
)
@pytest.mark.parametrize("handled", [True, False])
@pytest.mark.parametrize(("message", "to"), [MESSAGES[0], MESSAGES[3]], ids=["sms", "email"])
def test_what_may_have_been_sent_is_unknown_until_the_log_tells(
    emulator: InfobipEmulator, how: FaultKind, handled: bool, message: Any, to: str
) -> None:
    emulator.faults.add(Fault(how, handled, path=f"/{'sms' if to == NUMBER else 'email'}/"))
    with Dispatcher([_infobip(emulator)], http=IMPATIENT, ledger=SqliteLedger()) as dispatcher:
        receipt = dispatcher.send(message, to=to)
        assert receipt.outcome is Outcome.UNKNOWN
        dispatcher.fetch_reports()
        record = dispatcher.get_message(receipt.id)
    taken = bool(emulator.account.messages)
    assert taken == (handled or how is FaultKind.CUT)
    assert len(emulator.account.messages) <= 1
    assert record is not None
    assert (record.status.group_id == 3) == taken


def test_an_unknown_message_that_the_log_knows_is_settled(emulator: InfobipEmulator) -> None:
    from messaging_channels.plugins import LookupRequest

    provider = _infobip(emulator, lookup_not_found_after=60.0)
    with Dispatcher([provider]) as dispatcher, Transport() as transport:
        known = dispatcher.send(Sms("Hello"), to=NUMBER).id
        refused = _refused(dispatcher)
        now = datetime.now(UTC).timestamp()

        def asked(message_id: str, channel: str = "sms", *, ago: float = 0.0) -> Any:
            return transport.run(
                provider.look_up(
                    LookupRequest(message_id, channel, None, now - ago, now - ago, lambda _: False)
                )
            )

        assert (asked(known).reason, asked(known).provider_id) == (Reason.ACCEPTED, known)
        assert asked(refused).reason is Reason.RECIPIENT
        assert asked("another") is None
        assert asked("another", ago=61.0).reason is Reason.NOT_FOUND
        assert asked("another", ago=49 * 3600.0) is None
        assert asked(known, "whatsapp") is None
        emulator.faults.add(Fault(FaultKind.STATUS, status=503))
        assert asked(known) is None


def _refused(dispatcher: Dispatcher) -> str:
    with pytest.raises(errors.Rejected) as rejected:
        dispatcher.send(Sms("Hello"), to="447700900901")
    return rejected.value.receipt.id


def test_a_repetition_of_our_own_is_accepted_and_reaches_nobody_twice(emulator: InfobipEmulator) -> None:
    from messaging_channels import PhoneNumber
    from messaging_channels.plugins import Envelope

    provider = _infobip(emulator)
    assert provider.capabilities.deduplicates
    envelope = Envelope("id-1", "sms", Sms("Hello"), PhoneNumber(NUMBER))
    with Transport() as transport:
        told = [transport.run(provider.send([envelope]))[0] for _ in range(2)]
    assert [one.reason for one in told] == [Reason.ACCEPTED, Reason.DUPLICATE]
    assert {one.provider_id for one in told} == {"id-1"}
    assert len(emulator.account.messages) == 1


def test_of_a_batch_in_several_requests_one_failure_is_told_of_its_own_messages_only(
    emulator: InfobipEmulator,
) -> None:
    from messaging_channels import PhoneNumber
    from messaging_channels.plugins import Envelope

    emulator.faults.add(Fault(FaultKind.RESET, path="/whatsapp/1/message/text"))
    batch = [
        Envelope("id-1", "whatsapp", WhatsAppText("Hello"), PhoneNumber(NUMBER)),
        Envelope("id-2", "sms", Sms("Hello"), PhoneNumber(NUMBER)),
        Envelope("id-3", "whatsapp", WhatsAppImage("https://shop.example.com/a.png"), PhoneNumber(NUMBER)),
    ]
    with Transport() as transport:
        told = transport.run(_infobip(emulator).send(batch))
    assert [one.outcome for one in told] == [Outcome.UNKNOWN, Outcome.ACCEPTED, Outcome.ACCEPTED]


def test_throttling_is_obeyed(emulator: InfobipEmulator) -> None:
    emulator.faults.add(Fault(FaultKind.THROTTLE, seconds=0.05))
    with Dispatcher([_infobip(emulator)]) as dispatcher:
        assert dispatcher.send(Sms("Hello"), to=NUMBER).outcome is Outcome.ACCEPTED
    assert len(emulator.requests) == 2


def test_a_wrong_key_is_told_as_such(emulator: InfobipEmulator) -> None:
    with Dispatcher([_infobip(emulator, api_key="another")]) as dispatcher:
        for message, to in MESSAGES:
            with pytest.raises(errors.AccountError) as refused:
                dispatcher.send(message, to=to)
            assert refused.value.receipt.attempts[-1].result.reason is Reason.CREDENTIALS
            assert "another" not in str(refused.value)
        with pytest.raises(InfobipApiError) as unheard:
            dispatcher.fetch_reports()
        assert unheard.value.http_status == 401


def test_schedules_are_asked_about_moved_and_stopped(emulator: InfobipEmulator) -> None:
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    provider = _infobip(emulator)
    with Dispatcher([provider]) as dispatcher, Transport() as transport:
        sms = dispatcher.send(
            Sms("Later", provider_options=(InfobipSmsOptions(send_at=due, bulk_id="bulk-1"),)), to=NUMBER
        )
        mail = dispatcher.send(
            Email("Later", "Later", provider_options=(InfobipEmailOptions(send_at=due),)),
            to="zoe@example.com",
        )
        for schedules, bulk_id in (
            (provider.schedules("sms"), "bulk-1"),
            (provider.schedules("email"), mail.id),
        ):
            assert transport.run(schedules.get_schedule(bulk_id)).send_at == due
            moved = transport.run(schedules.reschedule(bulk_id, due + timedelta(hours=1)))
            assert moved.send_at == due + timedelta(hours=1)
            assert transport.run(schedules.pause(bulk_id)).status == "PAUSED"
            assert transport.run(schedules.resume(bulk_id)).status == "PENDING"
            assert transport.run(schedules.cancel(bulk_id)).status == "CANCELED"
            assert transport.run(schedules.get_schedule(bulk_id)).status == "CANCELED"
            with pytest.raises(InfobipApiError) as unknown:
                transport.run(schedules.get_schedule("another"))
            assert unknown.value.http_status == 404
            assert not unknown.value.may_have_been_sent
            with pytest.raises(errors.InvalidMessage):
                transport.run(schedules.reschedule(bulk_id, due.replace(tzinfo=None)))
    assert sms.outcome is Outcome.ACCEPTED


def test_a_preview_tells_the_parts(emulator: InfobipEmulator) -> None:
    with Transport() as transport:
        (one,) = transport.run(
            _infobip(emulator).preview("a" * 200, language="TR", transliteration="TURKISH")
        )
    assert (one.parts, one.remaining, one.language, one.transliteration) == (2, 106, "TR", "TURKISH")


def test_the_persons_of_a_tenant_are_written_to_from_the_tenants_account(emulator: InfobipEmulator) -> None:
    identity = "634b56217f6a7b0be52dffbd"
    contacts = {"phone": [{"number": NUMBER}], "email": [{"address": "zoe@example.com"}]}
    emulator.account.persons.append({"id": 1, "externalId": identity, "contactInformation": contacts})
    people = PeopleResolver({"acme": PeopleClient(base_url=emulator.url, api_key=KEY)})
    platform = Infobip(base_url="http://127.0.0.1:9", api_key="platform", sender="Platform")
    with Dispatcher([platform], accounts={"acme": [_infobip(emulator)]}, resolvers=[people]) as dispatcher:
        receipts = [dispatcher.send(message, to=Person(identity)) for message, _ in MESSAGES]
    assert [one.destination.plain for one in receipts] == [NUMBER] * 3 + ["zoe@example.com"] * 2
    assert {one.attempts[-1].account for one in receipts} == {"acme"}


def _configure(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"MESSAGING_CHANNELS_INFOBIP_{name}", value)


ENVIRONMENT = {
    "API_KEY": KEY,
    "SENDER": "Shop",
    "WHATSAPP_SENDER": "447700900000",
    "EMAIL_SENDER": "shop@example.com",
}
COMMANDS = [
    ["sms", "--to", NUMBER, "--text", "Hello"],
    ["whatsapp", "--to", NUMBER, "--text", "Hello"],
    ["whatsapp", "--to", NUMBER, "--template", "welcome", "--parameter", "Zoe"],
    ["email", "--to", "zoe@example.com", "--subject", "Hello", "--text", "Hi", "--html", "<b>Hi</b>"],
]


def test_what_the_command_line_sends_is_reported_and_shown_as_delivered(
    emulator: InfobipEmulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Mailbox() as mailbox:
        url = f"{mailbox.url}/reports?token=t1"
        _configure(monkeypatch, BASE_URL=emulator.url, REPORT_URL=url, WEBHOOK_TOKEN="t1", **ENVIRONMENT)
        with Dispatcher(**Configuration.read(use_sandbox_defaults=True).dispatcher_arguments()) as listening:
            mailbox.dispatcher = listening
            for arguments in COMMANDS:
                assert cli.main(["send", *arguments]) == 0
                (sent,) = json.loads(capsys.readouterr().out)["messages"]
                assert sent["status"]["groupName"] == "PENDING"
                emulator.wait_for_reports()
                assert cli.main(["messages", "show", sent["messageId"]]) == 0
                assert json.loads(capsys.readouterr().out)["status"]["name"] == "DELIVERED_TO_HANDSET"
    assert [one.channel for one in emulator.account.messages] == ["sms", "whatsapp", "whatsapp", "email"]


def test_the_command_line_fetches_the_reports_that_nobody_was_sent(
    emulator: InfobipEmulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _configure(monkeypatch, BASE_URL=emulator.url, **ENVIRONMENT)
    assert cli.main(["send", *COMMANDS[0]]) == 0
    (sent,) = json.loads(capsys.readouterr().out)["messages"]
    assert cli.main(["reports", "fetch"]) == 0
    capsys.readouterr()
    assert cli.main(["messages", "show", sent["messageId"]]) == 0
    assert json.loads(capsys.readouterr().out)["status"]["name"] == "DELIVERED_TO_HANDSET"
    assert cli.main(["send", "sms", "--to", "447700900901", "--text", "Hello"]) == 4


def test_the_emulator_starts_from_the_command_line_and_serves_any_client() -> None:
    command = [sys.executable, "-m", "messaging_channels_infobip.emulator", "--api-key", KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            with Dispatcher([Infobip(base_url=url, api_key=KEY, sender="Shop")]) as dispatcher:
                receipt = dispatcher.send(Sms("Hello"), to=NUMBER)
            with urlopen(f"{url}/_emulator/state") as state:
                (message,) = json.load(state)["messages"]
        finally:
            process.terminate()
    assert process.returncode == 0
    assert (message["messageId"], message["status"]["id"]) == (receipt.id, 5)


def test_everything_is_closed_in_time(emulator: InfobipEmulator) -> None:
    """The emulator answers beside a client that never says anything."""
    port = int(emulator.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)), Dispatcher([_infobip(emulator)]) as dispatcher:
        senders = [
            threading.Thread(target=lambda: dispatcher.send(Sms("Hello"), to=NUMBER)) for _ in range(4)
        ]
        for one in senders:
            one.start()
        for one in senders:
            one.join()
    assert len(emulator.account.messages) == 4
