"""Calls as Twilio makes them, with what they say, for the conformance kit.

Sources: https://www.twilio.com/docs/messaging/guides/webhook-request and
https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
"""

from __future__ import annotations

from urllib.parse import urlencode

from messaging_channels.events import (
    EngagementReceived,
    EngagementType,
    InboundMedia,
    MessageReceived,
    OptedIn,
    OptedOut,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.plugins import FailureReason, WebhookRequest, status
from messaging_channels.testing import DocumentedWebhook, Webhook

ACCOUNT = "AC" + "0123456789abcdef" * 2
FORM = {"content-type": "application/x-www-form-urlencoded"}
_SENT, _RECEIVED = "SM" + "ab" * 16, "SM" + "ef" * 16
_PERSON, _OURS = "+447700900123", "+447700900000"
_MEDIA = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/{_RECEIVED}/Media/ME" + "0" * 31


def form(**fields: str) -> bytes:
    """Return the body of a call."""
    return urlencode({"AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", **fields}).encode()


def _report(word: str, **more: str) -> bytes:
    return form(MessageSid=_SENT, MessageStatus=word, To=_PERSON, From=_OURS, **more)


def _inbound(**fields: str) -> bytes:
    given = {"From": _PERSON, "To": _OURS, "Body": "", "NumMedia": "0", **fields}
    return form(MessageSid=_RECEIVED, SmsStatus="received", **given)


WEBHOOKS = (
    Webhook(
        _report("delivered"),
        (StatusChanged,),
        ({"status": status.DELIVERED_TO_HANDSET, "provider_id": _SENT, "failure": None},),
    ),
    Webhook(
        _inbound(Body="Hello"),
        (MessageReceived,),
        (
            {
                "provider_id": _RECEIVED,
                "channel": "sms",
                "sender": "447700900123",
                "to": "447700900000",
                "text": "Hello",
                "kind": "text",
            },
        ),
    ),
    Webhook(
        _report("sent"),
        (StatusChanged,),
        ({"status": status.known(1, 3), "provider_id": _SENT, "failure": None},),
    ),
    Webhook(
        _report("undelivered", ErrorCode="30003"),
        (StatusChanged,),
        (
            {
                "status": status.known(2, 9),
                "provider_id": _SENT,
                "failure": FailureReason.UNREACHABLE,
                "vendor_code": "30003",
            },
        ),
    ),
    Webhook(
        _inbound(
            Body="See these",
            NumMedia="2",
            MediaUrl0=f"{_MEDIA}1",
            MediaContentType0="image/jpeg",
            MediaUrl1=f"{_MEDIA}2",
            MediaContentType1="application/pdf",
        ),
        (MessageReceived,),
        (
            {
                "kind": "image",
                "text": "See these",
                "media": (
                    InboundMedia(url=f"{_MEDIA}1", id=f"{_MEDIA}1"[-34:], content_type="image/jpeg"),
                    InboundMedia(url=f"{_MEDIA}2", id=f"{_MEDIA}2"[-34:], content_type="application/pdf"),
                ),
            },
        ),
    ),
    Webhook(
        _inbound(Body="STOP", OptOutType="STOP"),
        (MessageReceived, OptedOut),
        ({"text": "STOP"}, {"channel": "sms", "address": "447700900123"}),
    ),
    Webhook(
        _inbound(
            From=f"whatsapp:{_PERSON}",
            To=f"whatsapp:{_OURS}",
            ProfileName="Zoe",
            ButtonText="Yes",
            ButtonPayload="yes-1",
        ),
        (MessageReceived,),
        (
            {
                "channel": "whatsapp",
                "sender": "447700900123",
                "to": "447700900000",
                "kind": "button",
                "text": "Yes",
                "payload": "yes-1",
                "name": "Zoe",
            },
        ),
    ),
    Webhook(
        form(
            MessageSid=_SENT,
            MessageStatus="read",
            EventType="READ",
            To=f"whatsapp:{_PERSON}",
            From=f"whatsapp:{_OURS}",
        ),
        (StatusChanged, EngagementReceived),
        (
            {"status": status.DELIVERED_TO_HANDSET, "provider_id": _SENT, "message_id": "ours-1"},
            {
                "engagement_type": EngagementType.READ,
                "provider_id": _SENT,
                "message_id": "ours-1",
            },
        ),
    ),
    Webhook(
        _inbound(
            From=f"whatsapp:{_PERSON}",
            To=f"whatsapp:{_OURS}",
            MessageType="location",
            Latitude="51.5",
            Longitude="-0.125",
            Label="Tower",
            OriginalRepliedMessageSid=_SENT,
        ),
        (MessageReceived,),
        ({"kind": "location", "location": (51.5, -0.125), "text": "Tower", "reply_to": _SENT},),
    ),
    Webhook(
        _inbound(Body=" stop "),
        (MessageReceived, OptedOut),
        ({"text": " stop "}, {"channel": "sms", "address": "447700900123"}),
    ),
    Webhook(
        _inbound(Body="START"),
        (MessageReceived, OptedIn),
        ({"text": "START"}, {"channel": "sms", "address": "447700900123"}),
    ),
    Webhook(
        _report("failed", ErrorCode="21610"),
        (StatusChanged, OptedOut),
        (
            {"provider_id": _SENT, "message_id": "ours-1", "failure": FailureReason.OPTED_OUT},
            {"channel": "sms", "address": "447700900123"},
        ),
    ),
)
DOCUMENTED = (
    DocumentedWebhook(
        WebhookRequest(
            urlencode(
                {
                    "CallSid": "CA1234567890ABCDE",
                    "Caller": "+14158675309",
                    "Digits": "1234",
                    "From": "+14158675309",
                    "To": "+18005551212",
                }
            ).encode(),
            {**FORM, "x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
            "https://mycompany.com/myapp.php?foo=1&bar=2",
        ),
        "12345",
        (UnknownEvent,),
        "https://www.twilio.com/docs/usage/webhooks/webhooks-security",
    ),
)
"""The example that the documentation and the vendor's own libraries share. It is of a call, which is kept as it came."""
