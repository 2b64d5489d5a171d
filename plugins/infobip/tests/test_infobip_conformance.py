from __future__ import annotations

from messaging_channels.testing.conformance import ProviderConformance
from messaging_channels_infobip import settings
from messaging_channels_infobip.conformance import FIXTURES


class TestInfobip(ProviderConformance):
    (provider,) = settings.register_providers()
    fixtures = FIXTURES
    examples = 50
