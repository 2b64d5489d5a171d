"""The facts about failures: what is advised after each, and which one a status or a `Reason` stands for where no code says more."""

from __future__ import annotations

from messaging_channels._model.failure_reasons import Advice, FailureReason

_S, _A, _C, _O, _L = Advice
_N: frozenset[Advice] = frozenset()

ADVICE: dict[FailureReason, frozenset[Advice]] = {
    FailureReason.INVALID_ADDRESS: frozenset({_S, _O}),
    FailureReason.UNKNOWN_RECIPIENT: frozenset({_O}),
    FailureReason.DOMAIN_UNKNOWN: frozenset({_S, _O}),
    FailureReason.UNREACHABLE: frozenset({_L, _O}),
    FailureReason.RECIPIENT_BUSY: frozenset({_L}),
    FailureReason.HANDSET_FULL: frozenset({_L, _O}),
    FailureReason.MAILBOX_FULL: frozenset({_L, _O}),
    FailureReason.NOT_CAPABLE: frozenset({_O}),
    FailureReason.NOT_ON_CHANNEL: frozenset({_O}),
    FailureReason.BARRED: frozenset({_O}),
    FailureReason.BLOCKED_BY_RECIPIENT: frozenset({_S}),
    FailureReason.OPTED_OUT: frozenset({_S}),
    FailureReason.SUPPRESSED: _N,
    FailureReason.IDENTITY_CHANGED: frozenset({_A}),
    FailureReason.FREQUENCY_CAPPED: frozenset({_L, _O}),
    FailureReason.OUTSIDE_WINDOW: frozenset({_C, _O}),
    FailureReason.EXPIRED: frozenset({_O}),
    FailureReason.SPAM_FILTERED: frozenset({_C, _A}),
    FailureReason.CONTENT_REFUSED: frozenset({_C}),
    FailureReason.TEMPLATE_UNAVAILABLE: frozenset({_A, _O}),
    FailureReason.TEMPLATE_PARAMETERS: frozenset({_C}),
    FailureReason.TOO_LARGE: frozenset({_C}),
    FailureReason.MEDIA_PROBLEM: frozenset({_C}),
    FailureReason.MALFORMED: frozenset({_C}),
    FailureReason.AUTH_FAILED_EMAIL: frozenset({_A}),
    FailureReason.SENDER_NOT_REGISTERED: frozenset({_A, _O}),
    FailureReason.SENDER_REFUSED: frozenset({_A}),
    FailureReason.ACCOUNT_BLOCKED: frozenset({_A}),
    FailureReason.CREDENTIALS: frozenset({_A}),
    FailureReason.NO_CREDIT: frozenset({_A}),
    FailureReason.NO_ROUTE: frozenset({_O, _A}),
    FailureReason.THROTTLED: frozenset({_L}),
    FailureReason.GREYLISTED: frozenset({_L}),
    FailureReason.FRAUD_BLOCKED: _N,
    FailureReason.NETWORK_ERROR: frozenset({_L, _O}),
    FailureReason.PROVIDER_ERROR: frozenset({_L, _O}),
    FailureReason.DUPLICATE: _N,
    FailureReason.CANCELLED: _N,
    FailureReason.AUTO_REPLY: _N,
    FailureReason.NO_RECEIPT: _N,
    FailureReason.UNKNOWN: frozenset({_L}),
}
"""What each reason advises. A network's word that a number is unknown suppresses nothing: it says so of roaming and ported numbers too."""

STATUSES: dict[FailureReason, tuple[tuple[str, int, int], ...]] = {
    FailureReason.NETWORK_ERROR: (("all", 2, 4),),
    FailureReason.UNREACHABLE: (("all", 2, 9), ("voice", 2, 96)),
    FailureReason.PROVIDER_ERROR: (
        ("all", 2, 31),
        ("all", 5, 21),
        ("email", 5, 89),
        ("moments", 5, 205),
    ),
    FailureReason.UNKNOWN_RECIPIENT: (("push", 2, 66),),
    FailureReason.RECIPIENT_BUSY: (("voice", 2, 97), ("voice", 5, 99)),
    FailureReason.CANCELLED: (("voice", 2, 98), ("all", 5, 1005)),
    FailureReason.EXPIRED: (("all", 4, 15), ("all", 4, 1004)),
    FailureReason.NO_RECEIPT: (("all", 4, 29),),
    FailureReason.FRAUD_BLOCKED: (("all", 4, 87), ("all", 5, 87)),
    FailureReason.NO_ROUTE: (("all", 5, 6), ("all", 5, 18), ("all", 5, 19)),
    FailureReason.INVALID_ADDRESS: (
        ("all", 5, 8),
        ("all", 5, 51),
        ("all", 5, 52),
        ("moments", 5, 200),
    ),
    FailureReason.OPTED_OUT: (("all", 5, 10), ("all", 5, 14)),
    FailureReason.SENDER_REFUSED: (("all", 5, 11), ("all", 5, 13)),
    FailureReason.NO_CREDIT: (("all", 5, 12), ("moments", 5, 206)),
    FailureReason.ACCOUNT_BLOCKED: (
        ("all", 5, 17),
        ("all", 5, 100),
        ("email", 5, 75),
        ("voice", 5, 83),
    ),
    FailureReason.SPAM_FILTERED: (("all", 5, 20),),
    FailureReason.DUPLICATE: (("all", 5, 23), ("moments", 5, 203)),
    FailureReason.MALFORMED: (
        ("all", 5, 24),
        ("email", 5, 88),
        ("email", 5, 90),
        ("mms", 5, 56),
        ("push", 5, 69),
        ("push", 5, 70),
        ("push", 5, 71),
        ("push", 5, 73),
        ("push", 5, 74),
        *(("voice", 5, number) for number in (54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 87, 91)),
    ),
    FailureReason.TOO_LARGE: (("all", 5, 25), ("mms", 5, 77), ("push", 5, 68)),
    FailureReason.TEMPLATE_PARAMETERS: (("moments", 5, 202),),
    FailureReason.FREQUENCY_CAPPED: (("moments", 5, 204),),
    FailureReason.SENDER_NOT_REGISTERED: (("push", 5, 65),),
    FailureReason.MEDIA_PROBLEM: (("voice", 5, 53),),
    FailureReason.SUPPRESSED: (("all", 5, 1006), ("all", 5, 1007)),
}
"""What a final status stands for, by (channel, group id, id)."""

VAGUE_STATUSES = frozenset({(2, 4), (2, 9), (2, 31), (5, 52), (5, 100)})
"""Statuses that stand for whatever is not known more exactly: alone they say nothing of why."""

REASONS: dict[str, FailureReason] = {
    "rejected.invalid": FailureReason.MALFORMED,
    "not_sent.credentials": FailureReason.CREDENTIALS,
    "not_sent.insufficient_credit": FailureReason.NO_CREDIT,
    "rejected.no_coverage": FailureReason.NO_ROUTE,
    "not_sent.throttled": FailureReason.THROTTLED,
    "not_sent.unreachable": FailureReason.PROVIDER_ERROR,
    "not_sent.not_found": FailureReason.PROVIDER_ERROR,
    "not_sent.misdirected": FailureReason.PROVIDER_ERROR,
    "unknown.unreadable_response": FailureReason.PROVIDER_ERROR,
    "unknown.timeout": FailureReason.PROVIDER_ERROR,
    "unknown.connection": FailureReason.PROVIDER_ERROR,
    "unknown.server_error": FailureReason.PROVIDER_ERROR,
    "unknown.plugin": FailureReason.NO_RECEIPT,
    "unknown.cancelled": FailureReason.NO_RECEIPT,
    "unknown.process_crashed": FailureReason.NO_RECEIPT,
}
"""What a `Reason` stands for where the provider names no code. One that is not listed may mean many things."""
