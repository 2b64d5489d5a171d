from __future__ import annotations

from messaging_channels.testing.conformance import ProviderConformance
from messaging_channels_whatsapp_cloud import plugin
from messaging_channels_whatsapp_cloud.conformance import VECTORS


class TestWhatsAppCloud(ProviderConformance):
    (provider,) = plugin.register_providers()
    vectors = VECTORS
    examples = 50
