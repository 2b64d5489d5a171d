"""What people write to say that they want no messages, and that they want them again."""

from __future__ import annotations

import pytest
from regression_consent import vetoed_after


@pytest.mark.parametrize(
    ("vendor", "word"),
    [
        ("vonage", "STOP"),
        ("vonage", "unsubscribe"),
        ("infobip", "STOP"),
        ("twilio", "STOP"),
        ("twilio", "unsubscribe"),
    ],
)
def test_who_writes_stop_gets_no_further_message_whichever_vendor_has_the_number(
    vendor: str, word: str
) -> None:
    assert vetoed_after(vendor, word)


@pytest.mark.parametrize("vendor", ["twilio", "vonage", "infobip"])
def test_who_writes_something_else_goes_on_getting_messages(vendor: str) -> None:
    assert not vetoed_after(vendor, "Thank you")


@pytest.mark.parametrize("vendor", ["twilio", "vonage"])
def test_who_writes_start_after_stop_gets_messages_again(vendor: str) -> None:
    after_stop = vetoed_after(vendor, "STOP")
    after_start = vetoed_after(vendor, "STOP", "START")

    assert (after_stop, after_start) == (True, False)


@pytest.mark.parametrize("word", ["Stop.", "STOP!", "STOP\u2026", "stop", " STOP "])
def test_capitals_spaces_and_punctuation_around_the_word_do_not_matter(word: str) -> None:
    assert vetoed_after("twilio", word)


@pytest.mark.parametrize("word", ["ARRET", "Arrêt", "ARRE\u0302T", "STOPP"])
def test_french_and_german_words_hold_without_any_setting(word: str) -> None:
    assert vetoed_after("twilio", word)
