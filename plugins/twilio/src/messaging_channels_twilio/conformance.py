"""What the conformance kit has to know: how the provider is configured, and what Twilio says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from messaging_channels.messages import (
    Message,
    Mms,
    Sms,
    WhatsAppLocation,
    WhatsAppTemplate,
    WhatsAppText,
)
from messaging_channels.plugins import HttpRequest, HttpResponse, Reason, WebhookRequest
from messaging_channels.testing import ConformanceFixtures, ReadMessage, canaries
from messaging_channels_rcs import RcsFile, RcsText, SmsFallback
from messaging_channels_twilio.options import TwilioOptions
from messaging_channels_twilio.status_callbacks import callback_url
from messaging_channels_twilio.webhook_auth import HEADER, SigningKey
from messaging_channels_twilio.webhook_samples import ACCOUNT, DOCUMENTED, FORM, WEBHOOKS, form

_HOOK = "https://shop.example.com/hooks/twilio"


def _answer(body: dict[str, Any], status: int) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(body).encode())


def _message(request: HttpRequest) -> dict[str, Any]:
    form = dict(parse_qsl(request.body.decode()))
    return {
        "sid": "SM" + "ab" * 16,
        "status": "queued",
        "to": form.get("To"),
        "from": form.get("From"),
        "body": form.get("Body", ""),
        "direction": "outbound-api",
        "date_created": "Mon, 21 Sep 2026 14:12:00 +0000",
        "error_code": None,
        "error_message": None,
    }


_RCS_SERVICE = "MG" + "0123456789abcdef" * 2
_TEMPLATES = {"order_sent/en": "HX" + "cd" * 16}


def _reads_request(request: HttpRequest) -> list[ReadMessage]:
    """Read the form as the reference of the Messages resource has it. Twilio takes no id of ours: it is in the URL that its reports go to."""
    if not request.url.endswith("/Messages.json"):
        return []
    pairs = parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)
    form, media = dict(pairs), [value for name, value in pairs if name == "MediaUrl"]
    ours = dict(parse_qsl(urlsplit(form["StatusCallback"]).query))["mc_id"]
    return [replace(_read(form, media), reference=ours.removesuffix("-rcs"))]


def _read(form: Mapping[str, str], media: list[str]) -> ReadMessage:
    channel, _, number = form["To"].rpartition(":")
    service = form.get("MessagingServiceSid")
    if channel == "rcs" or service == _RCS_SERVICE:  # a service tries RCS first, and then the number itself
        return _read_rcs(form, media)
    sender = form.get("From", "").removeprefix("whatsapp:").removeprefix("+") or None
    if channel:
        return ReadMessage(
            to=number, message={**_read_whatsapp(form, media), "sender": sender}, kind=_kind(form, media)
        )
    seconds = form.get("ValidityPeriod")
    message: Message = (
        Mms(tuple(media), text=form.get("Body", ""), sender=sender)
        if media
        else Sms(
            form["Body"],
            sender=sender,
            validity_period=timedelta(seconds=int(seconds)) if seconds else None,
        )
    )
    return ReadMessage(to=form["To"], message=message)


def _read_rcs(form: Mapping[str, str], media: list[str]) -> ReadMessage:
    channel, _, number = form["To"].rpartition(":")
    sender, seconds = form.get("From", "").removeprefix("rcs:"), form.get("ValidityPeriod")
    held: dict[str, Any] = {
        "sender": sender or None,
        "validity_period": timedelta(seconds=int(seconds)) if seconds else None,
    }
    if media:
        (held["url"],) = media
        return ReadMessage(to=number, message=held, kind=RcsFile)
    held["text"] = form["Body"]
    if not channel:
        fallback = form.get("FallbackFrom", "").removeprefix("+")
        held["sms_fallback"] = SmsFallback(form["Body"], fallback or None)
    return ReadMessage(to=number, message=held, kind=RcsText)


def _kind(form: Mapping[str, str], media: list[str]) -> type[Message] | None:
    """Return the type, where the form tells: what kind a file is Twilio learns from where it lies."""
    if "ContentSid" in form:
        return WhatsAppTemplate
    return None if media else WhatsAppLocation if "PersistentAction" in form else WhatsAppText


def _read_whatsapp(form: Mapping[str, str], media: list[str]) -> dict[str, Any]:
    if sid := form.get("ContentSid"):
        name, _, language = next(name for name, known in _TEMPLATES.items() if known == sid).partition("/")
        variables: dict[str, str] = json.loads(form.get("ContentVariables", "{}"))
        return {
            "name": name,
            "language": language,
            "parameters": tuple(variables[str(place)] for place in range(1, len(variables) + 1)),
        }
    if action := form.get("PersistentAction"):
        place, _, label = action.removeprefix("geo:").partition("|")
        latitude, longitude = map(float, place.split(","))
        name, comma, address = label.partition(", ")  # Twilio shows one label for both
        return {
            "latitude": latitude,
            "longitude": longitude,
            "name": name,
            "address": address if comma else label,
        }
    if media:
        return {"media": media[0], "caption": form.get("Body")}
    return {"text": form["Body"]}


def _error(code: int, status: int = 400) -> HttpResponse:
    return _answer({"code": code, "message": "It was refused.", "more_info": "", "status": status}, status)


def _signed(body: bytes, secret: str) -> WebhookRequest:
    url = (
        _HOOK
        if b"SmsStatus=received" in body
        else callback_url(_HOOK, "ours-1", canaries.SECRET).partition("#")[0]
    )
    fields = parse_qsl(body.decode("utf-8", "surrogateescape"), keep_blank_values=True)
    return WebhookRequest(body, {**FORM, HEADER: SigningKey(secret).sign(url, fields)}, url)


_PICTURE = {
    "NumMedia": "1",
    "MediaUrl0": "https://media.example.com/a.png",
    "MediaContentType0": "image/png",
}
_PREFIXES = {"whatsapp": "whatsapp:", "rcs": "rcs:"}
"""How Twilio writes the addresses of a channel."""
FIXTURES = ConformanceFixtures(
    settings=lambda url, secret: {
        "account_sid": ACCOUNT,
        "auth_token": secret,
        "sender": "+447700900000",
        "whatsapp_sender": "+447700900000",
        "templates": _TEMPLATES,
        "rcs_sender": _RCS_SERVICE,
        "status_callback": _HOOK,
        "base_url": url,
    },
    success_response=lambda request: _answer(_message(request), 201),
    reads_request=_reads_request,
    error_responses=(
        (_error(21211), Reason.RECIPIENT),
        (_error(20003, 401), Reason.CREDENTIALS),
        (_error(20429, 429), Reason.THROTTLED),
        (
            _answer({"sid": "SM" + "ab" * 16, "status": "failed", "error_code": 30008}, 201),
            Reason.INVALID,
        ),
    ),
    sign_webhook=_signed,
    webhooks=WEBHOOKS,
    documented_webhooks=DOCUMENTED,
    delivered_body=lambda _, sid: form(MessageSid=sid, MessageStatus="delivered", To="+447700900123"),
    inbound_body=lambda sender, to, text: form(
        MessageSid="SM" + "ef" * 16,
        SmsStatus="received",
        From=f"+{sender}",
        To=f"+{to}",
        Body=text,
        NumMedia="0",
    ),
    inbound_message=lambda one: form(
        MessageSid=f"SM{one.number:032x}",
        SmsStatus="received",
        From=f"{_PREFIXES.get(one.channel, '')}+{one.sender}",
        To=f"{_PREFIXES.get(one.channel, '')}+{one.to}",
        Body=one.text,
        **_PICTURE if one.channel == "mms" else {"NumMedia": "0"},
    ),
    provider_options=(TwilioOptions(smart_encoded=True),),
    lookup_response=lambda _: _answer(
        {
            "messages": [
                {
                    "sid": "SM" + "ab" * 16,
                    "status": "delivered",
                    "to": "+447700900123",
                    "from": "+447700900000",
                    "body": canaries.TEXT,
                    "direction": "outbound-api",
                    "date_created": "Mon, 21 Sep 2026 14:12:20 +0000",
                }
            ],
            "next_page_uri": None,
        },
        200,
    ),
)
