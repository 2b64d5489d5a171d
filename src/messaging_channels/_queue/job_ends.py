"""What a worker writes down of the messages of a round, in one step: what follows for each, and what is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from typing import Any, TypeAlias

from messaging_channels._queue.transitions import JobEvent
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger import Operation, Transaction
from messaging_channels.plugins.ledger_queue import AdvanceFallback, IncrementCounters, UpdateJob

PlannedEnd: TypeAlias = "tuple[JobEvent | None, UpdateJob | AdvanceFallback | Transaction]"
"""What is counted, and what is written down."""


def write_ends(ends: Sequence[PlannedEnd], worker: str, now: float) -> Flow[int]:
    """Write endings down in one step, and count those that still were ours. Return how many those are.

    All are counted in the same step; what turns out to be no longer ours, which is rare, is taken off again.
    """
    if not ends:
        return 0
    ordered = sorted(ends, key=lambda end: _id_of(end[1]))  # others write in that order too
    parts = [_parts_of(one) for _, one in ordered]
    counted = _count((what for what, _ in ordered), worker, now)
    replies = yield from ask(Transaction((*chain.from_iterable(parts), *counted)))
    # the last part of each tells whether it was ours
    told = [replies[place - 1] for place in accumulate(map(len, parts))]
    lost = [what for (what, _), reply in zip(ordered, told, strict=True) if not reply]
    for one in _count(lost, worker, now, -1):
        yield from ask(one)
    return len(told) - len(lost)


def _count(
    events: Iterable[JobEvent | None], worker: str, now: float, by: int = 1
) -> Sequence[IncrementCounters]:
    """Return what counts that these happened; nothing if there is nothing to count."""
    counts = Counter(what.value for what in events if what is not None)
    told = {what: number * by for what, number in counts.items()}
    return [IncrementCounters(now, worker, told)] if told else []


def _parts_of(operation: Operation[Any]) -> tuple[Operation[Any], ...]:
    """Return the operations of a transaction; one alone as it is."""
    return operation.operations if isinstance(operation, Transaction) else (operation,)


def _id_of(operation: Operation[Any]) -> str:
    """Return the message that an operation, or the last one of a transaction, is about."""
    return str(getattr(_parts_of(operation)[-1], "message_id", ""))
