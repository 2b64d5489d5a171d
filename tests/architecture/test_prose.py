"""Words and forms that were replaced do not come back: in pages, in texts of errors, and in the help of the command line."""

from __future__ import annotations

import re
from pathlib import Path

import error_texts
import readability

ROOT = Path(__file__).parents[2]
BANNED = {
    "door": "client, interface",
    "colo" + "ur": "color; or sync and async",
    "told": "say what is said, returned or sent",
    "heard": "received",
    "whoever": "name the thing",
    "gap of a template": "template parameter",
    "gaps": "template parameters",
    "mend": "fix",
    "mended": "fixed",
    "buried": "a dead letter",
    "half a character": "an unpaired surrogate",
    "carries out": "performs",
    "left alone": "not used",
    "pigeon": "-",
}
_WORDS = re.compile(rf"\b(?:{'|'.join(BANNED)})\b", re.IGNORECASE)
_NOT_READ = (
    "docs/decisions/",
    "docs/changelog",
    "docs/plugin-authors/rules.md",
    "docs/reference/contract.md",
)


def _prose(text: str) -> str:
    return re.sub(r"`[^`]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


def test_no_page_uses_a_word_that_was_replaced() -> None:
    found = {
        (name, word): BANNED.get(word.lower())
        for name, page in readability.pages_now().items()
        if not name.startswith(_NOT_READ)
        for word in _WORDS.findall(_prose(page))
    }

    assert found == {}


def test_pages_have_short_sentences_and_subjects_with_names() -> None:
    figures = readability.figures(readability.pages_now().values())

    assert figures["over 25 words, %"] <= 5
    assert figures["passive, %"] <= 15
    assert figures["vague subject, %"] <= 5


_FORMS = re.compile(
    r"^(?:InvalidMessage|InvalidSetting|InvalidArgument|_setting_error|setting_error|_invalid|_invalid_url|_invalid_json): it \w+"
    r"|^Problem: \w+ \| (?:it|there is|nothing|no \w+ is called)\b|\bstands? there\b"
    r"|\b(?:one|two) (?:is|has|have)\b|(?<!there )\bis no (?!longer)|\bmend\b|\bwhoever\b|\bdoors?\b"
)


def test_error_texts_name_the_thing_and_the_rule() -> None:
    modules = error_texts.page().split("\n\n")
    lines = [line.strip() for module in modules for line in module.splitlines()]

    assert [line for line in lines if _FORMS.search(line)] == []
