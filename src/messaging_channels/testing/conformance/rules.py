"""Rules and findings of the kit."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that every provider has to follow. The id is stable."""

    id: str
    title: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Where a provider breaks a rule."""

    rule: Rule
    evidence: str
    """Observation of the kit. It shows no secret and no complete address but the kit's own."""
    details: str = field(default="", compare=False)
    """The requests in full that were made last, and the traceback of what ended them."""

    def __str__(self) -> str:
        """Explain it in full."""
        return f"{self.rule.id} {self.rule.title}: {self.evidence}\n  why: {self.rule.why}\n  do: {self.rule.fix}"


NEVER_TWICE = frozenset(
    {
        "MC105",
        "MC204",
        "MC206",
        "MC207",
        "MC210",
        "MC211",
        "MC212",
        "MC213",
        "MC214",
        "MC215",
        "MC218",
        "MC220",
    }
)
"""The rules that keep a message from being sent twice or lost: no vendor excuses from them."""


class NotApplicable(Exception):
    """A rule has nothing to look at in this provider; the text says why."""
