"""What the SMS API tells: delivery receipts and inbound messages.

Sources: https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts and https://developer.vonage.com/en/messaging/sms/guides/inbound-sms
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from messaging_channels.events import Event, MessageReceived, StatusChanged, UnknownEvent
from messaging_channels.plugins import WebhookRequest, parse_sender
from messaging_channels_vonage._table_failures import RECEIPTS
from messaging_channels_vonage.responses import RECEIPT_STATUSES
from messaging_channels_vonage.signing import signature
from messaging_channels_vonage.webhook_auth import parse_parameters

__all__ = ["PROVIDER", "occurred_at", "parse_event", "parse_parameters", "signature", "split_reference"]

PROVIDER = "vonage"


def parse_event(parameters: Mapping[str, str], request: WebhookRequest) -> Event:
    """Read the parameters of a proved call. Never raises, whatever they are; what cannot be read costs nothing but itself."""
    message_id = parameters.get("messageId") or parameters.get("message-id") or ""
    state = parameters.get("status", "").lower()
    inbound = "text" in parameters or parameters.get("type") in _INBOUND_TYPES
    sender = parse_sender(parameters.get("msisdn"))
    common: dict[str, Any] = {
        "provider": PROVIDER,
        "occurred_at": _occurred_at(parameters, request.received_at),
        "raw": parameters or request.body,
    }
    if inbound and message_id and sender is not None:
        return _inbound_event(parameters, message_id, {**common, "sender": sender})
    if state in RECEIPT_STATUSES and (message_id or parameters.get("client-ref")):
        return _receipt_event(parameters, message_id, state, common)
    kind = "inbound" if inbound else state[:40]
    event_id = ":".join((message_id, state, parameters.get("scts", ""))) if message_id else ""
    return UnknownEvent(kind=kind, event_id=event_id, **{**common, "occurred_at": request.received_at})


def split_reference(reference: str) -> tuple[str, int]:
    """Return our id of a message, and of how many parts it was: 0 where the reference does not say."""
    message_id, slash, count = reference.rpartition("/")
    if slash and count.isascii() and count.isdigit() and len(count) < _DIGITS:
        return message_id, int(count)
    return reference, 0


def _receipt_event(
    parameters: Mapping[str, str], provider_id: str, state: str, common: dict[str, Any]
) -> StatusChanged:
    """Read the receipt of one part; Vonage reports on each part of a long text under an id of its own."""
    code = parameters.get("err-code", "0").strip()
    known = code if code.isascii() and code.isdigit() and len(code) < _DIGITS else ""
    reference, parts = split_reference(parameters.get("client-ref", ""))
    return StatusChanged(
        event_id=":".join((provider_id or reference, state, code, parameters.get("scts", ""))),
        message_id=reference,
        provider_id=provider_id or None,
        status=RECEIPT_STATUSES[state],
        detail="" if known in ("", "0") else f"err-code {int(known)}",
        parts=parts,
        **RECEIPTS.fields(str(int(known)) if known not in ("", "0") else None),
        **common,
    )


def _inbound_event(parameters: Mapping[str, str], message_id: str, common: dict[str, Any]) -> MessageReceived:
    kind = parameters.get("type", "text")
    return MessageReceived(
        event_id=message_id,
        channel="sms",
        provider_id=message_id,
        to=parameters.get("to", ""),
        kind="text" if kind in ("text", "unicode") else kind[:40],
        text=parameters.get("text") or None,
        payload=parameters.get("data") or None,
        **common,
    )


def _occurred_at(parameters: Mapping[str, str], received_at: float) -> float:
    """Return when it happened: when the carrier reported (to the minute), or else when Vonage called, as far as it can be read."""
    carrier = parameters.get("scts", "")
    for form in ("%y%m%d%H%M", "%y%m%d%H%M%S"):
        try:
            if len(carrier) == len(form.replace("%", "")) * 2:
                return datetime.strptime(carrier, form).replace(tzinfo=UTC).timestamp()
        except (ValueError, OverflowError):
            continue
    told = (parameters.get("timestamp"), parameters.get("message-timestamp"))
    return next((at for one in told if (at := occurred_at(one)) is not None), received_at)


def occurred_at(value: object) -> float | None:
    """Return a time in seconds since the epoch, written so or as a date and time in UTC; None for anything else."""
    text = str(value).strip() if isinstance(value, (str, int)) else ""
    if text.isascii() and text.isdigit() and len(text) < _DIGITS:
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


_INBOUND_TYPES = frozenset({"text", "unicode", "binary"})
_DIGITS = 13
