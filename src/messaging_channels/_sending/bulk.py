"""Many recipients in one call: the same steps as for one, taken by a chunk of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

from messaging_channels._model import errors
from messaging_channels._model.send_failed import SendFailed
from messaging_channels._model.values import value
from messaging_channels.messages import Message
from messaging_channels.messages.fallback import Fallback
from messaging_channels.plugins.exchange import Flow

if TYPE_CHECKING:
    from messaging_channels._model.receipts import Receipt
    from messaging_channels._sending.pipeline import Dispatch
    from messaging_channels._sending.send_state import Journey, Terms

Words = TypeVar("Words", bound=Message | Fallback)
CHUNK = 1000
"""How many recipients are under way at once: what bounds the memory."""


@value(frozen=True, slots=True)
class Each:
    """What became of one recipient of many."""

    to: Any = field(repr=False)
    """As it was given."""
    receipt: Receipt | None
    """None if nobody was asked."""
    error: errors.MessagingError | None = None
    """What `send` would have raised."""


def chunks(
    message: Words | Iterable[Words], to: Iterable[Any], size: int
) -> Iterator[Iterable[tuple[Words, Any]]]:
    """Pair one message with every recipient, or each with its own, so many pairs at a time. Each chunk draws its pairs as it is read, once.

    Raises:
        InvalidMessage: when it comes to it, there are not as many messages as recipients.
    """
    pairs = _paired(message, to)
    for first in pairs:
        yield chain((first,), islice(pairs, size - 1))


def _paired(message: Words | Iterable[Words], to: Iterable[Any]) -> Iterator[tuple[Words, Any]]:
    if isinstance(message, (Message, Fallback)):
        yield from ((message, one) for one in to)
        return
    try:
        yield from zip(message, to, strict=True)
    except ValueError:
        raise errors.InvalidMessage(
            "not as many messages as recipients", field="message", remedy="give one of each"
        ) from None


@dataclass(slots=True)
class Bulk:
    """One chunk on its way."""

    dispatch: Dispatch
    terms: Terms
    pending: list[Journey] = field(default_factory=list["Journey"])

    def entered(self, chunk: Iterable[tuple[Message, Any]]) -> Flow[Sequence[Each]]:
        """Find out who may be sent to; return those that certainly may not."""
        refused: list[Each] = []
        dispatch, terms, pending = self.dispatch, self.terms, self.pending
        at_once = dispatch.asks_nothing(terms)
        for message, to in chunk:
            try:
                if at_once and isinstance(to, str):
                    journey = dispatch.started(message, to, terms)
                else:
                    journey = yield from dispatch.prepared(message, to, terms, one_of_many=True)
            except errors.MessagingError as error:
                refused.append(Each(to, None, error))
            else:
                journey.one_of_many, journey.given = True, to
                pending.append(journey)
        return refused

    def advanced(self) -> Flow[Iterable[Each]]:
        """Take the next step with all of them; return those that are done, each told of as it is drawn."""
        yield from self.dispatch.advanced(self.pending)
        done: list[Journey] = []
        pending: list[Journey] = []
        for journey in self.pending:
            (done if journey.done else pending).append(journey)
        self.pending = pending
        return map(_told, done)


def _told(journey: Journey) -> Each:
    try:
        return Each(journey.given, journey.told())
    except SendFailed as failed:
        return Each(journey.given, failed.receipt, failed)
    except errors.MessagingError as error:
        return Each(journey.given, None, error)
