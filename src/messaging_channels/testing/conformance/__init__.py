"""The conformance kit: rules that every provider keeps, as a plain call that explains what it finds, and as a class for pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from messaging_channels._faces import lazy

if TYPE_CHECKING:
    from messaging_channels.testing.conformance._table_rules import RULES
    from messaging_channels.testing.conformance.checks import (
        CHECKS,
        RuleResult,
        check_provider,
        check_rule,
        check_rules,
    )
    from messaging_channels.testing.conformance.context import ConformanceContext
    from messaging_channels.testing.conformance.rules import Finding, NotApplicable, Rule
    from messaging_channels.testing.conformance.suite import ProviderConformance
    from messaging_channels.testing.fixtures import (
        ConformanceFixtures,
        DocumentedWebhook,
        ReadMessage,
        Webhook,
    )

__all__ = [
    "CHECKS",
    "RULES",
    "ConformanceContext",
    "ConformanceFixtures",
    "DocumentedWebhook",
    "Finding",
    "NotApplicable",
    "ProviderConformance",
    "ReadMessage",
    "Rule",
    "RuleResult",
    "Webhook",
    "check_provider",
    "check_rule",
    "check_rules",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "testing.conformance._table_rules": ("RULES",),
        "testing.conformance.context": ("ConformanceContext",),
        "testing.conformance.checks": (
            "CHECKS",
            "RuleResult",
            "check_provider",
            "check_rule",
            "check_rules",
        ),
        "testing.conformance.rules": (
            "Finding",
            "NotApplicable",
            "Rule",
        ),
        "testing.conformance.suite": ("ProviderConformance",),
        "testing.fixtures": (
            "ConformanceFixtures",
            "DocumentedWebhook",
            "ReadMessage",
            "Webhook",
        ),
    },
)
