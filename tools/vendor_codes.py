"""The vendors' error codes as tables: code, meaning, reason, what the library does, and what an operator does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from markdown import field_texts, table

from messaging_channels.events import Advice, FailureReason
from messaging_channels.plugins import REASON_POLICIES, FailureTable, Reason
from messaging_channels_infobip import _table_errors as infobip_errors
from messaging_channels_infobip import _table_failures as infobip_failures
from messaging_channels_postmark import _table_errors as postmark_errors
from messaging_channels_postmark import errors as postmark_lookups
from messaging_channels_smtp import _table_errors as smtp_errors
from messaging_channels_smtp import _table_failures as smtp_failures
from messaging_channels_twilio import _table_failures as twilio_failures
from messaging_channels_twilio import errors as twilio_errors
from messaging_channels_vonage import _table_failures as vonage_failures
from messaging_channels_vonage import responses as vonage_responses
from messaging_channels_whatsapp_cloud import _table_errors as whatsapp_errors
from messaging_channels_whatsapp_cloud import _table_failures as whatsapp_failures

_HEAD = ("Code", "Meaning", "Reason of an attempt", "Then", "Failure", "What you do")
_FAILURES = field_texts(FailureReason)
_ADVICE = field_texts(Advice)


def _row(code: str, meaning: str, reason: Reason | None, failures: FailureTable) -> tuple[str, ...]:
    failure = failures.lookup(code)
    told = _FAILURES[failure.reason.name] if failure else ""
    advice = " ".join(_ADVICE[one.name] for one in Advice if failure and one in failure.advice)
    name = f"`{failure.reason}`" if failure else ""
    return (f"`{code}`", meaning or told, f"`{reason}`" if reason else "", _then(reason), name, advice)


def _then(reason: Reason | None) -> str:
    """Say what the dispatcher does after an attempt with this reason."""
    if reason is None:
        return ""
    policy = REASON_POLICIES[reason]
    steps = [
        word for word, able in (("retry", policy.retryable), ("other provider", policy.failover)) if able
    ]
    return ", ".join(steps) or "stop"


def _infobip() -> str:
    rows = (
        _row(str(code), name.removeprefix("EC_").replace("_", " ").lower(), None, _infobip_failures(family))
        for _, code, name, family, _ in infobip_errors.ERRORS
        if code
    )
    head = ("Code", "Meaning", "Failure", "What you do")
    return table(head, ((code, words, failure, do) for code, words, _, _, failure, do in rows))


def _infobip_failures(family: str) -> FailureTable:
    special = family.split("/", maxsplit=1)[0] in ("rcs", "viber")
    return infobip_failures.RCS_AND_VIBER_ERRORS if special else infobip_failures.ERRORS


def _twilio() -> str:
    sending = [code for code in twilio_errors.CODES.values() if code.phase in ("api", "both", "delivery")]
    return table(
        _HEAD,
        (
            _row(
                str(one.code),
                one.description,
                None if one.phase == "delivery" else one.reason,
                twilio_failures.ERRORS,
            )
            for one in sending
        ),
    )


def _whatsapp() -> str:
    return table(
        _HEAD,
        (
            _row(str(code), name, reason, whatsapp_failures.ERRORS)
            for code, name, _, reason, *_ in whatsapp_errors.ERRORS
        ),
    )


def _vonage() -> str:
    answers = table(_HEAD, _rows(vonage_responses.REASONS, vonage_failures.ANSWERS))
    receipts = table(_HEAD, _rows(dict.fromkeys(vonage_failures.RECEIPTS.codes), vonage_failures.RECEIPTS))
    reasons: dict[Any, Reason | None] = dict.fromkeys(vonage_failures.MESSAGES.codes)
    reasons |= {str(code): reason for code, reason in vonage_responses.PROBLEMS.items()}
    messages = table(_HEAD, _rows(reasons, vonage_failures.MESSAGES))
    return (
        f"### SMS API: `status` of an answer\n\n{answers}\n"
        f"### SMS API: `err-code` of a delivery receipt\n\n{receipts}\n"
        f"### Messages API\n\nA code without a reason follows the HTTP status.\n\n{messages}"
    )


def _rows(reasons: Mapping[Any, Reason | None], failures: FailureTable) -> Iterator[Iterable[str]]:
    for code in sorted(map(str, reasons), key=int):
        if code != "0":
            yield _row(code, "", reasons.get(code), failures)


def _smtp() -> str:
    return table(
        _HEAD,
        (_row(code, "", known.reason, smtp_failures.ERRORS) for code, known in smtp_errors.CODES.items()),
    )


def _postmark() -> str:
    answers = table(
        _HEAD,
        (
            _row(str(code), meaning, reason, postmark_lookups.FAILURES)
            for code, meaning, reason, _ in postmark_errors.ERRORS
        ),
    )
    rows = (
        (
            _row(kind, meaning, None, postmark_lookups.BOUNCE_FAILURES),
            postmark_lookups.BOUNCE_STATUSES.get(kind),
        )
        for kind, meaning, *_ in postmark_errors.BOUNCES
    )
    bounces = table(
        ("Type", "Meaning", "Status", "Failure", "What you do"),
        (
            (kind, meaning, f"`{status.name}`" if status else "", failure, do)
            for (kind, meaning, _, _, failure, do), status in rows
        ),
    )
    return f"### `ErrorCode` of an answer\n\n{answers}\n### `Type` of a bounce\n\n{bounces}"


CODES: Mapping[str, Callable[[], str]] = {
    "infobip": _infobip,
    "postmark": _postmark,
    "smtp": _smtp,
    "twilio": _twilio,
    "vonage": _vonage,
    "whatsapp-cloud": _whatsapp,
}
