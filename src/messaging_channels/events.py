"""What comes back from providers: delivery reports, inbound messages, engagement, opt-outs."""

from __future__ import annotations

from messaging_channels._model.events import (
    AccountUpdated,
    CallChanged,
    EngagementReceived,
    EngagementType,
    Event,
    HelpRequested,
    InboundMedia,
    MessageEchoed,
    MessageEdited,
    MessageReceived,
    MessageRevoked,
    OptedIn,
    OptedOut,
    StatusChanged,
    TemplateUpdated,
    UnknownEvent,
)
from messaging_channels._model.failure_reasons import Advice, FailureReason

__all__ = [
    "AccountUpdated",
    "Advice",
    "CallChanged",
    "EngagementReceived",
    "EngagementType",
    "Event",
    "FailureReason",
    "HelpRequested",
    "InboundMedia",
    "MessageEchoed",
    "MessageEdited",
    "MessageReceived",
    "MessageRevoked",
    "OptedIn",
    "OptedOut",
    "StatusChanged",
    "TemplateUpdated",
    "UnknownEvent",
]
