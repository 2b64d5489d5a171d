"""What the conformance kit has to know: how the provider is configured, and what Postmark says."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from email.utils import getaddresses
from typing import Any
from urllib.parse import urlsplit

from messaging_channels.messages import Attachment, Email, ListUnsubscribe
from messaging_channels.plugins import EmailAddress, HttpRequest, HttpResponse, Reason
from messaging_channels.testing import ConformanceFixtures, ReadMessage
from messaging_channels_postmark.options import PostmarkEmailOptions
from messaging_channels_postmark.webhook_samples import (
    USERNAME,
    WEBHOOKS,
    delivered,
    inbound,
    inbound_message,
    sign,
)

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
    """Read the array of a batch as its reference has it.

    Raises:
        ValueError: Postmark would refuse it.
    """
    asked = (request.method, urlsplit(request.url).path, request.headers["content-type"])
    if (
        asked != ("POST", "/email/batch", "application/json")
        or not request.headers["x-postmark-server-token"]
    ):
        message = "the method, the path, the content type or the token is not as the reference has it"
        raise ValueError(message)
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
        list_id=_list_id(headers),
        in_reply_to=_header(headers, "In-Reply-To"),
        references=tuple((_header(headers, "References") or "").split()),
        auto_submitted=_header(headers, "Auto-Submitted"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        headers=headers,
        attachments=tuple(map(_read_attachment, told.get("Attachments", []))),
    )
    return ReadMessage(to=to.plain, message=message, reference=told["Metadata"]["message_id"])


def _addresses(text: str) -> tuple[EmailAddress, ...]:
    if ";" in re.sub(r'"(?:[^"\\]|\\.)*"', "", text):
        message = "addresses are separated by commas"
        raise ValueError(message)
    return tuple(_address(spec, name) for name, spec in getaddresses([text]) if spec)


def _address(spec: str, name: str) -> EmailAddress:
    local, _, domain = spec.rpartition("@")
    return EmailAddress(local, domain, name)


def _header(headers: dict[str, str], name: str) -> str | None:
    return headers.pop(name, None)


def _list_id(headers: dict[str, str]) -> str | None:
    told = _header(headers, "List-Id")
    return None if told is None else _within_brackets(told)


def _unsubscribe(headers: dict[str, str]) -> ListUnsubscribe | None:
    one_click = headers.pop("List-Unsubscribe-Post", None) == "List-Unsubscribe=One-Click"
    ways = [_within_brackets(way.strip()) for way in headers.pop("List-Unsubscribe", "").split(",") if way]
    url = next((way for way in ways if way.startswith("https:") and one_click), None)
    mailto = next((way.removeprefix("mailto:") for way in ways if way.startswith("mailto:")), None)
    return ListUnsubscribe(url=url, mailto=mailto) if url or mailto else None


def _within_brackets(text: str) -> str:
    if not (text.startswith("<") and text.endswith(">")):
        message = "angle brackets are missing (RFC 2369, RFC 2919)"
        raise ValueError(message)
    return text[1:-1]


def _read_attachment(told: Mapping[str, Any]) -> Attachment:
    content_id = told["ContentID"].removeprefix("cid:") if "ContentID" in told else None
    return Attachment(
        b64decode(told["Content"], validate=True), told["Name"], told["ContentType"], content_id
    )


_REASONS = {
    Reason.INVALID: (300, 402, 403, 409, 410, 411, 701),
    Reason.POLICY: (400, 401),
    Reason.RECIPIENT: (406,),
    Reason.CREDENTIALS: (10, 412, 413),
    Reason.INSUFFICIENT_CREDIT: (405,),
    Reason.THROTTLED: (100, 429),
}
"""What the page of error codes says of each, read a second time: the plugin has a table of its own."""

FIXTURES = ConformanceFixtures(
    settings=lambda url, secret: {
        "base_url": url,
        "server_token": secret,
        "sender": "Shop <shop@example.org>",
        "webhook_username": USERNAME,
        "webhook_password": secret,
    },
    success_response=_accepts,
    reads_request=_reads_request,
    vendor_batch_size=500,
    ordered_batch_docs="https://github.com/ActiveCampaign/postmark-php/wiki/Sending-Batches",
    error_responses=(
        *(
            (_answer([{"ErrorCode": code, "Message": "It was refused"}]), reason)
            for reason, codes in _REASONS.items()
            for code in codes
        ),
        (_answer({"ErrorCode": 402, "Message": "Invalid JSON"}, 422), Reason.INVALID),
        (_answer({"ErrorCode": 410, "Message": "Too many batch messages"}, 422), Reason.INVALID),
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
    sign_webhook=sign,
    signature_covers_body=False,
    signature_covers_time=False,
    webhooks=WEBHOOKS,
    delivered_body=delivered,
    inbound_body=inbound,
    inbound_message=inbound_message,
)
