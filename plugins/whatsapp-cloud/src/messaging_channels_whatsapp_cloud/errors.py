"""What the Cloud API's error codes mean, in answers and in reports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from messaging_channels.plugins import AttemptResult, FailureFields, Reason, Status
from messaging_channels.plugins import status as statuses
from messaging_channels_whatsapp_cloud._table_errors import ERRORS, FIELDS
from messaging_channels_whatsapp_cloud._table_failures import ERRORS as FAILURES
from messaging_channels_whatsapp_cloud.parsing import get_member, non_empty_text, parse_integer


class ErrorClass(StrEnum):
    """What an error is about."""

    TRANSIENT = "transient"
    THROTTLE = "throttle"
    CONFIG = "config"
    CONTENT = "content"
    RECIPIENT = "recipient"
    POLICY = "policy"
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True)
class GraphError:
    """One error code."""

    code: int
    name: str
    error_class: ErrorClass
    reason: Reason
    """For an answer: why it was not sent, or `SERVER_ERROR`, which proves nothing."""
    rejected_status: Status
    """When an answer says so."""
    failed_status: Status
    """When a report says so: Meta had taken the message before."""
    infobip_error_id: int
    """The number of the like error at Infobip."""


def graph_error_of(code: int) -> GraphError | None:
    """Return what is known of a code; None if nothing is."""
    return _GRAPH_ERRORS.get(_PERMISSIONS.start if code in _PERMISSIONS else code)


def parse_error(error: Mapping[str, Any], *, faulty: bool = False, native: object) -> AttemptResult | None:
    """Read the `error` object of an answer, `faulty` if its HTTP status is 5xx. None if its code is not known, nor said to be transient.

    That a fault is transient proves nothing about the message: it may have gone out before. Only a documented refusal does.
    """
    code = parse_integer(error.get("code"))
    refusal = None if code is None else graph_error_of(code)
    if refusal is None and error.get("is_transient") is not True:
        return None
    if refusal is None or (faulty and refusal.error_class is ErrorClass.TRANSIENT):
        return AttemptResult.of(
            Reason.SERVER_ERROR, describe_error(error), raw_response=native, **failure_of(error)
        )
    own = refusal.reason not in (Reason.THROTTLED, Reason.SERVER_ERROR)
    return AttemptResult.of(
        refusal.reason,
        describe_error(error),
        status=refusal.rejected_status if own else None,
        retry_after=_RETRY_DELAYS.get(refusal.code),
        raw_response=native,
        **failure_of(error),
    )


def failure_of(error: Mapping[str, Any]) -> FailureFields:
    """Return why a message was not delivered, as fields of a result or an event. Meta's details may repeat what was sent, so they are not among them."""
    code = parse_integer(error.get("code"))
    known = None if code is None else graph_error_of(code)
    words = known.name if known else non_empty_text(error.get("title")) or ""
    return FAILURES.fields(code, words)


def failure_status(error: Mapping[str, Any]) -> Status:
    """Return the status of a message whose report says that it failed for this error."""
    code = parse_integer(error.get("code"))
    refusal = None if code is None else graph_error_of(code)
    return _FAILED if refusal is None else refusal.failed_status


def describe_error(error: Mapping[str, Any]) -> str:
    """Say what an error is by code, name, the fields its details name, and Meta's trace: never its details, which may repeat what was sent."""
    code = parse_integer(error.get("code"))
    refusal = None if code is None else graph_error_of(code)
    details = (
        non_empty_text(get_member(error.get("error_data"), "details"))
        or non_empty_text(error.get("message"))
        or ""
    )
    named = dict.fromkeys(word for word in _WORD.findall(details) if word in FIELDS)
    trace = non_empty_text(error.get("fbtrace_id")) or ""
    words = [
        "" if code is None else str(code),
        refusal.name if refusal else "",
        f"({', '.join(named)})" if named else "",
        f"trace {trace}" if _TRACE.fullmatch(trace) and not _LONG_NUMBER.search(trace) else "",
    ]
    return " ".join(word for word in words if word)


_PERMISSIONS = range(200, 300)
_GRAPH_ERRORS = {
    code: GraphError(
        code, name, ErrorClass(kind), reason, statuses.known(5, sync), statuses.known(2, later), like
    )
    for code, name, kind, reason, sync, later, like in ERRORS
}
_FAILED = statuses.known(2, 4)
_RETRY_DELAYS = {131056: 6.0}
"""Seconds. One message in six goes to the same person, once a burst is used up."""
_WORD = re.compile(r"""(?<=['"\[(`])[a-z_]{2,}|[a-z]+_[a-z_]+""")
_TRACE = re.compile(r"[A-Za-z0-9_-]{6,40}")
_LONG_NUMBER = re.compile(r"\d{5,}")
