"""What a worker does with a message that only another one can read: a newer one, or one that has the key."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from messaging_channels._model.status import EXPIRED_BEFORE_SENT
from messaging_channels._queue.candidates import capped_by_deadline
from messaging_channels._queue.transitions import JobEvent
from messaging_channels.plugins.ledger_queue import Job, State, UpdateJob

if TYPE_CHECKING:
    from messaging_channels._ledger.seal import SealBroken
    from messaging_channels.messages._codec import UnknownType


def leave_to_others(
    job: Job, holder: str, now: float, fault: UnknownType | SealBroken
) -> tuple[JobEvent | None, UpdateJob]:
    """Have a message that cannot be read here wait for a worker that can; a dead letter after a day without one."""
    if job.state is State.WAITING and job.deadline is not None and now >= job.deadline:
        why = "its deadline passed"
        return JobEvent.EXPIRED, UpdateJob(
            job.message_id, holder, now, None, stop_reason=why, status=EXPIRED_BEFORE_SENT
        )
    if job.state is State.WAITING and now - job.created >= _MOST_SECONDS:
        return JobEvent.DEAD, UpdateJob(job.message_id, holder, now, State.DEAD, stop_reason=str(fault))
    _log.warning("message %s is left to another worker: %s", job.message_id, fault)
    due, tries = now + _SECONDS, job.tries
    if job.state is State.WAITING:
        due, tries = capped_by_deadline(job, due), max(1, tries)
    return None, UpdateJob(job.message_id, holder, now, job.state, due=due, tries=tries)


_log = logging.getLogger("messaging_channels._queue.newer_types")
_SECONDS, _MOST_SECONDS = 5.0, 86400.0
"""After which it is due again, and for which it waits at most."""
