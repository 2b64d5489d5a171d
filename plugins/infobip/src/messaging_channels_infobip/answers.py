"""What Infobip's answers mean.

Sources: https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes for the statuses, the API's OpenAPI document for the
two error envelopes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from messaging_channels import status as statuses
from messaging_channels.exchange import HttpResponse
from messaging_channels.outcomes import Outcome, Reason
from messaging_channels.provider import Envelope, http_outcome
from messaging_channels.status import Status

REASONS: Mapping[tuple[int, int], Reason] = {
    (2, 31): Reason.ROUTE,
    (5, 6): Reason.ROUTE,
    (5, 19): Reason.ROUTE,
    (5, 12): Reason.FUNDS,
    (5, 17): Reason.FUNDS,
    (5, 75): Reason.FUNDS,
    (5, 8): Reason.RECIPIENT,
    (5, 10): Reason.RECIPIENT,
    (5, 14): Reason.RECIPIENT,
    (5, 18): Reason.RECIPIENT,
    (5, 51): Reason.RECIPIENT,
    (5, 52): Reason.RECIPIENT,
    (5, 11): Reason.POLICY,
    (5, 13): Reason.POLICY,
    (5, 20): Reason.POLICY,
    (5, 87): Reason.POLICY,
    (5, 23): Reason.DUPLICATE,
    (5, 24): Reason.INVALID,
    (5, 25): Reason.INVALID,
}
"""By group and id. A duplicate id is our own repetition, since no two messages share an id: the message had been taken."""

GROUP_REASONS: Mapping[int, Reason] = {
    0: Reason.ACCEPTED,
    1: Reason.ACCEPTED,
    2: Reason.RECIPIENT,
    3: Reason.ACCEPTED,
    4: Reason.INVALID,
    5: Reason.INVALID,
}
"""For ids that are not listed. A group that is not either leaves the message unidentified."""


def outcomes(response: HttpResponse, batch: Sequence[Envelope]) -> Sequence[Outcome]:
    """Read the answer to a batch. Never raises, whatever came."""
    answer = _parsed(response)
    if not response.ok:
        outcome = http_outcome(response, _explanation(answer))
        return [outcome] * len(batch)
    elements = _elements(answer)
    return [_outcome(elements.get(envelope.id), response) for envelope in batch]


def _outcome(element: Mapping[str, Any] | None, response: HttpResponse) -> Outcome:
    status = None if element is None else read_status(element.get("status"))
    if element is None or status is None:
        return http_outcome(response, "the answer does not name this message")
    reason = reason_of(status)
    if reason is Reason.DUPLICATE:
        return Outcome(reason, statuses.PENDING_ACCEPTED, element["messageId"], status.name, None, element)
    if reason is Reason.ACCEPTED:
        return Outcome(reason, status, element["messageId"], "", None, element)
    return Outcome(
        reason, status, element["messageId"], f"{status.group_id}/{status.id} {status.name}", None, element
    )


def reason_of(status: Status) -> Reason:
    """Say what a status in an answer means. An unknown group leaves the message unidentified."""
    listed = REASONS.get((status.group_id, status.id))
    return listed or GROUP_REASONS.get(status.group_id, Reason.UNIDENTIFIED)


def read_status(given: object) -> Status | None:
    """Read a status object; None if it is none. Unknown numbers and names are kept as they came."""
    if not isinstance(given, dict):
        return None
    fields = cast("dict[str, Any]", given)
    numbers = (fields.get("groupId"), fields.get("id"))
    if not all(type(number) is int for number in numbers):
        return None
    words = [str(fields.get(name) or "") for name in ("groupName", "name", "description")]
    return _interned(*numbers, *words)


@lru_cache(maxsize=1024)
def _interned(group_id: int, status_id: int, group_name: str, name: str, description: str) -> Status:
    return Status(group_id, group_name, status_id, name, description)


def _parsed(response: HttpResponse) -> Any:  # noqa: ANN401  whatever came
    try:
        return response.json()
    except ValueError:
        return None


def _elements(answer: Any) -> dict[str, Mapping[str, Any]]:  # noqa: ANN401  whatever came
    """Return the elements of the answer by our ids: their order is not promised."""
    listed = answer.get("messages") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        return {}
    return {
        element["messageId"]: element
        for element in cast("list[Any]", listed)
        if isinstance(element, dict) and isinstance(element.get("messageId"), str)
    }


def _explanation(answer: Any) -> str:  # noqa: ANN401  whatever came
    """Return code and violated fields of either error envelope; numbers that may be somebody's are hidden."""
    if not isinstance(answer, dict):
        return ""
    envelope = cast("dict[str, Any]", answer)
    old = _member(_member(envelope, "requestError"), "serviceException")
    violations = envelope.get("violations")
    fields = [
        str(_member(one, "property"))
        for one in (cast("list[Any]", violations) if isinstance(violations, list) else [])
    ] or list(_member(old, "validationErrors") or {})
    words = " ".join([str(envelope.get("errorCode") or _member(old, "messageId") or ""), *map(str, fields)])
    return _LONG_NUMBER.sub("…", words)[:200].strip()


def _member(value: Any, name: str) -> Any:  # noqa: ANN401  whatever came
    return cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None


_LONG_NUMBER = re.compile(r"\d{5,}")
