"""What the conformance kit has to know: how the provider is configured, and what Infobip says."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from messaging_channels.plugins import HttpRequest, HttpResponse, Reason, WebhookRequest
from messaging_channels.testing import ConformanceFixtures, InboundText
from messaging_channels_infobip.request_reading import read_request
from messaging_channels_infobip.webhook_samples import (
    BOUNDARY,
    DONE_AT,
    WEBHOOKS,
    inbound,
    inbound_message,
    report,
    results,
)

_TAKEN = {
    "groupId": 1,
    "groupName": "PENDING",
    "id": 26,
    "name": "PENDING_ACCEPTED",
    "description": "Message sent to next instance",
}


def _answer(body: Mapping[str, Any], status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(body).encode())


def _ids(request: HttpRequest) -> list[tuple[str, str]]:
    """Return our id and the recipient of every message in a request, of whatever channel."""
    if not request.body.startswith(b"{"):
        text = request.body.decode("utf-8", "replace")
        ids = re.findall(r"\b[0-9a-f]{32}\b", text)
        return [(ids[0] if ids else "", "zoe.canary@example.com")]
    told = json.loads(request.body)
    return [
        pair
        for one in told.get("messages", [told])
        for place in one.get("destinations", [one])
        for pair in _place(place, one)
    ]


def _place(place: Mapping[str, Any] | str, of: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the pairs of one destination: a text's names it, a mail's lists recipients, of a mail as MIME it is a word."""
    if isinstance(place, str):
        return [(str(of.get("messageId")), place)]
    to: Any = place.get("to")
    if isinstance(to, list):
        recipients = cast("list[dict[str, Any]]", to)
        return [(str(one["messageId"]), str(one["destination"])) for one in recipients]
    return [(str(place.get("messageId")), str(to))]


def _answering(status: Mapping[str, Any]) -> Callable[[HttpRequest], HttpResponse]:
    def answer(request: HttpRequest) -> HttpResponse:
        by_chat = "/whatsapp/" in request.url
        elements = [
            {
                "messageId": ours,
                "status": status,
                **({"to": to, "messageCount": 1} if by_chat else {"destination": to}),
            }
            for ours, to in _ids(request)
        ]
        single = "/whatsapp/1/message/" in request.url and not request.url.endswith("/template")
        return _answer(elements[0] if single else {"bulkId": "b-1", "messages": elements})

    return answer


def _refusing(group: int, number: int, name: str) -> Callable[[HttpRequest], HttpResponse]:
    return _answering(
        {
            "groupId": group,
            "groupName": "REJECTED",
            "id": number,
            "name": name,
            "description": "It was refused",
        }
    )


def _inbound(sender: str, to: str, text: str) -> bytes:
    return results(inbound(InboundText(sender, to, text, 1, DONE_AT)))


def _signed(body: bytes, secret: str) -> WebhookRequest:
    digest = hmac.new(secret.encode(), body, "sha256").hexdigest()
    is_mail = body.startswith(f"--{BOUNDARY}".encode())
    kind = f"multipart/form-data; boundary={BOUNDARY}" if is_mail else "application/json"
    return WebhookRequest(body, {"content-type": kind, "x-hub-signature-256": f"sha256={digest}"})


FIXTURES = ConformanceFixtures(
    settings=lambda url, secret: {
        "base_url": url,
        "api_key": secret,
        "sender": "447700900000",
        "email_sender": "desk@example.org",
        "webhook_hmac_secret": secret,
    },
    success_response=_answering(_TAKEN),
    reads_request=read_request,
    error_responses=(
        (_refusing(5, 52, "REJECTED_DESTINATION"), Reason.RECIPIENT),
        (_refusing(5, 12, "REJECTED_NOT_ENOUGH_CREDITS"), Reason.INSUFFICIENT_CREDIT),
        (_answer({"errorCode": "E401", "description": "Unauthorized"}, 401), Reason.CREDENTIALS),
    ),
    sign_webhook=_signed,
    webhooks=WEBHOOKS,
    delivered_body=lambda ours, _: results(report(ours)),
    inbound_body=_inbound,
    inbound_message=inbound_message,
    reports_response=lambda _: _answer({"results": [report("ours-1")]}),
    lookup_response=lambda _: _answer({"results": [report("0" * 32)]}),
)
