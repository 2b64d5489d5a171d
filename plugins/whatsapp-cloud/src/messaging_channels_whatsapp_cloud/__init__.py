"""Meta's WhatsApp Cloud API as a provider of messaging-channels."""

from __future__ import annotations

from messaging_channels_whatsapp_cloud.normalization import collapse_whitespace
from messaging_channels_whatsapp_cloud.options import MarketingOptions, WhatsAppOptions
from messaging_channels_whatsapp_cloud.pricing import Pricing, pricing_of
from messaging_channels_whatsapp_cloud.provider import WhatsAppCloud
from messaging_channels_whatsapp_cloud.responses import GraphApiError
from messaging_channels_whatsapp_cloud.service_windows import CustomerServiceWindows, WindowStore

__all__ = [
    "CustomerServiceWindows",
    "GraphApiError",
    "MarketingOptions",
    "Pricing",
    "WhatsAppCloud",
    "WhatsAppOptions",
    "WindowStore",
    "collapse_whitespace",
    "pricing_of",
]
