"""What an error code or a status of Twilio's means in the words of this library. The facts are in the tables beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from messaging_channels.plugins import Reason, Status
from messaging_channels.plugins import status as statuses
from messaging_channels_twilio._table_errors import ERRORS, ErrorClass, Phase
from messaging_channels_twilio._table_statuses import FAILURES, STATUSES, WARNINGS


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One of Twilio's error codes."""

    code: int
    description: str
    """What it says, in short."""
    error_class: ErrorClass
    phase: Phase
    status: Status | None
    """Of a message that failed by it; None where it says nothing of a message."""

    @property
    def reason(self) -> Reason:
        """Why a request that was refused with it was not sent. Unknown only for faults inside Twilio."""
        by_status = (
            _REASON_OF_SETUP_ERROR.get(self.status.id)
            if self.status and self.error_class == "config"
            else None
        )
        return _REASON_OF_CODE.get(self.code) or by_status or _REASON_OF_CLASS[self.error_class]


_REASON_OF_CLASS: Mapping[ErrorClass, Reason] = {
    "recipient": Reason.RECIPIENT,
    "content": Reason.INVALID,
    "config": Reason.INVALID,
    "throttle": Reason.THROTTLED,
    "transient": Reason.SERVER_ERROR,
    "permanent": Reason.INVALID,
}
_REASON_OF_SETUP_ERROR: Mapping[int, Reason] = {
    12: Reason.INSUFFICIENT_CREDIT,
    6: Reason.NO_COVERAGE,
    11: Reason.NO_COVERAGE,
    13: Reason.NO_COVERAGE,
    18: Reason.NO_COVERAGE,
    19: Reason.NO_COVERAGE,
    56: Reason.NO_COVERAGE,
}
"""By the id of the status, for what this account cannot do, though another provider might: it is the account's fault, not the message's."""

_REASON_OF_CODE: Mapping[int, Reason] = {
    **dict.fromkeys((403, 20003, 20006, 20008, 20010, 20011, 20012, 20403), Reason.CREDENTIALS),
    **dict.fromkeys((20101, 20102, 20103, 20104, 20105, 20106, 20107), Reason.CREDENTIALS),
    **dict.fromkeys((70004, 70051, 70052, 70053), Reason.CREDENTIALS),
    # no such account, or not at that host
    **dict.fromkeys((404, 410, 20404, 20410, 30404, 21470, 21471), Reason.NO_COVERAGE),
    **dict.fromkeys((30007, 30620, 63013, 63016, 63026, 63040, 63041, 63042, 63052), Reason.POLICY),
    # conflicts: refused, and not to be repeated
    **dict.fromkeys((20009, 20162, 20409, 70003), Reason.INVALID),
    21216: Reason.RECIPIENT,
}


def _status(group: int | None, number: int | None) -> Status | None:
    """Return a status of the table; the malformed report URL (56) is among those of MMS."""
    if group is None or number is None:
        return None
    return statuses.known(group, number, channel=_CHANNEL.get(number, "all"))


_CHANNEL: Mapping[int, str] = {56: "mms"}

CODES: Mapping[int, ErrorCode] = {
    code: ErrorCode(code, words, kind, phase, _status(group, number))
    for code, words, kind, phase, group, number in ERRORS
}


def describe_code(code: int | None) -> str:
    """Return a code with its words, such as `30003 handset unreachable`."""
    known = CODES.get(code or 0)
    return "" if code is None else f"{code} {known.description}" if known else str(code)


def status_of(state: str, code: int | None = None) -> Status | None:
    """Return the status of a message in that state; None for a state that is not known, or not of a message that was sent.

    The state goes first: a code explains a failure, and is no more than a warning beside anything else.
    """
    known = STATUSES.get(state.lower())
    if known is None:
        return None
    error = CODES.get(code or 0)
    if state.lower() in FAILURES and error and error.status and error.code not in WARNINGS:
        return error.status
    return statuses.known(*known)
