"""Parse Twilio's responses: the two error envelopes, and the created message.

Sources: https://www.twilio.com/docs/usage/twilios-response, https://www.twilio.com/docs/api/errors
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from messaging_channels.errors import MessagingError
from messaging_channels.plugins import (
    REASON_POLICIES,
    AttemptResult,
    HttpResponse,
    Outcome,
    Reason,
    Status,
    StatusGroup,
    result_from_status,
    retry_after,
)
from messaging_channels_twilio._table_failures import ERRORS
from messaging_channels_twilio.errors import CODES, describe_code
from messaging_channels_twilio.message_resource import TwilioMessage, parse_json, parse_message, parse_number

_STATUSES_BEFORE_CODES = frozenset({408, 429})
_REFUSED = 4
_REQUEST_ID = re.compile(r"[A-Za-z0-9]{1,64}")


class TwilioApiError(MessagingError):
    """Twilio did not do what a flow other than `send` asked for.

    `status` is that of HTTP, `error_code` Twilio's (None if it gave none), `request_id` what its support asks for, `retry_after` the seconds it asks to wait.
    """

    code: ClassVar[str] = "twilio_api_error"

    def __init__(self, response: HttpResponse, operation: str) -> None:
        self.status = response.status
        self.error_code = error_code_of(parse_json(response))
        self.request_id = request_id_of(response)
        self.retry_after = retry_after(response.headers)
        said = describe_code(self.error_code) or "it gave no code"
        super().__init__(
            f"twilio: {operation}: HTTP {self.status}: {said}{_with_request_id(self.request_id)}"
        )


def parse_create_response(response: HttpResponse) -> AttemptResult:
    """Say what the answer to the creation of a message means. Never raises, whatever came."""
    answer = parse_json(response)
    if not response.ok:
        return _rejected_result(response, answer)
    message = parse_message(answer)
    if message is None:
        return result_from_status(response, f"names no message{_with_request_id(request_id_of(response))}")
    return accepted_result(message, detail=_with_request_id(request_id_of(response)).strip())


def accepted_result(message: TwilioMessage, *, detail: str = "") -> AttemptResult:
    """Say what a message is that Twilio just created: taken, or refused in the same breath."""
    failed = (
        message.status is not None
        and message.status.final
        and message.status.group is not StatusGroup.DELIVERED
    )
    reason = _permanent_failure(message) if failed else Reason.ACCEPTED
    words = " ".join(part for part in (describe_code(message.error_code), detail) if part)
    return AttemptResult.of(
        reason,
        words,
        status=message.status,
        provider_id=message.sid,
        raw_response=message.raw,
        **ERRORS.fields(message.error_code),
    )


def _permanent_failure(message: TwilioMessage) -> Reason:
    """Return why it failed, among the reasons that say that it did so for good: a failed message is not tried again under the same SID."""
    known = CODES.get(message.error_code or 0)
    reason = known.reason if known else Reason.INVALID
    return reason if REASON_POLICIES[reason].outcome is Outcome.REJECTED else Reason.INVALID


def _rejected_result(response: HttpResponse, answer: Mapping[str, Any]) -> AttemptResult:
    """Read a refusal. A 4xx took nothing, and the code says why; anything else is for the HTTP status to say."""
    code = error_code_of(answer)
    detail = f"{describe_code(code)}{_with_request_id(request_id_of(response))}".strip()
    known = CODES.get(code or 0)
    if known is None or response.status // 100 != _REFUSED or response.status in _STATUSES_BEFORE_CODES:
        result = result_from_status(response, detail, is_from_provider=code is not None)
        return replace(result, **ERRORS.fields(code, _words(answer)))
    return AttemptResult.of(
        known.reason,
        f"HTTP {response.status} {detail}",
        status=_status_of_rejection(known.reason, known.status),
        retry_after=retry_after(response.headers) if known.reason is Reason.THROTTLED else None,
        raw_response=response,
        **ERRORS.fields(code, _words(answer)),
    )


def _words(answer: Mapping[str, Any]) -> str:
    return str(answer.get("message") or answer.get("title") or "")


def _status_of_rejection(reason: Reason, status: Status | None) -> Status | None:
    """Return the code's status where the message ends by it; what may be tried again, or is unknown, is pending."""
    return status if REASON_POLICIES[reason].outcome is Outcome.REJECTED else None


def error_code_of(answer: Mapping[str, Any]) -> int | None:
    """Return the code of an error: Twilio's own envelope and problem details (RFC 9457) name it alike. None without one."""
    return parse_number(answer.get("code"))


def request_id_of(response: HttpResponse) -> str | None:
    """Return what Twilio's support asks for."""
    given = response.headers.get("twilio-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else None


def _with_request_id(request_id: str | None) -> str:
    return f" (request {request_id})" if request_id else ""
