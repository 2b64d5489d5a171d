"""What Postmark posts at a webhook, for the conformance kit and for tests of applications.

Source: https://postmarkapp.com/developer/webhooks/webhooks-overview
"""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from email.utils import format_datetime

from messaging_channels.events import (
    EngagementReceived,
    FailureReason,
    InboundMedia,
    MessageReceived,
    OptedIn,
    OptedOut,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.plugins import WebhookRequest
from messaging_channels.plugins import status as statuses
from messaging_channels.testing import InboundText, Webhook

_AT = 1_743_870_834.0
_TIME = "2025-04-05T16:33:54.0000000Z"
_MESSAGE = "883953f4-6105-42a2-a16a-77a8eac79483"
USERNAME = "postmark"


def sign(body: bytes, secret: str) -> WebhookRequest:
    """Return the call with this body, and the password."""
    proof = b64encode(f"{USERNAME}:{secret}".encode()).decode()
    return WebhookRequest(body, {"authorization": f"Basic {proof}", "content-type": "application/json"})


def _report(kind: str, **more: object) -> bytes:
    shared = {
        "RecordType": kind,
        "ServerID": 23,
        "MessageStream": "outbound",
        "MessageID": _MESSAGE,
        "Tag": "welcome-email",
        "Metadata": {"message_id": "ours-1"},
    }
    return json.dumps({**shared, **more}).encode()


def _bounce(kind: str, number: int, details: str = "") -> bytes:
    return _report(
        "Bounce",
        ID=number,
        Type=kind,
        Name=kind,
        Description="made up",
        Details=details,
        Email="zoe@example.com",
        BouncedAt=_TIME,
    )


def _suppression(*, suppressed: bool, why: str, origin: str, stream: str = "outbound") -> bytes:
    return _report(
        "SubscriptionChange",
        MessageStream=stream,
        MessageID=None,
        Metadata={},
        ChangedAt=_TIME,
        Recipient="zoe@example.com",
        Origin=origin,
        SuppressSending=suppressed,
        SuppressionReason=why,
    )


def delivered(ours: str, theirs: str) -> bytes:
    """Return the report of a delivery by our id and theirs."""
    return _report(
        "Delivery",
        MessageID=theirs,
        Metadata={"message_id": ours},
        Recipient="zoe@example.com",
        DeliveredAt=_TIME,
        Details="smtp;250 2.0.0 OK",
    )


def inbound(sender: str, to: str, text: str) -> bytes:
    """Return the call that brings a mail."""
    return inbound_message(InboundText(sender, to, text, 1, _AT))


def inbound_message(one: InboundText) -> bytes:
    """Write a mail as Postmark posts it: without a `RecordType`."""
    told = {
        "FromName": "Zoe",
        "MessageStream": "inbound",
        "From": one.sender,
        "FromFull": {"Email": one.sender, "Name": "Zoe", "MailboxHash": ""},
        "To": f"Desk <{one.to}>",
        "ToFull": [{"Email": one.to, "Name": "", "MailboxHash": ""}],
        "Cc": "",
        "CcFull": [],
        "OriginalRecipient": one.to,
        "Subject": "Yes",
        "MessageID": f"73e6d360-66eb-11e1-8e72-{one.number:012d}",
        "ReplyTo": "other@example.com",
        "Date": format_datetime(datetime.fromtimestamp(one.at, UTC)),
        "TextBody": one.text,
        "HtmlBody": "<p>Yes</p>",
        "StrippedTextReply": "Short",
        "Headers": [{"Name": "In-Reply-To", "Value": "<asked@example.org>"}],
        "Attachments": [
            {
                "Name": "a.txt",
                "Content": "aGk=",
                "ContentType": "text/plain",
                "ContentLength": 2,
                "ContentID": "logo@example.com",
            }
        ],
    }
    return json.dumps(told).encode()


_IDS = {"message_id": "ours-1", "provider_id": _MESSAGE, "occurred_at": _AT}
_ZOE = {"channel": "email", "address": "zoe@example.com", "occurred_at": _AT}
_HARD = {
    "status": statuses.known(2, 9),
    "failure": FailureReason.UNKNOWN_RECIPIENT,
    "vendor_code": "HardBounce",
    "event_id": "Bounce-42",
    "recipient": "zoe@example.com",
}
_SOFT = {"status": statuses.PENDING_ENROUTE, "failure": FailureReason.UNREACHABLE}
_SPAM = {"status": statuses.known(2, 4), "failure": FailureReason.SPAM_FILTERED}
_READ = {
    "channel": "email",
    "provider_id": "73e6d360-66eb-11e1-8e72-000000000001",
    "sender": "zoe@example.com",
    "to": "desk@example.org",
    "kind": "mail",
    "text": "Hello",
    "subject": "Yes",
    "name": "Zoe",
    "reply_to": "asked@example.org",
    "html": "<p>Yes</p>",
    "media": (
        InboundMedia(id="logo@example.com", content_type="text/plain", filename="a.txt", content=b"hi"),
    ),
    "occurred_at": _AT,
}
_OPENED = {**_IDS, "engagement_type": "opened"}
_CLICKED = {**_IDS, "engagement_type": "clicked", "url": "https://shop.example.com/a"}
_BOUNCES = (
    ("Transient", (1, 7), FailureReason.NETWORK_ERROR),
    ("DnsError", (1, 7), FailureReason.NETWORK_ERROR),
    ("VirusNotification", (2, 4), FailureReason.CONTENT_REFUSED),
    ("Blocked", (2, 4), FailureReason.SPAM_FILTERED),
    ("DMARCPolicy", (2, 4), FailureReason.AUTH_FAILED_EMAIL),
    ("BadEmailAddress", (5, 52), FailureReason.INVALID_ADDRESS),
    ("ManuallyDeactivated", (2, 31), FailureReason.SUPPRESSED),
    ("SMTPApiError", (2, 31), FailureReason.MALFORMED),
    ("TemplateRenderingFailed", (2, 31), FailureReason.TEMPLATE_PARAMETERS),
    ("Unknown", (2, 9), FailureReason.UNKNOWN),
)
"""What the page of bounce types says of each, read a second time: the plugin has a table of its own."""


def _automatic() -> bytes:
    told = json.loads(inbound("zoe@example.com", "desk@example.org", "I am away"))
    return json.dumps(
        {**told, "Headers": [*told["Headers"], {"Name": "Auto-Submitted", "Value": "auto-replied"}]}
    ).encode()


WEBHOOKS = (
    Webhook(
        delivered("ours-1", "theirs-1"),
        (StatusChanged,),
        (
            {
                "message_id": "ours-1",
                "provider_id": "theirs-1",
                "status": statuses.DELIVERED_TO_HANDSET,
                "recipient": "zoe@example.com",
                "occurred_at": _AT,
            },
        ),
    ),
    Webhook(_bounce("HardBounce", 42, "smtp;550 5.1.1 none"), (StatusChanged,), ({**_IDS, **_HARD},)),
    Webhook(_bounce("SoftBounce", 43), (StatusChanged,), ({**_IDS, **_SOFT},)),
    Webhook(_bounce("SpamNotification", 44), (StatusChanged,), ({**_IDS, **_SPAM},)),
    Webhook(_bounce("AutoResponder", 45), (UnknownEvent,), ({"kind": "AutoResponder", "occurred_at": _AT},)),
    Webhook(_bounce("Unsubscribe", 46), (OptedOut,), ({**_ZOE, "reason": "unsubscribe"},)),
    Webhook(_bounce("Subscribe", 47), (OptedIn,), (_ZOE,)),
    Webhook(
        _report("SpamComplaint", ID=48, Email="zoe@example.com", BouncedAt=_TIME),
        (OptedOut,),
        ({**_ZOE, "reason": "complaint", "kind": "complaint"},),
    ),
    Webhook(
        _report("Open", Recipient="zoe@example.com", ReceivedAt=_TIME), (EngagementReceived,), (_OPENED,)
    ),
    Webhook(
        _report("Click", ReceivedAt=_TIME, OriginalLink="https://shop.example.com/a"),
        (EngagementReceived,),
        (_CLICKED,),
    ),
    Webhook(
        _suppression(suppressed=True, why="ManualSuppression", origin="Recipient", stream="broadcast"),
        (OptedOut,),
        ({**_ZOE, "reason": "list-unsubscribe", "category": "marketing"},),
    ),
    Webhook(
        _suppression(suppressed=True, why="HardBounce", origin="Recipient"),
        (OptedOut,),
        ({**_ZOE, "kind": "undeliverable", "category": ""},),
    ),
    Webhook(
        _suppression(suppressed=True, why="ManualSuppression", origin="Customer"),
        (OptedOut,),
        ({**_ZOE, "kind": "blocked"},),
    ),
    Webhook(
        _suppression(suppressed=False, why="", origin="Customer"),
        (OptedIn,),
        ({**_ZOE, "reason": "reactivated"},),
    ),
    Webhook(
        _suppression(suppressed=True, why="ManualSuppression", origin="Recipient"),
        (OptedOut,),
        ({**_ZOE, "reason": "list-unsubscribe", "category": ""},),
    ),
    Webhook(
        _suppression(suppressed=True, why="SpamComplaint", origin="Recipient"),
        (OptedOut,),
        ({**_ZOE, "kind": "complaint"},),
    ),
    *(
        Webhook(
            _bounce(kind, number),
            (StatusChanged,),
            ({"status": statuses.known(*status), "failure": failure, "detail": kind},),
        )
        for number, (kind, status, failure) in enumerate(_BOUNCES, 100)
    ),
    *(
        Webhook(_bounce(kind, number), (UnknownEvent,), ({"kind": kind},))
        for number, kind in enumerate(
            ("AddressChange", "ChallengeVerification", "OpenRelayTest", "Unconfirmed", "InboundError"), 200
        )
    ),
    Webhook(inbound("zoe@example.com", "desk@example.org", "Hello"), (MessageReceived,), (_READ,)),
    Webhook(_automatic(), (MessageReceived,), ({"kind": "auto-reply"},)),
)
