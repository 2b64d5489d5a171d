"""One provider asked once about one or more messages: whatever goes wrong becomes an outcome for each of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from messaging_channels._model import errors
from messaging_channels._model.outcomes import AttemptResult, Reason
from messaging_channels._model.values import fast_frozen
from messaging_channels.plugins.exchange import Flow, Sleep, Timeouts

if TYPE_CHECKING:
    from messaging_channels.plugins.provider import Envelope, Provider

Result = TypeVar("Result")
AttemptEnd: TypeAlias = "AttemptResult | errors.BadInput | errors.ConfigurationError"
"""How an attempt ended: with an outcome, or refused by the plugin itself before anything left the machine."""

_MESSAGE_REASONS = frozenset({Reason.INVALID, Reason.RECIPIENT, Reason.POLICY, Reason.INTERNAL_ERROR})
"""Refusals that speak of a message, not of the account, and faults before anything left the machine: of a request of several, it may be one message's alone."""


@dataclass(slots=True)
class SentFlag:
    """Whether anything may have left the machine so far."""

    may_have_been_sent: bool = False


@fast_frozen(frozen=True, slots=True)
class AttemptLimits:
    """Until when an attempt may begin, and its exchanges go on, all of them together. Seconds since the epoch, UTC."""

    clock: Callable[[], float]
    lease_end: float = inf
    """From then on somebody else may send the messages: no attempt begins."""
    deadline: float = inf
    """From then on no phase of an exchange goes on."""
    default_timeouts: Timeouts = Timeouts()

    def timeouts(self, given: Timeouts | None) -> Timeouts:
        """Return the time-outs of an exchange that begins now: no phase longer than what is left."""
        left = max(self.deadline - self.clock(), _MIN_SECONDS)
        usual = given or self.default_timeouts
        return Timeouts(
            min(left, usual.connect), min(left, usual.write), min(left, usual.read), min(left, usual.limit)
        )


@fast_frozen(frozen=True, slots=True)
class PendingEnvelope:
    """A message that waits for its turn, and until when its caller holds it: from then on somebody else may send it."""

    envelope: Envelope
    lease_end: float
    """Seconds since the epoch, UTC."""


def attempt_coalesced(
    provider: Provider, clock: Callable[[], float], pending: Sequence[PendingEnvelope]
) -> Flow[Sequence[AttemptEnd]]:
    """Ask one provider once about the messages of several callers, without those that are no longer their caller's."""
    if len(pending) == 1:
        lease_end = pending[0].lease_end
        limits = None if lease_end == inf else AttemptLimits(clock, lease_end)
        return _drive_provider(provider, [pending[0].envelope], limits, SentFlag())
    return _drop_expired(provider, clock, pending)


def _drop_expired(
    provider: Provider, clock: Callable[[], float], pending: Sequence[PendingEnvelope]
) -> Flow[Sequence[AttemptEnd]]:
    now = clock()
    live = [turn for turn in pending if now < turn.lease_end]
    if not live:
        return [LEASE_EXPIRED] * len(pending)
    limits = AttemptLimits(clock, min(turn.lease_end for turn in live))
    ends = iter((yield from attempt_batch(provider, [one.envelope for one in live], limits)))
    return [next(ends) if now < turn.lease_end else LEASE_EXPIRED for turn in pending]


def attempt_batch(
    provider: Provider,
    batch: Sequence[Envelope],
    limits: AttemptLimits | None = None,
    sent_flag: SentFlag | None = None,
) -> Flow[Sequence[AttemptEnd]]:
    """Ask one provider once, and turn whatever goes wrong into outcomes.

    A refusal of several messages as a whole is a certain not-sent: they are asked in halves, so that a bad one fails no other. A provider that needs several
    requests for a batch may have one of them refused: its messages alone are asked again.
    Nothing is asked once the lease of `limits` is over: the messages are no longer the caller's to send.
    """
    flag = sent_flag or SentFlag()
    flow = _drive_provider(provider, batch, limits, flag)
    if len(batch) == 1:
        return flow
    retry = partial(attempt_batch, provider, limits=limits, sent_flag=flag)
    return _retry_rejected_parts(flow, batch, retry)


def _retry_rejected_parts(
    first_flow: Flow[Sequence[AttemptEnd]],
    batch: Sequence[Envelope],
    retry: Callable[[Sequence[Envelope]], Flow[Sequence[AttemptEnd]]],
) -> Flow[Sequence[AttemptEnd]]:
    """Ask again, in parts, about those of a batch whose end may be another one's fault."""
    ends = yield from first_flow
    doubtful = [
        index
        for index, end in enumerate(ends)
        if not isinstance(end, AttemptResult) or (end.request_rejected and end.reason in _MESSAGE_REASONS)
    ]
    if not doubtful:
        return ends
    results = list(ends)
    for part in _split(doubtful, len(batch)):
        told = yield from retry([batch[one] for one in part])
        for index, end in zip(part, told, strict=True):
            results[index] = end
    return results


def _drive_provider(
    provider: Provider,
    batch: Sequence[Envelope],
    limits: AttemptLimits | None,
    sent_flag: SentFlag,
) -> Flow[Sequence[AttemptEnd]]:
    """Run the provider's flow, note when one of its exchanges may have had an effect, and keep them to the time that is left."""
    if limits is not None and limits.clock() >= limits.lease_end:
        return [LEASE_EXPIRED] * len(batch)
    sent, reply, has_deadline = False, None, limits is not None and limits.deadline < inf
    try:
        flow: Any = provider.send(batch)
        advance: Callable[[Any], Any] = flow.send
        while True:
            try:
                exchange = advance(reply)
            except StopIteration as done:
                ends: Sequence[AttemptEnd] = done.value
                break
            try:
                reply = yield _with_timeouts(exchange, limits) if has_deadline else exchange
            except BaseException as failure:  # noqa: BLE001  cancellation included: the flow decides
                sent |= exchange.may_send and not _is_before_the_first_byte(failure)
                advance, reply = flow.throw, failure
            else:
                sent |= exchange.may_send
                advance = flow.send
        return ends if len(ends) == len(batch) else _wrong_count(ends, batch, provider)
    except Exception as fault:  # noqa: BLE001  whatever a plugin raises
        return [_result_of_exception(fault, provider, sent=sent)] * len(batch)
    finally:
        sent_flag.may_have_been_sent |= sent


def _wrong_count(
    ends: Sequence[AttemptEnd], batch: Sequence[Envelope], provider: Provider
) -> Sequence[AttemptEnd]:
    """Return the end of each where the provider told of more or fewer than it was given: which is whose cannot be known."""
    detail = f"{provider.name} told of {len(ends)} of {len(batch)} messages"
    return [AttemptResult.of(Reason.UNREADABLE_RESPONSE, detail)] * len(batch)


def _split(doubtful: Sequence[int], batch_size: int) -> Sequence[Sequence[int]]:
    """Return which messages to ask about again together: halves of them all, or those of the one request that was refused."""
    if len(doubtful) < batch_size:
        return (doubtful,)
    middle = batch_size // 2
    return (doubtful[:middle], doubtful[middle:])


def _with_timeouts(exchange: Any, limits: AttemptLimits | None) -> Any:  # noqa: ANN401  any exchange
    """Return the exchange with no phase longer than what is left."""
    if limits is None or not hasattr(exchange, "timeouts"):
        return exchange
    return replace(exchange, timeouts=limits.timeouts(exchange.timeouts))


def limit_flow(flow: Flow[Result], limits: AttemptLimits) -> Flow[Result]:
    """Run a flow of exchanges that send nothing, such as the lookup of a recipient, with none longer than what is left."""
    reply: Any = None
    advance: Callable[[Any], Any] = flow.send
    while True:
        try:
            exchange = advance(reply)
        except StopIteration as done:
            return cast("Result", done.value)
        if isinstance(exchange, Sleep):
            exchange = Sleep(max(min(exchange.seconds, limits.deadline - limits.clock()), 0.0))
        try:
            reply = yield _with_timeouts(exchange, limits)
        except BaseException as failure:  # noqa: BLE001  cancellation included: the flow decides
            advance, reply = flow.throw, failure
        else:
            advance = flow.send


def _is_before_the_first_byte(failure: BaseException) -> bool:
    """Whether it is certain that the exchange that failed has put no byte of a message on its way."""
    if isinstance(failure, errors.TransportError):
        return not failure.may_have_been_sent
    return isinstance(failure, (errors.BadInput, errors.ConfigurationError, errors.LedgerUnavailable))


def _result_of_exception(error: Exception, provider: Provider, *, sent: bool) -> AttemptEnd:
    if isinstance(error, errors.TransportError) and (sent or error.phase is not errors.Phase.LOCAL):
        late = Reason.TIMEOUT if error.timed_out else Reason.CONNECTION
        return AttemptResult.of(late if sent else Reason.UNREACHABLE, str(error))
    if isinstance(error, (errors.BadInput, errors.ConfigurationError)) and not sent:
        return error
    detail = f"{provider.name} raised {type(error).__name__}"
    if isinstance(error, errors.TransportError):
        detail = f"{provider.name}: {error}"
    _LOG.error("%s", detail, exc_info=error)
    reason = Reason.PLUGIN if sent else Reason.INTERNAL_ERROR
    return AttemptResult.of(reason, detail, request_rejected=not sent, cause=error)


def warn_if_misdirected(result: AttemptResult, provider: str) -> None:
    """Tell the operator that somebody else answered in the provider's place: no message goes out until that is mended."""
    if result.reason is Reason.MISDIRECTED:
        _LOG.warning("%s cannot be reached: %s", provider, result.detail)


_LOG = logging.getLogger("messaging_channels")
_MIN_SECONDS = 0.001
"""Seconds that do not count: so much an exchange is given although the deadline has just passed."""


LEASE_EXPIRED = AttemptResult.of(
    Reason.LEASE_EXPIRED, "its turn came after its lease was over: somebody else may have sent it by now"
)
