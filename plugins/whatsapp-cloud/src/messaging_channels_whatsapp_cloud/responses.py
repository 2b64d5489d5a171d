"""Parse the Cloud API's responses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from messaging_channels.errors import MessagingError
from messaging_channels.plugins import (
    AttemptResult,
    HttpResponse,
    Outcome,
    Reason,
    result_from_status,
    retry_after,
)
from messaging_channels.plugins import status as statuses
from messaging_channels_whatsapp_cloud._table_statuses import RESPONSE_STATUSES
from messaging_channels_whatsapp_cloud.errors import describe_error, failure_of, parse_error
from messaging_channels_whatsapp_cloud.parsing import (
    as_object,
    as_objects,
    get_member,
    non_empty_text,
    parse_integer,
    parse_json,
)

_FAULT = 5
_NOT_BY_USER_ID = 131062


class GraphApiError(MessagingError):
    """The Cloud API refused something that is not a message: an upload, a download, a mark. `result` says why, as for a message."""

    code = "whatsapp_graph_api_error"

    def __init__(self, operation: str, result: AttemptResult) -> None:
        super().__init__(f"{operation}: {result.reason} ({result.detail})")
        self.result = result


def parse_send_response(response: HttpResponse, *, by_user_id: bool = False) -> AttemptResult:
    """Read the answer to a message. Never raises, whatever came. That a person cannot be addressed `by_user_id` does not mean that no other provider can."""
    answer = parse_json(response.body)
    for message in as_objects(get_member(answer, "messages"))[:1]:
        if response.ok and (wamid := non_empty_text(message.get("id"))):
            group, number = RESPONSE_STATUSES.get(
                non_empty_text(message.get("message_status")) or "", RESPONSE_STATUSES["accepted"]
            )
            return AttemptResult.of(
                Reason.ACCEPTED, status=statuses.known(group, number), provider_id=wamid, raw_response=answer
            )
    result = _refused_result(response, answer)
    code = parse_integer(get_member(get_member(answer, "error"), "code"))
    if by_user_id and code == _NOT_BY_USER_ID and result.outcome is Outcome.REJECTED:
        return AttemptResult.of(Reason.NO_COVERAGE, result.detail, raw_response=answer)
    return result


def require_success(response: HttpResponse, operation: str) -> dict[str, Any]:
    """Return the answer to a call that sends nothing.

    Raises:
        GraphApiError: it is no success, or no JSON object.
    """
    answer = parse_json(response.body)
    if response.ok and isinstance(answer, dict) and "error" not in answer:
        return as_object(answer)
    raise error_result(response, operation)


def error_result(response: HttpResponse, operation: str) -> GraphApiError:
    """Return the error of a call that sends nothing: whatever the answer, nothing was sent."""
    result = _refused_result(response, parse_json(response.body))
    if result.outcome is Outcome.UNKNOWN:
        result = AttemptResult.of(Reason.THROTTLED, result.detail, raw_response=response)
    return GraphApiError(operation, result)


def digest_mismatch(response: HttpResponse) -> GraphApiError:
    """Return the error of a download whose bytes are not those that Meta holds: cut short, or changed on the way."""
    detail = f"the SHA-256 digest of the {len(response.body)} bytes is not the one that Meta told; fetch them again"
    return GraphApiError(
        "download", AttemptResult.of(Reason.UNREADABLE_RESPONSE, detail, raw_response=response)
    )


def _refused_result(response: HttpResponse, answer: object) -> AttemptResult:
    """Read an error. One without a known code goes by the status of HTTP: after a 5xx the message may have been sent."""
    error = as_object(get_member(answer, "error"))
    faulty = response.status // 100 == _FAULT
    result = parse_error(error, faulty=faulty, native=answer) or replace(
        result_from_status(response, describe_error(error), is_from_provider="code" in error),
        **failure_of(error),
    )
    wait = retry_after(response.headers) if result.reason is Reason.THROTTLED else None
    return result if wait is None else replace(result, retry_after=wait)
