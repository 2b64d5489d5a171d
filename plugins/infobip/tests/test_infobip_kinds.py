"""Further inputs of the kinds that the tests of faults show one of."""

from __future__ import annotations

import json
from base64 import b64decode
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from messaging_channels import (
    Dispatcher,
    Email,
    Outcome,
    Sms,
    SqliteLedger,
    WebhookRequest,
    WhatsAppTemplate,
    errors,
)
from messaging_channels.events import Advice, Event, MessageReceived, StatusChanged, UnknownEvent
from messaging_channels.messages import (
    FlowButton,
    Media,
    ProductsButton,
    ProductSection,
    WhatsAppButtons,
    WhatsAppCallRequest,
    WhatsAppInteractive,
    WhatsAppUrlButton,
)
from messaging_channels.messages.whatsapp import ReplyButton
from messaging_channels.plugins import HttpRequest, ask
from messaging_channels.testing import Transport
from messaging_channels_infobip import Infobip, InfobipEmailOptions, InfobipSmsOptions
from messaging_channels_infobip.emulator import InfobipEmulator
from messaging_channels_infobip.options import SmsBinary
from messaging_channels_infobip.webhooks import parse_events

NUMBER = "+447700900123"
SENDERS = {"sms_sender": "Shop", "whatsapp_sender": "15550100001", "email_sender": "shop@example.com"}
DELIVERED = {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"}
BOUNCED = {"groupId": 2, "groupName": "UNDELIVERABLE", "id": 9, "name": "UNDELIVERABLE_NOT_DELIVERED"}


def _read(told: object, content_type: str = "application/json") -> list[Event]:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return parse_events(WebhookRequest(body, {"content-type": content_type}, received_at=7.0))


def _provider(emulator: InfobipEmulator, **settings: Any) -> Infobip:
    return Infobip(**{"base_url": emulator.url, "api_key": "emulated-key", **SENDERS, **settings})


def _sent(message: Any, to: str = NUMBER, **settings: Any) -> Any:
    """Send to the emulator, and return the last request's JSON."""
    with InfobipEmulator() as emulator, Dispatcher([_provider(emulator, **settings)]) as dispatcher:
        assert dispatcher.send(message, to=to).outcome is Outcome.ACCEPTED
        return emulator.requests[-1].json()


@pytest.mark.parametrize(
    "pasted",
    [
        "xyz.api.infobip.com",
        " https://xyz.api.infobip.com/ ",
        "HTTPS://XYZ.api.infobip.com",
        "//xyz.api.infobip.com",
        "https:/xyz.api.infobip.com",
        '"xyz.api.infobip.com"',
        "<https://xyz.api.infobip.com>",
        "https://xyz.api.infobip.com/sms/3/messages",
        "xyz.api.infobip.com/whatsapp/1/message/text/",
        "https://xyz.api.infobip.com//email/4/messages",
        "https://xyz.api.infobip.com:",
    ],
)
def test_a_base_url_is_taken_as_people_paste_it(pasted: str) -> None:
    api = Infobip(base_url=pasted, api_key="k").schedules("sms").api
    assert api.url == "https://xyz.api.infobip.com"


@pytest.mark.parametrize(
    "pasted", ["https:xyz", "https", "http", "https://-", "https://.", "https://a b", "ftp:/x", "https://?"]
)
def test_a_base_url_of_no_host_is_refused(pasted: str) -> None:
    if pasted == "https:xyz":
        assert Infobip(base_url=pasted, api_key="k").schedules("sms").api.url == "https://xyz"
        return
    with pytest.raises(errors.InvalidSetting):
        Infobip(base_url=pasted, api_key="k")


def test_a_prefix_of_a_proxy_stays() -> None:
    api = Infobip(base_url="https://proxy.example.com/infobip/", api_key="k").schedules("sms").api
    assert api.url == "https://proxy.example.com/infobip"


@pytest.mark.parametrize(
    ("body", "content_type", "kind"),
    [
        (b"<report/>", "application/xml", "application/xml"),
        (
            b"messageId=id-1&status=DELIVERED",
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded",
        ),
        (b"delivered id-1", "text/plain; charset=utf-8", "text/plain"),
        (b"\xff\xfe", "", "no JSON"),
        (b"{", "application/json", "application/json"),
    ],
)
def test_what_is_not_json_is_kept_as_it_came_with_a_key_of_its_own(
    body: bytes, content_type: str, kind: str
) -> None:
    (event,), (again,), (other,) = (_read(one, content_type) for one in (body, body, body + b" "))
    assert isinstance(event, UnknownEvent)
    assert (event.kind, event.raw, event.occurred_at) == (kind, body.decode("utf-8", "replace"), 7.0)
    assert event.key == again.key != other.key


@pytest.mark.parametrize("wanted", ["application/xml", "text/plain", "application/json+xml"])
def test_reports_that_could_not_be_read_are_not_asked_for(wanted: str) -> None:
    for options in (InfobipSmsOptions, InfobipEmailOptions):
        with pytest.raises(errors.InvalidMessage, match="report_content_type"):
            options(report_content_type=wanted)
        assert options(report_content_type="application/json; charset=utf-8")


@pytest.mark.parametrize("cc", [(), ("max@example.com",)])
def test_nobody_sees_a_blind_copy(cc: tuple[str, ...]) -> None:
    mail = Email("Hi", text="Hello", cc=cc, bcc=("blind@example.com",))
    body = _sent(mail, "zoe@example.com")
    read: Any = message_from_bytes(b64decode(body["mimeMessage"], validate=True), policy=default)
    assert "blind" not in str(read)
    assert body["destinations"] == ["zoe@example.com", *cc, "blind@example.com"]
    template = Email(
        "Hi", "", cc=cc, bcc=("blind@example.com",), provider_options=(InfobipEmailOptions(template_id="4"),)
    )
    if cc:
        with pytest.raises(errors.InvalidMessage, match="bcc"):
            _sent(template, "zoe@example.com")
    else:
        assert (
            "preserveRecipients" not in _sent(template, "zoe@example.com")["messages"][0]["destinations"][0]
        )


def test_default_placeholders_go_along_with_a_template() -> None:
    options = InfobipEmailOptions(template_id="4", default_placeholders={"name": "friend"})
    body = _sent(Email("Hi", "", provider_options=(options,)), "zoe@example.com")
    assert json.loads(body["messages"][0]["content"]["defaultPlaceholders"]) == {"name": "friend"}


def test_a_template_without_a_sender_of_its_own_needs_none() -> None:
    options = InfobipEmailOptions(template_id="4")
    body = _sent(Email("Hi", "", provider_options=(options,)), "zoe@example.com", email_sender=None)
    assert "sender" not in body["messages"][0]


def test_bytes_are_sent_in_place_of_the_text() -> None:
    options = InfobipSmsOptions(binary=SmsBinary(b"\x05\x00\x03\xff", data_coding=4, esm_class=64))
    body = _sent(Sms("fallback", provider_options=(options,)))
    assert body["messages"][0]["content"] == {"hex": "05 00 03 FF", "dataCoding": 4, "esmClass": 64}
    for wrong in (
        {"content": b""},
        {"content": b"x", "data_coding": 256},
        {"content": b"x", "esm_class": -1},
    ):
        with pytest.raises(errors.InvalidMessage):
            SmsBinary(**wrong)


@pytest.mark.parametrize("message_type", [WhatsAppButtons, WhatsAppUrlButton])
def test_the_name_of_a_header_document_stays_and_other_files_have_none(message_type: Any) -> None:
    action = (
        {"buttons": (ReplyButton("a", "A"),)}
        if message_type is WhatsAppButtons
        else {"button": "Open", "url": "https://shop.example.com"}
    )
    for media, told in (
        (Media("https://shop.example.com/1", filename="bill.pdf"), ("DOCUMENT", "bill.pdf")),
        (
            Media("https://shop.example.com/1.png", content_type="image/png", filename="a.png"),
            ("IMAGE", None),
        ),
    ):
        header = _sent(message_type(text="Here", header=media, **action))["content"]["header"]
        assert (header["type"], header.get("filename")) == told
    for name in ("", "x" * 241):
        long = message_type(text="Here", header=Media("https://shop.example.com/1", filename=name), **action)
        with pytest.raises(errors.InvalidMessage, match="header"):
            _sent(long)


def test_templates_may_leave_the_token_and_the_thumbnail_to_the_vendor() -> None:
    sections = (ProductSection(("p-1",), "New"),)
    message = WhatsAppTemplate(
        "offer", "en", ("Zoe",), buttons=(FlowButton(), ProductsButton(None, sections))
    )
    flow, products = _sent(message)["messages"][0]["content"]["templateData"]["buttons"]
    assert "flowToken" not in flow
    assert "thumbnailProductRetailerId" not in products


def test_permission_to_call_is_asked_for_without_words() -> None:
    assert "content" not in _sent(WhatsAppCallRequest())
    with pytest.raises(errors.Unsupported, match="text"):
        _sent(WhatsAppCallRequest(text="May we call?"))


@pytest.mark.parametrize("kind", ["../text", "Order Details", "", "a--b"])
def test_an_interactive_kind_that_is_no_endpoint_is_refused(kind: str) -> None:
    with pytest.raises(errors.InvalidMessage, match="kind"):
        _sent(WhatsAppInteractive(kind=kind, text="x", action={}))


@pytest.mark.parametrize(
    ("record", "kind", "at"),
    [
        (
            {"createdAt": "2023-01-01T01:00:00.000+0000", "content": {"type": "user_identity_changed"}},
            "user_identity_changed",
            1672534800,
        ),
        (
            {"timestamp": "2023-01-01T01:00:00.000+0000", "change": {"type": "TEMPLATE_STATUS_UPDATE"}},
            "TEMPLATE_STATUS_UPDATE",
            1672534800,
        ),
        (
            {
                "createdAt": 1672534800000,
                "eventDetails": {"type": "HIGH_BOUNCE_RATE_BLOCKED"},
                "eventId": "e",
            },
            "HIGH_BOUNCE_RATE_BLOCKED",
            1672534800,
        ),
        ({"event": "TYPING_STARTED", "receivedAt": "2023-01-01T01:00:00Z"}, "TYPING_STARTED", 1672534800),
        ({"notificationType": "NEWS", "sendDateTime": 1672534800000}, "NEWS", 1672534800),
        ({"something": 1}, "", 7.0),
    ],
)
def test_a_webhook_without_an_event_here_keeps_its_kind_and_time(
    record: dict[str, Any], kind: str, at: float
) -> None:
    (event,) = _read(record)
    assert isinstance(event, UnknownEvent)
    assert (event.kind, event.occurred_at) == (kind, at)


@pytest.mark.parametrize("channel", ["FACEBOOK", "VIBER_BM", "LINE_ON", "RCS"])
def test_a_message_of_the_unified_interface_keeps_its_channel(channel: str) -> None:
    record = {
        "event": "MO",
        "channel": channel,
        "sender": "u-1",
        "destination": "shop",
        "messageId": "m",
        "content": [{"type": "TEXT", "text": "hi"}],
    }
    (event,) = _read({"results": [record]})
    assert isinstance(event, MessageReceived)
    assert (event.channel, event.text, event.to) == (channel.lower(), "hi", "shop")


def _mail(fields: dict[str, str], files: tuple[tuple[str, str, str], ...] = ()) -> MessageReceived:
    parts = [
        f'--cut\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    parts += [
        f'--cut\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: image/png\r\n\r\n{content}\r\n'
        for name, filename, content in files
    ]
    (event,) = _read("".join([*parts, "--cut--\r\n"]).encode(), "multipart/form-data; boundary=cut")
    assert isinstance(event, MessageReceived)
    return event


def test_inbound_mail_tells_names_addresses_and_content_ids() -> None:
    info = json.dumps(
        {"name": "attachment1", "filename": "logo.png", "contentType": "image/png", "contentId": "<logo>"}
    )
    event = _mail(
        {
            "from": "=?utf-8?q?Zo=C3=AB?= <zoe@example.com>",
            "to": '"Desk, The" <desk@example.org>, more@example.org',
            "attachmentInfo1": info,
        },
        (("attachment1", "logo.png", "png"),),
    )
    assert (event.name, event.sender.plain) == ("Zoë", "zoe@example.com")
    assert event.to == "desk@example.org, more@example.org"
    (media,) = event.media
    assert (media.id, media.filename, media.content, media.content_type) == (
        "logo",
        "logo.png",
        b"png",
        "image/png",
    )


@pytest.mark.parametrize(("mode", "more"), [("masked", {}), ("plain", {}), ("hashed", {"pepper": b"salt"})])
@pytest.mark.parametrize("spelling", ["zoe@example.com", "ZOE@EXAMPLE.COM"])
def test_the_report_of_a_copy_is_told_apart_however_addresses_are_kept(
    mode: str, more: Any, spelling: str
) -> None:
    with (
        InfobipEmulator() as emulator,
        Dispatcher(
            [_provider(emulator, webhook_auth=[_Anybody()])], ledger=SqliteLedger(addresses=mode, **more)
        ) as dispatcher,
    ):
        receipt = dispatcher.send(Email("Hi", "Hello", cc=("copy@example.org",)), to="zoe@example.com")
        error = {"groupId": 2, "id": 6012, "name": "EC_HARD_BOUNCE"}
        for to, status, why in (("copy@example.org", BOUNCED, error), (spelling, DELIVERED, {})):
            report = {"messageId": receipt.id, "to": to, "status": status, "error": why}
            dispatcher.handle_webhook("infobip", WebhookRequest(json.dumps({"results": [report]}).encode()))
        record = dispatcher.get_message(receipt.id)
    assert record is not None
    assert record.status.group_name == "DELIVERED"
    copies = [one for one in record.events if one.detail.startswith("copy: ")]
    assert [(one.vendor_code, one.status) for one in copies] == [("6012", None)]


class _Anybody:
    """Proves every call."""

    def verify(self, request: WebhookRequest) -> bool:  # noqa: ARG002
        return True


def test_where_the_ledger_keeps_no_addresses_every_report_is_the_messages_own() -> None:
    with (
        InfobipEmulator() as emulator,
        Dispatcher(
            [_provider(emulator, webhook_auth=[_Anybody()])], ledger=SqliteLedger(addresses="none")
        ) as dispatcher,
    ):
        receipt = dispatcher.send(Email("Hi", "Hello"), to="zoe@example.com")
        report = {"messageId": receipt.id, "to": "zoe@example.com", "status": DELIVERED}
        dispatcher.handle_webhook("infobip", WebhookRequest(json.dumps({"results": [report]}).encode()))
        record = dispatcher.get_message(receipt.id)
    assert record is not None
    assert record.status.group_name == "DELIVERED"


@pytest.mark.parametrize("code", [502, 2048, 7051, 815, 10307, 7052])
def test_a_timeout_beyond_infobip_advises_no_second_copy(code: int) -> None:
    error = {"groupId": 1, "id": code, "name": "EC", "permanent": False}
    (event,) = _read(
        {"results": [{"messageId": "m", "to": "447700900123", "status": BOUNCED, "error": error}]}
    )
    assert isinstance(event, StatusChanged)
    assert not {Advice.RETRY_LATER, Advice.OTHER_CHANNEL} & event.advice


def _status_of(emulator: InfobipEmulator, path: str, body: object, method: str = "POST") -> int:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with Transport() as transport:
        headers = {"authorization": "App emulated-key", "content-type": "application/json"}
        return transport.run(ask(HttpRequest(method, emulator.url + path, headers, content))).status


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/email/4/mime", {"mimeMessage": "From: a@example.com\r\n\r\nHello"}),
        ("/email/4/mime", {"mimeMessage": "SGVsbG8="}),
        ("/email/4/mime", {"destinations": ["zoe@example.com"]}),
        (
            "/sms/3/messages",
            {"messages": [{"destinations": [{"to": "1"}], "content": {"text": "x"}, "news": 1}]},
        ),
        (
            "/sms/3/messages",
            {"messages": [{"destinations": [{"to": "1"}], "content": {"hex": "00", "text": "x"}}]},
        ),
        (
            "/sms/3/messages",
            {
                "messages": [{"destinations": [{"to": "1"}], "content": {"text": "x"}}],
                "options": {"schedule": {"sendAt": "tomorrow"}},
            },
        ),
        ("/sms/3/messages", b"\xff"),
        ("/sms/3/messages", []),
        ("/messages-api/1/messages", {"messages": [{"channel": "SMS"}]}),
    ],
)
@pytest.mark.parametrize("documents", [True, False])
def test_the_emulator_refuses_what_the_vendor_would_and_never_drops_the_connection(
    path: str, body: object, documents: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not documents:
        monkeypatch.delenv("MESSAGING_CHANNELS_SPECS", raising=False)
    with InfobipEmulator() as emulator:
        assert _status_of(emulator, path, body) == 400
        assert emulator.violations == []


def test_for_experiments_unknown_fields_are_taken() -> None:
    body = {"messages": [{"destinations": [{"to": "1"}], "content": {"text": "x"}, "news": 1}]}
    with InfobipEmulator(strict=False) as emulator:
        assert _status_of(emulator, "/sms/3/messages", body) == 200


def test_the_logs_of_the_emulator_are_filtered() -> None:
    with InfobipEmulator() as emulator, Dispatcher([_provider(emulator)]) as dispatcher:
        keys = [dispatcher.send(Sms("x" * 400), to=f"+4477009001{number:02d}").id for number in range(3)]

        def found(query: str) -> list[str]:
            with Transport() as transport:
                headers = {"authorization": "App emulated-key"}
                request = HttpRequest("GET", f"{emulator.url}/sms/3/logs?{query}", headers)
                rows = transport.run(ask(request)).json()["results"]
            assert all(row["messageCount"] == 3 for row in rows)
            return sorted(row["messageId"] for row in rows)

        assert found("") == sorted(keys)
        assert found(f"messageId={keys[0]}&messageId={keys[1]}") == sorted(keys[:2])
        assert found("destination=447700900102") == keys[2:]
        assert found("sender=Nobody") == found("sentUntil=2020-01-01T00:00:00.000%2B0000") == []
        assert found("sentSince=2020-01-01T00:00:00.000%2B0000&generalStatus=DELIVERED") == sorted(keys)
