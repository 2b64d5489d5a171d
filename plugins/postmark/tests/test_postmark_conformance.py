from __future__ import annotations

from messaging_channels.testing.conformance import ProviderConformance
from messaging_channels_postmark import settings as plugin
from messaging_channels_postmark.conformance import FIXTURES


class TestPostmark(ProviderConformance):
    (provider,) = plugin.register_providers()
    fixtures = FIXTURES
    examples = 50
