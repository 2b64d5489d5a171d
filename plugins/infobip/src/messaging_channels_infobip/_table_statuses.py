"""What each status means where it is the answer to a send: group id, id, channel, reason.

Source of the ids: https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes. Their names are in the core's
table. Channel `all` holds for every channel.

No reason here lets the same provider be asked again: the id of a message that Infobip refused is used up, so a repetition would be refused as a duplicate
and be taken for accepted. Passing it on to another provider is safe.
"""

from __future__ import annotations

from messaging_channels.plugins import Reason

REASONS: dict[tuple[str, int, int], Reason] = {
    ("legacy", 0, 0): Reason.ACCEPTED,  # MESSAGE_ACCEPTED
    ("all", 1, 3): Reason.ACCEPTED,  # PENDING_WAITING_DELIVERY
    ("all", 1, 7): Reason.ACCEPTED,  # PENDING_ENROUTE
    ("all", 1, 26): Reason.ACCEPTED,  # PENDING_ACCEPTED
    ("moments", 1, 200): Reason.ACCEPTED,  # PENDING_ACCEPTED
    ("all", 2, 4): Reason.RECIPIENT,  # UNDELIVERABLE_REJECTED_OPERATOR
    ("all", 2, 9): Reason.RECIPIENT,  # UNDELIVERABLE_NOT_DELIVERED
    ("all", 2, 31): Reason.NO_COVERAGE,  # UNDELIVERABLE_NOT_SENT
    ("push", 2, 66): Reason.RECIPIENT,  # UNDELIVERABLE_NO_DESTINATION
    ("voice", 2, 96): Reason.RECIPIENT,  # NO_ANSWER
    ("voice", 2, 97): Reason.RECIPIENT,  # BUSY
    ("voice", 2, 98): Reason.RECIPIENT,  # CANCELLED
    ("all", 3, 2): Reason.ACCEPTED,  # DELIVERED_TO_OPERATOR
    ("all", 3, 5): Reason.ACCEPTED,  # DELIVERED_TO_HANDSET
    ("all", 4, 15): Reason.INVALID,  # EXPIRED_EXPIRED
    ("all", 4, 29): Reason.UNREADABLE_RESPONSE,  # EXPIRED_DLR_UNKNOWN
    ("all", 4, 87): Reason.POLICY,  # SIGNALS_BLOCKED
    ("all", 5, 6): Reason.NO_COVERAGE,  # REJECTED_NETWORK
    ("all", 5, 8): Reason.RECIPIENT,  # REJECTED_PREFIX_MISSING
    ("all", 5, 10): Reason.RECIPIENT,  # REJECTED_DND
    ("all", 5, 11): Reason.POLICY,  # REJECTED_SOURCE
    ("all", 5, 12): Reason.INSUFFICIENT_CREDIT,  # REJECTED_NOT_ENOUGH_CREDITS
    ("all", 5, 13): Reason.POLICY,  # REJECTED_SENDER
    ("all", 5, 14): Reason.RECIPIENT,  # REJECTED_DESTINATION_BLOCKLISTED
    ("all", 5, 17): Reason.INSUFFICIENT_CREDIT,  # REJECTED_PREPAID_PACKAGE_EXPIRED
    ("all", 5, 18): Reason.NO_COVERAGE,  # REJECTED_DESTINATION_NOT_REGISTERED
    ("all", 5, 19): Reason.NO_COVERAGE,  # REJECTED_ROUTE_NOT_AVAILABLE
    ("all", 5, 20): Reason.POLICY,  # REJECTED_FLOODING_FILTER
    ("all", 5, 21): Reason.NO_COVERAGE,  # REJECTED_SYSTEM_ERROR
    ("all", 5, 23): Reason.DUPLICATE,  # REJECTED_DUPLICATE_MESSAGE_ID
    ("all", 5, 24): Reason.INVALID,  # REJECTED_INVALID_UDH
    ("all", 5, 25): Reason.INVALID,  # REJECTED_MESSAGE_TOO_LONG
    ("all", 5, 51): Reason.RECIPIENT,  # MISSING_TO
    ("all", 5, 52): Reason.RECIPIENT,  # REJECTED_DESTINATION
    ("all", 5, 87): Reason.POLICY,  # SIGNALS_BLOCKED
    ("all", 5, 100): Reason.NO_COVERAGE,  # UNDELIVERABLE_REJECTED_PLATFORM
    ("email", 5, 75): Reason.INSUFFICIENT_CREDIT,  # REJECTED_FREE_TRIAL_EXCEEDED
    ("email", 5, 88): Reason.INVALID,  # REJECTED_DATA_TRANSFORMATION_FAILED
    ("email", 5, 89): Reason.NO_COVERAGE,  # REJECTED_INTERNAL_ERROR
    ("email", 5, 90): Reason.INVALID,  # REJECTED_VALIDATION_FAILED
    ("mms", 5, 56): Reason.INVALID,  # REJECTED_INVALID_NOTIFY_URL
    ("mms", 5, 77): Reason.INVALID,  # REJECTED_MESSAGE_TEXT_TOO_LONG
    ("moments", 5, 200): Reason.RECIPIENT,  # REJECTED_INVALID_CONTACT
    ("moments", 5, 202): Reason.INVALID,  # REJECTED_VARIABLE_MISSED
    ("moments", 5, 203): Reason.RECIPIENT,  # REJECTED_PERSON_ALREADY_IN_FLOW
    ("moments", 5, 204): Reason.RECIPIENT,  # REJECTED_PERSON_NOT_ALLOWED_TO_REENTER
    ("moments", 5, 205): Reason.INVALID,  # REJECTED_FLOW_ERROR_UNKNOWN
    ("moments", 5, 206): Reason.INSUFFICIENT_CREDIT,  # REJECTED_NOT_ENOUGH_CREDITS
    ("push", 5, 65): Reason.INVALID,  # REJECTED_NO_APPLICATION
    ("push", 5, 68): Reason.INVALID,  # REJECTED_PAYLOAD_TOO_BIG
    ("push", 5, 69): Reason.INVALID,  # REJECTED_NO_CONTENT
    ("push", 5, 70): Reason.INVALID,  # REJECTED_INVALID_VALIDITY_PERIOD
    ("push", 5, 71): Reason.INVALID,  # REJECTED_INVALID_QUERY
    ("push", 5, 73): Reason.INVALID,  # REJECTED_INVALID_INBOX_TOPIC
    ("push", 5, 74): Reason.INVALID,  # REJECTED_INVALID_PRIMARY_BUTTON_ACTION
    ("voice", 5, 53): Reason.INVALID,  # REJECTED_INVALID_AUDIO_FILE_URL
    ("voice", 5, 54): Reason.INVALID,  # REJECTED_UNSUPPORTED_LANGUAGE
    ("voice", 5, 55): Reason.INVALID,  # REJECTED_MESSAGE_IS_EMPTY
    ("voice", 5, 56): Reason.INVALID,  # REJECTED_INVALID_NOTIFY_URL
    ("voice", 5, 57): Reason.INVALID,  # REJECTED_INVALID_NOTIFY_CONTENT_TYPE
    ("voice", 5, 58): Reason.INVALID,  # REJECTED_INVALID_DTMF_SIGN
    ("voice", 5, 59): Reason.INVALID,  # REJECTED_INVALID_DTMF_TIMEOUT
    ("voice", 5, 60): Reason.INVALID,  # REJECTED_INVALID_RING_TIMEOUT
    ("voice", 5, 61): Reason.INVALID,  # REJECTED_INVALID_CALL_TIMEOUT
    ("voice", 5, 62): Reason.INVALID,  # REJECTED_INVALID_MACHINE_DETECTION
    ("voice", 5, 63): Reason.INVALID,  # REJECTED_INVALID_ACTIONS
    ("voice", 5, 64): Reason.INVALID,  # REJECTED_INVALID_ACTION_GROUPS
    ("voice", 5, 83): Reason.POLICY,  # REJECTED_MACHINE_DETECTION_DISABLED
    ("voice", 5, 87): Reason.INVALID,  # REJECTED_INVALID_DELIVERY_TIME_WINDOW
    ("voice", 5, 91): Reason.INVALID,  # REJECTED_INVALID_SSML
    ("voice", 5, 99): Reason.RECIPIENT,  # REJECTED
}
"""A duplicate id is our own repetition, since no two messages share an id: the message had been taken."""

GROUP_REASONS: dict[int, Reason] = {
    0: Reason.ACCEPTED,
    1: Reason.ACCEPTED,
    2: Reason.RECIPIENT,
    3: Reason.ACCEPTED,
    4: Reason.INVALID,
    5: Reason.INVALID,
}
"""For ids that are not listed. A group that is not either leaves the message unidentified."""
