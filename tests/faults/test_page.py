"""The page that names every case and every reason is complete, and says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import page

from messaging_channels._model.outcomes import REASON_POLICIES, Reason

_SOURCES = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("*.py"))


@pytest.mark.parametrize("name", page.cases())
def test_every_case_of_the_page_is_provoked_by_a_test(name: str) -> None:
    assert f'"{name}"' in _SOURCES


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_on_the_page_with_its_meaning_and_in_a_case(reason: Reason) -> None:
    rule, words = REASON_POLICIES[reason], {True: "yes", False: "no"}
    assert page.reasons()[reason] == (rule.outcome, words[rule.retryable], words[rule.failover])
    assert reason in {row.reason for row in page.cases().values()}


@pytest.mark.parametrize("name", page.cases())
def test_no_case_promises_more_than_its_reason_allows(name: str) -> None:
    row = page.cases()[name]
    rule = REASON_POLICIES[Reason(row.reason)]
    assert rule.failover or row.other == "no"
    assert rule.retryable or not row.again or name == "a batch: refused as a whole"
