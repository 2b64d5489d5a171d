"""What comes back from providers: delivery reports, inbound messages, engagement, opt-outs."""

from __future__ import annotations

from messaging_channels._model.events import (
    Act,
    Engaged,
    Event,
    MessageReceived,
    OptedIn,
    OptedOut,
    ReceivedMedia,
    StatusChanged,
    Unrecognised,
)

__all__ = [
    "Act",
    "Engaged",
    "Event",
    "MessageReceived",
    "OptedIn",
    "OptedOut",
    "ReceivedMedia",
    "StatusChanged",
    "Unrecognised",
]
