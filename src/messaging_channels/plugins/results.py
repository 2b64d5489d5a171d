"""What an HTTP answer means by its status alone, and how long it asks to wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from messaging_channels._model.outcomes import AttemptResult, Reason

if TYPE_CHECKING:
    from messaging_channels.plugins.exchange import HttpResponse


def result_from_status(
    response: HttpResponse, detail: str = "", *, now: float | None = None
) -> AttemptResult:
    """Say what an answer means by its HTTP status alone, erring on the safe side.

    A success without a readable body was most likely sent; a 5xx may have been; 429 and other 4xx were not.
    """
    reason = _HTTP_REASONS.get(response.status) or _HTTP_CLASSES.get(
        response.status // 100, Reason.CONNECTION
    )
    return AttemptResult.of(
        reason,
        f"HTTP {response.status} {detail}".rstrip(),
        retry_after=retry_after(response.headers, now=now) if reason is Reason.THROTTLED else None,
        raw_response=response,
        request_rejected=True,
    )


def retry_after(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """Read how many seconds to wait: `retry-after-ms`, or `retry-after` in seconds or as an HTTP date (RFC 9110).

    A date counts from `now` (seconds since the epoch), or else from the answer's own `date`: the two clocks need not agree.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * unit)
        except (KeyError, ValueError):
            continue
    until = _parse_http_date(headers.get("retry-after"))
    since = _parse_http_date(headers.get("date")) if now is None else now
    return None if until is None or since is None else max(0.0, until - since)


def _parse_http_date(text: str | None) -> float | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  slow to import and rarely needed

    try:
        return None if text is None else parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


_HTTP_REASONS = {
    401: Reason.CREDENTIALS,
    402: Reason.INSUFFICIENT_CREDIT,
    403: Reason.CREDENTIALS,
    408: Reason.TIMEOUT,
    429: Reason.THROTTLED,
}
_HTTP_CLASSES = {
    2: Reason.UNREADABLE_RESPONSE,
    3: Reason.INVALID,
    4: Reason.INVALID,
    5: Reason.SERVER_ERROR,
}
