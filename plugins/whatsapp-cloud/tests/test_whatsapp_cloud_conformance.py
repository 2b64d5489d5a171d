from __future__ import annotations

from messaging_channels.testing.conformance import ProviderConformance
from messaging_channels_whatsapp_cloud import settings
from messaging_channels_whatsapp_cloud.conformance import FIXTURES


class TestWhatsAppCloud(ProviderConformance):
    (provider,) = settings.register_providers()
    fixtures = FIXTURES
    examples = 50
