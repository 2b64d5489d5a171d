"""One provider asked once about one or more messages: whatever goes wrong becomes an outcome for each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias

from messaging_channels._model import errors
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._model.values import fast_frozen
from messaging_channels.plugins.exchange import Flow, Timeouts

if TYPE_CHECKING:
    from messaging_channels.plugins.provider import Envelope, Provider

AttemptEnd: TypeAlias = "AttemptResult | errors.BadInput | errors.ConfigurationError"
"""How an attempt ended: with an outcome, or refused by the plugin itself before anything left the machine."""

_CONTENT = frozenset({Reason.INVALID, Reason.RECIPIENT, Reason.POLICY, Reason.INTERNAL_ERROR})
"""Refusals that speak of a message, not of the account, and faults before anything left the machine: of a request of several, it may be one message's alone."""


@dataclass(slots=True)
class SentFlag:
    """Whether anything may have left the machine so far."""

    may_have_been_sent: bool = False


@fast_frozen(frozen=True, slots=True)
class TimeBudget:
    """How long the exchanges of an attempt may take."""

    seconds: float
    usual: Timeouts


@fast_frozen(frozen=True, slots=True)
class PendingEnvelope:
    """A message that waits for its turn, and until when its caller holds it: from then on somebody else may send it."""

    envelope: Envelope
    until: float
    """Seconds since the epoch, UTC."""


def attempt_coalesced(
    provider: Provider, turns: Sequence[PendingEnvelope], clock: Callable[[], float]
) -> Flow[Sequence[AttemptEnd]]:
    """Ask one provider once about the messages of several callers, without those that are no longer their caller's."""
    if len(turns) == 1 and turns[0].until == inf:
        return attempt_batch(provider, [turns[0].envelope])
    return _drop_expired(provider, turns, clock)


def _drop_expired(
    provider: Provider, turns: Sequence[PendingEnvelope], clock: Callable[[], float]
) -> Flow[Sequence[AttemptEnd]]:
    now = clock()
    live = [turn for turn in turns if now < turn.until]
    if not live:
        return [LEASE_EXPIRED] * len(turns)
    until = min([turn.until for turn in live])
    asked = yield from attempt_batch(provider, [one.envelope for one in live], late=lambda: clock() >= until)
    if len(live) == len(turns):
        return asked
    ends = iter(asked)
    return [next(ends) if now < turn.until else LEASE_EXPIRED for turn in turns]


def attempt_batch(
    provider: Provider,
    batch: Sequence[Envelope],
    *,
    limit: TimeBudget | None = None,
    evidence: SentFlag | None = None,
    late: Callable[[], bool] | None = None,
) -> Flow[Sequence[AttemptEnd]]:
    """Ask one provider once, and turn whatever goes wrong into outcomes.

    A refusal of several messages as a whole is a certain not-sent: they are asked in halves, so that a bad one fails no other. A provider that needs several
    requests for a batch may have one of them refused: its messages alone are asked again.
    What is `late` is no longer the caller's to send: it is not asked about.
    """
    seen = evidence or SentFlag()
    asked = _drive_provider(provider, batch, limit, seen, late)
    if len(batch) == 1:
        return asked
    again = partial(attempt_batch, provider, limit=limit, evidence=seen, late=late)
    return _retry_rejected_parts(asked, batch, again)


def _retry_rejected_parts(
    asked: Flow[Sequence[AttemptEnd]],
    batch: Sequence[Envelope],
    again: Callable[[Sequence[Envelope]], Flow[Sequence[AttemptEnd]]],
) -> Flow[Sequence[AttemptEnd]]:
    """Ask again, in parts, about those of a batch whose end may be another one's fault."""
    ends = yield from asked
    doubtful = [
        index
        for index, end in enumerate(ends)
        if not isinstance(end, AttemptResult) or (end.request_rejected and end.reason in _CONTENT)
    ]
    if not doubtful:
        return ends
    mended = list(ends)
    for part in _split(doubtful, len(batch)):
        told = yield from again([batch[one] for one in part])
        for index, end in zip(part, told, strict=True):
            mended[index] = end
    return mended


def _drive_provider(
    provider: Provider,
    batch: Sequence[Envelope],
    limit: TimeBudget | None,
    seen: SentFlag,
    late: Callable[[], bool] | None,
) -> Flow[Sequence[AttemptEnd]]:
    """Run the provider's flow, note when one of its exchanges may have had an effect, and keep them to the time that is left."""
    if late is not None and late():
        return [LEASE_EXPIRED] * len(batch)
    sent, reply = False, None
    try:
        flow: Any = provider.send(batch)
        advance: Callable[[Any], Any] = flow.send
        while True:
            try:
                exchange = advance(reply)
            except StopIteration as done:
                return _check_count(done.value, batch, provider)
            try:
                reply = yield exchange if limit is None else _limited(exchange, limit)
            except BaseException as failure:  # noqa: BLE001  cancellation included: the flow decides
                if not isinstance(failure, errors.TransportError) or failure.may_have_been_sent:
                    sent |= exchange.may_send
                advance, reply = flow.throw, failure
            else:
                sent |= exchange.may_send
                advance = flow.send
    except Exception as fault:  # noqa: BLE001  whatever a plugin raises
        return [_result_of_exception(fault, provider, sent=sent)] * len(batch)
    finally:
        seen.may_have_been_sent |= sent


def _check_count(
    ends: Sequence[AttemptEnd], batch: Sequence[Envelope], provider: Provider
) -> Sequence[AttemptEnd]:
    if len(ends) == len(batch):
        return ends
    detail = f"{provider.name} told of {len(ends)} of {len(batch)} messages"
    return [AttemptResult.of(Reason.UNREADABLE_RESPONSE, detail)] * len(batch)


def _split(doubtful: Sequence[int], asked: int) -> Sequence[Sequence[int]]:
    """Return which messages to ask about again together: halves of them all, or those of the one request that was refused."""
    if len(doubtful) < asked:
        return (doubtful,)
    middle = asked // 2
    return (doubtful[:middle], doubtful[middle:])


def _limited(exchange: Any, limit: TimeBudget) -> Any:  # noqa: ANN401  any exchange
    """Return the exchange with no phase longer than what is left."""
    if not hasattr(exchange, "timeouts"):
        return exchange
    usual: Timeouts = exchange.timeouts or limit.usual
    phases = (min(limit.seconds, phase) for phase in (usual.connect, usual.write, usual.read))
    return replace(exchange, timeouts=Timeouts(*phases))


def _result_of_exception(fault: Exception, provider: Provider, *, sent: bool) -> AttemptEnd:
    if isinstance(fault, errors.TransportError):
        late = Reason.TIMEOUT if fault.timed_out else Reason.CONNECTION
        return AttemptResult.of(late if sent else Reason.UNREACHABLE, str(fault))
    if isinstance(fault, (errors.BadInput, errors.ConfigurationError)) and not sent:
        return fault
    detail = f"{provider.name} raised {type(fault).__name__}"
    return (
        AttemptResult.of(Reason.PLUGIN, detail)
        if sent
        else AttemptResult.of(Reason.INTERNAL_ERROR, detail, request_rejected=True)
    )


LEASE_EXPIRED = AttemptResult.of(
    Reason.INTERNAL_ERROR, "its turn came after its lease was over: somebody else may have sent it by now"
)
