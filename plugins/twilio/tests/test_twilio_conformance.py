from __future__ import annotations

from messaging_channels.testing.conformance import ProviderConformance
from messaging_channels_twilio import plugin
from messaging_channels_twilio.conformance import VECTORS


class TestTwilio(ProviderConformance):
    (provider,) = plugin.register_providers()
    vectors = VECTORS
    examples = 50
