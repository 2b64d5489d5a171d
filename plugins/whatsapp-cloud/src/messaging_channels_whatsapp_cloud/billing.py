"""What a message costs, as its reports tell: in the words of all versions of the webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from messaging_channels_whatsapp_cloud.reading import fields, integer, member, objects, text

if TYPE_CHECKING:
    from messaging_channels.events import Event


@dataclass(frozen=True, slots=True)
class Billing:
    """Price and conversation of one status report. All words are open sets; what a version leaves out is None.

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/pricing
    """

    billable: bool | None = None
    """On its way out."""
    model: str | None = None
    """`PMP` (per message), before July 2025 `CBP` (per conversation)."""
    kind: str | None = None
    """`regular`, `free_customer_service`, `free_entry_point`."""
    category: str | None = None
    """`marketing`, `utility`, `authentication`, `service`, ...: hyphens and underscores as they came."""
    conversation_id: str | None = None
    """From Graph v24.0 on only for free entry points."""
    conversation_ends: float | None = None
    """Seconds since the epoch, UTC."""
    conversation_origin: str | None = None


def billing_of(event: Event) -> Billing | None:
    """Return what a status event tells of its price; None if nothing."""
    status = next(iter(objects(member(event.native, "statuses"))), {})
    pricing, conversation = fields(status.get("pricing")), fields(status.get("conversation"))
    if not pricing and not conversation:
        return None
    billable: Any = pricing.get("billable")
    ends = integer(conversation.get("expiration_timestamp"))
    return Billing(
        billable if isinstance(billable, bool) else None,
        text(pricing.get("pricing_model")),
        text(pricing.get("type")),
        text(pricing.get("category")),
        text(conversation.get("id")),
        None if ends is None else float(ends),
        text(member(conversation.get("origin"), "type")),
    )
