from __future__ import annotations

from messaging_channels.testing.conformance import ProviderConformance
from messaging_channels_twilio import settings
from messaging_channels_twilio.conformance import FIXTURES


class TestTwilio(ProviderConformance):
    (provider,) = settings.register_providers()
    fixtures = FIXTURES
    examples = 50
