"""Rules on failures and repetitions (MC210 to MC212), and on batches (MC213, MC214, MC216)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from messaging_channels._model.errors import Phase, TransportError
from messaging_channels._model.outcomes import AttemptResult, Outcome, Reason
from messaging_channels._sending.attempt import attempt_batch
from messaging_channels.plugins.exchange import HttpResponse
from messaging_channels.plugins.provider import Envelope
from messaging_channels.testing.conformance.context import Case
from messaging_channels.testing.conformance.flow_runner import Played, play
from messaging_channels.testing.conformance.malformed import Path, at, lists, parsed, replaced, written
from messaging_channels.testing.conformance.rules import NotApplicable


def asked_once(case: Case) -> Iterator[str]:
    """MC210."""
    for index in _effects(case):
        for what, reply in _disturbances(case, index):
            played = case.sent(at=dict.fromkeys(range(index, 100), reply))
            later = [one for one in played.asked[index + 1 :] if one.may_send]
            if later and not played.endless:
                yield f"after {what} it asked {len(later)} more times for the same message"


def lost(case: Case) -> Iterator[str]:
    """MC211."""
    for index in _effects(case):
        for timed_out in (True, False):
            failure = TransportError("lost", phase=Phase.READ, timed_out=timed_out)
            told = _attempted(case, index, failure)
            if told is not Outcome.UNKNOWN:
                yield f"with its answer {'late' if timed_out else 'lost'}, the message ends as {told}"


def unreachable(case: Case) -> Iterator[str]:
    """MC212."""
    if not case.good.asked:
        why = "it exchanges nothing with a vendor"
        raise NotApplicable(why)
    told = _attempted(case, 0, TransportError("refused", phase=Phase.CONNECT))
    if told is not Outcome.NOT_SENT:
        yield f"with the connection refused, the message ends as {told}"


def any_order(case: Case) -> Iterator[str]:
    """MC213."""
    if case.vectors.ordered_batch_docs:
        why = f"the vendor promises the order: {case.vectors.ordered_batch_docs}"
        raise NotApplicable(why)
    batch, answer, paths = _batched(case)
    usual = _told(case.sent(*batch))
    tree = parsed(answer.body)
    for path in paths:
        turned = HttpResponse(
            answer.status, answer.headers, written(replaced(tree, path, at(tree, path)[::-1]))
        )
        if _told(case.sent(*batch, at={_last(case, batch): turned})) != usual:
            yield f"with the elements at {_dotted(path)} in reverse, the messages get each other's outcomes"


def incomplete(case: Case) -> Iterator[str]:
    """MC214."""
    batch, answer, paths = _batched(case)
    tree = parsed(answer.body)
    for path in paths:
        fewer = HttpResponse(answer.status, answer.headers, written(replaced(tree, path, at(tree, path)[1:])))
        played = case.sent(*batch, at={_last(case, batch): fewer})
        kinds = [one.outcome for one in played.result] if played.raised is None else []
        if (
            len(kinds) == len(batch)
            and not case.vectors.ordered_batch_docs
            and kinds[0] is not Outcome.UNKNOWN
        ):
            yield f"a message that the answer leaves out ends as {kinds[0]}"
        elif kinds.count(Outcome.ACCEPTED) >= len(batch) or len(kinds) != len(batch):
            yield f"of {len(batch)} messages and {len(batch) - 1} in the answer, {kinds.count(Outcome.ACCEPTED)} are accepted"


def whole_refusal(case: Case) -> Iterator[str]:
    """MC216."""
    batch = _several(case)
    last = case.http_only() - 1
    played = case.sent(*batch, at={last: HttpResponse(400, {}, b"")})
    if len(played.asked) > len(case.good.asked):
        why = "it makes a request for each message of a batch"
        raise NotApplicable(why)
    if played.raised is None and not all(one.request_rejected for one in played.result):
        yield f"HTTP 400 to a request of {len(batch)} messages is not marked as the refusal of all of them"


def _effects(case: Case) -> list[int]:
    """Return which exchanges with the vendor may send the message."""
    return [index for index, exchange in enumerate(case.good.asked) if exchange.may_send]


def _disturbances(case: Case, index: int) -> Iterator[tuple[str, Any]]:
    yield "a lost answer", TransportError("lost", phase=Phase.READ)
    yield "a late answer", TransportError("late", phase=Phase.READ, timed_out=True)
    yield "a refused connection", TransportError("refused", phase=Phase.CONNECT)
    if isinstance(case.good.replies[index], HttpResponse):
        last = index == len(case.good.asked) - 1
        for status in (200, 429, 500, 503) if last else (429, 500, 503):
            yield f"HTTP {status}", HttpResponse(status, {"retry-after": "0"}, b"")


def _attempted(case: Case, index: int, failure: TransportError) -> Outcome | str:
    flow = attempt_batch(case.provider, (case.envelope(),))
    played = play(flow, case.vectors.success_response, at=dict.fromkeys(range(index, 100), failure))
    if played.raised is not None or played.endless:
        return "an exception"
    end = cast("Sequence[Any]", played.result)[0]
    return end.outcome if isinstance(end, AttemptResult) else f"a {type(end).__name__}"


def _several(case: Case) -> list[Envelope]:
    batch = case.batch(3)
    if len(batch) == 1:
        why = "it takes one message at a time"
        raise NotApplicable(why)
    return batch


def _batched(case: Case) -> tuple[list[Envelope], HttpResponse, list[Path]]:
    """Return a batch, the answer to it, and where in the answer there is an element for each message."""
    batch = _several(case)
    played = case.sent(*batch)
    answer = played.replies[-1] if played.replies else None
    paths = lists(parsed(answer.body), len(batch)) if isinstance(answer, HttpResponse) else []
    if not paths or played.raised is not None:
        why = "no answer of it holds an element for each message of a batch"
        raise NotApplicable(why)
    assert isinstance(answer, HttpResponse)  # noqa: S101  for the type checkers: there are paths in it
    return batch, answer, paths


def _last(case: Case, batch: Sequence[Envelope]) -> int:
    return len(case.sent(*batch).asked) - 1


def _told(played: Played) -> list[tuple[Reason, str | None]]:
    return [] if played.raised is not None else [(one.reason, one.provider_id) for one in played.result]


def _dotted(path: Path) -> str:
    return ".".join(map(str, path)) or "the top"
