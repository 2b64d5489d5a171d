"""For tests: of applications, and of provider plugins."""

from __future__ import annotations

from messaging_channels.testing.calls import VendorCalls
from messaging_channels.testing.clock import ControlledClock
from messaging_channels.testing.outbox import Outbox, Sent
from messaging_channels.testing.vectors import Vectors, Webhook

__all__ = ["ControlledClock", "Outbox", "Sent", "Vectors", "VendorCalls", "Webhook"]
