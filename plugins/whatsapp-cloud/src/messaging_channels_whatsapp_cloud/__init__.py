"""Meta's WhatsApp Cloud API as a provider of messaging-channels."""

from __future__ import annotations

from messaging_channels_whatsapp_cloud.answers import CallRefused
from messaging_channels_whatsapp_cloud.billing import Billing, billing_of
from messaging_channels_whatsapp_cloud.options import CloudOptions, Marketing
from messaging_channels_whatsapp_cloud.provider import WhatsAppCloud
from messaging_channels_whatsapp_cloud.templates import one_line
from messaging_channels_whatsapp_cloud.windows import KnowsWindows, Windows

__all__ = [
    "Billing",
    "CallRefused",
    "CloudOptions",
    "KnowsWindows",
    "Marketing",
    "WhatsAppCloud",
    "Windows",
    "billing_of",
    "one_line",
]
