"""Rules on what a provider makes of answers (MC201 to MC209, MC215, MC217)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, cast

from hypothesis import strategies as st

from messaging_channels._model.outcomes import REASON_POLICIES, AttemptResult, Outcome, Reason
from messaging_channels._model.status import Status
from messaging_channels.plugins.exchange import HttpResponse
from messaging_channels.testing.conformance.context import Case
from messaging_channels.testing.conformance.flow_runner import Played
from messaging_channels.testing.conformance.malformed import (
    PLAUSIBLE,
    UNREADABLE,
    answers,
    leaves,
    parsed,
    replaced,
    written,
)
from messaging_channels.testing.conformance.rules import NotApplicable

Wrong: TypeAlias = Callable[[Played], str]
"""Says in words what is wrong with what a send came to; nothing if all is well."""

_SERVER, _TOO_FAST, _SOON = range(500, 600), 429, 7.0
_UNHEARD_WORD, _UNHEARD_NUMBER = "CANARY_UNHEARD_OF", 987654321


def accepted(case: Case) -> Iterator[str]:
    """MC201."""
    for kind, message in case.messages.items():
        played = case.sent(case.envelope(message))
        if played.raised is not None:
            yield f"of the answer that takes a {kind.__name__}: {played.problem}"
        elif reason(played) not in (Reason.ACCEPTED, Reason.DUPLICATE):
            yield f"the answer that takes a {kind.__name__} is read as {reason(played)}"


def id_kept(case: Case) -> Iterator[str]:
    """MC202."""
    if not outcome(case.good).provider_id:
        yield "the outcome of an accepted message has no `provider_id`"


def answer_kept(case: Case) -> Iterator[str]:
    """MC203."""
    if not case.good.asked:
        why = "it exchanges nothing with a vendor"
        raise NotApplicable(why)
    if outcome(case.good).raw_response is None:
        yield "the outcome of an accepted message has no `raw_response`"


def any_answer(case: Case) -> Iterator[str]:
    """MC204."""
    yield from over_answers(case, lambda played: played.problem or _miscounted(played))


def well_formed(case: Case) -> Iterator[str]:
    """MC205."""
    yield from over_answers(case, _malformed)


def server_faults(case: Case) -> Iterator[str]:
    """MC206."""
    last = case.http_only() - 1

    def problem(answer: tuple[int, bytes]) -> str:
        status, given = answer
        played = case.sent(at={last: HttpResponse(status, {}, given)})
        if played.raised is not None or kind(played) is Outcome.UNKNOWN:
            return ""
        return f"HTTP {status} with {_body(given)} is read as {reason(played)}"

    replies = [case.good.replies[last], *(answer for answer, _ in case.documented)]
    told = [answer.body for answer in replies if isinstance(answer, HttpResponse)]
    given = st.tuples(st.sampled_from(_SERVER), st.sampled_from((*UNREADABLE, PLAUSIBLE)))
    if others := [status for status in _SERVER if status not in case.vectors.safe_5xx]:
        given |= st.tuples(st.sampled_from(others), st.sampled_from(told))
    yield from case.explored(given, problem)


def unreadable(case: Case) -> Iterator[str]:
    """MC207."""
    last = case.http_only() - 1
    good = cast("HttpResponse", case.good.replies[last])
    if not good.body:
        why = "the vendor accepts with an empty body"
        raise NotApplicable(why)

    def problem(answer: tuple[int, bytes]) -> str:
        status, body = answer
        played = case.sent(at={last: HttpResponse(status, {}, body)})
        if played.raised is not None:
            return ""
        success = status // 100 == good.status // 100
        if kind(played) is Outcome.ACCEPTED or (success and kind(played) is not Outcome.UNKNOWN):
            return f"HTTP {status} with {_body(body)} is read as {reason(played)}"
        return ""

    statuses = st.sampled_from((good.status, 200, 302, 400, 404, 422, 500))
    yield from case.explored(st.tuples(statuses, st.sampled_from((*UNREADABLE, *_cuts(good.body)))), problem)


def documented(case: Case) -> Iterator[str]:
    """MC208."""
    if not case.vectors.error_responses:
        why = "the vectors give no documented answers"
        raise NotApplicable(why)
    last = len(case.good.asked) - 1
    for number, (answer, meant) in enumerate(case.documented):
        played = case.sent(at={last: answer})
        if played.raised is not None:
            yield f"of answer {number}: {played.problem}"
        elif reason(played) is not meant:
            yield f"answer {number} is read as {reason(played)}, and means {meant}"


def throttled(case: Case) -> Iterator[str]:
    """MC209."""
    last = case.http_only() - 1
    played = case.sent(at={last: HttpResponse(_TOO_FAST, {"retry-after": f"{_SOON:g}"}, b"")})
    if played.raised is not None:
        yield f"of HTTP 429: {played.problem}"
    elif reason(played) is not Reason.THROTTLED:
        yield f"HTTP 429 is read as {reason(played)}"
    elif outcome(played).retry_after != _SOON:
        yield f"HTTP 429 with retry-after 7 is to be repeated after {outcome(played).retry_after} s"


def unheard_of(case: Case) -> Iterator[str]:
    """MC215."""
    last = case.http_only() - 1
    good = cast("HttpResponse", case.good.replies[last])
    tree = parsed(good.body)
    for path in leaves(tree):
        for word in (_UNHEARD_WORD, _UNHEARD_NUMBER):
            answer = HttpResponse(good.status, good.headers, written(replaced(tree, path, word)))
            played = case.sent(at={last: answer})
            if played.raised is None and _moves_on(reason(played)):
                yield f"{word} at {'.'.join(map(str, path))} is read as {reason(played)}"


def same_reading(case: Case) -> Iterator[str]:
    """MC217."""
    replies = [reply for reply, _ in case.documented] or [
        case.good.replies[-1] if case.good.replies else None
    ]
    last = len(case.good.asked) - 1
    for reply in replies:
        first = case.sent(at={last: reply}).result
        case.sent()
        if case.sent(at={last: reply}).result != first:
            yield "the same answer was read in two ways"


def over_answers(case: Case, wrong: Wrong) -> Iterator[str]:
    """Put every strange answer at every exchange of a send, and yield what `wrong` finds in what came of it."""
    for index, reply in enumerate(case.good.replies):
        strange = (
            st.sampled_from(tuple(case.vectors.malformed_replies)) if case.vectors.malformed_replies else None
        )
        if isinstance(reply, HttpResponse):
            strange = answers(reply)
        if strange is not None:
            yield from case.explored(strange, _spoilt(case, index, wrong))


def outcome(played: Played) -> AttemptResult:
    """Return the outcome of the only message."""
    return cast("Sequence[AttemptResult]", played.result)[0]


def reason(played: Played) -> Reason:
    """Return why the only message ended as it did."""
    return outcome(played).reason


def kind(played: Played) -> Outcome:
    """Return which of the four ends the only message had."""
    return outcome(played).outcome


def _spoilt(case: Case, index: int, wrong: Wrong) -> Callable[[Any], str]:
    def problem(reply: Any) -> str:  # noqa: ANN401  any reply
        words = wrong(case.sent(at={index: reply}))
        return f"{_named(reply)} at exchange {index}: {words}" if words else ""

    return problem


def _named(reply: Any) -> str:  # noqa: ANN401  any reply
    if isinstance(reply, HttpResponse):
        return f"HTTP {reply.status} with {_body(reply.body)}"
    return f"a {type(reply).__name__}"


def _body(body: bytes) -> str:
    return f"the body {body[:80]!r}" if body else "an empty body"


def _miscounted(played: Played) -> str:
    if played.endless:
        return ""
    outcomes: Any = played.result
    one = isinstance(outcomes, Sequence) and len(cast("Sequence[Any]", outcomes)) == 1
    return "" if one else "it gave no outcome for its message, or several"


def _malformed(played: Played) -> str:
    if played.raised is not None or played.endless:
        return ""
    for one in cast("Sequence[Any]", played.result):
        if not isinstance(one, AttemptResult) or not isinstance(cast("Any", one.reason), Reason):
            return f"a {type(one).__name__} is no Outcome with a Reason"
        if not isinstance(cast("Any", one.status), Status) or not isinstance(cast("Any", one.detail), str):
            return "the outcome's status is no Status, or its detail no text"
        if not isinstance(cast("Any", one.provider_id), str | None):
            return "`provider_id` is no text"
        if one.retry_after is not None and not (math.isfinite(one.retry_after) and one.retry_after >= 0):
            return f"it is to be repeated after {one.retry_after} s"
    return ""


def _cuts(body: bytes) -> list[bytes]:
    """Return the good body cut where it is then no JSON any more."""
    return [body[:end] for end in range(len(body)) if parsed(body[:end]) is None] if parsed(body) else []


def _moves_on(told: Reason) -> bool:
    return REASON_POLICIES[told].retryable or REASON_POLICIES[told].failover
