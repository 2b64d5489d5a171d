"""One provider asked once about one or more messages: whatever goes wrong becomes an outcome for each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, TypeAlias

from messaging_channels._model import errors
from messaging_channels._model.outcomes import Outcome, Reason
from messaging_channels._model.values import value
from messaging_channels.plugins.exchange import Flow, Timeouts

if TYPE_CHECKING:
    from messaging_channels.plugins.provider import Envelope, Provider

End: TypeAlias = "Outcome | errors.BadInput | errors.ConfigurationError"
"""How an attempt ended: with an outcome, or refused by the plugin itself before anything left the machine."""

_CONTENT = frozenset({Reason.INVALID, Reason.RECIPIENT, Reason.POLICY, Reason.LOCAL})
"""Refusals that speak of a message, not of the account, and faults before anything left the machine: of a request of several, it may be one message's alone."""


@dataclass(slots=True)
class Evidence:
    """Whether anything may have left the machine so far."""

    may_have_been_sent: bool = False


@value(frozen=True, slots=True)
class Limit:
    """How long the exchanges of an attempt may take."""

    seconds: float
    usual: Timeouts


@value(frozen=True, slots=True)
class Turn:
    """A message that waits for its turn, and until when its caller holds it: from then on somebody else may send it."""

    envelope: Envelope
    until: float
    """Seconds since the epoch, UTC."""


def shared(provider: Provider, turns: Sequence[Turn], clock: Callable[[], float]) -> Flow[Sequence[End]]:
    """Ask one provider once about the messages of several callers, without those that are no longer their caller's."""
    if len(turns) == 1 and turns[0].until == inf:
        return attempt(provider, [turns[0].envelope])
    return _in_time(provider, turns, clock)


def _in_time(provider: Provider, turns: Sequence[Turn], clock: Callable[[], float]) -> Flow[Sequence[End]]:
    now = clock()
    live = [turn for turn in turns if now < turn.until]
    if not live:
        return [LATE] * len(turns)
    until = min([turn.until for turn in live])
    asked = yield from attempt(provider, [one.envelope for one in live], late=lambda: clock() >= until)
    if len(live) == len(turns):
        return asked
    ends = iter(asked)
    return [next(ends) if now < turn.until else LATE for turn in turns]


def attempt(
    provider: Provider,
    batch: Sequence[Envelope],
    *,
    limit: Limit | None = None,
    evidence: Evidence | None = None,
    late: Callable[[], bool] | None = None,
) -> Flow[Sequence[End]]:
    """Ask one provider once, and turn whatever goes wrong into outcomes.

    A refusal of several messages as a whole is a certain not-sent: they are asked in halves, so that a bad one fails no other. A provider that needs several
    requests for a batch may have one of them refused: its messages alone are asked again.
    What is `late` is no longer the caller's to send: it is not asked about.
    """
    seen = evidence or Evidence()
    asked = _asked(provider, batch, limit, seen, late)
    if len(batch) == 1:
        return asked
    again = partial(attempt, provider, limit=limit, evidence=seen, late=late)
    return _mended(asked, batch, again)


def _mended(
    asked: Flow[Sequence[End]],
    batch: Sequence[Envelope],
    again: Callable[[Sequence[Envelope]], Flow[Sequence[End]]],
) -> Flow[Sequence[End]]:
    """Ask again, in parts, about those of a batch whose end may be another one's fault."""
    ends = yield from asked
    doubtful = [
        index
        for index, end in enumerate(ends)
        if not isinstance(end, Outcome) or (end.whole_request and end.reason in _CONTENT)
    ]
    if not doubtful:
        return ends
    mended = list(ends)
    for part in _parts(doubtful, len(batch)):
        told = yield from again([batch[one] for one in part])
        for index, end in zip(part, told, strict=True):
            mended[index] = end
    return mended


def _asked(
    provider: Provider,
    batch: Sequence[Envelope],
    limit: Limit | None,
    seen: Evidence,
    late: Callable[[], bool] | None,
) -> Flow[Sequence[End]]:
    """Run the provider's flow, note when one of its exchanges may have had an effect, and keep them to the time that is left."""
    if late is not None and late():
        return [LATE] * len(batch)
    sent, reply = False, None
    try:
        flow: Any = provider.send(batch)
        advance: Callable[[Any], Any] = flow.send
        while True:
            try:
                exchange = advance(reply)
            except StopIteration as done:
                return _all_told(done.value, batch, provider)
            try:
                reply = yield exchange if limit is None else _limited(exchange, limit)
            except BaseException as failure:  # noqa: BLE001  cancellation included: the flow decides
                if not isinstance(failure, errors.ExchangeFailed) or failure.may_have_been_sent:
                    sent |= exchange.effect
                advance, reply = flow.throw, failure
            else:
                sent |= exchange.effect
                advance = flow.send
    except Exception as fault:  # noqa: BLE001  whatever a plugin raises
        return [_of_fault(fault, provider, sent=sent)] * len(batch)
    finally:
        seen.may_have_been_sent |= sent


def _all_told(ends: Sequence[End], batch: Sequence[Envelope], provider: Provider) -> Sequence[End]:
    if len(ends) == len(batch):
        return ends
    detail = f"{provider.name} told of {len(ends)} of {len(batch)} messages"
    return [Outcome.of(Reason.UNIDENTIFIED, detail)] * len(batch)


def _parts(doubtful: Sequence[int], asked: int) -> Sequence[Sequence[int]]:
    """Return which messages to ask about again together: halves of them all, or those of the one request that was refused."""
    if len(doubtful) < asked:
        return (doubtful,)
    middle = asked // 2
    return (doubtful[:middle], doubtful[middle:])


def _limited(exchange: Any, limit: Limit) -> Any:  # noqa: ANN401  any exchange
    """Return the exchange with no phase longer than what is left."""
    if not hasattr(exchange, "timeouts"):
        return exchange
    usual: Timeouts = exchange.timeouts or limit.usual
    phases = (min(limit.seconds, phase) for phase in (usual.connect, usual.write, usual.read))
    return replace(exchange, timeouts=Timeouts(*phases))


def _of_fault(fault: Exception, provider: Provider, *, sent: bool) -> End:
    if isinstance(fault, errors.ExchangeFailed):
        late = Reason.TIMEOUT if fault.timed_out else Reason.CONNECTION
        return Outcome.of(late if sent else Reason.UNREACHABLE, str(fault))
    if isinstance(fault, (errors.BadInput, errors.ConfigurationError)) and not sent:
        return fault
    detail = f"{provider.name} raised {type(fault).__name__}"
    return Outcome.of(Reason.PLUGIN, detail) if sent else Outcome.of(Reason.LOCAL, detail, whole_request=True)


LATE = Outcome.of(
    Reason.LOCAL, "its turn came after its lease was over: somebody else may have sent it by now"
)
