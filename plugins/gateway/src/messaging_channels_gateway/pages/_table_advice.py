"""What the operator's page says of a failure, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

from messaging_channels.events import Advice, FailureReason
from messaging_channels.plugins import Outcome

OUTCOME_TEXTS: Mapping[Outcome, str] = {
    Outcome.ACCEPTED: "A provider took it.",
    Outcome.REJECTED: "It was refused for good.",
    Outcome.NOT_SENT: "Nothing was sent.",
    Outcome.UNKNOWN: "It may have been sent: nobody knows yet. Do not send it again by hand.",
}
ADVICE_TEXTS: Mapping[Advice, str] = {
    Advice.SUPPRESS_ADDRESS: "Write to this address on this channel no more.",
    Advice.FIX_ACCOUNT: "Mend the account, the sender, the template's registration or the configuration first.",
    Advice.FIX_CONTENT: "Change the message first.",
    Advice.OTHER_CHANNEL: "Try another channel, sender or provider: it may reach the person now.",
    Advice.RETRY_LATER: "Send the same message again after a wait.",
}
"""In the order in which to act on them."""
FAILURE_TEXTS: Mapping[FailureReason, str] = {
    FailureReason.INVALID_ADDRESS: "The address is malformed or impossible.",
    FailureReason.UNKNOWN_RECIPIENT: "The number is not assigned, or there is no such mailbox.",
    FailureReason.DOMAIN_UNKNOWN: "The recipient's domain does not exist or takes no mail.",
    FailureReason.UNREACHABLE: "The device is off or out of coverage, or the mailbox does not answer for now.",
    FailureReason.RECIPIENT_BUSY: "The device is busy with something else for a moment.",
    FailureReason.HANDSET_FULL: "The device has no memory left.",
    FailureReason.MAILBOX_FULL: "The mailbox is over its quota.",
    FailureReason.NOT_CAPABLE: "A land line, or a device or subscription that cannot receive this kind of message.",
    FailureReason.NOT_ON_CHANNEL: "The person has no account on the channel, or one that cannot be reached.",
    FailureReason.BARRED: "The operator bars the subscriber: suspended, without credit, parental control.",
    FailureReason.BLOCKED_BY_RECIPIENT: "The person blocked the sender.",
    FailureReason.OPTED_OUT: "The person asked for no more messages.",
    FailureReason.SUPPRESSED: "A list of ours or of the vendor's held it back; nothing was sent.",
    FailureReason.IDENTITY_CHANGED: "The address may belong to somebody else by now.",
    FailureReason.FREQUENCY_CAPPED: "Too many messages to this person, or not at this hour.",
    FailureReason.OUTSIDE_WINDOW: "Free-form content outside the window in which the person may be answered.",
    FailureReason.EXPIRED: "It was not delivered within its validity.",
    FailureReason.SPAM_FILTERED: "A carrier or mailbox provider judged it to be spam.",
    FailureReason.CONTENT_REFUSED: "A policy forbids the content.",
    FailureReason.TEMPLATE_UNAVAILABLE: "The template is missing, paused, disabled or not in this language.",
    FailureReason.TEMPLATE_PARAMETERS: "The values do not fit the template.",
    FailureReason.TOO_LARGE: "The text, the mail or the file is too long.",
    FailureReason.MEDIA_PROBLEM: "A file could not be fetched, or is of a kind that is not taken.",
    FailureReason.MALFORMED: "The request lacks something or holds something wrong.",
    FailureReason.AUTH_FAILED_EMAIL: "SPF, DKIM, DMARC or reverse DNS of the sending domain failed.",
    FailureReason.SENDER_NOT_REGISTERED: "The sender has to be registered or approved first.",
    FailureReason.SENDER_REFUSED: "The sender is invalid for this route, or blocked.",
    FailureReason.ACCOUNT_BLOCKED: "The account is suspended, limited, or lacks a permission.",
    FailureReason.CREDENTIALS: "The credentials are wrong or lack a right.",
    FailureReason.NO_CREDIT: "The account has no credit.",
    FailureReason.NO_ROUTE: "The provider has no way to that destination.",
    FailureReason.THROTTLED: "Too fast for the account, the sender, or the recipient's domain.",
    FailureReason.GREYLISTED: "A mail server wants to see the same mail again in some minutes; no failure yet.",
    FailureReason.FRAUD_BLOCKED: "A protection against fraud held it back.",
    FailureReason.NETWORK_ERROR: "The operator's network failed.",
    FailureReason.PROVIDER_ERROR: "The vendor failed: an internal fault, a timeout, maintenance.",
    FailureReason.DUPLICATE: "The same message was taken before.",
    FailureReason.CANCELLED: "It was cancelled.",
    FailureReason.AUTO_REPLY: "A robot answered; no failure.",
    FailureReason.NO_RECEIPT: "Nobody reported what became of it: the outcome is not known.",
    FailureReason.UNKNOWN: "The code is in no table. It is counted, and told as it came.",
}
