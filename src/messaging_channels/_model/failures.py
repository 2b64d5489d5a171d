"""How a vendor's code becomes a `FailureReason` and advice.

This explains; `Reason` decides. A retry or a failover of ours never follows from what is advised here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from messaging_channels._model._table_failures import (
    ADVICE,
    STATUSES,
    VAGUE_STATUSES,
)
from messaging_channels._model.failure_reasons import Advice, FailureReason

if TYPE_CHECKING:
    from messaging_channels._model.status import Status

BY_FAILURE: frozenset[Advice] = frozenset(Advice)
"""Stands for the advice of the failure itself. (All at once is never advised.)"""

NO_ADVICE: frozenset[Advice] = frozenset()


class FailureFields(TypedDict):
    """Fields of a failure for `AttemptResult` and `StatusChanged`."""

    failure: FailureReason | None
    advice: frozenset[Advice]
    vendor_code: str
    vendor_text: str


def failure_fields(
    failure: FailureReason | None, *, vendor_code: str = "", vendor_text: str = ""
) -> FailureFields:
    """Return the fields of a failure whose advice is its own."""
    return {
        "failure": failure,
        "advice": BY_FAILURE,
        "vendor_code": vendor_code,
        "vendor_text": vendor_text,
    }


@dataclass(frozen=True, slots=True)
class Failure:
    """What one code of a vendor's means."""

    reason: FailureReason
    advice: frozenset[Advice]


class FailureTable:
    """A vendor's codes, each with one reason. What no row has is `unknown`, and never guessed from a number near it."""

    def __init__(
        self,
        codes: Mapping[FailureReason, Iterable[str | int]],
        *,
        advice: Mapping[str | int, frozenset[Advice]] | None = None,
        no_failures: Iterable[str | int] = (),
    ) -> None:
        """Take codes by reason, advice where a code's differs from its reason's, and codes that stand for no failure.

        Raises:
            ValueError: a code has two reasons.
        """
        overrides = {str(code): told for code, told in (advice or {}).items()}
        rows = [(str(code), reason) for reason, listed in codes.items() for code in listed]
        self._failures: dict[str, Failure | None] = dict.fromkeys(str(code) for code in no_failures)
        for code, reason in rows:
            if code in self._failures:
                message = f"code {code} has two reasons"
                raise ValueError(message)
            self._failures[code] = Failure(reason, overrides.get(code, ADVICE[reason]))

    @property
    def codes(self) -> frozenset[str]:
        """All codes that have a row."""
        return frozenset(self._failures)

    def lookup(self, code: str | int) -> Failure | None:
        """Return the meaning of a code; None if the code is no failure."""
        return self._failures.get(str(code), _UNKNOWN)

    def fields(self, code: str | int | None, text: str = "") -> FailureFields:
        """Return the fields of a result or an event. Without a code (None or empty) no failure is named, only the text."""
        known = self.lookup(code) if code not in (None, "") else None
        return {
            "failure": known.reason if known else None,
            "advice": known.advice if known else BY_FAILURE,
            "vendor_code": "" if code is None else str(code),
            "vendor_text": text,
        }


def failure_of_status(status: Status, channel: str = "all") -> FailureReason | None:
    """Return what a final status says of why, in Infobip's own use of it; None for a status that is no failure."""
    key = (status.group_id, status.id)
    if status.group_id not in _FAILED:
        return None
    return _BY_STATUS.get((channel, *key)) or _BY_STATUS.get(("all", *key)) or FailureReason.UNKNOWN


def implied_failure(status: Status) -> FailureReason | None:
    """Return what a final status says of why, whoever's it is."""
    if status.group_id in _FAILED and (status.group_id, status.id) in VAGUE_STATUSES:
        return FailureReason.UNKNOWN
    return failure_of_status(status)


def safe_advice(
    failure: FailureReason | None, advice: frozenset[Advice], *, may_be_under_way: bool
) -> frozenset[Advice]:
    """Return what may be advised: where a copy may be on its way, neither to send it again nor to send it elsewhere."""
    if failure is None:
        return NO_ADVICE
    told = ADVICE[failure] if advice == BY_FAILURE else advice
    return told - _SENDS_A_COPY if may_be_under_way or failure is FailureReason.NO_RECEIPT else told


def cleaned_code(code: str) -> str:
    """Return a vendor's code as it may be kept and counted; empty for what is no code."""
    return code if _CODE.fullmatch(code) else ""


def cleaned_text(text: str) -> str:
    """Return a vendor's text without numbers and addresses that may be somebody's, and not at length."""
    return _PERSONAL.sub("…", " ".join(text.split()))[:_LONGEST_TEXT] if text else text


_UNKNOWN = Failure(FailureReason.UNKNOWN, ADVICE[FailureReason.UNKNOWN])
_BY_STATUS = {key: reason for reason, keys in STATUSES.items() for key in keys}
_FAILED = frozenset({2, 4, 5})
_SENDS_A_COPY = frozenset({Advice.RETRY_LATER, Advice.OTHER_CHANNEL})
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,39}")
_PERSONAL = re.compile(r"[^\s@<>]*@[^\s@<>]+|\+?\d(?:[ ().-]*\d){6,}")
_LONGEST_TEXT = 200
