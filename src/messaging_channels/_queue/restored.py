"""What is done with a ledger that was restored from a copy: what waits in it is held as possibly sent, and vendors are asked, as flows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from messaging_channels._ledger.schema import step_message_id
from messaging_channels._model.errors import MessagingError
from messaging_channels._model.outcomes import Outcome
from messaging_channels._queue.payload import QueuePayload
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger_restored import (
    GetRestoredCopy,
    HoldRestoredJob,
    ListRestoredJobs,
    MarkRestored,
    RestoredCopy,
    RestoredJob,
    ResumeRestored,
)
from messaging_channels.plugins.provider import Envelope

if TYPE_CHECKING:
    from messaging_channels._model.addresses import Address
    from messaging_channels._queue.enqueue import Enqueuer

_PAGE = 100
_NOBODY = "not known"


@dataclass(frozen=True, slots=True)
class RestoredResult:
    """What became of the messages of a copy that may have been sent since, once vendors were asked."""

    copy: RestoredCopy
    sent: int
    """How many a vendor knows: they are recorded as sent."""
    not_sent: int
    """How many a vendor does not know: they are sent."""
    held: int
    """How many no vendor can be asked about: they are held until somebody resolves them."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {**self.copy.as_dict(), "sent": self.sent, "notSent": self.not_sent, "held": self.held}


def restored_copy(enqueuer: Enqueuer) -> Flow[RestoredCopy | None]:
    """Return what is known of a restored ledger. See `QueueClient.restored_copy`."""
    return (yield from ask(GetRestoredCopy(enqueuer.now())))


def mark_restored(enqueuer: Enqueuer) -> Flow[None]:
    """Treat the ledger as a restored copy. See `QueueClient.mark_restored`."""
    yield from ask(MarkRestored(enqueuer.now()))


def hold_restored(enqueuer: Enqueuer) -> Flow[RestoredResult | None]:
    """Hold what may have been sent, ask vendors about it, and have the queue go on. See `QueueClient.hold_restored`."""
    copy: RestoredCopy | None = yield from restored_copy(enqueuer)
    if copy is None:
        return None
    ends, after = Counter[Outcome](), ""
    while jobs := (yield from ask(ListRestoredJobs(after, _PAGE))):
        for job in jobs:
            outcome = yield from _hold(enqueuer, job)
            ends[outcome] += 1
        after = jobs[-1].message_id
    yield from ask(ResumeRestored(enqueuer.now()))
    known: Mapping[Outcome, int] = ends
    sent, not_sent = known[Outcome.ACCEPTED], known[Outcome.NOT_SENT]
    return RestoredResult(copy, sent, not_sent, ends.total() - sent - not_sent)


def resume_restored(enqueuer: Enqueuer) -> Flow[RestoredCopy | None]:
    """Have everything sent that waits in the copy. See `QueueClient.resume_restored`."""
    copy: RestoredCopy | None = yield from restored_copy(enqueuer)
    if copy is not None:
        yield from ask(ResumeRestored(enqueuer.now()))
    return copy


def _hold(enqueuer: Enqueuer, job: RestoredJob) -> Flow[Outcome]:
    """Hold a message as if each provider that might have sent it had been given it, and ask those."""
    pipeline = enqueuer.pipeline
    names: tuple[str, ...] = (_NOBODY,)
    account: str | None = None
    to: Address | None = None
    try:
        payload = QueuePayload.from_json(enqueuer.codec, pipeline.recorder.options.opened(job.payload))
        step = payload.steps[job.step - 1]
        channel = pipeline.envelopes.channel_for(step.message)
        envelope = Envelope(step_message_id(job.message_id, job.step), channel.name, step.message, step.to)
        account, to = step.account, step.to
        names = tuple(pipeline.selector.select(envelope, account).providers) or names
    except (MessagingError, ValueError):  # of a type, or under a key, that is not known here
        pass
    record = yield from ask(HoldRestoredJob(job.message_id, enqueuer.now(), names, account))
    if record is None:
        return Outcome.UNKNOWN
    record = yield from pipeline.reports.look_up(record, to)
    return record.outcome or Outcome.UNKNOWN
