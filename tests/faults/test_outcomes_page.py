"""The page that names every case and every reason is complete, and says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import outcomes_page

from messaging_channels._model.outcomes import REASON_POLICIES, Outcome, Reason

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


@pytest.mark.parametrize("page", ["operations/unknown-outcomes.md", "reference/reasons.md"])
@pytest.mark.parametrize("reason", Reason)
def test_an_operator_reads_for_every_reason_what_to_do(reason: Reason, page: str) -> None:
    text = (_TESTS.parent / "docs" / page).read_text("utf-8")
    told = [line.strip("| ") for line in text.splitlines() if line.startswith(f"| `{reason}` |")]

    if reason.policy.outcome is Outcome.ACCEPTED and page == "reference/reasons.md":
        assert f"`{reason}`" in text
    else:
        (line,) = told
        assert len(line.split("|")[-1].split()) > 1 or "Nothing" in line


def test_the_page_names_no_reason_that_there_is_not() -> None:
    text = (_TESTS.parent / "docs/operations/unknown-outcomes.md").read_text("utf-8")
    named = {
        line.split("`")[1]
        for line in text.splitlines()
        if line.startswith("| `") and "." in line.split("`")[1]
    }

    assert named <= set(Reason)
