"""Why a message was not delivered, from the status and the error that Infobip gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from messaging_channels.plugins import FailureFields, Status, failure_fields, failure_of_status
from messaging_channels_infobip._table_failures import ERRORS, RCS_AND_VIBER_ERRORS

_RCS_AND_VIBER = frozenset({"rcs", "viber", "viber_bm", "viber_bots"})


def failure_of(status: Status, error: Mapping[str, Any], channel: str) -> FailureFields:
    """Return the fields of a result or an event. The error says it more exactly than the status, where there is one."""
    number = error.get("id")
    code = str(number) if type(number) is int and number else ""
    if code and (fields := _of_error(code, channel, _words(error)))["failure"]:
        return fields
    failure = failure_of_status(status, channel)
    if failure is None:
        return failure_fields(None, vendor_code=code, vendor_text=_words(error) if code else "")
    words = status.description or status.name
    return failure_fields(failure, vendor_code=f"{status.group_id}/{status.id}", vendor_text=words)


def is_opt_out(error: Mapping[str, Any]) -> bool:
    """Whether the error says that the recipient has asked, in whatever way, for no more messages."""
    number = error.get("id")
    return isinstance(number, int) and number in OPT_OUT_CODES


def _of_error(code: str, channel: str, words: str) -> FailureFields:
    special = channel in _RCS_AND_VIBER and code in RCS_AND_VIBER_ERRORS.codes
    return (RCS_AND_VIBER_ERRORS if special else ERRORS).fields(code, words)


def _words(error: Mapping[str, Any]) -> str:
    return str(error.get("description") or error.get("name") or "")


OPT_OUT_CODES = frozenset({573, 603, 6003, 6035, 7003, 7033})
"""Blocked the short code, answered STOP, unsubscribed, complained of spam, blocked the sender on a chat, turned marketing off."""
