"""What the conformance kit has to know: how the provider is configured, and what Postmark says."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, getaddresses
from typing import Any

from messaging_channels.events import (
    EngagementReceived,
    FailureReason,
    MessageReceived,
    OptedIn,
    OptedOut,
    StatusChanged,
    UnknownEvent,
)
from messaging_channels.messages import Attachment, Email, ListUnsubscribe
from messaging_channels.plugins import EmailAddress, HttpRequest, HttpResponse, Reason, WebhookRequest
from messaging_channels.plugins import status as statuses
from messaging_channels.testing import ConformanceFixtures, InboundText, ReadMessage, Webhook
from messaging_channels_postmark.options import PostmarkEmailOptions

_AT = 1_743_870_834.0
_TIME = "2025-04-05T16:33:54.0000000Z"
_MESSAGE = "883953f4-6105-42a2-a16a-77a8eac79483"
_USER = "postmark"


def _answer(told: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(told).encode())


def _accepts(request: HttpRequest) -> HttpResponse:
    return _answer(
        [
            {
                "To": one["To"],
                "SubmittedAt": _TIME,
                "MessageID": f"0a129aee-e1cd-480d-b08d-{number:012d}",
                "ErrorCode": 0,
                "Message": "OK",
            }
            for number, one in enumerate(json.loads(request.body), 1)
        ]
    )


def _reads_request(request: HttpRequest) -> list[ReadMessage]:
    """Read the array of a batch as its reference has it."""
    return [_read(one) for one in json.loads(request.body)]


def _read(told: Mapping[str, Any]) -> ReadMessage:
    to, *also_to = _addresses(told["To"])
    headers = {one["Name"]: one["Value"] for one in told.get("Headers", [])}
    message = Email(
        told["Subject"],
        text=told.get("TextBody", ""),
        html=told.get("HtmlBody", ""),
        sender=_addresses(told["From"])[0],
        cc=_addresses(told.get("Cc", "")),
        bcc=_addresses(told.get("Bcc", "")),
        reply_to=_addresses(told.get("ReplyTo", "")),
        also_to=tuple(also_to),
        list_unsubscribe=_unsubscribe(headers),
        list_id=_header(headers, "List-Id", "<>"),
        in_reply_to=_header(headers, "In-Reply-To"),
        references=tuple((_header(headers, "References") or "").split()),
        auto_submitted=_header(headers, "Auto-Submitted"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        headers=headers,
        attachments=tuple(map(_read_attachment, told.get("Attachments", []))),
    )
    return ReadMessage(to=to.plain, message=message, reference=told["Metadata"]["message_id"])


def _addresses(text: str) -> tuple[EmailAddress, ...]:
    return tuple(_address(spec, name) for name, spec in getaddresses([text]) if spec)


def _address(spec: str, name: str) -> EmailAddress:
    local, _, domain = spec.rpartition("@")
    return EmailAddress(local, domain, name)


def _header(headers: dict[str, str], name: str, around: str = "") -> str | None:
    told = headers.pop(name, None)
    return told if told is None else told.strip(around)


def _unsubscribe(headers: dict[str, str]) -> ListUnsubscribe | None:
    one_click = headers.pop("List-Unsubscribe-Post", None) == "List-Unsubscribe=One-Click"
    ways = [way.strip(" <>") for way in headers.pop("List-Unsubscribe", "").split(",") if way]
    url = next((way for way in ways if way.startswith("https:") and one_click), None)
    mailto = next((way.removeprefix("mailto:") for way in ways if way.startswith("mailto:")), None)
    return ListUnsubscribe(url=url, mailto=mailto) if url or mailto else None


def _read_attachment(told: Mapping[str, Any]) -> Attachment:
    content_id = told["ContentID"].removeprefix("cid:") if "ContentID" in told else None
    return Attachment(
        b64decode(told["Content"], validate=True), told["Name"], told["ContentType"], content_id
    )


def _call(body: bytes, secret: str) -> WebhookRequest:
    proof = b64encode(f"{_USER}:{secret}".encode()).decode()
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


def _delivered(ours: str, theirs: str) -> bytes:
    return _report(
        "Delivery",
        MessageID=theirs,
        Metadata={"message_id": ours},
        Recipient="zoe@example.com",
        DeliveredAt=_TIME,
        Details="smtp;250 2.0.0 OK",
    )


def _inbound(sender: str, to: str, text: str) -> bytes:
    return _inbound_message(InboundText(sender, to, text, 1, _AT))


def _inbound_message(one: InboundText) -> bytes:
    """Write a mail as Postmark posts it: without a `RecordType`."""
    told = {
        "FromName": "Zoe",
        "MessageStream": "inbound",
        "From": one.sender,
        "FromFull": {"Email": one.sender, "Name": "Zoe", "MailboxHash": ""},
        "To": one.to,
        "ToFull": [{"Email": one.to, "Name": "", "MailboxHash": ""}],
        "Cc": "",
        "CcFull": [],
        "OriginalRecipient": one.to,
        "Subject": "Yes",
        "MessageID": f"73e6d360-66eb-11e1-8e72-{one.number:012d}",
        "ReplyTo": "",
        "Date": format_datetime(datetime.fromtimestamp(one.at, UTC)),
        "TextBody": one.text,
        "HtmlBody": "",
        "StrippedTextReply": "",
        "Headers": [{"Name": "In-Reply-To", "Value": "<asked@example.org>"}],
        "Attachments": [
            {
                "Name": "a.txt",
                "Content": "aGk=",
                "ContentType": "text/plain",
                "ContentLength": 2,
                "ContentID": "",
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
    "occurred_at": _AT,
}
_OPENED = {**_IDS, "engagement_type": "opened"}
_CLICKED = {**_IDS, "engagement_type": "clicked", "url": "https://shop.example.com/a"}
_WEBHOOKS = (
    Webhook(
        _delivered("ours-1", "theirs-1"),
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
    Webhook(_inbound("zoe@example.com", "desk@example.org", "Hello"), (MessageReceived,), (_READ,)),
)

FIXTURES = ConformanceFixtures(
    settings=lambda url, secret: {
        "base_url": url,
        "server_token": secret,
        "sender": "Shop <shop@example.org>",
        "webhook_username": _USER,
        "webhook_password": secret,
    },
    success_response=_accepts,
    reads_request=_reads_request,
    vendor_batch_size=500,
    ordered_batch_docs="https://github.com/ActiveCampaign/postmark-php/wiki/Sending-Batches",
    error_responses=(
        (_answer([{"ErrorCode": 300, "Message": "Invalid email request"}]), Reason.INVALID),
        (_answer([{"ErrorCode": 406, "Message": "Inactive recipient"}]), Reason.RECIPIENT),
        (_answer([{"ErrorCode": 400, "Message": "Sender signature not found"}]), Reason.POLICY),
        (_answer([{"ErrorCode": 405, "Message": "Not allowed to send"}]), Reason.INSUFFICIENT_CREDIT),
        (_answer({"ErrorCode": 402, "Message": "Invalid JSON"}, 422), Reason.INVALID),
        (_answer({"ErrorCode": 10, "Message": "Bad or missing API token"}, 401), Reason.CREDENTIALS),
        (_answer({"ErrorCode": 412, "Message": "Account is pending"}, 422), Reason.CREDENTIALS),
        (_answer({"ErrorCode": 429, "Message": "Rate limit exceeded"}, 429), Reason.THROTTLED),
        (_answer({"ErrorCode": 500, "Message": "Internal server error"}, 500), Reason.SERVER_ERROR),
    ),
    provider_options=(
        PostmarkEmailOptions(
            message_stream="broadcast",
            tag="welcome",
            track_opens=True,
            track_links="HtmlOnly",
            metadata={"order": "4821"},
        ),
    ),
    sign_webhook=_call,
    signature_covers_body=False,
    signature_covers_time=False,
    webhooks=_WEBHOOKS,
    delivered_body=_delivered,
    inbound_body=_inbound,
    inbound_message=_inbound_message,
)
