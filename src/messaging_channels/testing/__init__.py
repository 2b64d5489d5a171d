"""For tests: of applications, and of provider plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels._faces import lazy

if TYPE_CHECKING:
    from messaging_channels._config.plugin_manager import Plugins, load
    from messaging_channels._transport.clock import Clock
    from messaging_channels._transport.drivers import AsyncTransport, Transport
    from messaging_channels.testing.calls import VendorCalls
    from messaging_channels.testing.clock import ControlledClock
    from messaging_channels.testing.emulation import Emulator, Request, json_response, serve
    from messaging_channels.testing.faults import Fault, Faults, How
    from messaging_channels.testing.guard import RealProviderReached
    from messaging_channels.testing.outbox import Outbox, Sent
    from messaging_channels.testing.scripts import Script
    from messaging_channels.testing.unittest import OutboxMixin
    from messaging_channels.testing.vectors import Vectors, Webhook

__all__ = [
    "AsyncTransport",
    "Clock",
    "ControlledClock",
    "Emulator",
    "Fault",
    "Faults",
    "How",
    "Outbox",
    "OutboxMixin",
    "Plugins",
    "RealProviderReached",
    "Request",
    "Script",
    "Sent",
    "Transport",
    "Vectors",
    "VendorCalls",
    "Webhook",
    "json_response",
    "load",
    "serve",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "_config.plugin_manager": (
            "load",
            "Plugins",
        ),
        "_transport.clock": ("Clock",),
        "_transport.drivers": (
            "Transport",
            "AsyncTransport",
        ),
        "testing.calls": ("VendorCalls",),
        "testing.clock": ("ControlledClock",),
        "testing.emulation": (
            "Emulator",
            "Request",
            "json_response",
            "serve",
        ),
        "testing.faults": (
            "Fault",
            "Faults",
            "How",
        ),
        "testing.guard": ("RealProviderReached",),
        "testing.outbox": (
            "Outbox",
            "Sent",
        ),
        "testing.scripts": ("Script",),
        "testing.unittest": ("OutboxMixin",),
        "testing.vectors": (
            "Vectors",
            "Webhook",
        ),
    },
)
