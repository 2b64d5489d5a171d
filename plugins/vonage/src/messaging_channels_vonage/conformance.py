"""What the conformance kit has to know: how the provider is configured, and what Vonage says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast
from urllib.parse import parse_qsl

from messaging_channels import messages as m
from messaging_channels.plugins import HttpRequest, HttpResponse, Reason, WebhookRequest
from messaging_channels.testing import ConformanceFixtures, ReadMessage, read_whatsapp_content
from messaging_channels_vonage.rcs_reading import read_rcs
from messaging_channels_vonage.signing import signature
from messaging_channels_vonage.webhook_samples import WEBHOOKS, inbound_message, token


def _answer(*parts: dict[str, str]) -> HttpResponse:
    told: dict[str, Any] = {"message-count": str(len(parts)), "messages": parts}
    return HttpResponse(200, {"content-type": "application/json"}, json.dumps(told).encode())


def _signed(body: bytes, secret: str, at: float) -> WebhookRequest:
    """Sign a body as Vonage does: by a token for the Messages API, within the body for the SMS API. What is neither's goes as it is."""
    if b'"message_uuid"' in body:
        return WebhookRequest(body, {"authorization": f"Bearer {token(body, secret, at)}"})
    told = _flat(body)
    if not told:
        return WebhookRequest(body)
    told.setdefault("timestamp", f"{at:.0f}")
    sig = signature(told, secret, "sha256")
    return WebhookRequest(json.dumps({**told, "sig": sig}).encode())


def _flat(body: bytes) -> dict[str, str]:
    try:
        told: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    flat = isinstance(told, dict) and all(
        type(one) in (str, int) for one in cast("dict[str, Any]", told).values()
    )
    return {name: str(value) for name, value in cast("dict[str, Any]", told).items()} if flat else {}


def _accepts(request: HttpRequest) -> HttpResponse:
    if request.url.endswith("/v1/messages"):
        ours = json.loads(request.body)["client_ref"].removesuffix("-rcs")
        return HttpResponse(
            202, {"content-type": "application/json"}, json.dumps({"message_uuid": ours}).encode()
        )
    ours = dict(parse_qsl(request.body.decode()))["client-ref"]
    return _answer({**_TAKEN, "message-id": ours}, _TAKEN)


def _reads_request(request: HttpRequest) -> list[ReadMessage]:
    """Read the form of the SMS API, or the object of the Messages API, as its reference has them."""
    if request.url.endswith("/v1/messages"):
        told = json.loads(request.body)
        return [read_rcs(told) if told["channel"] == "rcs" else _read_object(told)]
    form = dict(parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True))
    if form["type"] == "text" and m.Sms(form["text"]).segments.encoding != "GSM-7":
        message = "the text holds characters that a message of type text does not carry"
        raise ValueError(message)
    sms = m.Sms(
        form["text"],
        sender=form["from"],
        validity_period=timedelta(milliseconds=int(form["ttl"])) if "ttl" in form else None,
        flash=form.get("message-class") == "0",
    )
    return [ReadMessage(to=form["to"], message=sms, reference=form["client-ref"].partition("/")[0])]


def _read_object(told: Mapping[str, Any]) -> ReadMessage:
    word: str = told["message_type"]
    kind, held = _READERS[word if told["channel"] == "whatsapp" else f"{told['channel']} {word}"](told)
    reply_to = told.get("context", {}).get("message_uuid")
    message = {"sender": told["from"], "reply_to": reply_to, **held}
    return ReadMessage(to=told["to"], message=message, kind=kind, reference=told["client_ref"])


def _file(kind: type[m.Message], word: str) -> Any:  # noqa: ANN401  a function of the object
    def read(told: Mapping[str, Any]) -> tuple[type[m.Message], dict[str, Any]]:
        held = told[word]
        given = {"media": held.get("url") or held.get("id"), "caption": held.get("caption")}
        return kind, {**given, "filename": held.get("name")}

    return read


def _text(told: Mapping[str, Any]) -> tuple[type[m.Message], dict[str, Any]]:
    return m.WhatsAppText, {"text": told["text"]}


def _mms(told: Mapping[str, Any]) -> tuple[type[m.Message], dict[str, Any]]:
    files = told.get("content") or [told["image"]]
    words = [one["caption"] for one in files if "caption" in one]
    return m.Mms, {"media": tuple(one["url"] for one in files), "text": "".join(words)}


def _template(told: Mapping[str, Any]) -> tuple[type[m.Message], dict[str, Any]]:
    held = {"name": told["template"]["name"], "language": told["whatsapp"]["locale"]}
    return m.WhatsAppTemplate, {**held, "parameters": tuple(told["template"].get("parameters", ()))}


def _reaction(told: Mapping[str, Any]) -> tuple[type[m.Message], dict[str, Any]]:
    held = {"emoji": told["reaction"].get("emoji", ""), "message_id": told["context"]["message_uuid"]}
    return m.WhatsAppReaction, held


def _custom(told: Mapping[str, Any]) -> tuple[type[m.Message] | None, dict[str, Any]]:
    """Read WhatsApp's own form, which Vonage passes on."""
    word: str = told["custom"]["type"]
    held = told["custom"][word]
    kind, fields = read_whatsapp_content(word, held)
    if word == "template" and "namespace" in held:
        fields["name"] = f"{held['namespace']}:{held['name']}"
    return kind, fields


_READERS: Mapping[str, Any] = {
    "mms image": _mms,
    "mms content": _mms,
    "text": _text,
    "image": _file(m.WhatsAppImage, "image"),
    "video": _file(m.WhatsAppVideo, "video"),
    "file": _file(m.WhatsAppDocument, "file"),
    "audio": _file(m.WhatsAppAudio, "audio"),
    "sticker": _file(m.WhatsAppSticker, "sticker"),
    "template": _template,
    "reaction": _reaction,
    "custom": _custom,
}
_TAKEN = {"to": "447700900123", "message-id": "0A0000000123ABCD", "status": "0"}

_REFUSED = {
    Reason.THROTTLED: "1 10",
    Reason.INVALID: "2 3 6 12 22 23",
    Reason.CREDENTIALS: "4 8 11 14 32",
    Reason.SERVER_ERROR: "5",
    Reason.RECIPIENT: "7 33",
    Reason.INSUFFICIENT_CREDIT: "9",
    Reason.POLICY: "15",
    Reason.NO_COVERAGE: "29",
}
"""What the documentation says of each status: written a second time, so that a mistake in the plugin's own table shows."""
FIXTURES = ConformanceFixtures(
    settings=lambda url, secret: {
        "api_key": "abcd1234",
        "api_secret": secret,
        "webhook_signature_secret": secret,
        "sender": "Shop",
        "mms_sender": "447700900000",
        "whatsapp_sender": "447700900000",
        "rcs_sender": "AcmeAgent",
        "base_url": url,
    },
    success_response=_accepts,
    reads_request=_reads_request,
    error_responses=(
        *(
            (_answer({"status": code}), reason)
            for reason, codes in _REFUSED.items()
            for code in codes.split()
        ),
        (_answer(_TAKEN, {"status": "1"}), Reason.UNREADABLE_RESPONSE),
    ),
    sign_webhook=_signed,
    signature_covers_time=True,
    delivered_body=lambda ours, theirs: json.dumps(
        {
            "messageId": theirs,
            "client-ref": ours,
            "status": "delivered",
            "err-code": "0",
            "scts": "2609211400",
        }
    ).encode(),
    inbound_body=lambda sender, to, text: json.dumps(
        {
            "msisdn": sender,
            "to": to,
            "messageId": "0B0",
            "text": text,
            "type": "text",
            "timestamp": "1790000000",
        }
    ).encode(),
    inbound_message=inbound_message,
    webhooks=WEBHOOKS,
)
