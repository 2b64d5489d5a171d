"""Rules on what a provider makes of answers (MC201 to MC209, MC215, MC217)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, product
from typing import Any, TypeAlias, cast

from hypothesis import strategies as st

from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._model.status import Status, StatusGroup
from messaging_channels.plugins.exchange import HttpResponse
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.flow_runner import FlowTrace
from messaging_channels.testing.conformance.malformed import (
    PLAUSIBLE_ERROR,
    UNREADABLE_BODIES,
    Path,
    all_paths,
    parse_json,
    responses,
    to_json,
    with_value,
)
from messaging_channels.testing.conformance.rules import NotApplicable

FindProblem: TypeAlias = Callable[[FlowTrace], str]
"""Says in words what is wrong with what a send came to; nothing if all is well."""

_OTHER_VALUES: tuple[Any, ...] = ("canary_unheard_of", 987654321, None, [], {})
"""What takes the place of each value of an answer in turn."""
_UNDER_WAY = frozenset(
    {b"queued", b"sending", b"accepted", b"submitted", b"enroute", b"pending", b"scheduled"}
)
_REFUSALS = (
    *range(300, 309),
    *range(400, 408),
    *range(409, 418),
    421,
    422,
    423,
    424,
    425,
    426,
    428,
    431,
    451,
)
_UNAUTHORIZED = 401
_COMMON_ERRORS = (500, 502, 503, 504, 529, 599)
_SERVER = (408, *(status for status in range(500, 600) if status != 511))  # noqa: PLR2004
"""511 is the network's word before the vendor, such as that of a hotel (RFC 6585, section 6): nothing was sent. 408 is that of a server or a proxy which waited
too long for something."""


def success_is_accepted(context: ConformanceContext) -> Iterator[str]:
    """MC201."""
    for kind, message in context.messages.items():
        played = context.send(context.envelope(message))
        if played.exception is not None:
            yield f"of the answer that takes a {kind.__name__}: {played.problem}"
        elif reason_of(played) not in (Reason.ACCEPTED, Reason.DUPLICATE):
            yield f"the answer that takes a {kind.__name__} is read as {reason_of(played)}"
        elif result_of(played).status.group is StatusGroup.DELIVERED and _is_under_way(played):
            yield f"the answer that takes a {kind.__name__} says that it is under way, and is read as delivered"


def _is_under_way(played: FlowTrace) -> bool:
    """Whether the last answer says that the message is queued or sent, and nothing of a delivery."""
    answer = played.replies[-1] if played.replies else None
    words = re.findall(rb"[a-z]+", answer.body.lower()) if isinstance(answer, HttpResponse) else []
    return any(one in _UNDER_WAY for one in words) and not any(b"deliver" in one for one in words)


def provider_id_is_kept(context: ConformanceContext) -> Iterator[str]:
    """MC202."""
    if not result_of(context.successful_send).provider_id:
        yield "the outcome of an accepted message has no `provider_id`"


def raw_response_is_kept(context: ConformanceContext) -> Iterator[str]:
    """MC203."""
    if not context.successful_send.exchanges:
        why = "it exchanges nothing with a vendor: the rule applies once it does"
        raise NotApplicable(why)
    if result_of(context.successful_send).raw_response is None:
        yield "the outcome of an accepted message has no `raw_response`"
    for number, (answer, meant) in enumerate(context.documented_responses):
        played = context.send(replies_at={context.message_index: answer})
        if isinstance(answer, HttpResponse) and played.results and played.results[0].raw_response is None:
            yield f"the outcome of documented answer {number} ({meant}) has no `raw_response`"
            return


def any_response_is_handled(context: ConformanceContext) -> Iterator[str]:
    """MC204."""
    yield from for_each_malformed_reply(context, lambda played: played.problem or _count_problem(played))
    yield from _raising_replies(context)


def _raising_replies(context: ConformanceContext) -> Iterator[str]:
    """Replace each value of the answers that the fixtures give by what nobody documents, and say of the first that ends in an exception."""
    index = context.message_index
    for reply in chain(_unreadable_replies(context), _changed_replies(context)):
        played = context.send(replies_at={index: reply})
        if played.exception is not None:
            yield f"HTTP {reply.status} with {_describe_body(reply.body)}: {played.problem}"
            return


def _unreadable_replies(context: ConformanceContext) -> Iterator[HttpResponse]:
    index = context.message_index
    if index >= 0 and isinstance(context.successful_send.replies[index], HttpResponse):
        for status, given in product((200, 400, 500), UNREADABLE_BODIES):
            yield HttpResponse(status, {}, given)


def _changed_replies(context: ConformanceContext) -> Iterator[HttpResponse]:
    """Yield the answers that the fixtures give, each of a form once, with each of its values replaced."""
    told = context.successful_send.replies[context.message_index :]
    given = [*told, *(one for one, _ in context.documented_responses)]
    known: set[tuple[Path, ...]] = set()
    for reply in [one for one in given if isinstance(one, HttpResponse)]:
        tree = parse_json(reply.body)
        paths = tuple(all_paths(tree))
        if tree is None or paths in known:
            continue
        known.add(paths)
        for path, value in product(paths, _OTHER_VALUES):
            yield HttpResponse(reply.status, reply.headers, to_json(with_value(tree, path, value)))


def results_are_well_formed(context: ConformanceContext) -> Iterator[str]:
    """MC205."""
    yield from for_each_malformed_reply(context, _result_problem)
    for reply in _changed_replies(context):
        if words := _result_problem(context.send(replies_at={context.message_index: reply})):
            yield f"HTTP {reply.status} with {_describe_body(reply.body)}: {words}"
            return


def server_errors_are_unknown(context: ConformanceContext) -> Iterator[str]:
    """MC206."""
    last = context.require_http() - 1

    def problem(answer: tuple[int, bytes]) -> str:
        status, given = answer
        played = context.send(replies_at={last: HttpResponse(status, {}, given)})
        if played.exception is not None or outcome_of(played) is Outcome.UNKNOWN:
            return ""
        return f"HTTP {status} with {_describe_body(given)} is read as {reason_of(played)}"

    for answer in _server_errors(context, last):
        if words := problem(answer):
            yield words
            return


def _server_errors(context: ConformanceContext, last: int) -> Iterator[tuple[int, bytes]]:
    """Return server errors: each status without and with the body of a fault, those that may be documented as harmless with bodies that nobody documents."""
    replies = [context.successful_send.replies[last], *(answer for answer, _ in context.documented_responses)]
    told = [answer.body for answer in replies if isinstance(answer, HttpResponse)]
    for body in (PLAUSIBLE_ERROR, *UNREADABLE_BODIES):
        yield from ((status, body) for status in _SERVER)
    for body in dict.fromkeys(told):
        yield from ((status, body) for status in _COMMON_ERRORS if status not in context.fixtures.safe_5xx)


def unreadable_responses_are_not_accepted(context: ConformanceContext) -> Iterator[str]:
    """MC207."""
    last = context.require_http() - 1
    good = cast("HttpResponse", context.successful_send.replies[last])
    if not good.body:
        why = "the vendor accepts with an empty body: the rule applies to answers with one"
        raise NotApplicable(why)

    def problem(answer: tuple[int, bytes]) -> str:
        status, body = answer
        played = context.send(replies_at={last: HttpResponse(status, {}, body)})
        if played.exception is not None:
            return ""
        success = status // 100 == good.status // 100
        if outcome_of(played) is Outcome.ACCEPTED or (success and outcome_of(played) is not Outcome.UNKNOWN):
            return f"HTTP {status} with {_describe_body(body)} is read as {reason_of(played)}"
        return ""

    successes = product((good.status, 200, 201, 202, 204), UNREADABLE_BODIES)
    refusals = product(_REFUSALS, (b"", b"<html>busy</html>", PLAUSIBLE_ERROR))
    found = (
        *(problem(one) for one in successes),
        *(_refusal_problem(context, last, status, body) for status, body in refusals),
    )
    if words := next((one for one in found if one), ""):
        yield words
        return
    statuses = st.sampled_from((good.status, 200, 302, 400, 404, 422, 500))
    yield from context.find_counterexample(
        st.tuples(statuses, st.sampled_from((*UNREADABLE_BODIES, *_truncations(good.body)))), problem
    )


def _refusal_problem(context: ConformanceContext, last: int, status: int, body: bytes) -> str:
    """Say what is wrong with how a refusal is read of which nothing but the status is known."""
    played = context.send(replies_at={last: HttpResponse(status, {}, body)})
    if played.exception is not None or any(
        isinstance(one, HttpResponse) and one.status == status and not parse_json(one.body)
        for one, _ in context.documented_responses
    ):
        return ""
    is_wrong = reason_of(played) in (Reason.ACCEPTED, Reason.RECIPIENT) or (
        status == _UNAUTHORIZED and outcome_of(played) is Outcome.REJECTED
    )
    return f"HTTP {status} with {_describe_body(body)} is read as {reason_of(played)}" if is_wrong else ""


def documented_responses_are_mapped(context: ConformanceContext) -> Iterator[str]:
    """MC208."""
    if not context.fixtures.error_responses:
        why = "the fixtures give no `error_responses`: give what the vendor documents"
        raise NotApplicable(why)
    last = context.message_index
    for number, (answer, meant) in enumerate(context.documented_responses):
        played = context.send(replies_at={last: answer})
        if played.exception is not None:
            yield f"of answer {number}: {played.problem}"
        elif reason_of(played) is not meant:
            yield f"answer {number} is read as {reason_of(played)}, and means {meant}"


def parsing_is_deterministic(context: ConformanceContext) -> Iterator[str]:
    """MC217."""
    replies = [reply for reply, _ in context.documented_responses] or [
        context.successful_send.replies[context.message_index] if context.successful_send.replies else None
    ]
    last = context.message_index
    for reply in replies:
        provider = context.build()
        first = context.send(replies_at={last: reply}, provider=provider).result
        context.send(provider=provider)
        if context.send(replies_at={last: reply}, provider=provider).result != first:
            yield "the same answer was read in two ways"


def for_each_malformed_reply(context: ConformanceContext, find_problem: FindProblem) -> Iterator[str]:
    """Put every strange answer at every exchange of a send, and yield what `wrong` finds in what came of it."""
    for index, reply in enumerate(context.successful_send.replies):
        strange = (
            st.sampled_from(tuple(context.fixtures.malformed_replies))
            if context.fixtures.malformed_replies
            else None
        )
        if isinstance(reply, HttpResponse):
            strange = responses(reply)
        if strange is not None:
            yield from context.find_counterexample(strange, _spoilt(context, index, find_problem))


def result_of(trace: FlowTrace) -> AttemptResult:
    """Return the outcome of the only message."""
    return cast("Sequence[AttemptResult]", trace.result)[0]


def reason_of(trace: FlowTrace) -> Reason:
    """Return why the only message ended as it did."""
    return result_of(trace).reason


def outcome_of(trace: FlowTrace) -> Outcome:
    """Return which of the four ends the only message had."""
    return result_of(trace).outcome


def _spoilt(case: ConformanceContext, index: int, find_problem: FindProblem) -> Callable[[Any], str]:
    def problem(reply: Any) -> str:  # noqa: ANN401  any reply
        words = find_problem(case.send(replies_at={index: reply}))
        return f"{_named(reply)} at exchange {index}: {words}" if words else ""

    return problem


def _named(reply: Any) -> str:  # noqa: ANN401  any reply
    if isinstance(reply, HttpResponse):
        return f"HTTP {reply.status} with {_describe_body(reply.body)}"
    return f"a {type(reply).__name__}"


def _describe_body(body: bytes) -> str:
    return f"the body {body[:80]!r}" if body else "an empty body"


def _count_problem(trace: FlowTrace) -> str:
    if trace.did_not_end:
        return ""
    outcomes: Any = trace.result
    one = isinstance(outcomes, Sequence) and len(cast("Sequence[Any]", outcomes)) == 1
    return "" if one else "it gave no outcome for its message, or several"


def _result_problem(trace: FlowTrace) -> str:
    if trace.exception is not None or trace.did_not_end:
        return ""
    told: list[str] = [_malformation(one) for one in cast("Sequence[Any]", trace.result)]
    return next((words for words in told if words), "")


def _malformation(one: Any) -> str:  # noqa: ANN401  whatever a provider returned
    if not isinstance(one, AttemptResult) or not isinstance(cast("Any", one.reason), Reason):
        return f"a {type(one).__name__} is no Outcome with a Reason"
    if not isinstance(cast("Any", one.status), Status) or not isinstance(cast("Any", one.detail), str):
        return "the outcome's status is no Status, or its detail no text"
    if not isinstance(cast("Any", one.provider_id), str | None):
        return "`provider_id` is no text"
    wait = one.retry_after
    if wait is not None and not (math.isfinite(wait) and wait >= 0):
        return f"it is to be repeated after {wait} s"
    return ""


def _truncations(body: bytes) -> list[bytes]:
    """Return the good body cut where it is then no JSON any more."""
    return (
        [body[:end] for end in range(len(body)) if parse_json(body[:end]) is None] if parse_json(body) else []
    )
