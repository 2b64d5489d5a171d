"""For tests: of applications, and of provider plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels._faces import lazy

if TYPE_CHECKING:
    from messaging_channels._config.plugin_manager import PluginManager, load_plugins
    from messaging_channels._transport.clock import Clock
    from messaging_channels._transport.drivers import AsyncTransport, Transport
    from messaging_channels.testing.clock import ControlledClock
    from messaging_channels.testing.emulator import Emulator, Request, json_response, serve
    from messaging_channels.testing.faults import Fault, FaultKind, FaultQueue
    from messaging_channels.testing.fixtures import (
        ConformanceFixtures,
        DocumentedWebhook,
        InboundText,
        ReadMessage,
        Webhook,
    )
    from messaging_channels.testing.network_guard import RealProviderReached
    from messaging_channels.testing.openapi import OpenApiChecks, OpenApiDocument
    from messaging_channels.testing.outbox import Outbox, Sent
    from messaging_channels.testing.provider_script import ProviderScript
    from messaging_channels.testing.unittest import OutboxMixin
    from messaging_channels.testing.vendor_webhooks import VendorWebhooks
    from messaging_channels.testing.whatsapp_reading import read_whatsapp_content

__all__ = [
    "AsyncTransport",
    "Clock",
    "ConformanceFixtures",
    "ControlledClock",
    "DocumentedWebhook",
    "Emulator",
    "Fault",
    "FaultKind",
    "FaultQueue",
    "InboundText",
    "OpenApiChecks",
    "OpenApiDocument",
    "Outbox",
    "OutboxMixin",
    "PluginManager",
    "ProviderScript",
    "ReadMessage",
    "RealProviderReached",
    "Request",
    "Sent",
    "Transport",
    "VendorWebhooks",
    "Webhook",
    "json_response",
    "load_plugins",
    "read_whatsapp_content",
    "serve",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "_config.plugin_manager": (
            "load_plugins",
            "PluginManager",
        ),
        "_transport.clock": ("Clock",),
        "_transport.drivers": (
            "Transport",
            "AsyncTransport",
        ),
        "testing.vendor_webhooks": ("VendorWebhooks",),
        "testing.whatsapp_reading": ("read_whatsapp_content",),
        "testing.clock": ("ControlledClock",),
        "testing.emulator": (
            "Emulator",
            "Request",
            "json_response",
            "serve",
        ),
        "testing.faults": (
            "Fault",
            "FaultQueue",
            "FaultKind",
        ),
        "testing.network_guard": ("RealProviderReached",),
        "testing.openapi": (
            "OpenApiChecks",
            "OpenApiDocument",
        ),
        "testing.outbox": (
            "Outbox",
            "Sent",
        ),
        "testing.provider_script": ("ProviderScript",),
        "testing.unittest": ("OutboxMixin",),
        "testing.fixtures": (
            "ConformanceFixtures",
            "DocumentedWebhook",
            "ReadMessage",
            "InboundText",
            "Webhook",
        ),
    },
)
