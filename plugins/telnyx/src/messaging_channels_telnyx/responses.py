"""What Telnyx's answers and statuses mean.

Source: https://developers.telnyx.com/api-reference/messages/send-a-message and the types of Telnyx's own client, `telnyx` 4.
"""

from __future__ import annotations

from collections.abc import Mapping

from messaging_channels.plugins import (
    AttemptResult,
    HttpResponse,
    Reason,
    Status,
    json_object,
    result_from_status,
    text_at,
)
from messaging_channels.plugins import status as statuses
from messaging_channels_telnyx.errors import FAILURES, REASONS, describe_code, error_code, error_text

STATUSES: Mapping[str, Status] = {
    "queued": statuses.PENDING_ACCEPTED,
    "sending": statuses.PENDING_ENROUTE,
    "sent": statuses.PENDING_ENROUTE,
    "delivered": statuses.DELIVERED_TO_HANDSET,
    "read": statuses.DELIVERED_TO_HANDSET,
    "expired": statuses.EXPIRED_EXPIRED,
    "sending_failed": statuses.known(2, 9),
    "delivery_failed": statuses.known(2, 9),
    "delivery_unconfirmed": statuses.known(1, 3),
}
"""By the `status` of a recipient. `delivery_unconfirmed` tells nothing that was not known before: no report came from the carrier."""
_REFUSED = 4
_MAY_BE_SENT = (408,)


def parse_response(response: HttpResponse) -> AttemptResult:
    """Read the answer to one message. Never raises, whatever came. A 5xx may have been sent, whatever its code."""
    told = json_object(response.body)
    provider_id = text_at(told, "data", "id")
    if response.ok and provider_id:
        return AttemptResult.of(Reason.ACCEPTED, provider_id=provider_id, raw_response=told)
    code = error_code(told)
    reason = REASONS.get(code)
    throttled = reason is Reason.THROTTLED and "retry-after" in response.headers
    if reason is None or throttled or response.status // 100 != _REFUSED or response.status in _MAY_BE_SENT:
        has_errors = isinstance(told.get("errors"), list)
        return result_from_status(response, describe_code(code), is_from_provider=has_errors)
    return AttemptResult.of(
        reason,
        f"HTTP {response.status} {describe_code(code)}",
        raw_response=told,
        **FAILURES.fields(code, error_text(told)),
    )
