from __future__ import annotations

from messaging_channels.testing.conformance import ProviderConformance
from messaging_channels_infobip import settings
from messaging_channels_infobip.conformance import VECTORS


class TestInfobip(ProviderConformance):
    (provider,) = settings.register_providers()
    vectors = VECTORS
    examples = 50
