"""How a person's decision about a message whose outcome is unknown is checked and recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from messaging_channels._model.errors import CannotResolve, InvalidMessage
from messaging_channels.plugins.exchange import Flow, ask
from messaging_channels.plugins.ledger_resolve import Resolution, ResolveOutcome

if TYPE_CHECKING:
    from messaging_channels.plugins.ledger import MessageRecord

ResolvedAs: TypeAlias = Literal["sent", "not-sent"]
MAX_LENGTH = 500
"""Characters of `by`, and of `why`."""


def resolve(
    message_id: str, resolved_as: ResolvedAs, *, by: str, why: str, now: float
) -> Flow[MessageRecord]:
    """Record a decision. See `Dispatcher.resolve`."""
    if resolved_as not in ("sent", "not-sent"):
        raise InvalidMessage("is not an outcome", field="resolved_as", hint="write sent or not-sent")
    for field, text in (("by", by), ("why", why)):
        if not text.strip() or len(text) > MAX_LENGTH:
            hint = "say who decides, and what was found at the provider"
            raise InvalidMessage(f"must have 1 to {MAX_LENGTH} characters", field=field, hint=hint)
    operation = ResolveOutcome(message_id, now, resolved_as == "sent", by.strip(), why.strip())
    found: Resolution = yield from ask(operation)
    if found.record is None:
        raise CannotResolve("there is no such message", message_id=message_id, hint="check the id")
    if not found.is_recorded:
        raise _nothing_unknown(found.record, now)
    return found.record


def _nothing_unknown(record: MessageRecord, now: float) -> CannotResolve:
    if record.in_progress:
        hint = "try again when the attempt has ended"
        if record.attempts and record.lease < now + _LONG:
            hint = f"try again in {max(1, round(record.lease - now))} s, when the attempt has ended"
        return CannotResolve("it is waiting to be sent, or being sent", message_id=record.id, hint=hint)
    return CannotResolve(
        f"its outcome is known ({record.outcome})", message_id=record.id, hint="leave it as it is"
    )


_LONG = 86400.0
