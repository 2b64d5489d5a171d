"""What Vonage's codes mean.

Sources: https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms for the answers to a send,
https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts for the delivery receipts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from messaging_channels.plugins import AttemptResult, HttpResponse, Reason, Status, result_from_status
from messaging_channels.plugins import status as statuses
from messaging_channels_vonage._table_failures import ANSWERS

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


def parse_response(response: HttpResponse) -> AttemptResult:
    """Read the answer to one message, which lists its parts. Never raises, whatever came."""
    parts = _parts(response) if response.ok else []
    codes = [str(part.get("status")) for part in parts]
    ids = [part["message-id"] for part in parts if isinstance(part.get("message-id"), str)]
    if not parts or (codes.count("0") > len(ids)):
        return result_from_status(response)
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


def _parts(response: HttpResponse) -> Sequence[Mapping[str, Any]]:
    """Return the parts that the answer lists; none if one of them is no object."""
    try:
        answer = response.json()
    except ValueError:
        return []
    listed = cast("dict[str, Any]", answer).get("messages") if isinstance(answer, dict) else None
    parts = cast("list[Any]", listed) if isinstance(listed, list) else []
    return parts if all(isinstance(part, dict) and "status" in part for part in parts) else []
