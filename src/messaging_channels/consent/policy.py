"""How a dispatcher deals with consent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from messaging_channels.consent.keywords import Keywords


@dataclass(frozen=True, slots=True)
class ConsentPolicy:
    """How a dispatcher deals with what people say about being written to."""

    keywords: Keywords = field(default_factory=Keywords)
    """The words that are understood in what people write, on every channel."""
    likely: Literal["suppress", "report"] = "suppress"
    """What follows from words that are no keyword, such as "please stop texting me": no further message, or an event alone."""
    enabled: bool = True
    """Whether the ledger is asked before every message, and what people say is kept in it."""
