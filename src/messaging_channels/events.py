"""What comes back from providers: delivery reports, inbound messages, engagement, opt-outs."""

from __future__ import annotations

from messaging_channels._model.events import (
    EngagementReceived,
    EngagementType,
    Event,
    InboundMedia,
    MessageReceived,
    OptedIn,
    OptedOut,
    StatusChanged,
    UnknownEvent,
)

__all__ = [
    "EngagementReceived",
    "EngagementType",
    "Event",
    "InboundMedia",
    "MessageReceived",
    "OptedIn",
    "OptedOut",
    "StatusChanged",
    "UnknownEvent",
]
