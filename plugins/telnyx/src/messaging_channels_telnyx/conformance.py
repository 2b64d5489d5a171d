"""What the conformance kit has to know: how the provider is configured, and what Telnyx says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from messaging_channels import messages as m
from messaging_channels.plugins import HttpRequest, HttpResponse, Reason
from messaging_channels.testing import ConformanceFixtures, ReadMessage, read_whatsapp_content
from messaging_channels_telnyx.emulator.signing import public_key_of
from messaging_channels_telnyx.webhook_samples import WEBHOOKS, inbound, inbound_message, report, sign

_NUMBER, _OURS = "+447700900123", "+447700900000"
_THEIRS = "40385f64-5717-4562-b3fc-2c963f66afa6"
_URL = "https://hooks.example.com/telnyx"


def _answer(told: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, json.dumps(told).encode())


def _accepts(request: HttpRequest) -> HttpResponse:
    reference = _reference(json.loads(request.body))
    to = [{"phone_number": _NUMBER, "status": "queued"}]
    return _answer(
        {
            "data": {
                "record_type": "message",
                "id": f"{_THEIRS[:-12]}{reference[-12:]}" if reference else _THEIRS,
                "to": to,
                "errors": [],
            }
        }
    )


def _refusal(code: str, status: int) -> HttpResponse:
    return _answer({"errors": [{"code": code, "title": "It was refused", "detail": "See the code"}]}, status)


_REASONS = {
    Reason.INVALID: "10001 10002 10003 10004 10014 10015 10016 10023 40009 40302 40304 40316 40317 40328",
    Reason.CREDENTIALS: "10009 10010 20002 20006 20012 20013 20014 40311 40312 40313 40314",
    Reason.NO_COVERAGE: "10005 10006 20015 20016 20017 40013 40100 40150 40151 40301 40305 40306 40308 40309 40315 40319 40320 40321 40329",
    Reason.RECIPIENT: "40001 40012 40300 40310",
    Reason.POLICY: "40002 40003 40010 40015 40017 40322",
    Reason.THROTTLED: "10011 40011 40016 40018 40318",
    Reason.INSUFFICIENT_CREDIT: "20100",
    Reason.SERVER_ERROR: "10007 10008",
}
"""What the page of error codes says of a request that is refused with each, read a second time: the plugin has a table of its own."""
_HTTP = {Reason.CREDENTIALS: 401, Reason.THROTTLED: 429, Reason.SERVER_ERROR: 500}


def _reference(told: Mapping[str, Any]) -> str | None:
    url: str = told.get("webhook_url", "")
    return dict(parse_qsl(urlsplit(url).query)).get("mc_id")


def _reads_request(request: HttpRequest) -> list[ReadMessage]:
    """Read the object as Telnyx's reference has it.

    Raises:
        ValueError: Telnyx would refuse it.
    """
    told = json.loads(request.body)
    is_whatsapp = "whatsapp_message" in told
    path = "/v2/messages/whatsapp" if is_whatsapp else "/v2/messages"
    _require((request.method, urlsplit(request.url).path) == ("POST", path), "the method or the path")
    _require(request.headers["authorization"].startswith("Bearer "), "the credentials")
    _require(request.headers["content-type"] == "application/json", "the content type")
    _require(bool(_E164.fullmatch(told["to"]) or (is_whatsapp and _USER_ID.fullmatch(told["to"]))), "`to`")
    _require(bool(_E164.fullmatch(told["from"])), "`from`")
    _require(told["messaging_profile_id"] == _PROFILE, "the messaging profile")
    _require(
        told["type"] == ("WHATSAPP" if is_whatsapp else "MMS" if "media_urls" in told else "SMS"), "`type`"
    )
    _require(request.headers["idempotency-key"] == _reference(told), "the idempotency key")
    kind, held = _read_whatsapp(told["whatsapp_message"]) if is_whatsapp else _read_text(told)
    sender = told["from"].removeprefix("+")
    return [
        ReadMessage(to=told["to"], message={"sender": sender, **held}, kind=kind, reference=_reference(told))
    ]


def _require(holds: bool, what: str) -> None:
    if not holds:
        message = f"{what} is not as the reference has it"
        raise ValueError(message)


_E164, _USER_ID = re.compile(r"\+[1-9][0-9]{6,14}"), re.compile(r"[A-Z]{2}\.[A-Za-z0-9]+")
_PROFILE = "b5b4a7c2-0000-4000-8000-000000000000"


def _read_text(told: Mapping[str, Any]) -> tuple[type[m.Message] | None, dict[str, Any]]:
    if "media_urls" in told:
        return m.Mms, {"media": tuple(told["media_urls"]), "text": told.get("text", "")}
    return m.Sms, {"text": told["text"]}


def _read_whatsapp(told: Mapping[str, Any]) -> tuple[type[m.Message] | None, dict[str, Any]]:
    """Read WhatsApp's own form. Telnyx has coordinates as texts."""
    kind, held = read_whatsapp_content(told["type"], told[told["type"]])
    return kind, {name: float(one) if name in _COORDINATES else one for name, one in held.items()}


_COORDINATES = ("latitude", "longitude")


FIXTURES = ConformanceFixtures(
    settings=lambda url, secret: {
        "api_key": secret,
        "sender": _OURS,
        "messaging_profile_id": _PROFILE,
        "webhook_public_key": public_key_of(secret),
        "webhook_url": _URL,
        "base_url": url,
    },
    success_response=_accepts,
    reads_request=_reads_request,
    vendor_batch_size=1,
    error_responses=(
        *(
            (_refusal(code, _HTTP.get(reason, 422)), reason)
            for reason, codes in _REASONS.items()
            for code in codes.split()
        ),
        (_refusal("10002", 408), Reason.TIMEOUT),
    ),
    sign_webhook=sign,
    signature_covers_time=True,
    webhooks=WEBHOOKS,
    delivered_body=report,
    inbound_body=inbound,
    inbound_message=inbound_message,
)
