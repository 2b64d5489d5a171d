"""Price of a message, from its reports, in all versions of the webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from messaging_channels_whatsapp_cloud.parsing import (
    as_object,
    as_objects,
    get_member,
    non_empty_text,
    parse_integer,
)

if TYPE_CHECKING:
    from messaging_channels.events import Event


@dataclass(frozen=True, slots=True)
class Pricing:
    """Price and conversation of one status report. All words are open sets; what a version leaves out is None.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/pricing
    """

    billable: bool | None = None
    """On its way out."""
    model: str | None = None
    """`PMP` (per message), before July 2025 `CBP` (per conversation)."""
    pricing_type: str | None = None
    """`regular`, `free_customer_service`, `free_entry_point`."""
    category: str | None = None
    """`marketing`, `utility`, `authentication`, `service`, ...: hyphens and underscores as they came."""
    conversation_id: str | None = None
    """From Graph v24.0 on only for free entry points."""
    conversation_expires_at: float | None = None
    """Seconds since the epoch, UTC."""
    conversation_origin: str | None = None


def pricing_of(event: Event) -> Pricing | None:
    """Return what a status event tells of its price; None if nothing."""
    status = next(iter(as_objects(get_member(event.raw, "statuses"))), {})
    pricing, conversation = as_object(status.get("pricing")), as_object(status.get("conversation"))
    if not pricing and not conversation:
        return None
    billable: Any = pricing.get("billable")
    ends = parse_integer(conversation.get("expiration_timestamp"))
    return Pricing(
        billable if isinstance(billable, bool) else None,
        non_empty_text(pricing.get("pricing_model")),
        non_empty_text(pricing.get("type")),
        non_empty_text(pricing.get("category")),
        non_empty_text(conversation.get("id")),
        None if ends is None else float(ends),
        non_empty_text(get_member(conversation.get("origin"), "type")),
    )
