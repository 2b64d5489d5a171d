"""What Vonage posts to us: delivery receipts and inbound messages, signed over all their parameters.

Sources: https://developer.vonage.com/en/getting-started/concepts/signing-messages and https://developer.vonage.com/en/api/sms
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import parse_qsl

from messaging_channels.errors import InvalidAddress
from messaging_channels.events import Event, MessageReceived, StatusChanged, UnknownEvent
from messaging_channels.plugins import HttpResponse, PhoneNumber, WebhookRequest
from messaging_channels_vonage._table_failures import RECEIPTS
from messaging_channels_vonage.responses import RECEIPT_STATUSES

PROVIDER = "vonage"


def parse_parameters(request: WebhookRequest) -> dict[str, str]:
    """Return what was posted, as JSON or as a form; nothing if it is neither or holds more than texts and whole numbers."""
    try:
        parsed = HttpResponse(200, {}, request.body).json()
    except ValueError:
        return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    if not isinstance(parsed, dict):
        return {}
    fields = cast("dict[str, Any]", parsed)
    return {name: str(value) for name, value in fields.items()} if _is_flat(fields) else {}


def signature(parameters: Mapping[str, str], secret: str, method: str) -> str:
    """Return the HMAC over the parameters, sorted by name, as Vonage writes it."""
    signed = "".join(
        f"&{name}={parameters[name].translate(_UNDERSCORES)}" for name in sorted(parameters) if name != "sig"
    )
    return hmac.new(secret.encode(), signed.encode("utf-8", "replace"), method).hexdigest().upper()


def parse_event(parameters: Mapping[str, str], request: WebhookRequest) -> Event:
    """Read the parameters of a proved call. Never raises, whatever they are."""
    try:
        return _inbound_event(parameters) if "text" in parameters else _receipt_event(parameters)
    except (KeyError, ValueError, OverflowError, InvalidAddress):
        kind = "inbound" if "text" in parameters else parameters.get("status", "")[:40]
        return UnknownEvent(
            provider=PROVIDER, occurred_at=request.received_at, kind=kind, raw=parameters or request.body
        )


def _receipt_event(parameters: Mapping[str, str]) -> StatusChanged:
    code = parameters.get("err-code", "0")
    return StatusChanged(
        provider=PROVIDER,
        occurred_at=_occurred_at(parameters),
        event_id=":".join((parameters["messageId"], parameters["status"], code, parameters.get("scts", ""))),
        message_id=parameters.get("client-ref", ""),
        provider_id=parameters["messageId"],
        status=RECEIPT_STATUSES[parameters["status"]],
        detail="" if code == "0" else f"err-code {int(code)}",
        **RECEIPTS.fields(None if code == "0" else str(int(code))),
        raw=parameters,
    )


def _inbound_event(parameters: Mapping[str, str]) -> MessageReceived:
    return MessageReceived(
        provider=PROVIDER,
        occurred_at=_occurred_at(parameters),
        event_id=parameters["messageId"],
        channel="sms",
        provider_id=parameters["messageId"],
        sender=PhoneNumber.parse(parameters["msisdn"]),
        to=parameters["to"],
        kind="text" if parameters.get("type", "text") in ("text", "unicode") else parameters["type"],
        text=parameters["text"],
        raw=parameters,
    )


def _occurred_at(parameters: Mapping[str, str]) -> float:
    """Return when it happened: when the carrier reported (to the minute), or else when Vonage called."""
    if parameters.get("scts"):
        return datetime.strptime(parameters["scts"], "%y%m%d%H%M").replace(tzinfo=UTC).timestamp()
    return float(int(parameters["timestamp"]))


def _is_flat(fields: Mapping[str, Any]) -> bool:
    return all(type(value) in (str, int) for value in fields.values())


_UNDERSCORES = str.maketrans("&=", "__")
