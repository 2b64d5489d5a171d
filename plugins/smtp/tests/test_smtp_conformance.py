from __future__ import annotations

from messaging_channels.testing.conformance import ProviderConformance
from messaging_channels_smtp import settings as plugin
from messaging_channels_smtp.conformance import FIXTURES


class TestSmtp(ProviderConformance):
    (provider,) = plugin.register_providers()
    fixtures = FIXTURES
    examples = 50
