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
from messaging_channels._model.failure_reasons import Advice, FailureReason

__all__ = [
    "Advice",
    "EngagementReceived",
    "EngagementType",
    "Event",
    "FailureReason",
    "InboundMedia",
    "MessageReceived",
    "OptedIn",
    "OptedOut",
    "StatusChanged",
    "UnknownEvent",
]
