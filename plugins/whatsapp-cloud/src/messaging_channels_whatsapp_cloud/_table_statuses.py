"""What the Cloud API's words for progress mean: group id and id of our status, and what the person did.

Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status
"""

from __future__ import annotations

from messaging_channels.events import EngagementType

RESPONSE_STATUSES: dict[str, tuple[int, int]] = {
    "accepted": (1, 7),
    "held_for_quality_assessment": (1, 26),
    "paused": (1, 26),
}
"""`message_status` in an answer. Without one, as with one that is not listed, the message is accepted."""

REPORT_STATUSES: dict[str, tuple[int, int]] = {
    "sent": (1, 3),
    "delivered": (3, 5),
    "read": (3, 5),
    "played": (3, 5),
}
"""`status` in a webhook; `failed` goes by its error. What was read was delivered, whether that was reported or not."""

ENGAGEMENT_TYPES: dict[str, EngagementType] = {"read": EngagementType.READ, "played": EngagementType.PLAYED}
