"""What an error of Telnyx's means in the words of this library. The facts are in the table beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from messaging_channels.plugins import FailureReason, FailureTable, Reason, text_at
from messaging_channels_telnyx._table_errors import ERRORS

MEANINGS: Mapping[str, str] = {code: words for code, words, _, _ in ERRORS}
REASONS: Mapping[str, Reason] = {code: reason for code, _, _, reason in ERRORS if reason is not None}
"""By the code of the first error of an answer. One that is not listed goes by the status of HTTP."""
FAILURES = FailureTable({
    failure: [code for code, _, one, _ in ERRORS if one is failure] for failure in FailureReason
})  # fmt: skip
"""By the code of the first error of an answer or a report."""


def error_code(told: Mapping[str, Any]) -> str:
    """Return the code of the first error that an answer or a report lists; empty if it lists none."""
    code = text_at(told, "errors", 0, "code") or ""
    return code if _CODE.fullmatch(code) else ""


def error_text(told: Mapping[str, Any]) -> str:
    """Return Telnyx's own words for the first error; they may repeat what was sent, so they are never part of a detail."""
    return text_at(told, "errors", 0, "detail") or text_at(told, "errors", 0, "title") or ""


def describe_code(code: str) -> str:
    """Return a code with its words, such as `40300 the person wrote STOP`; empty without a code."""
    return f"{code} {MEANINGS.get(code, '')}".strip()


_CODE = re.compile(r"[0-9]{1,6}", re.ASCII)
