"""How a dispatcher deals with consent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from messaging_channels.consent.keywords import Keywords

if TYPE_CHECKING:
    from collections.abc import Callable

    from messaging_channels._model.events import OptedOut
    from messaging_channels.messages import Message


@dataclass(frozen=True, slots=True)
class ConsentPolicy:
    """How a dispatcher deals with what people say about being written to."""

    keywords: Keywords = field(default_factory=Keywords)
    """The words that are understood in what people write, on every channel."""
    likely: Literal["suppress", "report"] = "suppress"
    """Consequence of words that are no keyword, such as "please stop texting me": block further messages, or only create an event."""
    confirmation: Callable[[OptedOut], Message | None] | None = None
    """Returns the one message that confirms an opt-out to the person; None (the default) for none.

    Asked once for an opt-out that this library understood and the vendor did not (one that did answers by itself), unless the person had opted out before. The
    message goes out while the webhook is dealt with, within five minutes after the person wrote, once, and not blocked by what it confirms. Leave out
    any marketing, and any attempt to win the person back (47 CFR 64.1200(a)(12)).
    """
    enabled: bool = True
    """Whether the ledger is asked before every message, and what people say is kept in it."""
