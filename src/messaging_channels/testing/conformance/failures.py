"""Rules on failures and repetitions (MC210 to MC212), and on batches (MC213, MC214, MC216)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from messaging_channels._model.errors import Phase, TransportError
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels.plugins.exchange import HttpResponse
from messaging_channels.plugins.provider import Envelope
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.flow_runner import FlowTrace
from messaging_channels.testing.conformance.malformed import (
    Path,
    list_paths,
    parse_json,
    to_json,
    value_at,
    with_value,
)
from messaging_channels.testing.conformance.rules import NotApplicable

_REFUSALS = (400, 422)
_AGAIN = {"retry-after": "0", "location": "http://127.0.0.1:9/elsewhere"}
"""What tempts a provider to ask once more."""


def provider_does_not_retry(context: ConformanceContext) -> Iterator[str]:
    """MC210."""
    for index in _effects(context):
        for what, reply in _failures(context, index):
            played = context.send(replies_at=dict.fromkeys(range(index, 100), reply))
            later = [one for one in played.exchanges[index + 1 :] if one.may_send]
            if later and not played.did_not_end:
                yield f"after {what} it asked {len(later)} more times for the same message"


def lost_response_is_unknown(context: ConformanceContext) -> Iterator[str]:
    """MC211."""
    for index in _effects(context):
        for timed_out in (True, False):
            failure = TransportError("lost", phase=Phase.READ, timed_out=timed_out)
            told = _attempt_with_failure(context, index, failure)
            if told is not Outcome.UNKNOWN:
                yield f"with its answer {'late' if timed_out else 'lost'}, the message ends as {told}"


def refused_connection_is_not_sent(context: ConformanceContext) -> Iterator[str]:
    """MC212."""
    if not context.successful_send.exchanges:
        why = "it exchanges nothing with a vendor: the rule applies once it does"
        raise NotApplicable(why)
    told = _attempt_with_failure(context, 0, TransportError("refused", phase=Phase.CONNECT))
    if told is not Outcome.NOT_SENT:
        yield f"with the connection refused, the message ends as {told}"


def results_are_matched_by_id(context: ConformanceContext) -> Iterator[str]:
    """MC213."""
    if context.fixtures.ordered_batch_docs:
        why = f"the vendor promises the order ({context.fixtures.ordered_batch_docs}): leave `ordered_batch_docs` out to have it checked"
        raise NotApplicable(why)
    batch, answer, paths = _batch_with_response(context)
    usual = _told(context.send(*batch))
    tree = parse_json(answer.body)
    for path in paths:
        turned = HttpResponse(
            answer.status, answer.headers, to_json(with_value(tree, path, value_at(tree, path)[::-1]))
        )
        if _told(context.send(*batch, replies_at={_last_exchange(context, batch): turned})) != usual:
            yield f"with the elements at {_format_path(path)} in reverse, the messages get each other's outcomes"


def missing_elements_are_unknown(context: ConformanceContext) -> Iterator[str]:
    """MC214."""
    batch, answer, paths = _batch_with_response(context)
    tree = parse_json(answer.body)
    for path in paths:
        fewer = HttpResponse(
            answer.status, answer.headers, to_json(with_value(tree, path, value_at(tree, path)[1:]))
        )
        played = context.send(*batch, replies_at={_last_exchange(context, batch): fewer})
        kinds = [one.outcome for one in played.result] if played.exception is None else []
        if words := _problem_of_missing(kinds, len(batch), ordered=bool(context.fixtures.ordered_batch_docs)):
            yield words


def _problem_of_missing(kinds: Sequence[Outcome], size: int, *, ordered: bool) -> str:
    """Say what is wrong with the outcomes of a batch whose first message is not in the answer."""
    accepted = kinds.count(Outcome.ACCEPTED)
    if len(kinds) == size and not ordered and kinds[0] is not Outcome.UNKNOWN:
        return f"a message that the answer leaves out ends as {kinds[0]}"
    if ordered and (Outcome.NOT_SENT in kinds or Outcome.REJECTED in kinds):
        return "of an answer with an element less than the batch, a message ends as not_sent or rejected"
    if accepted >= size or len(kinds) != size:
        return f"of {size} messages and {size - 1} in the answer, {accepted} are accepted"
    return ""


def request_rejection_is_marked(context: ConformanceContext) -> Iterator[str]:
    """MC216."""
    batch = _require_batch(context)
    last = context.require_http() - 1
    played = context.send(*batch, replies_at={last: HttpResponse(400, {}, b"")})
    if len(played.exchanges) > len(context.successful_send.exchanges):
        why = "it makes a request for each message of a batch: the rule applies to one request for several"
        raise NotApplicable(why)
    if played.exception is None and not all(one.request_rejected for one in played.result):
        yield f"HTTP 400 to a request of {len(batch)} messages is not marked as the refusal of all of them"
        return
    for answer, meant in context.documented_responses:
        is_whole = isinstance(answer, HttpResponse) and isinstance(parse_json(answer.body), dict)
        if is_whole and answer.status in _REFUSALS:
            told = context.send(*batch, replies_at={last: answer}).results
            if (
                told
                and all(one.reason is meant for one in told)
                and not all(one.request_rejected for one in told)
            ):
                yield f"HTTP {answer.status} ({meant}) to a request of {len(batch)} messages is not marked as the refusal of all of them"
                return


def _effects(context: ConformanceContext) -> list[int]:
    """Return which exchanges with the vendor may send the message."""
    return [index for index, exchange in enumerate(context.successful_send.exchanges) if exchange.may_send]


def _failures(context: ConformanceContext, index: int) -> Iterator[tuple[str, Any]]:
    yield "a lost answer", TransportError("lost", phase=Phase.READ)
    yield "a late answer", TransportError("late", phase=Phase.READ, timed_out=True)
    yield "a refused connection", TransportError("refused", phase=Phase.CONNECT)
    if isinstance(context.successful_send.replies[index], HttpResponse):
        last = index == len(context.successful_send.exchanges) - 1
        for status in (200, 302, 307, 308, 409, 429, 500, 502, 503, 504) if last else (429, 500, 503):
            yield f"HTTP {status}", HttpResponse(status, _AGAIN, b"")


def _attempt_with_failure(context: ConformanceContext, index: int, failure: TransportError) -> Outcome | str:
    end = context.attempt(index, failure)
    if isinstance(end, str):
        return end
    return end.outcome if isinstance(end, AttemptResult) else f"a {type(end).__name__}"


def _require_batch(context: ConformanceContext) -> list[Envelope]:
    batch = context.batch(3)
    if len(batch) == 1:
        why = "it takes one message at a time: the rule applies once `Capabilities.max_batch_size` is above 1"
        raise NotApplicable(why)
    return batch


def _batch_with_response(context: ConformanceContext) -> tuple[list[Envelope], HttpResponse, list[Path]]:
    """Return a batch, the answer to it, and where in the answer there is an element for each message."""
    batch = _require_batch(context)
    played = context.send(*batch)
    answer = played.replies[-1] if played.replies else None
    paths = list_paths(parse_json(answer.body), len(batch)) if isinstance(answer, HttpResponse) else []
    if not paths or played.exception is not None:
        why = "no answer holds an element for each message of a batch: give one in `success_response`"
        raise NotApplicable(why)
    assert isinstance(answer, HttpResponse)  # noqa: S101  for the type checkers: there are paths in it
    return batch, answer, paths


def _last_exchange(context: ConformanceContext, batch: Sequence[Envelope]) -> int:
    return len(context.send(*batch).exchanges) - 1


def _told(trace: FlowTrace) -> list[tuple[Reason, str | None]]:
    return [] if trace.exception is not None else [(one.reason, one.provider_id) for one in trace.result]


def _format_path(path: Path) -> str:
    return ".".join(map(str, path)) or "the top"
