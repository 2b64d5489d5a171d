"""From a text message to the parameters of the SMS API.

Source: https://developer.vonage.com/en/api/sms
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from messaging_channels.errors import InvalidMessage
from messaging_channels.messages import Sms
from messaging_channels.plugins import Envelope

_MIN_TTL, _MAX_TTL = 20_000, 604_800_000
"""Milliseconds that a message may be tried for."""


def build_parameters(envelope: Envelope, message: Sms, sender: str) -> dict[str, str]:
    """Return the parameters, without the account's.

    Raises:
        InvalidMessage: Vonage would refuse it whatever the account.
    """
    segments = message.segments
    return {
        "from": sender,
        "to": envelope.to.plain,
        "text": require_text(message.text, "Sms.text"),
        "type": "text" if segments.encoding == "GSM-7" else "unicode",
        "client-ref": envelope.id if segments.count == 1 else f"{envelope.id}/{segments.count}",
        **({"message-class": "0"} if message.flash else {}),
        **({} if message.validity_period is None else {"ttl": str(_milliseconds(message))}),
    }


def merge_parameters(described: Mapping[str, str], raw: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters with the raw ones in them; None takes one away."""
    merged: dict[str, Any] = {**described, **raw}
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in merged.items()
        if value is not None
    }


def require_text(text: str, field: str) -> str:
    """Return the text if it can be written.

    Raises:
        InvalidMessage: it holds half a character.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidMessage(
            "contains an unpaired surrogate",
            field=field,
            hint="remove it, or repair the text where it was cut",
        ) from None
    return text


def _milliseconds(message: Sms) -> int:
    period = message.validity_period
    milliseconds = 0 if period is None else int(period.total_seconds() * 1000)
    if not _MIN_TTL <= milliseconds <= _MAX_TTL:
        raise InvalidMessage(
            "must be 20 seconds to 7 days for Vonage", field="Sms.validity_period", hint="change it"
        )
    return milliseconds
