"""The kit as a class for pytest: a test for each rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pytest

from messaging_channels.plugins.channel_spec import Channel
from messaging_channels.plugins.provider import ProviderSpec
from messaging_channels.testing.conformance import (
    RULES,
    ConformanceContext,
    ConformanceFixtures,
    check_rule,
)


class ProviderConformance:
    """Subclass it in the tests of a plugin, as `class TestAcmeSms(ProviderConformance)`, and say what is tested."""

    provider: ClassVar[ProviderSpec]
    """Spec that the plugin registers."""
    fixtures: ClassVar[ConformanceFixtures]
    channels: ClassVar[Sequence[Channel] | None] = None
    """Those of its messages, its own included; None for the built-in ones and those of installed plugins."""
    examples: ClassVar[int] = 100
    """How many examples a property is tried with."""

    @pytest.mark.parametrize("rule", RULES)
    def test_it_keeps_the_rule(self, rule: str) -> None:
        """Hold the provider to one rule; skipped where there is nothing to look at."""
        checked = check_rule(
            rule, ConformanceContext(self.provider, self.fixtures, self.channels, self.examples)
        )
        if checked.findings:
            pytest.fail("\n".join(map(str, checked.findings)), pytrace=False)
        if checked.skipped:
            pytest.skip(checked.skipped)
