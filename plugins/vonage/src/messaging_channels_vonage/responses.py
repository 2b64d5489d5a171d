"""What Vonage's answers and codes mean.

Sources: https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms for the answers to a send,
https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts for the delivery receipts, and
https://developer.vonage.com/en/api-errors/messages for the Messages API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from messaging_channels.plugins import AttemptResult, HttpResponse, Reason, Status, result_from_status
from messaging_channels.plugins import status as statuses
from messaging_channels_vonage._table_failures import ANSWERS, MESSAGES

REASONS: Mapping[str, Reason] = {
    "0": Reason.ACCEPTED,
    "1": Reason.THROTTLED,
    "2": Reason.INVALID,
    "3": Reason.INVALID,
    "4": Reason.CREDENTIALS,
    "5": Reason.SERVER_ERROR,
    "6": Reason.INVALID,
    "7": Reason.RECIPIENT,
    "8": Reason.CREDENTIALS,
    "9": Reason.INSUFFICIENT_CREDIT,
    "10": Reason.THROTTLED,
    "11": Reason.CREDENTIALS,
    "12": Reason.INVALID,
    "14": Reason.CREDENTIALS,
    "15": Reason.POLICY,
    "22": Reason.INVALID,
    "23": Reason.INVALID,
    "29": Reason.NO_COVERAGE,
    "32": Reason.CREDENTIALS,
    "33": Reason.RECIPIENT,
}
"""By the `status` of a part. An internal error (5) is not documented as harmless; a demo account (29) reaches nobody else, another provider may."""

RECEIPT_STATUSES: Mapping[str, Status] = {
    "accepted": statuses.PENDING_ENROUTE,
    "buffered": statuses.PENDING_ENROUTE,
    "delivered": statuses.DELIVERED_TO_HANDSET,
    "expired": statuses.EXPIRED_EXPIRED,
    "failed": statuses.known(2, 9),
    "rejected": statuses.known(2, 4),
    "unknown": statuses.known(1, 3),
}
"""By the `status` of a delivery receipt. `rejected` is the carrier's refusal; `unknown` tells nothing that was not known before."""


MESSAGE_STATUSES: Mapping[str, Status] = {
    "submitted": statuses.PENDING_ENROUTE,
    "delivered": statuses.DELIVERED_TO_HANDSET,
    "read": statuses.DELIVERED_TO_HANDSET,
    "rejected": statuses.known(2, 4),
    "undeliverable": statuses.known(2, 9),
}
"""By the `status` of a webhook of the Messages API."""

PROBLEMS: Mapping[int, Reason] = {
    **dict.fromkeys((1000, 1241, 1460), Reason.THROTTLED),
    **dict.fromkeys((1060, 1080, 1110), Reason.CREDENTIALS),
    **dict.fromkeys((1070,), Reason.INSUFFICIENT_CREDIT),
    **dict.fromkeys((1120, 1140, 1160, 1250, 1300, 1310, 1400, 1420), Reason.NO_COVERAGE),
    **dict.fromkeys((1050, 1170, 1180, 1190, 1240, 1260, 1270, 1280, 1430), Reason.RECIPIENT),
    **dict.fromkeys((1210, 1340, 1470), Reason.POLICY),
    1320: Reason.DUPLICATE,
}
"""By the code of an error of the Messages API. One that is not listed goes by the status of HTTP."""
_BY_HTTP: Mapping[int, Reason] = {
    401: Reason.CREDENTIALS,
    402: Reason.INSUFFICIENT_CREDIT,
    403: Reason.CREDENTIALS,
    422: Reason.INVALID,
}
_REFUSED = 4


def parse_message_response(response: HttpResponse, *, by_user_id: bool = False) -> AttemptResult:
    """Read the answer of the Messages API. Never raises, whatever came.

    That a person cannot be addressed `by_user_id` does not mean that no other provider can.
    """
    try:
        parsed: object = response.json()
    except ValueError:
        parsed = None
    answer = cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}
    uuid = answer.get("message_uuid")
    if response.ok and isinstance(uuid, str) and uuid:
        return AttemptResult.of(Reason.ACCEPTED, provider_id=uuid, raw_response=answer)
    detail = describe_problem(answer)
    reason = PROBLEMS.get(problem_code(answer) or 0) or _BY_HTTP.get(response.status)
    if response.status // 100 != _REFUSED or reason is None or response.status in (408, 429):
        return result_from_status(response, detail)
    if by_user_id and (reason is Reason.RECIPIENT or problem_code(answer) == _INVALID_PARAMETER):
        reason = Reason.NO_COVERAGE
    return AttemptResult.of(
        reason,
        f"HTTP {response.status} {detail}".strip(),
        raw_response=answer or response,
        **MESSAGES.fields(problem_code(answer), str(answer.get("detail") or "")),
    )


def describe_problem(problem: Mapping[str, Any]) -> str:
    """Say what went wrong by code and title: never the details, which may repeat what was sent. Empty for no problem."""
    code, title = problem_code(problem), problem.get("title", problem.get("reason"))
    words = title if isinstance(title, str) and _WORDS.fullmatch(title) else ""
    return " ".join(part for part in ("" if code is None else str(code), words) if part)


def problem_code(problem: Mapping[str, Any]) -> int | None:
    """Return the code, which stands behind the address of the type, in the title, or (version 0.1) by its own name."""
    for told in (problem.get("code"), str(problem.get("type", "")).rpartition("#")[2], problem.get("title")):
        text = str(told) if isinstance(told, (str, int)) else ""
        if text.isascii() and text.isdigit() and len(text) <= _CODE_DIGITS:
            return int(text)
    return None


_CODE_DIGITS = 5
_INVALID_PARAMETER = 1020
_WORDS = re.compile(r"(?=.*[A-Za-z])[A-Za-z' ,.-]{1,80}")


def parse_response(response: HttpResponse) -> AttemptResult:
    """Read the answer to one message, which lists its parts. Never raises, whatever came."""
    parts = _parts(response) if response.ok else []
    codes = [str(part.get("status")) for part in parts]
    ids = [part["message-id"] for part in parts if isinstance(part.get("message-id"), str)]
    if not parts or (codes.count("0") > len(ids)):
        return result_from_status(response, is_from_provider=_is_error(response))
    if "0" in codes:
        whole = codes.count("0") == len(codes)
        reason = Reason.ACCEPTED if whole else Reason.UNREADABLE_RESPONSE
        detail = "" if whole else f"{codes.count('0')} of {len(codes)} parts were taken"
        return AttemptResult.of(reason, detail, provider_id=ids[0], raw_response=parts)
    code = codes[0] if codes[0].isdecimal() else "?"
    return AttemptResult.of(
        REASONS.get(code, Reason.INVALID),
        f"status {code[:9]}",
        raw_response=parts,
        **ANSWERS.fields(code, str(parts[0].get("error-text") or "")),
    )


def _is_error(response: HttpResponse) -> bool:
    """Whether the body is one of the forms in which Vonage writes an error: https://developer.vonage.com/en/api-errors."""
    try:
        answer = response.json()
    except ValueError:
        return False
    if not isinstance(answer, dict):
        return False
    told = cast("dict[str, Any]", answer)
    return not _ERROR_MEMBERS.isdisjoint(told) or "vonage.com" in str(told.get("type"))


_ERROR_MEMBERS = frozenset({"error-code", "error_title", "error-text", "messages"})


def _parts(response: HttpResponse) -> Sequence[Mapping[str, Any]]:
    """Return the parts that the answer lists; none if one of them is no object."""
    try:
        answer = response.json()
    except ValueError:
        return []
    listed = cast("dict[str, Any]", answer).get("messages") if isinstance(answer, dict) else None
    parts = cast("list[Any]", listed) if isinstance(listed, list) else []
    return parts if all(isinstance(part, dict) and "status" in part for part in parts) else []
