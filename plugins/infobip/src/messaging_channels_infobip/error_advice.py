"""What to do about an error in a report: our reading of each code first, the vendor's own flag only for codes that no table knows."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from messaging_channels_infobip._table_errors import ERRORS


class ErrorAdvice(StrEnum):
    """What an error asks for."""

    OK = "ok"
    RETRY = "retry"
    """It was transient: the message may be sent anew, under a new id."""
    THROTTLED = "throttled"
    """Likewise, but much later, or slower."""
    REJECT = "reject"
    """Do not send it again as it is."""
    CONFIG = "config"
    """The account, the sender, the template or a registration must be mended first."""
    SUPPRESS = "suppress"
    """Stop writing to this recipient on this channel."""


def advice_of(error: Mapping[str, Any]) -> ErrorAdvice:
    """Say what an error object of a report asks for. Total: unknown codes go by the vendor's flag, and without one are not repeated."""
    group, number = _number(error.get("groupId")), _number(error.get("id"))
    for key in ((group, number), (None, number)):
        if key in _ADVICE:
            return _ADVICE[key]
    if group == 0 or not error:
        return ErrorAdvice.OK
    return ErrorAdvice.RETRY if error.get("permanent") is False else ErrorAdvice.REJECT


def is_opt_out(error: Mapping[str, Any]) -> bool:
    """Whether the error says that the recipient has asked, in whatever way, for no more messages."""
    return _number(error.get("id")) in OPT_OUT_CODES


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


_ADVICE: Mapping[tuple[int | None, int | None], ErrorAdvice] = {
    (group, number): ErrorAdvice(word) for group, number, _, _, word in ERRORS
}

OPT_OUT_CODES = frozenset({573, 603, 6003, 6035, 7003, 7033})
"""Blocked the short code, answered STOP, unsubscribed, complained of spam, blocked the sender on a chat, turned marketing off."""
