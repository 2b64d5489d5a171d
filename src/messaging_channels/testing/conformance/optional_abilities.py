"""Rules on the optional abilities (MC6xx)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from hypothesis import strategies as st

from messaging_channels._model.errors import MessagingError, Phase, TransportError
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.rate_limit import RateLimit
from messaging_channels.plugins.exchange import HttpResponse
from messaging_channels.plugins.provider import (
    LookupRequest,
    SupportsLookup,
    SupportsRateLimits,
    SupportsReportPolling,
)
from messaging_channels.plugins.report_pages import ReportPage, SupportsReportCursor
from messaging_channels.testing.conformance.comparison import differing
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.flow_runner import NOW, FlowTrace, run_flow
from messaging_channels.testing.conformance.malformed import responses
from messaging_channels.testing.conformance.rules import NotApplicable

_FAILURES = (TransportError("refused", phase=Phase.CONNECT), TransportError("lost", phase=Phase.READ))
_NOT_FOUND = HttpResponse(404, {}, b"")


def lookup_is_safe(context: ConformanceContext) -> Iterator[str]:
    """MC601."""
    provider = context.provider
    if not isinstance(provider, SupportsLookup):
        why = "it has no `look_up`: the rule applies once it has"
        raise NotApplicable(why)
    good = run_flow(
        provider.look_up(_lookup_request(context)), context.fixtures.lookup_response or _not_found_responder
    )
    yield from _effects(good)
    if context.fixtures.lookup_response and (
        good.exception is not None or getattr(good.result, "outcome", None) is not Outcome.ACCEPTED
    ):
        yield f"a message that the vendor knows is not found{': ' + good.problem if good.exception else ''}"

    def problem(reply: Any) -> str:  # noqa: ANN401  any reply
        played = run_flow(
            provider.look_up(_lookup_request(context)),
            context.fixtures.lookup_response or _not_found_responder,
            replies_at={0: reply},
        )
        return _unfounded_conclusion(played, reply)

    yield from context.find_counterexample(_replies(good), problem)


def report_polling_is_safe(context: ConformanceContext) -> Iterator[str]:
    """MC602."""
    provider = context.provider
    if isinstance(provider, SupportsReportCursor):
        yield from _cursor_problems(context)
        return
    if not isinstance(provider, SupportsReportPolling):
        why = "it has no `fetch_reports` or `fetch_reports_after`: the rule applies once it has"
        raise NotApplicable(why)
    good = run_flow(provider.fetch_reports(), context.fixtures.reports_response or _not_found_responder)
    yield from _effects(good)
    if context.fixtures.reports_response and (good.exception is not None or not good.result):
        yield f"no event is read of the reports in the fixtures{': ' + good.problem if good.exception else ''}"
    if not good.exchanges:
        return

    def problem(reply: Any) -> str:  # noqa: ANN401  any reply
        played = run_flow(
            context.build().fetch_reports(),  # type: ignore[attr-defined]
            context.fixtures.reports_response or _not_found_responder,
            replies_at={0: reply},
        )
        excused = played.exception is None or isinstance(played.exception, TransportError)
        return "" if excused else f"of an answer {reply!r}: {played.problem}"

    yield from context.find_counterexample(_replies(good), problem)


def _cursor_problems(context: ConformanceContext) -> Iterator[str]:
    """Fetch the first page and the one behind it, and with answers that nobody documents: then the cursor stays where it was."""
    answered = context.fixtures.reports_response or _not_found_responder
    good = _fetched_after(context, None, answered)
    yield from _effects(good)
    page = good.result
    if good.exception is not None or not isinstance(page, ReportPage):
        yield f"the first page of reports: {good.problem or f'a {type(page).__name__} was returned'}"
        return
    if context.fixtures.reports_response and not page.events:
        yield "no event is read of the reports in the fixtures"
    if page.cursor is not None:
        following = _fetched_after(context, page.cursor, answered)
        if not differing(good.exchanges, following.exchanges):
            yield "the page behind its cursor is asked for as the first one is: the same reports come again"
    for cursor in (None, "zq-7"):
        yield from context.find_counterexample(_replies(good), _lost_cursor(context, cursor, answered))


def _fetched_after(
    context: ConformanceContext,
    cursor: str | None,
    answered: Callable[[Any], Any],
    reply: Any = None,  # noqa: ANN401  any reply
) -> FlowTrace:
    provider = context.build()
    assert isinstance(provider, SupportsReportCursor)  # noqa: S101  for the type checkers: it was asked for
    return run_flow(
        provider.fetch_reports_after(cursor), answered, replies_at={} if reply is None else {0: reply}
    )


def _lost_cursor(
    context: ConformanceContext, cursor: str | None, answered: Callable[[Any], Any]
) -> Callable[[Any], str]:
    def problem(reply: Any) -> str:  # noqa: ANN401  any reply
        played = _fetched_after(context, cursor, answered, reply)
        if played.exception is not None:
            excused = isinstance(played.exception, (TransportError, MessagingError))
            return "" if excused else f"of an answer {reply!r}: {played.problem}"
        failed = isinstance(reply, HttpResponse) and not reply.ok
        moved = failed and played.result.cursor not in (None, cursor)
        return f"of an answer {reply!r} the cursor goes on to {played.result.cursor!r}" if moved else ""

    return problem


def rate_limits_are_stable(context: ConformanceContext) -> Iterator[str]:
    """MC603."""
    provider = context.provider
    if not isinstance(provider, SupportsRateLimits):
        why = "it has no `rate_limits`: the rule applies once it has"
        raise NotApplicable(why)
    for message in context.messages.values():
        first, again = (list(provider.rate_limits(context.envelope(message))) for _ in range(2))
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


def _lookup_request(context: ConformanceContext) -> LookupRequest:
    envelope = context.envelope()
    return LookupRequest(envelope.id, envelope.channel, envelope.to, NOW - 60, NOW - 59, lambda _: True)


def _not_found_responder(_: object) -> HttpResponse:
    return _NOT_FOUND


def _effects(trace: FlowTrace) -> Iterator[str]:
    if any(exchange.may_send for exchange in trace.exchanges):
        yield "one of its exchanges is said to have an effect"
    if trace.did_not_end:
        yield "it asks for ever"


def _replies(successful: FlowTrace) -> st.SearchStrategy[Any]:
    usual = successful.replies[0] if successful.replies else _NOT_FOUND
    return st.one_of(
        st.sampled_from(_FAILURES), responses(usual if isinstance(usual, HttpResponse) else _NOT_FOUND)
    )


def _unfounded_conclusion(trace: FlowTrace, reply: Any) -> str:  # noqa: ANN401  any reply
    if trace.exception is not None:
        excused = isinstance(trace.exception, TransportError)
        return "" if excused else f"of an answer {reply!r}: {trace.problem}"
    told = trace.result
    if told is not None and not isinstance(told, AttemptResult):
        return f"it returned a {type(told).__name__}"
    proved = isinstance(reply, HttpResponse) and reply.status // 100 in (2, 4)
    if told is not None and told.reason is Reason.NOT_FOUND and not proved:
        return f"of {reply!r} it concludes that the message is absent"
    return ""
