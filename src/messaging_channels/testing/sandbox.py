"""The fixtures of the built-in sandbox."""

from __future__ import annotations

from tempfile import mkdtemp

from messaging_channels._config.builtin_plugin import register_providers
from messaging_channels.testing.fixtures import ConformanceFixtures

(SPEC,) = register_providers()

FIXTURES = ConformanceFixtures(
    settings=lambda _url, _secret: {"home": mkdtemp()}, success_response=lambda _: None
)
"""It has no vendor: it keeps what it takes in a file of its own."""
