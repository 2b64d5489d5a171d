"""Rules on the optional abilities (MC6xx)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from hypothesis import strategies as st

from messaging_channels._model.errors import MessagingError, Phase, TransportError
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.rate_limit import RateLimit
from messaging_channels.plugins.exchange import Flow, HttpRequest, HttpResponse
from messaging_channels.plugins.provider import (
    LookupRequest,
    Provider,
    SupportsLookup,
    SupportsRateLimits,
    SupportsReportPolling,
)
from messaging_channels.plugins.report_pages import ReportPage, SupportsReportCursor
from messaging_channels.testing import canaries
from messaging_channels.testing.canaries import find_leaks
from messaging_channels.testing.conformance.comparison import differing
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.flow_runner import NOW, FlowTrace, run_flow
from messaging_channels.testing.conformance.malformed import responses
from messaging_channels.testing.conformance.rules import NotApplicable

_FAILURES = (TransportError("refused", phase=Phase.CONNECT), TransportError("lost", phase=Phase.READ))
_NOT_FOUND = HttpResponse(404, {}, b"")
_ABSENT = (404, 410)
_FAILED = (302, 400, 401, 403, 429, 500, 503)


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
    yield from _problems_of_requests(context, _looks_up)
    if context.fixtures.lookup_response:
        yield from _not_found(good)
        yield from _found_by_anything(context, provider, context.fixtures.lookup_response)

    def problem(reply: Any) -> str:  # noqa: ANN401  any reply
        played = run_flow(
            provider.look_up(_lookup_request(context)),
            context.fixtures.lookup_response or _not_found_responder,
            replies_at={0: reply},
        )
        return next(_effects(played), "") or _unfounded_conclusion(played, reply)

    usual = [one.body for one in good.replies[:1] if isinstance(one, HttpResponse)]
    refused = product(_FAILED, (b"", *usual)) if usual else ()
    found = (problem(HttpResponse(status, {}, body)) for status, body in refused)
    if words := next((one for one in found if one), ""):
        yield words
        return
    yield from context.find_counterexample(_replies(good), problem)


def _not_found(good: FlowTrace) -> Iterator[str]:
    if good.exception is not None or getattr(good.result, "outcome", None) is not Outcome.ACCEPTED:
        yield f"a message that the vendor knows is not found{': ' + good.problem if good.exception else ''}"
    elif not good.result.provider_id:
        yield "a message that the vendor knows is found without the vendor's id"


def _problems_of_requests(
    context: ConformanceContext, flow_of: Callable[[Provider, ConformanceContext], Flow[Any]]
) -> Iterator[str]:
    """Say of the requests that ask for something what the rules on sending say of those that send: the host, and the secret."""
    respond = context.fixtures.lookup_response or context.fixtures.reports_response or _not_found_responder
    one, other = (
        run_flow(flow_of(context.build(secret=secret), context), respond)
        for secret in (canaries.SECRET, canaries.OTHER_SECRET)
    )
    yield from _problems_of_urls(context, one)
    sent = [
        context.send(provider=context.build(secret=one)) for one in (canaries.SECRET, canaries.OTHER_SECRET)
    ]
    if one.exchanges and context.differences(*sent) and not differing(one.exchanges, other.exchanges):
        yield "two accounts with different secrets ask by the same request: nothing proves whose it is"


def _problems_of_urls(context: ConformanceContext, trace: FlowTrace) -> Iterator[str]:
    has_url = "base_url" in context.spec.settings.model_fields
    for url in [asked.url for asked in trace.exchanges if isinstance(asked, HttpRequest)]:
        if has_url and not url.startswith(context.url):
            yield f"it asks {url.partition('?')[0]}, and not the URL in its settings"
        if find_leaks(url, "the secret"):
            yield "the URL that it asks holds the secret"


def _looks_up(provider: Provider, context: ConformanceContext) -> Flow[Any]:
    assert isinstance(provider, SupportsLookup)  # noqa: S101  for the type checkers: it was asked for
    return provider.look_up(_lookup_request(context))


def _fetches(provider: Provider, _: ConformanceContext) -> Flow[Any]:
    if isinstance(provider, SupportsReportCursor):
        return provider.fetch_reports_after(None)
    assert isinstance(provider, SupportsReportPolling)  # noqa: S101  for the type checkers: it was asked for
    return provider.fetch_reports()


def _matches_nothing(_: object) -> bool:
    return False


def _found_by_anything(
    context: ConformanceContext, provider: SupportsLookup, respond: Callable[[Any], Any]
) -> Iterator[str]:
    """Look two messages up that have nothing in common: one request for both is no look-up, unless the answer is searched for the message."""
    other = context.envelope(number=1)
    one = _lookup_request(context)
    another = replace(
        one,
        message_id="f" * 32,
        to=other.to,
        text_matches=_matches_nothing,
        to_matches=_matches_nothing,
        started_at=one.started_at - 7_200,
        ended_at=one.ended_at - 7_200,
    )
    for own, foreign in ((None, None), ("zq-theirs-1", "zq-theirs-2")):
        first = run_flow(provider.look_up(replace(one, provider_id=own)), respond)
        second = run_flow(
            provider.look_up(replace(another, provider_id=foreign)),
            respond,
            replies_at=dict(enumerate(first.replies)),
        )
        found = [getattr(played.result, "outcome", None) for played in (first, second)]
        if found == [Outcome.ACCEPTED] * 2 and not differing(first.exchanges, second.exchanges):
            yield "two messages are looked up by the same request, and the same answer finds both"
            return


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
    yield from _problems_of_requests(context, _fetches)
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
    yield from _problems_of_requests(context, _fetches)
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
    return "" if told is None else _without_proof(trace, told, reply)


def _without_proof(trace: FlowTrace, told: AttemptResult, reply: Any) -> str:  # noqa: ANN401  any reply
    is_good = isinstance(reply, HttpResponse) and reply.ok
    is_absent = isinstance(reply, HttpResponse) and reply.status in _ABSENT
    if told.reason is Reason.NOT_FOUND and not (is_good or is_absent):
        return f"of {reply!r} it concludes that the message is absent"
    if told.outcome is Outcome.ACCEPTED and not is_good and len(trace.exchanges) == 1:
        return f"of {reply!r} it concludes that the message was accepted"
    return ""
