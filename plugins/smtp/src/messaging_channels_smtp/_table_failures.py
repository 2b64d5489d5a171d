"""The enhanced status codes of mail as reasons.

Source of the codes: https://www.iana.org/assignments/smtp-enhanced-status-codes. Which reason each stands for is our reading.
"""

from __future__ import annotations

from messaging_channels.plugins import Advice, FailureReason, FailureTable

ERRORS = FailureTable(
    {
        FailureReason.INVALID_ADDRESS: ("4.1.0", "4.1.3", "4.1.4", "4.6.7", "5.1.0", "5.1.3", "5.1.4"),
        FailureReason.UNKNOWN_RECIPIENT: ("4.1.1", "4.1.6", "5.1.1", "5.1.6", "5.2.1"),
        FailureReason.DOMAIN_UNKNOWN: (
            *("4.1.2", "4.1.10", "4.4.3", "4.4.4", "5.1.2", "5.1.10", "5.4.3", "5.4.4"),
        ),
        FailureReason.UNREACHABLE: ("4.2.1", "4.4.1", "4.4.2", "5.2.0", "5.4.1", "5.4.2"),
        FailureReason.RECIPIENT_BUSY: ("4.2.0",),
        FailureReason.MAILBOX_FULL: ("4.2.2", "5.2.2"),
        FailureReason.NOT_CAPABLE: ("4.3.3", "4.6.9", "5.3.3", "5.6.7", "5.6.9"),
        FailureReason.IDENTITY_CHANGED: ("5.7.17", "5.7.18", "5.7.19"),
        FailureReason.EXPIRED: ("4.4.7", "5.4.7"),
        FailureReason.SPAM_FILTERED: ("4.7.0", "5.7.0", "5.7.1", "5.7.28"),
        FailureReason.CONTENT_REFUSED: ("4.6.0", "4.7.7", "5.6.0", "5.7.7"),
        FailureReason.TOO_LARGE: ("4.2.3", "4.3.4", "4.7.16", "5.2.3", "5.3.4", "5.7.16"),
        FailureReason.MALFORMED: (
            *("4.5.1", "4.5.2", "4.5.4", "4.5.5", "4.6.2", "4.6.3", "4.6.5", "4.6.6", "4.6.8", "5.5.0"),
            *("5.5.1", "5.5.2", "5.5.4", "5.5.5", "5.6.1", "5.6.2", "5.6.3", "5.6.4", "5.6.5", "5.6.6"),
            *("5.6.8", "5.6.10"),
        ),
        FailureReason.AUTH_FAILED_EMAIL: (
            *("4.7.24", "4.7.25", "4.7.26", "4.7.29", "5.7.20", "5.7.21", "5.7.22", "5.7.23", "5.7.24"),
            *("5.7.25", "5.7.26", "5.7.29"),
        ),
        FailureReason.SENDER_REFUSED: (
            *("4.1.7", "4.1.8", "4.7.2", "4.7.5", "4.7.6", "5.1.7", "5.1.8", "5.7.2", "5.7.3", "5.7.4"),
            *("5.7.5", "5.7.6", "5.7.27", "5.7.30"),
        ),
        FailureReason.ACCOUNT_BLOCKED: ("5.7.13", "5.7.14"),
        FailureReason.CREDENTIALS: ("4.5.6", "4.7.12", "5.5.6", "5.7.8", "5.7.9", "5.7.10", "5.7.11"),
        FailureReason.THROTTLED: ("4.3.2", "4.4.5", "4.5.3", "4.7.15", "4.7.28", "5.5.3", "5.7.15"),
        FailureReason.GREYLISTED: ("4.7.1",),
        FailureReason.NETWORK_ERROR: ("4.4.0", "4.4.6", "4.4.8", "5.4.0", "5.4.5", "5.4.6"),
        FailureReason.PROVIDER_ERROR: (
            *("4.0.0", "4.2.4", "4.3.0", "4.3.1", "4.3.5", "4.5.0", "5.2.4", "5.3.0", "5.3.1", "5.3.2"),
            *("5.3.5",),
        ),
        FailureReason.NO_RECEIPT: ("5.1.9",),
        FailureReason.UNKNOWN: ("5.0.0",),
    },
    no_failures=(
        *("2.0.0", "2.1.0", "2.1.5", "2.1.9", "2.3.0", "2.3.6", "2.5.0", "2.6.0", "2.6.4", "2.6.8"),
        *("2.7.0", "2.7.7"),
    ),
    advice={
        **dict.fromkeys(
            ("5.1.1", "5.1.6", "5.2.1"), frozenset({Advice.SUPPRESS_ADDRESS, Advice.OTHER_CHANNEL})
        ),
        **dict.fromkeys(
            ("4.1.0", "4.1.1", "4.1.2", "4.1.4", "4.1.6", "4.1.10", "4.4.3", "4.4.4"),
            frozenset({Advice.RETRY_LATER, Advice.OTHER_CHANNEL}),
        ),
        **dict.fromkeys(("4.7.0", "4.7.24", "4.7.25", "4.7.26", "4.7.29"), frozenset({Advice.FIX_ACCOUNT})),
        **dict.fromkeys(
            ("5.1.0", "5.1.4", "4.1.3", "4.6.7", "5.4.3", "5.4.4"), frozenset({Advice.OTHER_CHANNEL})
        ),
        **dict.fromkeys(("5.3.0", "5.3.1", "5.3.2", "5.3.5", "5.2.4"), frozenset({Advice.OTHER_CHANNEL})),
    },
)
"""By the enhanced code. A mailbox that its own server does not know is certain; a code of class 4 says only that it is so for now."""
