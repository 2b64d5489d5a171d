"""The tables of reasons, failures and advice, from the enumerations."""

from __future__ import annotations

from markdown import field_texts, table

from messaging_channels._model._table_failures import ADVICE
from messaging_channels.events import Advice, FailureReason
from messaging_channels.plugins import REASON_POLICIES, Reason


def reasons() -> str:
    """Return every reason with what may follow."""
    texts = field_texts(Reason)
    rows = (
        (
            f"`{reason}`",
            str(policy.outcome),
            _yes(policy.retryable),
            _yes(policy.failover),
            texts[reason.name],
        )
        for reason, policy in REASON_POLICIES.items()
    )
    return table(("reason", "kind", "the same provider again", "another provider", "meaning"), rows)


def advice() -> str:
    """Return every advice."""
    return table(("advice", "meaning"), ((f"`{one}`", field_texts(Advice)[one.name]) for one in Advice))


def failures() -> str:
    """Return every failure with its advice."""
    texts = field_texts(FailureReason)
    rows = (
        (
            f"`{one}`",
            ", ".join(f"`{told}`" for told in Advice if told in ADVICE[one]) or "none",
            texts[one.name],
        )
        for one in FailureReason
    )
    return table(("reason", "advice", "meaning"), rows)


def _yes(able: bool) -> str:
    return "yes" if able else "no"
