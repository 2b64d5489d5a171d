"""Rules on the optional abilities (MC6xx)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from hypothesis import strategies as st

from messaging_channels._model.errors import ExchangeFailed, Phase
from messaging_channels._model.outcomes import Kind, Outcome, Reason
from messaging_channels._model.rate_limit import Rate
from messaging_channels.plugins.exchange import HttpResponse
from messaging_channels.plugins.provider import FetchesReports, Inquiry, LimitsRates, LooksUp
from messaging_channels.testing.conformance.case import Case
from messaging_channels.testing.conformance.findings import NotApplicable
from messaging_channels.testing.conformance.hostile import answers
from messaging_channels.testing.conformance.play import NOW, Played, play

_FAILURES = (ExchangeFailed("refused", phase=Phase.CONNECT), ExchangeFailed("lost", phase=Phase.READ))
_NOTHING = HttpResponse(404, {}, b"")


def look_ups(case: Case) -> Iterator[str]:
    """MC601."""
    provider = case.provider
    if not isinstance(provider, LooksUp):
        why = "it looks nothing up"
        raise NotApplicable(why)
    good = play(provider.look_up(_inquiry(case)), case.vectors.found or _silent)
    yield from _effects(good)
    if case.vectors.found and (
        good.raised is not None or getattr(good.result, "kind", None) is not Kind.ACCEPTED
    ):
        yield f"a message that the vendor knows is not found{': ' + good.problem if good.raised else ''}"

    def problem(reply: Any) -> str:  # noqa: ANN401  any reply
        played = play(provider.look_up(_inquiry(case)), case.vectors.found or _silent, at={0: reply})
        return _unfounded(played, reply)

    yield from case.explored(_replies(good), problem)


def reports(case: Case) -> Iterator[str]:
    """MC602."""
    provider = case.provider
    if not isinstance(provider, FetchesReports):
        why = "it fetches no reports"
        raise NotApplicable(why)
    good = play(provider.fetch_reports(), case.vectors.reports or _silent)
    yield from _effects(good)
    if case.vectors.reports and (good.raised is not None or not good.result):
        yield f"no event is read of the reports in the vectors{': ' + good.problem if good.raised else ''}"
    if not good.asked:
        return

    def problem(reply: Any) -> str:  # noqa: ANN401  any reply
        played = play(case.build().fetch_reports(), case.vectors.reports or _silent, at={0: reply})  # type: ignore[attr-defined]
        excused = played.raised is None or isinstance(played.raised, ExchangeFailed)
        return "" if excused else f"of an answer {reply!r}: {played.problem}"

    yield from case.explored(_replies(good), problem)


def limits(case: Case) -> Iterator[str]:
    """MC603."""
    provider = case.provider
    if not isinstance(provider, LimitsRates):
        why = "it names no rates"
        raise NotApplicable(why)
    for message in case.messages.values():
        first, again = (list(provider.limits(case.envelope(message))) for _ in range(2))
        if first != again:
            yield f"a {type(message).__name__} counts against other rates the second time"
        if not all(_is_limit(one) for one in first):
            yield "what it returns are no pairs of a hashable key and a Rate"


def _is_limit(pair: Any) -> bool:  # noqa: ANN401  whatever a provider returned
    try:
        key, rate = pair
    except (TypeError, ValueError):
        return False
    return isinstance(key, Hashable) and isinstance(rate, Rate)


def _inquiry(case: Case) -> Inquiry:
    envelope = case.envelope()
    return Inquiry(envelope.id, envelope.channel, envelope.to, NOW - 60, NOW - 59, lambda _: True)


def _silent(_: object) -> HttpResponse:
    return _NOTHING


def _effects(played: Played) -> Iterator[str]:
    if any(exchange.effect for exchange in played.asked):
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
        excused = isinstance(played.raised, ExchangeFailed)
        return "" if excused else f"of an answer {reply!r}: {played.problem}"
    told = played.result
    if told is not None and not isinstance(told, Outcome):
        return f"it returned a {type(told).__name__}"
    proved = isinstance(reply, HttpResponse) and reply.status // 100 in (2, 4)
    if told is not None and told.reason is Reason.ABSENT and not proved:
        return f"of {reply!r} it concludes that the message is absent"
    return ""
