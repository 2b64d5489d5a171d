"""Reports that are kept when their provider is answered, and recorded afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from messaging_channels._model.events import Event
    from messaging_channels.plugins.webhooks import WebhookResult


@dataclass(frozen=True, slots=True)
class TakenReports:
    """Reports of one call that this process holds, until they are recorded and finished."""

    recorder: str
    """The name under which they wait."""
    account: str | None
    events: Sequence[Event] = field(repr=False)
    keys: tuple[str, ...]
    """The keys of the events that are not recorded yet."""
    owner: str
    tries: int = 0
    received_at: float = 0.0


@dataclass(frozen=True, slots=True)
class TakenWebhook:
    """What became of a webhook request that was to be taken in."""

    result: WebhookResult
    """With all of its events. Send its `response` to the provider."""
    is_recorded: bool
    """Whether it was recorded at once: it holds something besides reports, or says something about consent, or the ledger cannot keep it."""
    reports: TakenReports | None = None
    """What this process has to record; None if nothing is new, or if it is left to whoever claims it."""
