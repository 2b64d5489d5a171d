"""Rules on whether an answer is read for what it says of which message (MC209, MC215, MC218 to MC220)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

from messaging_channels._model.outcomes import REASON_POLICIES, Outcome, Reason
from messaging_channels.plugins.exchange import HttpResponse
from messaging_channels.plugins.provider import SupportsWebhooks
from messaging_channels.plugins.results import result_from_status
from messaging_channels.testing.conformance.context import ConformanceContext
from messaging_channels.testing.conformance.flow_runner import FlowTrace
from messaging_channels.testing.conformance.malformed import (
    PLAUSIBLE_ERROR,
    Path,
    all_paths,
    leaf_paths,
    list_paths,
    parse_json,
    to_json,
    value_at,
    with_value,
    without_value,
)
from messaging_channels.testing.conformance.responses import outcome_of, reason_of, result_of
from messaging_channels.testing.conformance.rules import NotApplicable
from messaging_channels.testing.conformance.webhook_bodies import ID_NAME, NO_IDS
from messaging_channels.testing.conformance.webhooks import single_event

_TOO_FAST, _SOON, _LONG_ID, _LONG_CODE, _REFUSED = 429, 7.0, 16, 3, 4
_NO_SUCCESS, _SUCCESSES = (301, 302, 303, 307, 400, 401, 403, 404, 422), (200, 201, 202)
_UNHEARD_WORD, _UNHEARD_NUMBER = "CANARY_UNHEARD_OF", 987654321
_UNFOUNDED = frozenset(
    reason
    for reason, policy in REASON_POLICIES.items()
    if policy.retryable or policy.failover or reason is Reason.RECIPIENT
)
"""What nobody can conclude from a code that nobody documents: to send again, or elsewhere, or never again to that person."""
_ERRORS = (
    PLAUSIBLE_ERROR,
    b'{"errors": [{"code": "99999", "title": "It failed", "detail": "It failed"}]}',
    b'{"error": {"code": 99999, "message": "It failed"}}',
    b'{"ErrorCode": 99999, "Message": "It failed"}',
)


def throttling_is_recognized(context: ConformanceContext) -> Iterator[str]:
    """MC209."""
    last = context.require_http() - 1
    documented = [one.body for one, _ in _http(context) if one.status == _TOO_FAST]
    for body in (b"", *documented, *_ERRORS):
        played = context.send(
            replies_at={
                last: HttpResponse(
                    _TOO_FAST, {"retry-after": f"{_SOON:g}", "content-type": "application/json"}, body
                )
            }
        )
        said = f" and the body {body[:60]!r}" if body else ""
        if played.exception is not None:
            yield f"of HTTP 429{said}: {played.problem}"
        elif reason_of(played) is not Reason.THROTTLED:
            if not body:
                yield f"HTTP 429 is read as {reason_of(played)}"
        elif result_of(played).retry_after != _SOON:
            yield f"HTTP 429 with retry-after 7{said} is to be repeated after {result_of(played).retry_after} s"


def unknown_values_prove_nothing(context: ConformanceContext) -> Iterator[str]:
    """MC215."""
    last = context.require_http() - 1
    good = cast("HttpResponse", context.successful_send.replies[last])
    tree = parse_json(good.body)
    for path in leaf_paths(tree):
        for word in (_UNHEARD_WORD, _UNHEARD_NUMBER):
            if continued := _continued(context, last, good, with_value(tree, path, word)):
                yield f"{word} at {_named(path)} is read as {continued}"
    for answer, meant in _http(context):
        yield from _unheard_codes(context, last, answer, meant)


def errors_are_not_accepted(context: ConformanceContext) -> Iterator[str]:
    """MC218."""
    last = context.require_http() - 1
    good = cast("HttpResponse", context.successful_send.replies[last])
    refusals = [one.body for one, meant in _http(context) if meant not in (Reason.ACCEPTED, Reason.DUPLICATE)]
    for body in (*[one for one in refusals if one], *_ERRORS):
        played = context.send(replies_at={last: HttpResponse(good.status, good.headers, body)})
        if played.exception is None and outcome_of(played) is Outcome.ACCEPTED:
            yield f"HTTP {good.status} with the error {body[:100]!r} is read as accepted"
            return
    yield from _accepted_by_body(context, last, good)
    if not result_of(context.successful_send).provider_id:
        return
    tree = parse_json(good.body)
    for path in all_paths(tree):
        played = context.send(
            replies_at={last: HttpResponse(good.status, good.headers, to_json(without_value(tree, path)))}
        )
        if (
            played.exception is None
            and outcome_of(played) is Outcome.ACCEPTED
            and result_of(played).provider_id in (None, "", *NO_IDS)
        ):
            yield f"an answer without {_named(path)} is read as accepted, and has no id of the message"
            return


def _accepted_by_body(context: ConformanceContext, last: int, good: HttpResponse) -> Iterator[str]:
    """Give the body of a success with another status: a redirect or a refusal takes no message, whatever stands in it, and another success refuses none."""
    for status in (*_NO_SUCCESS, *_SUCCESSES):
        played = context.send(replies_at={last: HttpResponse(status, good.headers, good.body)})
        if played.exception is not None:
            continue
        if status in _NO_SUCCESS and outcome_of(played) is Outcome.ACCEPTED:
            yield f"HTTP {status} with the body of a success is read as accepted"
            return
        if status in _SUCCESSES and outcome_of(played) not in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            yield f"HTTP {status} with the body of a success is read as {reason_of(played)}"
            return


def id_is_the_messages(context: ConformanceContext) -> Iterator[str]:
    """MC219."""
    last = context.require_http() - 1
    good = cast("HttpResponse", context.successful_send.replies[last])
    tree, told = parse_json(good.body), result_of(context.successful_send).provider_id
    one, other = context.send(), context.send(context.envelope(number=1))
    if told is not None and told == context.envelope().id:
        yield from _own_id(tree, told)
        return
    if (
        told
        and _ids(one) == _ids(other)
        and _answers_differ(context, one, other)
        and told.encode() not in good.body
    ):
        yield "two messages whose answers differ are told to have the same `provider_id`"
        return
    paths = [path for path in leaf_paths(tree) if _may_be_id(str(value_at(tree, path)))]
    if not told or not paths:
        why = "its answer holds no id that the kit can change: the rule applies to JSON with one"
        raise NotApplicable(why)
    if not any(_follows(context, last, good, path, told) for path in paths):
        yield f"whatever id the answer holds, `provider_id` is {told!r}"
    elif whole := _altered(context, told, [str(value_at(tree, path)) for path in leaf_paths(tree)]):
        yield f"the answer holds the id {whole!r}, and `provider_id` is {told!r}: a report on it leads nowhere"


def _own_id(tree: Any, told: str) -> Iterator[str]:  # noqa: ANN401  a tree of JSON
    """Say which id of the vendor's an answer holds where ours, which it does not hold, is told as the vendor's."""
    named = [str(value_at(tree, path)) for path in leaf_paths(tree) if path and ID_NAME.search(str(path[-1]))]
    if told in {str(value_at(tree, path)) for path in leaf_paths(tree)}:
        why = "the vendor knows the message by our id"
        raise NotApplicable(why)
    yield from (
        f"the answer holds the id {one!r}, and `provider_id` is our own: a report on it leads nowhere"
        for one in [one for one in named if _may_be_id(one)][:1]
    )


def _altered(context: ConformanceContext, told: str, texts: Sequence[str]) -> str:
    """Return the text of an answer of which an id is a part or another writing, or which is a part of the id where reports have it as it is.

    Empty where the id stands in the answer as it is.
    """
    if any(told == text for text in texts):
        return ""
    plain = _letters_and_digits(told)
    ids = {text: _letters_and_digits(text) for text in texts if _may_be_id(text)}
    longer = [text for text, letters in ids.items() if plain and plain in letters]
    shorter = [text for text, letters in ids.items() if len(letters) >= _LONG_ID and letters in plain]
    return next(iter(longer or (shorter if _reports_have_it_bare(context) else ())), "")


def _reports_have_it_bare(context: ConformanceContext) -> bool:
    """Whether the provider tells the vendor's id of a report as it stands there."""
    made = context.fixtures.delivered_body
    if made is None or not isinstance(context.provider, SupportsWebhooks):
        return False
    report = single_event(context, made("ours-1", "theirs-000001"))
    return getattr(report, "provider_id", None) == "theirs-000001"


def _letters_and_digits(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def each_message_gets_its_own_answer(context: ConformanceContext) -> Iterator[str]:
    """MC220."""
    batch = context.batch(3)
    if len(batch) == 1:
        why = "it takes one message at a time: the rule applies once `Capabilities.max_batch_size` is above 1"
        raise NotApplicable(why)
    context.require_http()
    played = context.send(*batch)
    answer = played.replies[-1] if played.replies else None
    tree = parse_json(answer.body) if isinstance(answer, HttpResponse) else None
    paths = list_paths(tree, len(batch))
    if not paths or played.exception is not None or not isinstance(answer, HttpResponse):
        why = "no answer holds an element for each message of a batch: give one in `success_response`"
        raise NotApplicable(why)
    elements = [to_json(one) for one in value_at(tree, paths[0])]
    ids = [one.provider_id for one in played.results]
    if len(set(elements)) == len(elements) and len(set(ids)) < len(ids):
        yield f"{len(ids)} messages with an element each in the answer get {len(set(ids))} ids"
    yield from _refused_alone(context, tree, paths[0], answer)


def _refused_alone(context: ConformanceContext, tree: Any, path: Path, answer: HttpResponse) -> Iterator[str]:  # noqa: ANN401
    """Refuse the last of a batch alone, as a documented answer refuses one: the others are accepted all the same."""
    batch = context.batch(3)
    elements = value_at(tree, path)
    refusals = ((_refused_element(one, meant, path), meant) for one, meant in _http(context))
    refused, meant = next(((one, meant) for one, meant in refusals if one is not None), (None, None))
    if refused is None:
        return
    own = {name: value for name, value in elements[-1].items() if name in refused and _is_own(elements, name)}
    mixed = to_json(with_value(tree, path, [*elements[:-1], refused | own]))
    number = len(context.send(*batch).exchanges) - 1
    played = context.send(*batch, replies_at={number: HttpResponse(answer.status, answer.headers, mixed)})
    told = [one.outcome for one in played.results]
    if played.exception is not None:
        return
    if told[:-1] != [Outcome.ACCEPTED] * (len(batch) - 1) or told[-1] is Outcome.ACCEPTED:
        yield f"of {len(batch)} messages the last alone is refused ({meant}), and they end as {', '.join(told)}"
    elif played.results[-1].request_rejected:
        yield f"of {len(batch)} messages the last alone is refused ({meant}), and is marked with `request_rejected` as if all were"


def _refused_element(refusal: HttpResponse, meant: Reason, path: Path) -> dict[str, Any] | None:
    """Return the element of a documented answer that refuses one message; None where it is no such answer."""
    try:
        element: Any = value_at(parse_json(refusal.body), (*path, 0))
    except (KeyError, IndexError, TypeError):
        return None
    unclear = REASON_POLICIES[meant].outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)
    return None if unclear or not isinstance(element, dict) else cast("dict[str, Any]", element)


def _is_own(elements: Any, name: str) -> bool:  # noqa: ANN401  a list of JSON
    """Whether the elements of an answer differ in this field: an id or an address."""
    return len({to_json(one.get(name)) for one in elements}) == len(elements)


def _http(context: ConformanceContext) -> list[tuple[HttpResponse, Reason]]:
    return [(one, meant) for one, meant in context.documented_responses if isinstance(one, HttpResponse)]


def _unheard_codes(
    context: ConformanceContext, last: int, answer: HttpResponse, meant: Reason
) -> Iterator[str]:
    """Put codes that nobody documents in the places of a documented answer: then only its HTTP status is known."""
    by_status = result_from_status(answer, is_from_provider=True).reason
    excused = {meant, by_status, Reason.INVALID, Reason.MISDIRECTED}
    tree = parse_json(answer.body)
    for path in leaf_paths(tree):
        for code in _unheard_like(value_at(tree, path)):
            reason = _reason(context, last, answer, with_value(tree, path, code))
            if (
                reason is Reason.SERVER_ERROR
                and answer.status // 100 == _REFUSED
                and reason not in (meant, by_status)
            ):
                yield f"HTTP {answer.status} with the unheard-of {code!r} at {_named(path)} is read as an error of the vendor's"
                return
            if reason not in excused and reason in _UNFOUNDED:
                yield f"the unheard-of {code!r} at {_named(path)} of a documented answer is read as {reason}"
                return


def _unheard_like(value: Any) -> list[Any]:  # noqa: ANN401  a leaf of JSON
    """Return values of the same kind that no vendor documents."""
    if isinstance(value, str):
        code = re.sub(r"[0-9]", "9", value)[:-1] + "7"
        return [_UNHEARD_WORD, code] if code.isdigit() and len(code) >= _LONG_CODE else [_UNHEARD_WORD]
    return [] if isinstance(value, bool) else [_UNHEARD_NUMBER]


def _continued(context: ConformanceContext, last: int, answer: HttpResponse, tree: Any) -> Reason | None:  # noqa: ANN401
    """Return the reason if such an answer has the message sent again or elsewhere."""
    reason = _reason(context, last, answer, tree)
    policy = None if reason is None else REASON_POLICIES[reason]
    return reason if policy is not None and (policy.retryable or policy.failover) else None


def _reason(context: ConformanceContext, last: int, answer: HttpResponse, tree: Any) -> Reason | None:  # noqa: ANN401
    """Return how such an answer is read; None if it raises, which is told by other rules."""
    played = context.send(replies_at={last: HttpResponse(answer.status, answer.headers, to_json(tree))})
    return None if played.exception is not None else reason_of(played)


def _answers_differ(context: ConformanceContext, one: FlowTrace, other: FlowTrace) -> bool:
    index = context.message_index
    left, right = (played.replies[index] if index < len(played.replies) else None for played in (one, other))
    return isinstance(left, HttpResponse) and isinstance(right, HttpResponse) and left.body != right.body


def _ids(played: FlowTrace) -> list[str | None]:
    return [one.provider_id for one in played.results]


def _follows(context: ConformanceContext, last: int, good: HttpResponse, path: Path, told: str) -> bool:
    """Whether the id that is told changes with this value."""
    tree = parse_json(good.body)
    value = value_at(tree, path)
    turned = _turned(str(value))
    other = turned if isinstance(value, str) else value + 1
    played = context.send(
        replies_at={last: HttpResponse(good.status, good.headers, to_json(with_value(tree, path, other)))}
    )
    return (
        played.exception is None
        and outcome_of(played) is Outcome.ACCEPTED
        and result_of(played).provider_id not in (None, told)
    )


def _may_be_id(text: str) -> bool:
    return bool(re.search(r"[0-9]", text)) or (len(text) >= _LONG_ID and " " not in text)


def _turned(text: str) -> str:
    """Return another id of the same form."""
    if re.search(r"[0-9]", text):
        return re.sub(r"[0-9]", lambda digit: str((int(digit[0]) + 1) % 10), text)
    return text.translate(str.maketrans("abcdef", "bcdefa"))


def _named(path: Path) -> str:
    return ".".join(map(str, path)) or "all of it"
