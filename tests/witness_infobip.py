"""The vendor's own client as a witness: its calls against our emulator, and its requests beside our plugin's for the same messages.

`python tests/witness_infobip.py` prints how many of both there are. Nothing is amended between the client and the emulator but TLS, which
the client insists on.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from email import message_from_bytes
from email.policy import default
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import trustme
from loopback import Peer, Server
from specifications import FOLDER, specification

from messaging_channels import Dispatcher, Email, Sms, WhatsAppTemplate
from messaging_channels.messages import Attachment, Message
from messaging_channels_infobip import (
    DeliveryWindow,
    IndiaDlt,
    Infobip,
    InfobipEmailOptions,
    InfobipSmsOptions,
    InfobipWhatsAppOptions,
    Language,
    Links,
    SpeedLimit,
    Tracking,
)
from messaging_channels_infobip._table_errors import ERRORS
from messaging_channels_infobip._table_failures import ERRORS as FAILURES
from messaging_channels_infobip.emulator import InfobipEmulator
from messaging_channels_infobip.options import SmsBinary

Json = dict[str, Any]
KEY = "emulated-key"
NUMBER, MAIL = "447700900123", "zoe@example.com"
SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
SOON_TEXT = f"{SOON:%Y-%m-%dT%H:%M:%S}.000+0000"


class Tls(Server):
    """Ends TLS before the emulator: the official client speaks nothing else."""

    def __init__(self, emulator: InfobipEmulator, authority: trustme.CA) -> None:
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        super().__init__(self._pass_on, tls=context)
        self._port = int(emulator.url.rpartition(":")[2])

    def _pass_on(self, peer: Peer) -> None:
        while request := peer.read_request():
            head, _, body = request.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            method, path, _ = first.split(" ")
            headers = dict(line.split(": ", 1) for line in lines)
            with closing(HTTPConnection("127.0.0.1", self._port)) as connection:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                content = answer.read()
            told = answer.getheader("content-type")
            kind = f"content-type: {told}\r\n" if told else ""
            peer.answer(
                f"HTTP/1.1 {answer.status} X\r\n{kind}content-length: {len(content)}\r\n\r\n".encode()
                + content
            )


@contextmanager
def connected(emulator: InfobipEmulator) -> Iterator[Any]:
    """Connect the official client to the emulator."""
    import infobip_api_client as client

    authority = trustme.CA()
    with tempfile.TemporaryDirectory() as folder, Tls(emulator, authority) as server:
        bundle = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(str(bundle))
        configuration = client.Configuration(host=server.url, api_key=KEY, ssl_ca_cert=str(bundle))
        with client.ApiClient(configuration) as made:
            yield made


def emulated() -> InfobipEmulator:
    """Return an emulator that is held to the vendor's documents, where they are here."""
    return InfobipEmulator(specifications=FOLDER if FOLDER.is_dir() else None)


@dataclass(frozen=True, slots=True)
class Call:
    """One call that the client offers: of which of its classes, by which name, and with what."""

    api: str
    name: str
    model: str = ""
    body: Json | None = None
    given: Mapping[str, Any] | None = None
    note: str = ""

    def make(self, client: Any) -> Any:
        """Make it."""
        import infobip_api_client
        from infobip_api_client import api

        arguments = dict(self.given or {})
        if self.body is not None:
            model = getattr(infobip_api_client, self.model)
            arguments[_snake(self.model)] = model.from_dict(self.body)
        return getattr(getattr(api, self.api)(client), self.name)(**arguments)


def _snake(name: str) -> str:
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in name).lstrip("_")


def offered() -> set[str]:
    """Return the names of all calls of the client's classes for our channels."""
    from infobip_api_client import api

    return {
        name
        for one in (api.SmsApi, api.EmailApi, api.MessagesApi)
        for name, _ in vars(one).items()
        if not name.startswith("_") and not name.endswith(("_with_http_info", "_without_preload_content"))
    }


def sms_body(content: Json | None = None, *, options: Json | None = None, **more: Any) -> Json:
    message = {"destinations": [{"to": NUMBER}], "content": content or {"text": "Hello"}, **more}
    return {"messages": [message], **({"options": options} if options else {})}


def _mail(
    content: Json | None = None, destination: Json | None = None, *, options: Json | None = None, **more: Any
) -> Json:
    message = {
        "sender": "Shop <shop@example.com>",
        "destinations": [destination or {"to": [{"destination": MAIL}]}],
        "content": content or {"subject": "Hi", "text": "Hello"},
        **more,
    }
    return {"messages": [message], **({"options": options} if options else {})}


def _unified(channel: str, body: Json, *, buttons: list[Json] | None = None, **more: Any) -> Json:
    content = {"body": body, **({"buttons": buttons} if buttons else {})}
    message = {
        "channel": channel,
        "sender": "15550100001",
        "destinations": [{"to": NUMBER}],
        "content": content,
        **more,
    }
    return {"messages": [message]}


WHOLE_MAIL = "RnJvbTogc2hvcEBleGFtcGxlLmNvbQ0KVG86IHpvZUBleGFtcGxlLmNvbQ0KU3ViamVjdDogSGkNCg0KSGVsbG8NCg=="
_FILE = {"type": "binary", "content": "JVBERi0x", "contentType": "application/pdf", "fileName": "a.pdf"}
_SCHEDULED = {"schedule": {"bulkId": "later", "sendAt": SOON_TEXT}}

_DOMAIN, _POOL, _TEMPLATE, _ATTACHMENT = 2, "pool-3", 4, "file-5"
"""What the emulator calls the first of each that the calls below make; its own domain is number 1."""
_IN_TEMPLATE = {"template_id": _TEMPLATE}
_SUPPRESSED = {"domainName": "news.example.com", "emailAddress": ["zoe@example.net"], "type": "BOUNCE"}

SETUP_CALLS: tuple[Call, ...] = (
    Call(
        "EmailApi",
        "add_domain",
        "EmailAddDomainRequest",
        {"domainName": "news.example.com", "dkimKeyLength": 2048, "targetedDailyTraffic": 1000},
    ),
    Call("EmailApi", "get_all_domains", given={"size": 20, "page": 0}),
    Call("EmailApi", "get_domain_details", given={"domain_name": "news.example.com"}),
    Call("EmailApi", "verify_domain", given={"domain_name": "news.example.com"}),
    Call(
        "EmailApi",
        "update_tracking_events",
        "EmailTrackingEventRequest",
        {"open": True, "clicks": False},
        {"domain_name": "news.example.com"},
    ),
    Call("EmailApi", "add_suppressions", "EmailAddSuppressionRequest", {"suppressions": [_SUPPRESSED]}),
    Call(
        "EmailApi",
        "get_suppressions",
        given={
            "domain_name": "news.example.com",
            "type": "BOUNCE",
            "recipient_domain": "example.net",
            "size": 10,
        },
    ),
    Call("EmailApi", "get_domains", given={"page": 0, "size": 10}),
    Call("EmailApi", "delete_suppressions", "EmailDeleteSuppressionRequest", {"suppressions": [_SUPPRESSED]}),
    Call("EmailApi", "get_all_ips"),
    Call("EmailApi", "create_ip_pool", "EmailIpPoolCreateApiRequest", {"name": "news"}),
    Call("EmailApi", "get_ip_pools", given={"name": "news"}),
    Call(
        "EmailApi", "assign_ip_to_pool", "EmailIpPoolAssignIpApiRequest", {"ipId": "ip-1"}, {"pool_id": _POOL}
    ),
    Call("EmailApi", "get_ip_pool", given={"pool_id": _POOL}),
    Call("EmailApi", "get_ip_details", given={"ip_id": "ip-1"}),
    Call("EmailApi", "update_ip_pool", "EmailIpPoolCreateApiRequest", {"name": "offers"}, {"pool_id": _POOL}),
    Call(
        "EmailApi",
        "assign_pool_to_domain",
        "EmailDomainIpPoolAssignApiRequest",
        {"poolId": _POOL, "priority": 0},
        {"domain_id": _DOMAIN},
    ),
    Call("EmailApi", "get_ip_domain", given={"domain_id": _DOMAIN}),
    Call(
        "EmailApi",
        "update_domain_pool_priority",
        "EmailDomainIpPoolUpdateApiRequest",
        {"priority": 1},
        {"domain_id": _DOMAIN, "pool_id": _POOL},
    ),
    Call("EmailApi", "remove_ip_pool_from_domain", given={"domain_id": _DOMAIN, "pool_id": _POOL}),
    Call("EmailApi", "remove_ip_from_pool", given={"pool_id": _POOL, "ip_id": "ip-1"}),
    Call("EmailApi", "delete_ip_pool", given={"pool_id": _POOL}),
    Call(
        "EmailApi",
        "create_email_template",
        given={
            "html": "<p>Hello {{name}}</p>",
            "name": "hello",
            "subject": "Hi",
            "var_from": "shop@example.com",
        },
    ),
    Call("EmailApi", "get_email_templates", given={"page": 0, "size": 20}),
    Call("EmailApi", "get_email_template", given=_IN_TEMPLATE),
    Call(
        "EmailApi",
        "upload_email_template_attachment",
        given={**_IN_TEMPLATE, "content_type": "text/plain", "file_name": "a.txt", "data": "Zoë"},
    ),
    Call("EmailApi", "get_email_template_attachments", given=_IN_TEMPLATE),
    Call(
        "EmailApi",
        "generate_email_template_preview",
        given={**_IN_TEMPLATE, "placeholders": {"name": {"first": "Zoe"}}},
    ),
    Call(
        "EmailApi", "patch_email_template", given={**_IN_TEMPLATE, "html": "<p>Hello</p>", "subject": "Hi!"}
    ),
    Call(
        "EmailApi", "update_email_template", given={**_IN_TEMPLATE, "html": "<p>Hello</p>", "name": "hello"}
    ),
    Call(
        "EmailApi",
        "delete_email_template_attachment",
        given={**_IN_TEMPLATE, "attachment_id": _ATTACHMENT},
    ),
    Call("EmailApi", "delete_email_template", given=_IN_TEMPLATE),
    Call("EmailApi", "delete_domain", given={"domain_name": "news.example.com"}),
)
"""The calls that set an account up for mail, in an order in which each has what it is about."""

CALLS: tuple[Call, ...] = (
    *SETUP_CALLS,
    *(
        Call("SmsApi", "send_sms_messages", "SmsRequest", body)
        for body in (
            sms_body(),
            sms_body(sender="Shop"),
            sms_body(
                {
                    "text": "Hello",
                    "transliteration": "TURKISH",
                    "language": {"languageCode": "TR", "singleShift": True},
                }
            ),
            sms_body({"hex": "48 65 6c 6c 6f", "dataCoding": 0, "esmClass": 0}, sender="Shop"),
            sms_body(
                options={
                    "includeSmsCountInResponse": True,
                    "tracking": {"shortenUrl": True, "trackClicks": True},
                }
            ),
            sms_body(
                options={
                    "conversionTracking": {"useConversionTracking": True, "conversionTrackingName": "sale"}
                }
            ),
            sms_body(
                options={
                    **_SCHEDULED,
                    "schedule": {
                        **_SCHEDULED["schedule"],
                        "sendingSpeedLimit": {"amount": 10, "timeUnit": "HOUR"},
                    },
                }
            ),
            sms_body(
                options=None,
                sender="Shop",
                webhooks={
                    "delivery": {"url": "https://shop.example/r", "intermediateReport": True},
                    "callbackData": "c",
                    "contentType": "application/json",
                },
            ),
            {
                "messages": [
                    {
                        "sender": "Shop",
                        "destinations": [
                            {"to": NUMBER, "messageId": "a", "networkId": 1},
                            {"to": "447700900124", "messageId": "b"},
                        ],
                        "content": {"text": "Hello"},
                        "options": {
                            "platform": {"entityId": "e", "applicationId": "a"},
                            "validityPeriod": {"amount": 48, "timeUnit": "HOURS"},
                            "deliveryTimeWindow": {
                                "days": ["MONDAY"],
                                "from": {"hour": 6, "minute": 0},
                                "to": {"hour": 15, "minute": 30},
                            },
                            "campaignReferenceId": "spring",
                            "regional": {
                                "indiaDlt": {"contentTemplateId": "t", "principalEntityId": "p"},
                                "turkeyIys": {"brandCode": 1, "recipientType": "BIREYSEL"},
                                "southKorea": {"resellerCode": 1, "title": "t"},
                            },
                            "flash": True,
                        },
                    }
                ]
            },
        )
    ),
    Call(
        "SmsApi",
        "preview_sms_message",
        "SmsPreviewRequest",
        {"text": "Hello", "languageCode": "TR", "transliteration": "TURKISH"},
    ),
    Call("SmsApi", "get_outbound_sms_message_delivery_reports", given={"limit": 10}),
    Call(
        "SmsApi", "get_outbound_sms_message_delivery_reports", given={"message_id": "a", "bulk_id": "later"}
    ),
    Call(
        "SmsApi", "get_outbound_sms_message_logs", given={"sender": "Shop", "destination": NUMBER, "limit": 5}
    ),
    Call(
        "SmsApi",
        "get_outbound_sms_message_logs",
        given={"message_id": ["a", "b"], "general_status": "DELIVERED"},
    ),
    Call("SmsApi", "get_outbound_sms_message_logs", given={"use_cursor": True, "limit": 2}),
    Call(
        "SmsApi",
        "get_outbound_sms_message_logs",
        given={"sent_since": datetime(2026, 1, 1, tzinfo=UTC), "sent_until": SOON, "entity_id": "e"},
    ),
    Call("SmsApi", "get_inbound_sms_messages", given={"limit": 10}),
    Call("SmsApi", "get_scheduled_sms_messages", given={"bulk_id": "later"}),
    Call("SmsApi", "get_scheduled_sms_messages_status", given={"bulk_id": "later"}),
    Call("SmsApi", "reschedule_sms_messages", "SmsBulkRequest", {"sendAt": SOON_TEXT}, {"bulk_id": "later"}),
    Call(
        "SmsApi",
        "update_scheduled_sms_messages_status",
        "SmsUpdateStatusRequest",
        {"status": "CANCELED"},
        {"bulk_id": "later"},
    ),
    *(
        Call("EmailApi", "send_email", "EmailRequest", body)
        for body in (
            _mail(),
            _mail({"subject": "Hi", "html": "<p>Hello</p>", "ampHtml": "<html amp4email></html>"}),
            _mail(
                {
                    "subject": "Hi",
                    "html": "<img src='cid:a.png'>",
                    "attachments": [_FILE],
                    "inlineImages": [{**_FILE, "contentType": "image/png", "fileName": "a.png"}],
                }
            ),
            _mail(
                destination={
                    "to": [{"destination": MAIL, "messageId": "m-1", "placeholders": '{"name": "Zoe"}'}],
                    "cc": [{"destination": "max@example.com"}],
                    "bcc": [{"destination": "b@example.com"}],
                    "replyTo": "desk@example.com",
                    "preserveRecipients": True,
                }
            ),
            _mail(
                {
                    "templateId": "42",
                    "defaultPlaceholders": '{"a": 1}',
                    "landingPagePlaceholders": '{"b": 2}',
                    "optoutLandingPageId": "1",
                    "templateLanguageVersion": "2",
                    "headers": '{"X-A": "b"}',
                }
            ),
            _mail(
                options={
                    **_SCHEDULED,
                    "schedule": {"bulkId": "mail-later", "sendAt": SOON_TEXT},
                    "tracking": {
                        "track": True,
                        "trackOpens": True,
                        "trackClicks": True,
                        "trackingUrl": "https://shop.example/t",
                        "trackingPixelPosition": "BOTTOM",
                    },
                    "clientPriority": "HIGH",
                }
            ),
            {
                **_mail(
                    webhooks={
                        "delivery": {"url": "https://shop.example/r", "notify": True},
                        "callbackData": "c",
                    },
                    ips={"ipPoolId": "p"},
                    placeholdersMasking=[
                        {
                            "name": "code",
                            "side": "L",
                            "maskChar": "*",
                            "visibleChars": 2,
                            "delimiter": "-",
                            "skipChars": [" "],
                        }
                    ],
                    storage={"skipPassive": True, "skipActive": True},
                )
            },
        )
    ),
    Call("EmailApi", "send_mime_email", "EmailSendMimeRequestSchema", {"mimeMessage": WHOLE_MAIL}),
    Call(
        "EmailApi",
        "send_mime_email",
        "EmailSendMimeRequestSchema",
        {
            "mimeMessage": WHOLE_MAIL,
            "messageId": "mime-1",
            "bulkId": "b",
            "from": "Shop <shop@example.com>",
            "destinations": [MAIL, "max@example.com"],
            "intermediateReport": True,
            "notifyUrl": "https://shop.example/r",
            "notifyContentType": "application/json",
            "callbackData": "c",
            "trackingUrl": "https://shop.example/t",
            "clientPriority": "LOW",
            "applicationId": "a",
            "entityId": "e",
        },
    ),
    Call("EmailApi", "get_email_delivery_reports", given={"limit": 10}),
    Call(
        "EmailApi",
        "get_email_logs",
        given={"sender": "Shop <shop@example.com>", "general_status": "DELIVERED"},
    ),
    Call(
        "EmailApi", "get_email_logs", given={"message_id": ["m-1", "mime-1"], "use_cursor": True, "limit": 1}
    ),
    Call("EmailApi", "get_scheduled_emails", given={"bulk_id": "mail-later"}),
    Call("EmailApi", "get_scheduled_email_statuses", given={"bulk_id": "mail-later"}),
    Call(
        "EmailApi",
        "reschedule_emails",
        "EmailBulkRescheduleRequest",
        {"sendAt": SOON_TEXT},
        {"bulk_id": "mail-later"},
    ),
    Call(
        "EmailApi",
        "update_scheduled_email_statuses",
        "EmailBulkUpdateStatusRequest",
        {"status": "PAUSED"},
        {"bulk_id": "mail-later"},
    ),
    Call("EmailApi", "validate_email_addresses", "EmailValidationRequest", {"to": MAIL}),
    Call(
        "EmailApi",
        "request_validations",
        "EmailValidationApiBulkRequest",
        {"validationRequestId": "v", "destinations": [{"destination": MAIL}]},
    ),
    Call("EmailApi", "get_validations", given={"validation_request_id": "none"}),
    *(
        Call("MessagesApi", "send_messages_api_message", "MessagesApiRequest", body)
        for body in (
            _unified("SMS", {"type": "TEXT", "text": "Hello"}),
            _unified(
                "WHATSAPP",
                {"type": "TEXT", "text": "Hello"},
                buttons=[{"type": "REPLY", "text": "Yes", "postbackData": "y"}],
            ),
            _unified("WHATSAPP", {"type": "IMAGE", "url": "https://shop.example/a.png", "text": "Look"}),
            _unified("RCS", {"type": "LOCATION", "latitude": 1.5, "longitude": 2.5, "name": "Shop"}),
            _unified(
                "VIBER_BM",
                {"type": "TEXT", "text": "Hello"},
                webhooks={"delivery": {"url": "https://shop.example/r"}, "callbackData": "c"},
            ),
            {
                "messages": [
                    {
                        "channel": "WHATSAPP",
                        "sender": "15550100001",
                        "destinations": [{"to": NUMBER}],
                        "template": {"templateName": "hello", "language": "en"},
                        "content": {"body": {"type": "TEXT", "1": "Zoe"}},
                    }
                ]
            },
        )
    ),
    Call(
        "MessagesApi",
        "validate_messages_api_message",
        "MessagesApiRequest",
        _unified("SMS", {"type": "TEXT", "text": "Hello"}),
    ),
    Call(
        "MessagesApi",
        "send_messages_api_events",
        "MessagesApiEventRequest",
        {
            "events": [
                {
                    "channel": "APPLE_MB",
                    "sender": "15550100001",
                    "destinations": [{"to": NUMBER}],
                    "event": "TYPING_STARTED",
                }
            ]
        },
    ),
    Call("MessagesApi", "get_messages_api_delivery_reports", given={"limit": 10}),
    Call("MessagesApi", "get_messages_api_inbound_messages", given={"channel": "WHATSAPP"}),
)
"""In order: what is asked about was sent before. Of validations none is asked for that has results: the client takes their `validMailbox` for a boolean,
where the document and the emulator have the text true, false or unknown."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A message of ours, and what is written of the same message for the client."""

    message: Message
    to: str
    model: str
    api: str
    call: str
    body: Callable[[str], Json]
    """By the id of the message."""


def _pair_sms(message: Sms, **more: Any) -> Pair:
    def body(key: str) -> Json:
        options = more.get("request")
        fields = {
            name: value for name, value in more.items() if name not in ("request", "content", "destination")
        }
        destination = {"to": NUMBER, "messageId": key, **more.get("destination", {})}
        message_fields = {
            "sender": "Shop",
            "destinations": [destination],
            "content": more.get("content", {"text": "Hello"}),
            **fields,
        }
        return {"messages": [message_fields], **({"options": options} if options else {})}

    return Pair(message, NUMBER, "SmsRequest", "SmsApi", "send_sms_messages", body)


def _pair_mail(
    message: Email,
    content: Json,
    destination: Json | None = None,
    *,
    request: Json | None = None,
    **more: Any,
) -> Pair:
    def body(key: str) -> Json:
        to = {"destination": MAIL, "messageId": key}
        extra = dict(destination or {})
        to |= {"placeholders": extra.pop("placeholders")} if "placeholders" in extra else {}
        fields = {
            "sender": "Shop <shop@example.com>",
            "destinations": [{"to": [to], **extra}],
            "content": content,
            **more,
        }
        return {"messages": [fields], **({"options": request} if request else {})}

    return Pair(message, MAIL, "EmailRequest", "EmailApi", "send_email", body)


def _with(option: Any) -> Sms:
    return Sms("Hello", provider_options=(option,))


PAIRS: tuple[Pair, ...] = (
    _pair_sms(Sms("Hello")),
    _pair_sms(Sms("Hello", flash=True), options={"flash": True}),
    _pair_sms(
        Sms("Hello", validity_period=timedelta(hours=48)),
        options={"validityPeriod": {"amount": 48, "timeUnit": "HOURS"}},
    ),
    _pair_sms(
        _with(InfobipSmsOptions(language=Language("TR", single_shift=True), transliteration="TURKISH")),
        content={
            "text": "Hello",
            "transliteration": "TURKISH",
            "language": {"languageCode": "TR", "singleShift": True},
        },
    ),
    _pair_sms(
        _with(InfobipSmsOptions(binary=SmsBinary(b"Hi", data_coding=4))),
        content={"hex": "48 69", "dataCoding": 4, "esmClass": 0},
    ),
    _pair_sms(
        _with(
            InfobipSmsOptions(
                application_id="a",
                entity_id="e",
                campaign_id="spring",
                callback_data="c",
                report_url="https://shop.example/r",
                intermediate_reports=True,
            )
        ),
        options={"platform": {"applicationId": "a", "entityId": "e"}, "campaignReferenceId": "spring"},
        webhooks={
            "delivery": {"url": "https://shop.example/r", "intermediateReport": True},
            "callbackData": "c",
        },
    ),
    _pair_sms(
        _with(
            InfobipSmsOptions(
                links=Links(tracking_url="https://shop.example/t"), count_parts=True, conversion="sale"
            )
        ),
        request={
            "tracking": {
                "shortenUrl": True,
                "trackClicks": True,
                "trackingUrl": "https://shop.example/t",
                "removeProtocol": False,
            },
            "includeSmsCountInResponse": True,
            "conversionTracking": {"useConversionTracking": True, "conversionTrackingName": "sale"},
        },
    ),
    _pair_sms(
        _with(InfobipSmsOptions(send_at=SOON, bulk_id="b", speed_limit=SpeedLimit(10, "HOUR"))),
        request={
            "schedule": {
                "bulkId": "b",
                "sendAt": SOON_TEXT,
                "sendingSpeedLimit": {"amount": 10, "timeUnit": "HOUR"},
            }
        },
    ),
    _pair_sms(
        _with(
            InfobipSmsOptions(
                delivery_window=DeliveryWindow(("MONDAY",)), network_id=7, india=IndiaDlt("p", "t")
            )
        ),
        options={
            "deliveryTimeWindow": {"days": ["MONDAY"]},
            "regional": {"indiaDlt": {"principalEntityId": "p", "contentTemplateId": "t"}},
        },
        destination={"networkId": 7},
    ),
    _pair_mail(Email("Hi", text="Hello"), {"subject": "Hi", "text": "Hello"}),
    _pair_mail(Email("Hi", html="<p>Hello</p>"), {"subject": "Hi", "html": "<p>Hello</p>"}),
    _pair_mail(
        Email(
            "Hi", text="Hello", cc=("max@example.com",), reply_to=("desk@example.com",), headers={"X-A": "b"}
        ),
        {"subject": "Hi", "text": "Hello", "headers": '{"X-A":"b"}'},
        {
            "cc": [{"destination": "max@example.com"}],
            "replyTo": "desk@example.com",
            "preserveRecipients": True,
        },
    ),
    _pair_mail(
        Email("Hi", text="Hello", attachments=(Attachment(b"%PDF-1", "a.pdf", "application/pdf"),)),
        {"subject": "Hi", "text": "Hello", "attachments": [_FILE]},
    ),
    _pair_mail(
        Email(
            "Hi",
            text="",
            provider_options=(
                InfobipEmailOptions(
                    template_id="42",
                    placeholders={"a": 1},
                    default_placeholders={"a": 2},
                    tracking=Tracking(track=True),
                    priority="HIGH",
                ),
            ),
        ),
        {"subject": "Hi", "templateId": "42", "defaultPlaceholders": '{"a":2}'},
        {"placeholders": '{"a":1}'},
        request={"tracking": {"track": True}, "clientPriority": "HIGH"},
    ),
    Pair(
        Email("Hi", "Hello", "<p>Hello</p>", bcc=("blind@example.com",)),
        MAIL,
        "EmailSendMimeRequestSchema",
        "EmailApi",
        "send_mime_email",
        lambda key: {
            "mimeMessage": WHOLE_MAIL,
            "messageId": key,
            "from": "Shop <shop@example.com>",
            "destinations": [MAIL, "blind@example.com"],
        },
    ),
)

DIFFERENCES: Mapping[str, str] = {
    "messages[].options.validityPeriod.amount": "the plugin counts in seconds, which say the same",
    "messages[].options.validityPeriod.timeUnit": "the plugin counts in seconds, which say the same",
    "messages[].content.templateLanguageVersion": "the client writes the default version",
    "messages[].sender": "a template has a sender of its own, so the plugin names none",
    "messages[].destinations[].preserveRecipients": "the client writes the default, false",
    "options.includeSmsCountInResponse": "the client writes the default, false",
    "options.tracking.trackingPixelPosition": "the client writes the default, TOP",
    "options.schedule.sendAt": "the same moment in two spellings, of which every interface of Infobip takes the plugin's",
    "options.clientPriority": "the client misspells the name (a blank stands at its end), so it cannot send it",
    "clientPriority": "the client writes the default, STANDARD",
    "mimeMessage": "two libraries write the same mail differently; what both say is compared beside it",
}
"""Fields in which the plugin's request may differ from the client's, each with the reason."""


REQUEST_LEVEL: Mapping[str, Message] = {
    "/sms/3/messages": Sms(
        "Hello",
        provider_options=(
            InfobipSmsOptions(
                send_at=SOON,
                speed_limit=SpeedLimit(10, "HOUR"),
                links=Links(
                    tracking_url="https://shop.example/t", remove_protocol=True, custom_domain="s.example"
                ),
                count_parts=True,
                conversion="sale",
                delivery_window=DeliveryWindow(("MONDAY",), time(6), time(9)),
            ),
        ),
    ),
    "/email/4/messages": Email(
        "Hi",
        text="Hello",
        provider_options=(
            InfobipEmailOptions(
                send_at=SOON,
                tracking=Tracking(
                    track=True, opens=True, clicks=True, url="https://shop.example/t", pixel_position="TOP"
                ),
                priority="HIGH",
            ),
        ),
    ),
    "/whatsapp/1/message/template": WhatsAppTemplate(
        "hello", "en", provider_options=(InfobipWhatsAppOptions(bulk_id="b"),)
    ),
}
"""By the path: a message that says every field of a whole request. Those of one message are said by the pairs, or reached by `raw`."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The documented fields of one call, by how they are reached."""

    documented: set[str]
    by_option: set[str]
    by_plugin: set[str]
    """What the plugin writes by itself: recipients and ids."""
    by_raw: set[str]

    @property
    def unreachable(self) -> set[str]:
        """Return what nothing reaches."""
        return self.documented - self.by_option - self.by_plugin - self.by_raw


def fields_of(path: str, emulator: InfobipEmulator) -> Fields:
    """Return the documented fields of a call, by what the plugin says in the message of `REQUEST_LEVEL`. Needs the vendor's documents."""
    document = specification(f"infobip_{path.split('/')[1]}")
    documented = set(leaves(document, document.request_schema("POST", path)))
    senders = {"sms_sender": "Shop", "whatsapp_sender": "15550100001", "email_sender": "shop@example.com"}
    with Dispatcher([Infobip(base_url=emulator.url, api_key=KEY, **senders)]) as dispatcher:
        dispatcher.send(REQUEST_LEVEL[path], to=MAIL if "email" in path else f"+{NUMBER}")
    said = set(paths(emulator.requests[-1].json())) & documented
    rest = {one for one in documented - said if one.startswith("messages[].")}
    own = {one for one in rest if one.split(".")[1].removesuffix("[]") in ("destinations", "to", "messageId")}
    return Fields(documented, said, own, rest - own)


def leaves(document: Any, schema: Any, path: str = "", depth: int = 8) -> Iterator[str]:
    plain = document.resolved(schema)
    if "items" in plain:
        yield from leaves(document, plain["items"], f"{path}[]", depth)
    elif plain.get("properties") and depth:
        for name, inner in plain["properties"].items():
            yield from leaves(document, inner, f"{path}.{name}".lstrip("."), depth - 1)
    else:
        yield path


def paths(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{path}[]")
    else:
        yield path


def differences(ours: Json, theirs: Json) -> dict[str, tuple[Any, Any]]:
    """Return the fields that differ, by their paths."""
    one, other = dict(_flat(ours)), dict(_flat(theirs))
    return {
        path: (one.get(path), other.get(path))
        for path in one.keys() | other.keys()
        if one.get(path) != other.get(path)
    }


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list) and value:
        for inner in value:
            yield from _flat(inner, f"{path}[]")
    else:
        yield path, value


def compared(pair: Pair, client: Any, emulator: InfobipEmulator) -> tuple[Json, Json]:
    """Send a message by the plugin and the same by the client; return both requests as they came."""
    provider = Infobip(
        base_url=emulator.url, api_key=KEY, sms_sender="Shop", email_sender="Shop <shop@example.com>"
    )
    with Dispatcher([provider]) as dispatcher:
        receipt = dispatcher.send(pair.message, to=pair.to)
    ours: Json = emulator.requests[-1].json()
    body = pair.body(receipt.id)
    Call(pair.api, pair.call, pair.model, body).make(client)
    return ours, emulator.requests[-1].json()


def read_mail(encoded: str) -> Any:
    """Return a mail that travels as base64."""
    return message_from_bytes(b64decode(encoded, validate=True), policy=default)


def main() -> int:
    """Print the counts; return 1 if a call fails or a difference is not explained."""
    os.environ.setdefault("MESSAGING_CHANNELS_SPECS", str(FOLDER))
    passed: list[str] = []
    unexplained: list[str] = []
    with emulated() as emulator, connected(emulator) as client:
        for call in CALLS:
            try:
                call.make(client)
                passed.append(call.name)
            except Exception as error:  # noqa: BLE001  it is counted
                sys.stderr.write(f"fails: {call.name}: {type(error).__name__}: {str(error)[:300]}")
        fields = [fields_of(path, emulator) for path in REQUEST_LEVEL] if FOLDER.is_dir() else []
        explained = 0
        for pair in PAIRS:
            found = differences(*compared(pair, client, emulator))
            explained += len(found.keys() & DIFFERENCES.keys())
            unexplained += [f"{path}: {value}" for path, value in found.items() if path not in DIFFERENCES]
    counts = {
        "calls": len(CALLS),
        "calls that pass": len(passed),
        "calls that the client offers": len(offered()),
        "of these made": len(offered() & {call.name for call in CALLS}),
        "requests compared": len(PAIRS),
        "differences explained": explained,
        "differences not explained": unexplained,
        "documented fields of requests": sum(len(one.documented) for one in fields),
        "by an option or field": sum(len(one.by_option) for one in fields),
        "by the plugin itself": sum(len(one.by_plugin) for one in fields),
        "by raw": sum(len(one.by_raw) for one in fields),
        "not at all": sorted(name for one in fields for name in one.unreachable),
        "answers that broke the documents": len(emulator.violations),
        "codes without a reason": len({str(number) for _, number, *_ in ERRORS} - FAILURES.codes),
        "codes with a reason": len(FAILURES.codes),
    }
    sys.stdout.write(json.dumps(counts, indent=1) + "\n")
    return int(len(passed) < len(CALLS) or bool(unexplained) or bool(emulator.violations))


if __name__ == "__main__":
    sys.exit(main())
