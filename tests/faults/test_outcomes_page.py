"""The page that names every case and every reason is complete, and says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import outcomes_page

from messaging_channels._model.outcomes import REASON_POLICIES, Reason

_TESTS = Path(__file__).parents[1]
_SOURCES = "".join(
    path.read_text("utf-8") for folder in ("faults", "crash") for path in (_TESTS / folder).glob("*.py")
)


@pytest.mark.parametrize("name", outcomes_page.cases())
def test_every_case_of_the_page_is_provoked_by_a_test(name: str) -> None:
    assert f'"{name}"' in _SOURCES


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_on_the_page_with_its_meaning_and_in_a_case(reason: Reason) -> None:
    rule, words = REASON_POLICIES[reason], {True: "yes", False: "no"}

    assert outcomes_page.reasons()[reason] == (rule.outcome, words[rule.retryable], words[rule.failover])
    assert reason in {row.reason for row in outcomes_page.cases().values()}


@pytest.mark.parametrize("name", outcomes_page.cases())
def test_no_case_promises_more_than_its_reason_allows(name: str) -> None:
    row = outcomes_page.cases()[name]
    rule = REASON_POLICIES[Reason(row.reason)]

    assert rule.failover or row.other == "no"
    assert rule.retryable or not row.again or name == "a batch: refused as a whole"
