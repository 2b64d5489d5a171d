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
from messaging_channels.events import Event, MessageReceived, StatusChanged, Unrecognised
from messaging_channels.plugins import HttpResponse, PhoneNumber, WebhookCall
from messaging_channels_vonage.answers import RECEIPTS

PROVIDER = "vonage"


def parameters(call: WebhookCall) -> dict[str, str]:
    """Return what was posted, as JSON or as a form; nothing if it is neither or holds more than texts and whole numbers."""
    try:
        parsed = HttpResponse(200, {}, call.body).json()
    except ValueError:
        return dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
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


def event(told: Mapping[str, str], call: WebhookCall) -> Event:
    """Read the parameters of a proved call. Never raises, whatever they are."""
    try:
        return _inbound(told) if "text" in told else _receipt(told)
    except (KeyError, ValueError, OverflowError, InvalidAddress):
        kind = "inbound" if "text" in told else told.get("status", "")[:40]
        return Unrecognised(provider=PROVIDER, at=call.at, kind=kind, native=told or call.body)


def _receipt(told: Mapping[str, str]) -> StatusChanged:
    code = told.get("err-code", "0")
    return StatusChanged(
        provider=PROVIDER,
        at=_at(told),
        event_id=":".join((told["messageId"], told["status"], code, told.get("scts", ""))),
        message_id=told.get("client-ref", ""),
        provider_id=told["messageId"],
        status=RECEIPTS[told["status"]],
        detail="" if code == "0" else f"err-code {int(code)}",
        native=told,
    )


def _inbound(told: Mapping[str, str]) -> MessageReceived:
    return MessageReceived(
        provider=PROVIDER,
        at=_at(told),
        event_id=told["messageId"],
        channel="sms",
        provider_id=told["messageId"],
        sender=PhoneNumber.parse(told["msisdn"]),
        to=told["to"],
        kind="text" if told.get("type", "text") in ("text", "unicode") else told["type"],
        text=told["text"],
        native=told,
    )


def _at(told: Mapping[str, str]) -> float:
    """Return when it happened: when the carrier reported (to the minute), or else when Vonage called."""
    if told.get("scts"):
        return datetime.strptime(told["scts"], "%y%m%d%H%M").replace(tzinfo=UTC).timestamp()
    return float(int(told["timestamp"]))


def _is_flat(fields: Mapping[str, Any]) -> bool:
    return all(type(value) in (str, int) for value in fields.values())


_UNDERSCORES = str.maketrans("&=", "__")
