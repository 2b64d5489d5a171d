"""Postmark's codes as data: error codes of a send, and types of a bounce.

Sources: https://postmarkapp.com/developer/api/overview#error-codes, https://postmarkapp.com/developer/api/bounce-api#bounce-types, and the official client
(`postmark.models.bounces.enums`). The reason and the failure of each are our reading.
"""

from __future__ import annotations

from messaging_channels.plugins import FailureReason, Reason

ERRORS: tuple[tuple[int, str, Reason, FailureReason], ...] = (
    (10, "Bad or missing API token", Reason.CREDENTIALS, FailureReason.CREDENTIALS),
    (100, "Maintenance", Reason.THROTTLED, FailureReason.PROVIDER_ERROR),
    (300, "Invalid email request", Reason.INVALID, FailureReason.MALFORMED),
    (400, "Sender signature not found", Reason.POLICY, FailureReason.SENDER_NOT_REGISTERED),
    (401, "Sender signature not confirmed", Reason.POLICY, FailureReason.SENDER_NOT_REGISTERED),
    (402, "Invalid JSON", Reason.INVALID, FailureReason.MALFORMED),
    (403, "Incompatible JSON", Reason.INVALID, FailureReason.MALFORMED),
    (405, "Not allowed to send", Reason.INSUFFICIENT_CREDIT, FailureReason.NO_CREDIT),
    (406, "Inactive recipient", Reason.RECIPIENT, FailureReason.SUPPRESSED),
    (409, "JSON required", Reason.INVALID, FailureReason.MALFORMED),
    (410, "Too many batch messages", Reason.INVALID, FailureReason.MALFORMED),
    (411, "Forbidden attachment type", Reason.INVALID, FailureReason.MEDIA_PROBLEM),
    (412, "Account is pending", Reason.CREDENTIALS, FailureReason.ACCOUNT_BLOCKED),
    (413, "Account may not send", Reason.CREDENTIALS, FailureReason.ACCOUNT_BLOCKED),
    (429, "Rate limit exceeded", Reason.THROTTLED, FailureReason.THROTTLED),
    (701, "Illegal attachment type", Reason.INVALID, FailureReason.MEDIA_PROBLEM),
)
"""Code, meaning, reason of the attempt, failure."""

BOUNCES: tuple[tuple[str, str, tuple[int, int] | None, FailureReason | None], ...] = (
    ("HardBounce", "No such mailbox", (2, 9), FailureReason.UNKNOWN_RECIPIENT),
    ("Transient", "Delayed; Postmark tries again", (1, 7), FailureReason.NETWORK_ERROR),
    ("DnsError", "Temporary error of the domain name system", (1, 7), FailureReason.NETWORK_ERROR),
    ("SoftBounce", "Mailbox full or disabled at the moment", (1, 7), FailureReason.UNREACHABLE),
    ("SpamNotification", "Blocked or classified as spam", (2, 4), FailureReason.SPAM_FILTERED),
    ("VirusNotification", "Classified as infected", (2, 4), FailureReason.CONTENT_REFUSED),
    ("Blocked", "Blocked by the mailbox provider", (2, 4), FailureReason.SPAM_FILTERED),
    ("DMARCPolicy", "Rejected by the DMARC policy of the sender", (2, 4), FailureReason.AUTH_FAILED_EMAIL),
    ("BadEmailAddress", "No valid address", (5, 52), FailureReason.INVALID_ADDRESS),
    ("ManuallyDeactivated", "Deactivated by hand in Postmark", (2, 31), FailureReason.SUPPRESSED),
    ("SMTPApiError", "Not accepted by Postmark's SMTP service", (2, 31), FailureReason.MALFORMED),
    ("TemplateRenderingFailed", "Template not rendered", (2, 31), FailureReason.TEMPLATE_PARAMETERS),
    ("Unknown", "A bounce that Postmark could not classify", (2, 9), FailureReason.UNKNOWN),
    ("AutoResponder", "An automatic reply", None, FailureReason.AUTO_REPLY),
    ("AddressChange", "The recipient tells another address", None, None),
    ("ChallengeVerification", "The recipient's server asks who wrote", None, None),
    ("OpenRelayTest", "A test message", None, None),
    ("Unconfirmed", "The address is not confirmed", None, None),
    ("InboundError", "An inbound mail was not handed over", None, None),
)
"""Type, meaning, group and id of the status (None: it changes none), failure."""
