"""The operations on what people said about being written to. A ledger that performs them keeps consent where it keeps messages.

`ReserveMessage` and `StartAttempt` ask the same question (`consent`) in the step in which they write the intent down, so that a statement that was stored
before an attempt began always holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from messaging_channels._model.statements import ConsentQuery, ConsentStatement
from messaging_channels._model.values import fast_frozen
from messaging_channels.plugins.ledger import Operation


@fast_frozen(frozen=True, slots=True)
class RecordStatements(Operation[int]):
    """Keep what was said, each once. Reply how many were new."""

    statements: tuple[ConsentStatement, ...]


@fast_frozen(frozen=True, slots=True)
class FindSuppression(Operation["ConsentStatement | None"]):
    """Return what forbids a message; None if nothing does."""

    consent: ConsentQuery


@fast_frozen(frozen=True, slots=True)
class ListStatements(Operation[Sequence[ConsentStatement]]):
    """Return what was said by some people, or by all, in the order in which it was kept; the page after the statement `after`."""

    recipients: tuple[str, ...] | None = field(default=None, repr=False)
    limit: int = 1000
    after: tuple[float, str] | None = None
    """When the last one of the page before was recorded, and its id."""


@fast_frozen(frozen=True, slots=True)
class LiftSuppressions(Operation[int]):
    """Lift what blocks a person now: a statement for each that names it. Reply how many."""

    recipients: tuple[str, ...] = field(repr=False)
    channel: str
    """`*` for all."""
    kinds: frozenset[str]
    at: float
    reason: str


@fast_frozen(frozen=True, slots=True)
class LinkRecipients(Operation[None]):
    """Keep that two keys are of one person, such as a number and a WhatsApp user id."""

    pairs: tuple[tuple[str, str], ...] = field(repr=False)
    at: float


CONSENT_OPERATIONS: tuple[type[Operation[Any]], ...] = (
    RecordStatements,
    FindSuppression,
    ListStatements,
    LiftSuppressions,
    LinkRecipients,
)
