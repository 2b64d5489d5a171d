"""Which attempt a report is about, and what that proves: decided over the few attempts of one message, without a statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from messaging_channels._model.outcomes import Outcome, Reason

StepBases: TypeAlias = "Sequence[int]"
"""Of each step of a fallback after the first, how many attempts were made before it."""


@dataclass(frozen=True, slots=True)
class RecordedAttempt:
    """What of an attempt a report is matched by."""

    number: int
    provider: str
    outcome: Outcome | None
    """None as long as it has not ended."""
    reason: str | None
    provider_id: str | None

    @property
    def may_have_been_taken(self) -> bool:
        """Whether it is under way, was accepted, or may have been."""
        return self.outcome in (None, Outcome.ACCEPTED, Outcome.UNKNOWN)

    @property
    def is_matchable_by_id(self) -> bool:
        """Whether it has ended, and its provider's id is known."""
        return self.outcome is not None and self.provider_id is not None


@dataclass(frozen=True, slots=True)
class ReportOrigin:
    """Who tells, and by which of its own ids."""

    provider: str
    provider_id: str | None


def recorded_attempts(rows: Sequence[tuple[Any, ...]]) -> list[RecordedAttempt]:
    """Return the attempts of rows of `SELECT_ATTEMPTS`."""
    return [
        RecordedAttempt(row[0], row[1], None if row[11] is None else Outcome(row[11]), row[6], row[8])
        for row in rows
    ]


def match_report(origin: ReportOrigin, attempts: Sequence[RecordedAttempt]) -> RecordedAttempt | None:
    """Return the attempt a report is about: the last one that has the provider's id, else the last one at that provider."""
    own = [one for one in attempts if one.provider == origin.provider]
    named = [one for one in own if one.is_matchable_by_id and one.provider_id == origin.provider_id]
    return max(named or own, key=lambda one: one.number, default=None)


def match_step(
    provider: str, step: int, attempts: Sequence[RecordedAttempt], bases: dict[int, int]
) -> RecordedAttempt | None:
    """Return the last attempt at a provider that has an id there, of the step that a report names by our id."""
    first, last = bases.get(step, 0), bases.get(step + 1)
    own = [
        one
        for one in attempts
        if one.provider == provider
        and one.provider_id is not None
        and first < one.number
        and (last is None or one.number <= last)
    ]
    return max(own, key=lambda one: one.number, default=None)


def attempts_without_id(
    origin: ReportOrigin, attempts: Sequence[RecordedAttempt]
) -> Sequence[RecordedAttempt]:
    """Return the attempts whose provider's id is learned from a report that names the message by both ids."""
    own = [one for one in attempts if one.provider == origin.provider]
    if any(one.provider_id == origin.provider_id for one in own):
        return ()
    return [one for one in own if one.provider_id is None and one.may_have_been_taken]


def attempts_proven(
    origins: Sequence[ReportOrigin], attempts: Sequence[RecordedAttempt], bases: StepBases
) -> Sequence[RecordedAttempt]:
    """Return the attempts of which reports prove that the provider took them: those whose outcome was unknown, and those about which it was asked too
    early, unless another attempt there explains the report.

    A report that names an attempt of another step of a fallback proves nothing about this one.
    """
    return [
        one
        for one in attempts
        if _may_be_proven(one, attempts)
        and any(
            origin.provider == one.provider and not _is_of_other_step(origin, one, attempts, bases)
            for origin in origins
        )
    ]


def _may_be_proven(attempt: RecordedAttempt, attempts: Sequence[RecordedAttempt]) -> bool:
    if attempt.outcome is Outcome.UNKNOWN:
        return True
    return attempt.reason == Reason.NOT_FOUND and not any(
        other.may_have_been_taken for other in attempts if other.provider == attempt.provider
    )


def _is_of_other_step(
    origin: ReportOrigin, attempt: RecordedAttempt, attempts: Sequence[RecordedAttempt], bases: StepBases
) -> bool:
    if origin.provider_id is None:
        return False
    named = [
        one for one in attempts if one.provider == origin.provider and one.provider_id == origin.provider_id
    ]
    return any((one.number <= base) != (attempt.number <= base) for one in named for base in bases)
