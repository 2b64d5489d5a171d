"""What can go wrong with a call, as clients see it: the stable code, the HTTP status and the title of each problem (RFC 9457).

Source of the form: https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

PROBLEMS: dict[str, tuple[int, str]] = {
    # the request itself
    "invalid_json": (400, "The request body is not valid JSON"),
    "invalid_idempotency_key": (400, "The idempotency key cannot be used"),
    "invalid_request": (400, "The request cannot be read"),
    "unauthorised": (401, "No valid API key was given"),
    "webhook_verification_failed": (401, "The webhook call is not verified"),
    "forbidden": (403, "The API key lacks the right"),
    "cdp_extension_missing": (403, "The tenant has no provider account for sending to Persons"),
    "not_found": (404, "Not found"),
    "method_not_allowed": (405, "The method is not allowed for this path"),
    "slow_body": (408, "The request body did not arrive in time"),
    "too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "The body is not of the media type application/json"),
    "invalid_body": (422, "The body does not fit the schema"),
    "invalid_query": (422, "A query parameter does not fit the schema"),
    "invalid_url": (422, "The callback URL is not allowed"),
    "too_many_requests": (429, "Too many requests"),
    # the message
    "invalid_address": (422, "The address is not valid for the channel"),
    "invalid_message": (422, "A field of the message cannot be sent as it is"),
    "no_address": (422, "The recipient has no address on that channel"),
    "recipient_inactive": (422, "The User is not active, and not written to"),
    "unsupported": (422, "No provider supports this message"),
    "invalid_send_at": (422, "The time to send at is past, or too far ahead"),
    "not_cancellable": (409, "The message is under way or has ended, and cannot be cancelled"),
    "message_blocked": (403, "A check blocks the message"),
    "idempotency_key_reused": (422, "The idempotency key was used for another request"),
    "idempotency_key_in_use": (409, "An earlier request with that key has not ended"),
    "rejected": (422, "The provider refused the message for good"),
    # this service
    "not_sent": (503, "Nothing was sent: try again"),
    "no_route": (503, "No provider is configured for the channel"),
    "ledger_unavailable": (503, "The message could not be recorded, so nothing was sent"),
    "still_sending": (504, "The message is still being sent: ask again with the same idempotency key"),
    "configuration": (500, "The service is not configured for that"),
    "internal": (500, "The service failed"),
}
