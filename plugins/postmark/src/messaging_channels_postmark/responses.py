"""What Postmark's answers mean.

The elements of an answer are in the order of the request: https://github.com/ActiveCampaign/postmark-php/wiki/Sending-Batches
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from messaging_channels.plugins import AttemptResult, Envelope, HttpResponse, Reason, result_from_status
from messaging_channels_postmark.errors import FAILURES, REASONS

_CLIENT_ERROR, _FORBIDDEN, _TOO_LARGE, _THROTTLED = 4, 403, 413, 429
_INTERNAL = range(500, 600)


def parse_response(response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[AttemptResult]:
    """Read the answer to a batch. Never raises, whatever came."""
    try:
        told: Any = response.json()
    except (ValueError, RecursionError):
        told = None
    if not response.ok:
        return [_refusal(response, told)] * len(batch)
    elements = cast("list[Any]", told) if isinstance(told, list) else []
    if len(elements) != len(batch):
        return [AttemptResult.of(Reason.UNREADABLE_RESPONSE, raw_response=response)] * len(batch)
    known = frozenset(one.to.plain.lower() for one in batch)
    return [
        _result(element, one.to.plain.lower(), known) for element, one in zip(elements, batch, strict=True)
    ]


def error_code(told: object) -> int | None:
    """Return the `ErrorCode` of an object, as a number or as the text of one; None where there is none."""
    code = cast("dict[str, Any]", told).get("ErrorCode") if isinstance(told, dict) else None
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) < _DIGITS:
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _result(told: Any, recipient: str, known: frozenset[str]) -> AttemptResult:  # noqa: ANN401  whatever came
    """Read one element of the answer. One that names another recipient of the batch, or no message, says nothing of this one."""
    code = error_code(told)
    if code == 0:
        message_id, to = told.get("MessageID"), told.get("To")
        named = to.partition(",")[0].strip().lower() if isinstance(to, str) else recipient
        is_other = named != recipient and named in known
        if is_other or not isinstance(message_id, str) or not message_id:
            return AttemptResult.of(Reason.UNREADABLE_RESPONSE, raw_response=told)
        return AttemptResult.of(Reason.ACCEPTED, _notice(told), provider_id=message_id, raw_response=told)
    if code is None:
        return AttemptResult.of(Reason.UNREADABLE_RESPONSE, raw_response=told)
    return _failure(code, told)


def _failure(code: int, told: Any, *, rejected: bool = False) -> AttemptResult:  # noqa: ANN401  whatever came
    reason = REASONS.get(code) or (Reason.SERVER_ERROR if code in _INTERNAL else Reason.INVALID)
    return AttemptResult.of(
        reason,
        f"ErrorCode {code}",
        raw_response=told,
        request_rejected=rejected,
        **FAILURES.fields(code, str(told.get("Message") or "")),
    )


def _refusal(response: HttpResponse, told: Any) -> AttemptResult:  # noqa: ANN401  whatever came
    """Read the refusal of a whole request. A 403 without a code comes from a filter in front of Postmark, and never reached it.

    Source: https://postmarkapp.com/support/article/getting-a-403-that-doesnt-look-like-a-postmark-error
    """
    code = error_code(told)
    is_refusal = response.status // 100 == _CLIENT_ERROR and response.status not in (408, _THROTTLED)
    if is_refusal and code is not None and (code in REASONS or response.status not in (401, _FORBIDDEN)):
        return _failure(code, told, rejected=True)
    if response.status == _FORBIDDEN and code is None:
        detail = "HTTP 403 without Postmark's ErrorCode: a filter or a proxy refused the request"
        return AttemptResult.of(Reason.MISDIRECTED, detail, raw_response=response, request_rejected=True)
    detail = "" if code is None else f"ErrorCode {code}"
    return result_from_status(response, detail, is_from_provider=code is not None or None)


def _notice(told: Any) -> str:  # noqa: ANN401  whatever came
    """Say that copies were left out, which Postmark tells in words alone. The addresses in them are not repeated."""
    words = str(told.get("Message", ""))
    return "inactive addresses among the copies were left out" if "inactive" in words.lower() else ""


_DIGITS = 9
