"""A newcomer's questions are answered within two links from the README, and the places that are named exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUESTIONS = [
    ("Where is decided whether another provider is tried?", "src/messaging_channels/_sending/decision.py"),
    ("Where does a Twilio code become a reason?", "plugins/twilio/src/messaging_channels_twilio/errors.py"),
    ("What may a channel plugin import?", "src/messaging_channels/plugins/channels.py"),
    ("Where is the write before the first byte?", "src/messaging_channels/_sending/recorder.py"),
    ("How do I add a rule of the kit?", "src/messaging_channels/testing/conformance/_table_rules.py"),
    ("How do I add a provider?", "docs/plugin-authors/tutorial.md"),
    ("Where is the text of every error?", "docs/reference/error-texts.txt"),
    ("Which code performs a request?", "src/messaging_channels/_transport/"),
    ("Where is the path of one message?", "src/messaging_channels/_sending/pipeline.py"),
    ("Where are settings read?", "src/messaging_channels/_config/settings.py"),
    ("How do I run the checks before a change?", ".ci/run"),
    ("What may change in which release?", "docs/project/versioning.md"),
    ("Where does a worker decide what follows?", "src/messaging_channels/_queue/transitions.py"),
    ("Where does the circuit breaker count failures?", "src/messaging_channels/policies/circuit_breaker.py"),
    ("Where is a phone number parsed?", "src/messaging_channels/_model/addresses.py"),
    ("Which words of a person end a subscription?", "src/messaging_channels/consent/_table_words.py"),
    ("Which tables does the ledger have?", "src/messaging_channels/_ledger/tables.py"),
    ("How is a message stored in the queue?", "src/messaging_channels/messages/_codec.py"),
    ("Where is a webhook verified?", "plugins/twilio/src/messaging_channels_twilio/webhook_auth.py"),
    ("Where are the commands of the command line?", "src/messaging_channels/_cli/main.py"),
    ("Which server do tests of PostgreSQL use?", "tests/postgres.py"),
    ("What does an operator do about a reason?", "docs/reference/reasons.md"),
    ("How do I parse a vendor's webhooks?", "docs/plugin-authors/webhooks.md"),
    ("How large are the trials?", "tests/trials.py"),
]


def _within_two_links() -> str:
    """Return the text of the README, of the pages it links to, and of those that these link to."""
    pages, seen = {ROOT / "README.md"}, set[Path]()
    for _ in range(3):
        seen |= pages
        pages = {linked for page in pages for linked in _links(page)} - seen
    return "\n".join(page.read_text("utf-8") for page in seen)


def _links(page: Path) -> set[Path]:
    found = re.findall(r"\]\(([^)#\s:]+\.md)(?:#[^)]*)?\)", page.read_text("utf-8"))
    return {path for link in found if (path := (page.parent / link).resolve()).is_file()}


@pytest.mark.parametrize(("question", "place"), QUESTIONS)
def test_a_newcomers_question_is_answered_within_two_links(question: str, place: str) -> None:
    assert (ROOT / place).exists(), question
    name = place.removeprefix("src/messaging_channels/").removeprefix("docs/")
    text = _within_two_links()
    assert name in text or Path(place).name in text, question


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/explanation/path-of-a-message.md"]
)
def test_every_place_that_is_named_exists(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    named = re.findall(r"`((?:src|plugins|tests|tools|docs|\.ci)/[^`*\s]*)`", text)
    linked = re.findall(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)", text)
    places = [ROOT / place for place in named] + [(ROOT / page).parent / link for link in linked]
    invented = ("NUMBER", "acme")
    assert [
        place for place in places if not place.exists() and not any(one in str(place) for one in invented)
    ] == []
