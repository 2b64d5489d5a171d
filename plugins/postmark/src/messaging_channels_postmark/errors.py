"""What Postmark's codes mean: lookups over the tables."""

from __future__ import annotations

from collections.abc import Mapping

from messaging_channels.plugins import FailureReason, FailureTable, Reason, Status
from messaging_channels.plugins import status as statuses
from messaging_channels_postmark._table_errors import BOUNCES, ERRORS

REASONS: Mapping[int, Reason] = {code: reason for code, _, reason, _ in ERRORS}
"""Reason of an attempt by `ErrorCode`."""

BOUNCE_STATUSES: Mapping[str, Status] = {kind: statuses.known(*key) for kind, _, key, _ in BOUNCES if key}
"""Status by the `Type` of a bounce. Those that are left out change none."""


def _by_failure(
    rows: list[tuple[str | int, FailureReason | None]],
) -> Mapping[FailureReason, list[str | int]]:
    found: dict[FailureReason, list[str | int]] = {}
    for code, failure in rows:
        if failure is not None:
            found.setdefault(failure, []).append(code)
    return found


FAILURES = FailureTable(_by_failure([(code, failure) for code, _, _, failure in ERRORS]), no_failures=(0,))
"""Failure by `ErrorCode`."""

BOUNCE_FAILURES = FailureTable(
    _by_failure([(kind, failure) for kind, _, _, failure in BOUNCES]),
    no_failures=[kind for kind, _, _, failure in BOUNCES if failure is None],
)
"""Failure by the `Type` of a bounce."""
