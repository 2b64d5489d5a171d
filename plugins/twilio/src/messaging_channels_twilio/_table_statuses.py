"""What Twilio's words for the state of a message mean, and which error codes are more than a failure.

Source: https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
"""

from __future__ import annotations

from collections.abc import Mapping

STATUSES: Mapping[str, tuple[int, int]] = {
    "scheduled": (1, 26),
    "accepted": (1, 26),
    "queued": (1, 26),
    "sending": (1, 7),
    "sent": (1, 3),
    "partially_delivered": (1, 3),
    "delivered": (3, 5),
    "read": (3, 5),
    "undelivered": (2, 9),
    "failed": (2, 31),
    "canceled": (2, 31),
}
"""By group and id. `sent` stays the last word where carriers send no receipts; it is pending all the same, since nobody confirmed a delivery."""

INBOUND = frozenset({"receiving", "received"})
"""States of messages that came to us."""

FAILURES = frozenset({"failed", "undelivered"})
"""States that an error code explains. In any other, a code is a warning."""

WARNINGS = frozenset({30018, 30025, 30026, 30027})
"""Codes that never change a status."""

OPT_OUTS = frozenset({21610, 30630, 63014, 63033})
"""Codes by which the recipient has said no: STOP, blocked, or (63033) no marketing."""

ADDRESS_FORMS = frozenset({21211, 21214, 21217, 21265, 21604, 21614, 21635, 63003})
"""Codes by which an address is refused for its form. Said of the id of a WhatsApp user, they tell no more than that it cannot be reached this way."""

STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
"""What Twilio itself acts on when it is the whole of a text message. Source: https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out"""
