"""Rules on the optional abilities (MC6xx)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from hypothesis import strategies as st

from messaging_channels._model.errors import Phase, TransportError
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.rate_limit import RateLimit
from messaging_channels.plugins.exchange import HttpResponse
from messaging_channels.plugins.provider import (
    LookupRequest,
    SupportsLookup,
    SupportsRateLimits,
    SupportsReportPolling,
)
from messaging_channels.testing.conformance.context import Case
from messaging_channels.testing.conformance.flow_runner import NOW, Played, play
from messaging_channels.testing.conformance.malformed import answers
from messaging_channels.testing.conformance.rules import NotApplicable

_FAILURES = (TransportError("refused", phase=Phase.CONNECT), TransportError("lost", phase=Phase.READ))
_NOTHING = HttpResponse(404, {}, b"")


def look_ups(case: Case) -> Iterator[str]:
    """MC601."""
    provider = case.provider
    if not isinstance(provider, SupportsLookup):
        why = "it looks nothing up"
        raise NotApplicable(why)
    good = play(provider.look_up(_inquiry(case)), case.vectors.lookup_response or _silent)
    yield from _effects(good)
    if case.vectors.lookup_response and (
        good.raised is not None or getattr(good.result, "outcome", None) is not Outcome.ACCEPTED
    ):
        yield f"a message that the vendor knows is not found{': ' + good.problem if good.raised else ''}"

    def problem(reply: Any) -> str:  # noqa: ANN401  any reply
        played = play(
            provider.look_up(_inquiry(case)), case.vectors.lookup_response or _silent, at={0: reply}
        )
        return _unfounded(played, reply)

    yield from case.explored(_replies(good), problem)


def reports(case: Case) -> Iterator[str]:
    """MC602."""
    provider = case.provider
    if not isinstance(provider, SupportsReportPolling):
        why = "it fetches no reports"
        raise NotApplicable(why)
    good = play(provider.fetch_reports(), case.vectors.reports_response or _silent)
    yield from _effects(good)
    if case.vectors.reports_response and (good.raised is not None or not good.result):
        yield f"no event is read of the reports in the vectors{': ' + good.problem if good.raised else ''}"
    if not good.asked:
        return

    def problem(reply: Any) -> str:  # noqa: ANN401  any reply
        played = play(case.build().fetch_reports(), case.vectors.reports_response or _silent, at={0: reply})  # type: ignore[attr-defined]
        excused = played.raised is None or isinstance(played.raised, TransportError)
        return "" if excused else f"of an answer {reply!r}: {played.problem}"

    yield from case.explored(_replies(good), problem)


def limits(case: Case) -> Iterator[str]:
    """MC603."""
    provider = case.provider
    if not isinstance(provider, SupportsRateLimits):
        why = "it names no rates"
        raise NotApplicable(why)
    for message in case.messages.values():
        first, again = (list(provider.rate_limits(case.envelope(message))) for _ in range(2))
        if first != again:
            yield f"a {type(message).__name__} counts against other rates the second time"
        if not all(_is_limit(one) for one in first):
            yield "what it returns are no pairs of a hashable key and a RateLimit"


def _is_limit(pair: Any) -> bool:  # noqa: ANN401  whatever a provider returned
    try:
        key, rate = pair
    except (TypeError, ValueError):
        return False
    return isinstance(key, Hashable) and isinstance(rate, RateLimit)


def _inquiry(case: Case) -> LookupRequest:
    envelope = case.envelope()
    return LookupRequest(envelope.id, envelope.channel, envelope.to, NOW - 60, NOW - 59, lambda _: True)


def _silent(_: object) -> HttpResponse:
    return _NOTHING


def _effects(played: Played) -> Iterator[str]:
    if any(exchange.may_send for exchange in played.asked):
        yield "one of its exchanges is said to have an effect"
    if played.endless:
        yield "it asks for ever"


def _replies(good: Played) -> st.SearchStrategy[Any]:
    usual = good.replies[0] if good.replies else _NOTHING
    return st.one_of(
        st.sampled_from(_FAILURES), answers(usual if isinstance(usual, HttpResponse) else _NOTHING)
    )


def _unfounded(played: Played, reply: Any) -> str:  # noqa: ANN401  any reply
    if played.raised is not None:
        excused = isinstance(played.raised, TransportError)
        return "" if excused else f"of an answer {reply!r}: {played.problem}"
    told = played.result
    if told is not None and not isinstance(told, AttemptResult):
        return f"it returned a {type(told).__name__}"
    proved = isinstance(reply, HttpResponse) and reply.status // 100 in (2, 4)
    if told is not None and told.reason is Reason.NOT_FOUND and not proved:
        return f"of {reply!r} it concludes that the message is absent"
    return ""
