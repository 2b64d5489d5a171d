"""Many recipients in one call: the same steps as for one, taken by a chunk of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

from messaging_channels._model import errors
from messaging_channels._model.addresses import Address
from messaging_channels._model.send_failed import SendFailed
from messaging_channels._model.status import REJECTED_SUPPRESSED
from messaging_channels._model.values import fast_frozen
from messaging_channels.messages import Message
from messaging_channels.messages.fallback import Fallback
from messaging_channels.plugins.attachments import read_attachments
from messaging_channels.plugins.exchange import Flow

if TYPE_CHECKING:
    from messaging_channels._model.receipts import Receipt
    from messaging_channels._model.status import Status
    from messaging_channels._sending.pipeline import SendPipeline
    from messaging_channels._sending.send_options import SendOptions
    from messaging_channels._sending.send_state import SendState

Payload = TypeVar("Payload", bound=Message | Fallback)
CHUNK = 1000
"""How many recipients are under way at once: what bounds the memory."""


@fast_frozen(frozen=True, slots=True)
class SendResult:
    """The result of one recipient of many."""

    to: Any = field(repr=False)
    """As it was given."""
    receipt: Receipt | None
    """None if nobody was asked."""
    error: errors.MessagingError | None = None
    """Exception that `send` would have raised for this recipient; None if a provider accepted the message, or may have."""

    @property
    def status(self) -> Status | None:
        """How it stands; `REJECTED_SUPPRESSED`, which is final, where the person does not want it. None if no provider was asked for another reason."""
        if self.receipt is not None:
            return self.receipt.status
        blocked = isinstance(self.error, errors.MessageBlocked) and self.error.entry is not None
        return REJECTED_SUPPRESSED if blocked else None


def chunks(
    message: Payload | Iterable[Payload], to: Iterable[Any], size: int
) -> Iterator[Iterable[tuple[Payload, Any]]]:
    """Pair one message with every recipient, or each with its own, so many pairs at a time. Each chunk draws its pairs as it is read, once.

    Raises:
        InvalidMessage: when it comes to it, there are not as many messages as recipients.
    """
    pairs = _pairs(message, to)
    for first in pairs:
        yield chain((first,), islice(pairs, size - 1))


def _pairs(message: Payload | Iterable[Payload], to: Iterable[Any]) -> Iterator[tuple[Payload, Any]]:
    to = (to,) if isinstance(to, (str, Address)) else to  # one recipient, and never its letters
    if isinstance(message, (Message, Fallback)):
        yield from ((message, one) for one in to)
        return
    try:
        yield from zip(message, to, strict=True)
    except errors.MessagingError:
        raise  # of whatever makes the messages
    except ValueError:
        raise errors.InvalidMessage(
            "must be as many messages as recipients", field="message", hint="give one of each"
        ) from None


@dataclass(slots=True)
class Bulk:
    """One chunk on its way."""

    pipeline: SendPipeline
    options: SendOptions
    pending: list[SendState] = field(default_factory=list["SendState"])

    def prepare(self, chunk: Iterable[tuple[Message, Any]]) -> Flow[Sequence[SendResult]]:
        """Find out who may be sent to; return those that certainly may not."""
        refused: list[SendResult] = []
        given: Message | None = None
        read: Message | None = None
        for message, to in chunk:
            try:
                if read is None or message is not given:  # the files of one message are read once
                    read = yield from read_attachments(message)
                    given = message
                state = yield from self.pipeline.prepare(read, to, self.options, is_bulk=True)
            except errors.MessagingError as error:
                refused.append(SendResult(to, None, error))
            else:
                self.pending.append(state)
        return refused

    def step(self) -> Flow[Iterable[SendResult]]:
        """Take the next step with all of them; return those that are done, each told of as it is drawn."""
        yield from self.pipeline.step(self.pending)
        done: list[SendState] = []
        pending: list[SendState] = []
        for state in self.pending:
            (done if state.is_done else pending).append(state)
        self.pending = pending
        yield from self.pipeline.recorder.record_unsent(done, self.pipeline.clock())
        return map(_result, done)


def _result(state: SendState) -> SendResult:
    to = state.request.original_recipient
    try:
        return SendResult(to, state.result())
    except SendFailed as failed:
        return SendResult(to, failed.receipt, failed)
    except errors.MessagingError as error:
        return SendResult(to, None, error)
