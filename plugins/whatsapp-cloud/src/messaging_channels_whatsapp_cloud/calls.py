"""Voice calls, as events.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/calling
"""

from __future__ import annotations

from typing import Any

from messaging_channels.events import CallChanged, UnknownEvent
from messaging_channels_whatsapp_cloud.parsing import non_empty_text, parse_integer
from messaging_channels_whatsapp_cloud.webhook_updates import WebhookChange, parse_address


def parse_call(change: WebhookChange, kind: str, call: dict[str, Any]) -> CallChanged | UnknownEvent:
    """Read one step of a call: `calls` tells that it began and ended, `statuses` what a person did who was called."""
    outgoing = kind == "statuses" or call.get("direction") == "BUSINESS_INITIATED"
    ends = ("to", "to_user_id", "recipient_id", "recipient_user_id") if outgoing else ("from", "from_user_id")
    ids = tuple(call.get(name) for name in (*ends, "from_parent_user_id", "parent_recipient_user_id"))
    raw = change.single_update(kind, call, *ids)
    call_id = non_empty_text(call.get("id"))
    state = non_empty_text(call.get("status" if kind == "statuses" else "event"))
    if call_id is None or state is None:
        return change.unknown("call", call, raw)
    seconds = parse_integer(call.get("duration"))
    return CallChanged(
        channel="whatsapp",
        call_id=call_id,
        state=state.lower(),
        outgoing=outgoing,
        person=next((one for given in ids if (one := parse_address(given, given))), None),
        number=change.number,
        result="" if kind == "statuses" else (non_empty_text(call.get("status")) or "").lower(),
        duration=None if seconds is None else float(seconds),
        message_id=non_empty_text(call.get("biz_opaque_callback_data")) or "",
        **change.common(call, raw, kind, call),
    )
