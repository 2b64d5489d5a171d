"""Results of HTTP responses by their status alone, and the wait that a response asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from messaging_channels._model.outcomes import AttemptResult, Reason

if TYPE_CHECKING:
    from messaging_channels.plugins.exchange import HttpResponse


def result_from_status(
    response: HttpResponse,
    detail: str = "",
    *,
    now: float | None = None,
    is_from_provider: bool | None = None,
) -> AttemptResult:
    """Say what an answer means by its HTTP status alone, erring on the safe side.

    A success without a readable body was most likely sent; a 5xx may have been. A 4xx refuses the message only if the provider itself says so: what a
    proxy, a login page or a redirect answers leaves it not sent, and another provider is asked.

    Args:
        response: the answer.
        detail: for the operator, such as the provider's code. No secret, no whole address, no body.
        now: seconds since the epoch, from which a date to come back counts; None for the answer's own `date`.
        is_from_provider: whether the body is in the form in which the provider writes its errors. None to go by whether it is a JSON object: say it where
            you know.
    """
    status = response.status
    reason = _HTTP_REASONS.get(status) or _HTTP_CLASSES.get(status // 100, Reason.CONNECTION)
    if reason is Reason.INVALID:
        known = _is_json_object(response) if is_from_provider is None else is_from_provider
        reason = Reason.INVALID if known else Reason.MISDIRECTED
    words = f"HTTP {status} {detail}".rstrip()
    if reason is Reason.MISDIRECTED:
        words = f"{words}: not the provider's answer ({_media_type(response)}); check base_url and the proxy"
    return AttemptResult.of(
        reason,
        words,
        retry_after=retry_after(response.headers, now=now) if reason in _WITH_WAIT else None,
        raw_response=response,
        request_rejected=True,
    )


def retry_after(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """Read how many seconds to wait: `retry-after-ms`, or `retry-after` in seconds or as an HTTP date (RFC 9110).

    A date counts from `now` (seconds since the epoch), or else from the answer's own `date`, which the transport adds where it is missing: the two clocks
    need not agree. None where there is none that can be meant: no number, below nought, a date that has passed, or more than a month.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if _NUMBER.fullmatch(text):
            return _if_plausible(float(text) * unit)
    until = _parse_http_date(headers.get("retry-after"))
    since = _parse_http_date(headers.get("date")) if now is None else now
    return None if until is None or since is None else _if_plausible(until - since)


def _if_plausible(seconds: float) -> float | None:
    return seconds if 0 <= seconds <= _LONGEST_WAIT else None


def _parse_http_date(text: str | None) -> float | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  slow to import and rarely needed

    try:
        return None if text is None else parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _is_json_object(response: HttpResponse) -> bool:
    try:
        return isinstance(response.json(), dict)
    except ValueError:
        return False


def _media_type(response: HttpResponse) -> str:
    given = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return given if _MEDIA_TYPE.fullmatch(given) else "no media type"


_HTTP_REASONS = {
    401: Reason.CREDENTIALS,
    402: Reason.INSUFFICIENT_CREDIT,
    403: Reason.CREDENTIALS,
    407: Reason.MISDIRECTED,
    408: Reason.TIMEOUT,
    421: Reason.MISDIRECTED,
    425: Reason.MISDIRECTED,
    426: Reason.MISDIRECTED,
    429: Reason.THROTTLED,
    431: Reason.MISDIRECTED,
    511: Reason.MISDIRECTED,
}
_HTTP_CLASSES = {
    2: Reason.UNREADABLE_RESPONSE,
    3: Reason.MISDIRECTED,
    4: Reason.INVALID,
    5: Reason.SERVER_ERROR,
}
_WITH_WAIT = frozenset({Reason.THROTTLED, Reason.MISDIRECTED})
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?", re.ASCII)
_LONGEST_WAIT = 31 * 24 * 3600.0
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,60}")
