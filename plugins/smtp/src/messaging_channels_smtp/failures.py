"""Why a mail was not delivered, from the enhanced code, the basic code and the words of a server."""

from __future__ import annotations

from collections.abc import Sequence
from re import IGNORECASE, Pattern
from re import compile as pattern

from messaging_channels.plugins import FailureFields, FailureReason, failure_fields
from messaging_channels_smtp._table_failures import ERRORS

_REFINED = frozenset({"4.7.0", "4.7.1", "5.7.0", "5.7.1"})
"""Codes that servers use for everything: the words say which it is."""
_GREYLISTED = pattern(r"gr[ae]y-?\s?list|postgrey", IGNORECASE)
_WORDS: Sequence[tuple[Pattern[str], FailureReason]] = (
    (pattern(r"unsubscribed|opted[ -]?out", IGNORECASE), FailureReason.OPTED_OUT),
    (
        pattern(
            r"\b(?:dmarc|spf|dkim)\b|reverse dns|\bptr\b|unauthenticated (?:e-?mail|message)", IGNORECASE
        ),
        FailureReason.AUTH_FAILED_EMAIL,
    ),
    (pattern(r"rate|too many|throttl|try again later", IGNORECASE), FailureReason.THROTTLED),
    (
        pattern(
            r"relay|block ?list|black ?list|spamhaus|spamcop|\bd?n?s?[rd]bls?\b|sender (?:address )?(?:rejected|denied)"
            r"|not (?:permitted|allowed|authori[sz]ed) to send",
            IGNORECASE,
        ),
        FailureReason.SENDER_REFUSED,
    ),
)
"""In this order. Words refine a code, and never contradict it."""


def failure_of(code: str, text: str = "", *, basic: int | str = "") -> FailureFields:
    """Return the fields of a result or an event. `code` is the enhanced code, or what a basic one stands for; `basic` that of the reply."""
    fields = ERRORS.fields(code or None, text)
    if code[:1] == "4" and _GREYLISTED.search(text):
        fields = failure_fields(FailureReason.GREYLISTED, vendor_code=code, vendor_text=text)
    elif code in _REFINED and (refined := _refined(code, text)):
        fields = failure_fields(refined, vendor_code=code, vendor_text=text)
    if not code:
        fields["vendor_code"] = str(basic)
    return fields


def _refined(code: str, text: str) -> FailureReason | None:
    found = next((reason for known, reason in _WORDS if known.search(text)), None)
    return None if found is FailureReason.THROTTLED and code[0] == "5" else found
